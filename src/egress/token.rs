//! The token of a shop: renewed by one caller at a time, kept sealed in the store so that a restart finds the newest.

use crate::seal::Sealer;
use crate::store::Kv;
use arc_swap::ArcSwapOption;
use connectors::contract::{
    Auth, Error, ErrorKind, Result, Secret, Session, Token, model::Timestamp,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// A token that ends within this time is renewed before it does.
const AHEAD: Duration = Duration::from_mins(10);
/// Pause after a renewal failed; meanwhile calls go on with the old token, or are refused.
const RENEWAL_PAUSE: Duration = Duration::from_mins(1);

/// Where a shop's token lives.
#[derive(Debug)]
pub(super) struct TokenCell {
    current: ArcSwapOption<Token>,
    /// Held while renewing; when the next try may be made.
    next_renewal: Mutex<Option<Instant>>,
    key: String,
    /// Which configured token the stored one descends from: a new one in the config wins over the store.
    root: String,
    store: Arc<dyn Kv>,
    sealer: Sealer,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    root: String,
    access: String,
    refresh: Option<String>,
    expires_at: Option<Timestamp>,
}

impl TokenCell {
    pub(super) fn new(
        configured: Option<Token>,
        key: String,
        store: Arc<dyn Kv>,
        sealer: Sealer,
    ) -> Self {
        let secret = configured.as_ref().map_or(&[][..], |token| token.access.expose());
        let root = hex::encode(Sha256::digest(secret).split_at(8).0);
        let current = ArcSwapOption::from(configured.map(Arc::new));
        Self { current, next_renewal: Mutex::new(None), key, root, store, sealer }
    }

    pub(super) fn current(&self) -> Option<Token> {
        self.current.load().as_deref().cloned()
    }

    /// Takes the stored token, if it descends from the configured one.
    pub(super) async fn load(&self) {
        let sealed = match self.store.get(&self.key).await {
            Ok(Some(sealed)) => sealed,
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(%error, "stored token not read; the configured one is used");
                return;
            }
        };
        let opened = std::str::from_utf8(&sealed).ok().and_then(|text| self.sealer.open(text).ok());
        let stored = opened.and_then(|bytes| serde_json::from_slice::<Stored>(&bytes).ok());
        match stored {
            Some(stored) if stored.root == self.root => {
                self.current.store(Some(Arc::new(Token {
                    access: Secret::new(stored.access),
                    refresh: stored.refresh.map(Secret::new),
                    expires_at: stored.expires_at,
                })));
            }
            Some(_) => tracing::info!("the configured token is newer than the stored one"),
            None => tracing::warn!("stored token cannot be opened with this sealing key"),
        }
    }

    pub(super) fn ends_soon(&self, now: Timestamp) -> bool {
        self.current.load().as_deref().is_some_and(|token| {
            token.refresh.is_some() && token.expires_at.is_some_and(|ends| ends.minus(AHEAD) <= now)
        })
    }

    /// Renews the token that was refused. Whoever comes second finds it renewed, and hears `false`.
    pub(super) async fn renew(
        &self,
        auth: &dyn Auth,
        session: &Session<'_>,
        refused: &Token,
    ) -> Result<bool> {
        let mut next_renewal = self.next_renewal.lock().await;
        if self.current.load().as_deref().is_some_and(|token| token.access != refused.access) {
            return Ok(false);
        }
        if next_renewal.is_some_and(|at| Instant::now() < at) {
            return Err(Error::new(ErrorKind::Unauthorized, "the last renewal failed just now"));
        }
        let token = match auth.renew(session, refused).await {
            Ok(token) => token,
            Err(error) => {
                *next_renewal = Some(Instant::now() + RENEWAL_PAUSE);
                return Err(error);
            }
        };
        self.keep(&token).await;
        self.current.store(Some(Arc::new(token)));
        Ok(true)
    }

    /// A refresh token works once, so losing the new one costs a person's work: it is stored before it is used.
    async fn keep(&self, token: &Token) {
        let stored = Stored {
            root: self.root.clone(),
            access: token.access.expose_str().to_owned(),
            refresh: token.refresh.as_ref().map(|refresh| refresh.expose_str().to_owned()),
            expires_at: token.expires_at,
        };
        let sealed = serde_json::to_vec(&stored).ok().and_then(|json| self.sealer.seal(&json).ok());
        let Some(sealed) = sealed else {
            tracing::error!("a renewed token cannot be sealed; it is lost at a restart");
            return;
        };
        if let Err(error) = self.store.put(&self.key, sealed.as_bytes()).await {
            tracing::error!(%error, "a renewed token cannot be stored; it is lost at a restart");
        }
    }
}
