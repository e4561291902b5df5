//! The watermark of one feed: in the store, and never ahead of Kafka.

use crate::store::{Error, Kv};
use connectors::contract::model::{ShopId, Timestamp};
use std::sync::Arc;

/// Reads and writes one watermark.
#[derive(Debug)]
pub(super) struct Watermark {
    store: Arc<dyn Kv>,
    key: String,
}

impl Watermark {
    pub(super) fn new(store: Arc<dyn Kv>, channel: &str, shop: &ShopId, feed: &str) -> Self {
        Self { store, key: format!("watermark:{channel}:{shop}:{feed}") }
    }

    /// The stored moment. A store that does not answer is an error and not "none": beginning anew from a look-back could
    /// leave out what happened while the gateway was down for longer than that.
    pub(super) async fn load(&self) -> Result<Option<Timestamp>, Error> {
        let value = self.store.get(&self.key).await?;
        let parsed = value
            .as_deref()
            .and_then(|bytes| std::str::from_utf8(bytes).ok())
            .and_then(|text| text.parse().ok())
            .map(Timestamp::from_unix_ms);
        if value.is_some() && parsed.is_none() {
            tracing::error!(
                key = self.key,
                "stored watermark cannot be read; the look-back is used"
            );
        }
        Ok(parsed)
    }

    pub(super) async fn save(&self, at: Timestamp) -> Result<(), Error> {
        self.store.put(&self.key, at.unix_ms().to_string().as_bytes()).await
    }
}
