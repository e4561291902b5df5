//! One call, from pacing to judging, and what is done about each kind of failure.

use super::Transport;
use super::breaker::{Breaker, Change};
use super::budget::Budget;
use super::limits::{LONGEST_WAIT, Limits, Owner};
use super::shared::SharedLimits;
use super::token::TokenCell;
use crate::clock::Clock;
use crate::config::Limit;
use crate::seal::Sealer;
use crate::shops::{Class, Held, WayOut};
use crate::store::Kv;
use crate::telemetry::metrics::Metrics;
use async_trait::async_trait;
use connectors::contract::model::ShopId;
use connectors::contract::{
    ApiReply, ApiRequest, ChannelApi, Connector, Credentials, Entry, Error, ErrorKind, Result,
    Secret, Session, Token,
};
use http::Uri;
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Times that one call is put off by the channel's limit before its caller hears of it.
const PATIENCE: u32 = 5;
/// A channel that says "too fast" without saying for how long.
const SHORT_BAN: Duration = Duration::from_secs(1);
/// Pause of a shop whose token is no longer good; then one call tries whether somebody has mended it.
const SHOP_PAUSE: Duration = Duration::from_mins(1);
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// Who a shop is at its channel.
#[derive(Debug, Clone)]
pub struct Account {
    /// The shop.
    pub shop: ShopId,
    /// Base URL of the channel's API.
    pub base_url: String,
    /// Public application id.
    pub app_key: String,
    /// Secret that signs.
    pub app_secret: Secret,
    /// Token of the shop as configured.
    pub token: Option<Token>,
    /// Limits below the documented ones.
    pub limits: BTreeMap<String, Limit>,
    /// Limits of the application, which its other shops share.
    pub app_limits: BTreeMap<String, Limit>,
}

/// A shop's way to its channel.
#[derive(Debug)]
pub struct ShopApi {
    channel: &'static str,
    account: Account,
    connector: Arc<dyn Connector>,
    transport: Transport,
    limits: Limits,
    /// Names of APIs are a closed set, so this stays small.
    breakers: Mutex<HashMap<&'static str, Arc<Breaker>>>,
    budget: Budget,
    token: TokenCell,
    /// Set while the shop is paused: when the next call may try.
    paused_until: Mutex<Option<Instant>>,
    tries: u32,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
}

/// What all shops' ways out share.
#[derive(Debug, Clone)]
pub struct Shared {
    /// The HTTP client.
    pub transport: Transport,
    /// Keeps tokens.
    pub store: Arc<dyn Kv>,
    /// What shops and processes share of limits.
    pub limits: Arc<SharedLimits>,
    /// Seals tokens.
    pub sealer: Sealer,
    /// Tries of a call that may be repeated.
    pub tries: u32,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Counters.
    pub metrics: Arc<Metrics>,
}

impl ShopApi {
    /// A way out for one shop. Ask [`ShopApi::load_token`] once before the first call.
    pub fn new(
        entry: &Entry,
        connector: Arc<dyn Connector>,
        account: Account,
        shared: Shared,
    ) -> Self {
        let key = format!("token:{}:{}", entry.channel, account.shop);
        // One application is one at all its channels that have one door.
        let app = Owner {
            channel: entry.channel,
            name: [&account.base_url, ":", &account.app_key].concat(),
            label: ["app:", &account.app_key].concat(),
        };
        let app = shared.limits.app(app, &account.app_limits);
        let shop = Owner {
            channel: entry.channel,
            name: [entry.channel, ":", account.shop.as_str()].concat(),
            label: account.shop.to_string(),
        };
        let limits = Limits::new(entry.quotas, &account.limits, shop, app, shared.limits);
        let token = TokenCell::new(account.token.clone(), key, shared.store, shared.sealer);
        Self {
            channel: entry.channel,
            limits,
            breakers: Mutex::default(),
            budget: Budget::new(),
            account,
            connector,
            transport: shared.transport,
            token,
            paused_until: Mutex::new(None),
            tries: shared.tries,
            clock: shared.clock,
            metrics: shared.metrics,
        }
    }

