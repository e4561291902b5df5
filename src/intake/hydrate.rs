//! Reads the record behind a thin notice, through the same normalization as everything else, so that a notice, a page
//! and a webhook of one change end in one event.

use crate::shops::{Class, Shop};
use connectors::contract::model::Timestamp;
use connectors::contract::{Error, ErrorKind, Event, Notice, Result};

/// Turns a thin notice into a fat one; a fat one passes through.
pub async fn hydrate(shop: &Shop, notice: Notice, now: Timestamp) -> Result<Notice> {
    let caller = shop.caller(Class::Poll);
    let session = caller.session(now);
    let missing =
        || Error::new(ErrorKind::Unsupported, "the connector cannot read what it announced");
    match &notice.event {
        Event::OrderChanged { id, .. } => {
            let source = shop.connector.orders().ok_or_else(missing)?;
            source.order(&session, id).await
        }
        Event::RefundChanged { id, .. } => {
            let source = shop.connector.refunds().ok_or_else(missing)?;
            source.refund(&session, id).await
        }
        Event::Order(_)
        | Event::Refund(_)
        | Event::Shipment(_)
        | Event::Stock(_)
        | Event::AuthorizationEnded
        | Event::Suspect(_) => Ok(notice),
    }
}
