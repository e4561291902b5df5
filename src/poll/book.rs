//! The book of open orders: which orders of a shop may still change, as far as they are known.
//!
//! An order that ends leaves the channel's list of open orders, and its last change would never be seen. So every order
//! that a window of the `orders` feed names is written down here before that feed's watermark moves, and struck out only
//! when it was read as ended. The book is kept in the store, ids and nothing else; without it a restart would forget who
//! left the list meanwhile. An order whose refund changed is written down as well, whether or not it had ended: it is read
//! once more and struck out again.

use super::watermark::Watermark;
use crate::store::{Error, Kv};
use connectors::contract::model::{ShopId, Timestamp};
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::Mutex;

/// Most orders in a book. More open orders than this are read while they are listed, and their end may be missed.
const MOST: usize = 200_000;
/// Name of the watermark and metric label.
pub(super) const FEED: &str = "open_orders";

/// What is known of a shop's open orders.
#[derive(Debug)]
pub(super) struct Book {
    store: Arc<dyn Kv>,
    key: String,
    pub(super) watermark: Watermark,
    ids: Mutex<Option<BTreeSet<String>>>,
    /// Everything that open orders changed up to this is in Kafka; none before the first complete reading.
    complete: parking_lot::Mutex<Option<Timestamp>>,
}

impl Book {
    pub(super) fn new(store: Arc<dyn Kv>, channel: &str, shop: &ShopId) -> Self {
        let watermark = Watermark::new(Arc::clone(&store), channel, shop, FEED);
        let key = format!("open_orders:{channel}:{shop}");
        let (ids, complete) = (Mutex::new(None), parking_lot::Mutex::new(None));
        Self { store, key, watermark, ids, complete }
    }

    /// The ids in the book.
    pub(super) async fn ids(&self) -> Result<BTreeSet<String>, Error> {
        let mut ids = self.ids.lock().await;
        Ok(self.loaded(&mut ids).await?.clone())
    }

    /// Writes orders down.
    pub(super) async fn note(&self, new: impl IntoIterator<Item = String>) -> Result<(), Error> {
        self.change(new, &BTreeSet::new()).await
    }

    /// Writes orders down and strikes out those that ended.
    pub(super) async fn change(
        &self,
        new: impl IntoIterator<Item = String>,
        ended: &BTreeSet<String>,
    ) -> Result<(), Error> {
        let mut guard = self.ids.lock().await;
        let known = self.loaded(&mut guard).await?;
        let mut next = known.clone();
        next.retain(|id| !ended.contains(id));
        for id in new {
            if next.len() >= MOST {
                tracing::error!(
                    book = self.key,
                    "too many open orders; the end of some may be missed"
                );
                break;
            }
            next.insert(id);
        }
        if next != *known {
            let text = next.iter().map(String::as_str).collect::<Vec<_>>().join("\n");
            self.store.put(&self.key, text.as_bytes()).await?;
            *known = next;
        }
        Ok(())
    }

    pub(super) fn complete(&self) -> Option<Timestamp> {
        *self.complete.lock()
    }

    pub(super) fn set_complete(&self, at: Timestamp) {
        *self.complete.lock() = Some(at);
    }

    async fn loaded<'i>(
        &self,
        ids: &'i mut Option<BTreeSet<String>>,
    ) -> Result<&'i mut BTreeSet<String>, Error> {
        if ids.is_none() {
            let stored = self.store.get(&self.key).await?.unwrap_or_default();
            let text = String::from_utf8_lossy(&stored);
            *ids = Some(text.lines().filter(|id| !id.is_empty()).map(str::to_owned).collect());
        }
        Ok(ids.get_or_insert_default())
    }
}