    /// Takes a token that was renewed before the last restart.
    pub async fn load_token(&self) {
        if self.account.token.is_some() {
            self.token.load().await;
        }
    }

    /// Signs with a token and sends, once.
    async fn once(
        &self,
        request: &ApiRequest,
        class: Class,
        token: Option<Token>,
        held: &Held,
    ) -> Result<ApiReply> {
        let breaker = self.breaker(request.api);
        let waited = self.limits.wait(request.api, class).await?;
        held.let_go();
        self.metrics
            .quota_wait_seconds
            .with_label_values(&[self.channel, class.as_str()])
            .observe(waited.as_secs_f64());
        let credentials = Credentials {
            app_key: self.account.app_key.clone(),
            app_secret: self.account.app_secret.clone(),
            token,
        };
        let signed = self.connector.auth().sign(&credentials, self.clock.now(), request)?;
        let uri = self.uri(&signed.path_and_query)?;
        let began = Instant::now();
        let reply = self.transport.send(uri, signed).await;
        self.metrics
            .api_seconds
            .with_label_values(&[self.channel])
            .observe(began.elapsed().as_secs_f64());
        let judged = match reply {
            Ok(reply) => self.connector.classify(&reply).map(|()| reply),
            Err(error) => Err(error),
        };
        let failed = judged.as_ref().is_err_and(|error| error.kind() == ErrorKind::Unavailable);
        if let Some(change) = breaker.report(failed) {
            self.show(request.api, change);
        }
        let outcome = judged.as_ref().map_or_else(|error| error.kind().label(), |_| "ok");
        let labels = [self.channel, request.api, outcome];
        self.metrics.api_calls.with_label_values(&labels).inc();
        if let Err(error) = &judged
            && let ErrorKind::Throttled { retry_after } = error.kind()
        {
            self.limits.ban(request.api, retry_after.unwrap_or(SHORT_BAN)).await;
        }
        judged
    }

    fn uri(&self, path_and_query: &str) -> Result<Uri> {
        let base = self.account.base_url.trim_end_matches('/');
        [base, path_and_query].concat().parse().map_err(|_| {
            Error::new(ErrorKind::Rejected, "base URL and path do not make a URL together")
        })
    }

    fn breaker(&self, api: &'static str) -> Arc<Breaker> {
        let mut breakers = self.breakers.lock();
        Arc::clone(breakers.entry(api).or_insert_with(|| Arc::new(Breaker::new())))
    }

    fn show(&self, api: &'static str, change: Change) {
        let (channel, shop) = (self.channel, self.account.shop.as_str());
        let open = self.metrics.breaker_open.with_label_values(&[channel, shop, api]);
        match change {
            Change::Opened(rest) => {
                open.set(1);
                tracing::warn!(
                    channel,
                    shop,
                    api,
                    ?rest,
                    "this API keeps failing and is left alone"
                );
            }
            Change::Closed => {
                open.set(0);
                tracing::info!(channel, shop, api, "this API answers again");
            }
        }
    }

    async fn renew(&self, refused: &Token, class: Class) -> Result<()> {
        let api = WithoutRenewal { api: self, class, token: refused };
        let session = Session {
            shop: &self.account.shop,
            api: &api,
            app_key: &self.account.app_key,
            now: self.clock.now(),
        };
        let renewed = self.token.renew(self.connector.auth(), &session, refused).await;
        let (channel, shop) = (self.channel, &self.account.shop);
        let count = |outcome| {
            self.metrics.token_renewals.with_label_values(&[channel, outcome]).inc();
        };
        match renewed {
            Ok(true) => count("ok"),
            Ok(false) => {}
            Err(error) => {
                count(error.kind().label());
                tracing::error!(channel, %shop, %error, "the token cannot be renewed; the shop needs a person");
                return Err(error);
            }
        }
        Ok(())
    }

