//! Orders and refunds are read the same way.

use crate::shops::Shop;
use connectors::contract::model::Timestamp;
use connectors::contract::{
    Capability, Error, ErrorKind, OrderSource, Page, PollSpec, RefundSource, Result, Window,
};

/// A list of a shop that is read by modification time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Feed {
    Orders,
    Refunds,
}

impl Feed {
    pub(super) const ALL: [Self; 2] = [Self::Orders, Self::Refunds];

    pub(super) fn capability(self) -> Capability {
        match self {
            Self::Orders => Capability::Orders,
            Self::Refunds => Capability::Refunds,
        }
    }

    /// The metric label and the name of the watermark.
    pub(super) fn as_str(self) -> &'static str {
        self.capability().as_str()
    }

    pub(super) fn spec(self, shop: &Shop) -> Result<PollSpec> {
        match self {
            Self::Orders => shop.connector.orders().map(OrderSource::spec),
            Self::Refunds => shop.connector.refunds().map(RefundSource::spec),
        }
        .ok_or_else(missing)
    }

    pub(super) async fn count(self, shop: &Shop, window: Window, now: Timestamp) -> Result<u64> {
        let session = shop.session(now);
        match self {
            Self::Orders => {
                shop.connector.orders().ok_or_else(missing)?.count(&session, window).await
            }
            Self::Refunds => {
                shop.connector.refunds().ok_or_else(missing)?.count(&session, window).await
            }
        }
    }

    pub(super) async fn page(
        self,
        shop: &Shop,
        window: Window,
        page: u32,
        now: Timestamp,
    ) -> Result<Page> {
        let session = shop.session(now);
        match self {
            Self::Orders => {
                shop.connector.orders().ok_or_else(missing)?.page(&session, window, page).await
            }
            Self::Refunds => {
                shop.connector.refunds().ok_or_else(missing)?.page(&session, window, page).await
            }
        }
    }
}

/// The config is judged before the start, so nobody should see this.
fn missing() -> Error {
    Error::new(ErrorKind::Unsupported, "the connector has no such list")
}
