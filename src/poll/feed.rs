//! Orders and refunds are read the same way, and so is the list of orders that may still change.

use crate::shops::{Class, Shop};
use connectors::contract::model::Timestamp;
use connectors::contract::{
    Capability, Error, ErrorKind, OpenOrders, OrderSource, Page, PollSpec, RefundSource, Result,
    Window,
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
}

/// What is counted and paged through: a window of a feed, or a part of the list of open orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum List {
    Changed(Feed, Window),
    /// A part, and when the reading of all parts began.
    Open(u32, Timestamp),
}

impl List {
    pub(super) fn page_size(self, shop: &Shop) -> Result<u64> {
        let size = match self {
            Self::Changed(feed, _) => feed.spec(shop)?.page_size,
            Self::Open(..) => open(shop)?.page_size(),
        };
        Ok(u64::from(size.max(1)))
    }

    pub(super) async fn count(self, shop: &Shop, now: Timestamp) -> Result<u64> {
        let caller = shop.caller(Class::Poll);
        match self {
            Self::Changed(Feed::Orders, window) => {
                shop.connector
                    .orders()
                    .ok_or_else(missing)?
                    .count(&caller.session(now), window)
                    .await
            }
            Self::Changed(Feed::Refunds, window) => {
                shop.connector
                    .refunds()
                    .ok_or_else(missing)?
                    .count(&caller.session(now), window)
                    .await
            }
            Self::Open(part, began) => open(shop)?.count(&caller.session(began), part).await,
        }
    }

    pub(super) async fn page(self, shop: &Shop, page: u32, now: Timestamp) -> Result<Page> {
        let caller = shop.caller(Class::Poll);
        match self {
            Self::Changed(Feed::Orders, window) => {
                shop.connector
                    .orders()
                    .ok_or_else(missing)?
                    .page(&caller.session(now), window, page)
                    .await
            }
            Self::Changed(Feed::Refunds, window) => {
                shop.connector
                    .refunds()
                    .ok_or_else(missing)?
                    .page(&caller.session(now), window, page)
                    .await
            }
            Self::Open(part, began) => open(shop)?.page(&caller.session(began), part, page).await,
        }
    }
}

/// The shop's list of open orders.
pub(super) fn open(shop: &Shop) -> Result<&dyn OpenOrders> {
    shop.connector.orders().and_then(OrderSource::open).ok_or_else(missing)
}

/// The config is judged before the start, so nobody should see this.
fn missing() -> Error {
    Error::new(ErrorKind::Unsupported, "the connector has no such list")
}