    /// Whether the shop is paused; the first caller after the pause may try, and the others wait for what it finds.
    fn is_paused(&self) -> bool {
        let mut until = self.paused_until.lock();
        match *until {
            None => false,
            Some(at) if Instant::now() < at => true,
            Some(_) => {
                *until = Some(Instant::now() + SHOP_PAUSE);
                false
            }
        }
    }

    fn set_paused(&self, paused: bool) {
        *self.paused_until.lock() = paused.then(|| Instant::now() + SHOP_PAUSE);
        let labels = [self.channel, self.account.shop.as_str()];
        self.metrics.paused_shops.with_label_values(&labels).set(i64::from(paused));
    }
}

#[async_trait]
impl WayOut for ShopApi {
    async fn call(&self, request: ApiRequest, class: Class, held: &Held) -> Result<ApiReply> {
        let (mut tried, mut put_off, mut renewed) = (0, 0, false);
        let mut pause = FIRST_PAUSE;
        if self.is_paused() {
            let text = "the shop is paused: the channel no longer accepts its token";
            return Err(Error::new(ErrorKind::Unauthorized, text));
        }
        if self.token.ends_soon(self.clock.now())
            && let Some(token) = self.token.current()
        {
            renewed = self.renew(&token, class).await.is_ok();
        }
        self.budget.earn();
        loop {
            self.breaker(request.api).admit().map_err(resting)?;
            let token = self.token.current();
            let error = match self.once(&request, class, token.clone(), held).await {
                Ok(reply) => {
                    self.set_paused(false);
                    return Ok(reply);
                }
                Err(error) => error,
            };
            tried += 1;
            match error.kind() {
                // Refused before it did anything, so it may be repeated whatever it does.
                ErrorKind::Throttled { retry_after } => {
                    put_off += 1;
                    if put_off > PATIENCE || retry_after.is_some_and(|time| time > LONGEST_WAIT) {
                        return Err(error);
                    }
                }
                ErrorKind::Unauthorized => {
                    let Some(token) = token.filter(|_| !renewed) else {
                        self.set_paused(true);
                        return Err(error);
                    };
                    renewed = true;
                    if self.renew(&token, class).await.is_err() {
                        self.set_paused(true);
                        return Err(error);
                    }
                }
                ErrorKind::Unavailable
                    if request.idempotent && tried < self.tries && self.budget.spend() =>
                {
                    tokio::time::sleep(jittered(pause)).await;
                    pause *= 2;
                }
                ErrorKind::Unavailable
                | ErrorKind::BadSignature
                | ErrorKind::Unsupported
                | ErrorKind::Malformed
                | ErrorKind::Rejected
                | ErrorKind::Conflict => return Err(error),
            }
        }
    }

    fn authorization_ended(&self) {
        self.set_paused(true);
    }
}

/// The way out for the renewal itself, which must not ask for a renewal.
#[derive(Debug)]
struct WithoutRenewal<'a> {
    api: &'a ShopApi,
    class: Class,
    token: &'a Token,
}

#[async_trait]
impl ChannelApi for WithoutRenewal<'_> {
    async fn call(&self, request: ApiRequest) -> Result<ApiReply> {
        self.api.once(&request, self.class, Some(self.token.clone()), &Held::default()).await
    }
}

/// Nothing was sent, so the caller loses nothing by coming back.
fn resting(left: Duration) -> Error {
    let kind = ErrorKind::Throttled { retry_after: Some(left) };
    Error::new(kind, "the channel keeps failing at this; it is left alone for a while")
}

/// Half to one and a half times the pause, so that callers who failed together do not come back together.
fn jittered(pause: Duration) -> Duration {
    let random = getrandom::u32().unwrap_or(0) % 1000;
    pause / 2 + pause * random / 1000
}
