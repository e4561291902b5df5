//! Reads what stands behind a trade: its purchase orders at the distribution platform, from the distributor's side.
//!
//! A trade says that there is one and not which. A buyer may buy from several suppliers at once, and then there are
//! several.

use super::fenxiao::{LIST, ORDER, PART, items};
use super::normalize::{id, owned};
use super::scalars::{Id, Text, Yuan};
use super::wire::{Raw, object, reply};
use crate::contract::model::{Minor, Order};
use crate::contract::{ApiRequest, Error, Result, Session};
use serde::Deserialize;

/// Kinds of purchase orders that stand behind a trade: sold for a supplier, in both ways of consignment.
const TYPES: &str = "1,5,6";
/// The one who sold the goods on.
const AS_DISTRIBUTOR: &str = "1";

#[derive(Deserialize)]
struct Orders<'a> {
    #[serde(borrow)]
    purchase_orders: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct PurchaseOrder<'a> {
    #[serde(borrow)]
    fenxiao_id: Id<'a>,
    tc_order_id: Option<Id<'a>>,
    distributor_username: Option<Text<'a>>,
    distributor_payment: Option<Yuan>,
    sub_purchase_orders: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct Part<'a> {
    #[serde(borrow)]
    tc_order_id: Option<Id<'a>>,
    distributor_payment: Option<Yuan>,
}

/// Fills in what the platform says. A trade is worth more than the names of its purchase orders: where the platform
/// refuses to tell them, or tells what cannot be read, the trade stays as it was. What may pass is an error.
pub(super) async fn fill(session: &Session<'_>, order: &mut Order) -> Result<()> {
    if order.distribution.is_none() {
        return Ok(());
    }
    let request = ApiRequest::post(LIST)
        .idempotent()
        .param("tc_order_id", order.order_id.as_str())
        .param("user_role_type", AS_DISTRIBUTOR)
        .param("trade_types", TYPES);
    match session.api.call(request).await.and_then(|answer| told(&answer.body, order)) {
        Err(error) if error.kind().is_transient() => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn told(body: &[u8], order: &mut Order) -> Result<()> {
    let orders: Orders<'_> = reply(body)?;
    let raws = items(orders.purchase_orders, &ORDER)?;
    let found = raws.into_iter().map(object::<PurchaseOrder<'_>>).collect::<Result<Vec<_>>>()?;
    let is_behind = |found: &PurchaseOrder<'_>| {
        found.tc_order_id.is_some_and(|trade| trade.0 == order.order_id.as_str())
    };
    let found: Vec<_> = found.into_iter().filter(is_behind).collect();
    let mut parts = Vec::new();
    for purchase in &found {
        for raw in items(purchase.sub_purchase_orders, &PART)? {
            parts.push(object::<Part<'_>>(raw)?);
        }
    }
    let too_large = || Error::malformed("amounts are too large to add up");
    let paid: Option<Vec<Minor>> =
        found.iter().map(|purchase| purchase.distributor_payment.map(|fee| fee.0)).collect();
    let paid = match paid.filter(|paid| !paid.is_empty()) {
        Some(paid) => Some(Minor::checked_sum(paid).ok_or_else(too_large)?),
        None => None,
    };
    let (Some(first), Some(distribution)) = (found.first(), order.distribution.as_mut()) else {
        return Ok(());
    };
    distribution.purchase_order_id = id(Some(first.fenxiao_id));
    distribution.distributor = owned(first.distributor_username.as_ref());
    distribution.purchase_amount = paid;
    for line in &mut order.lines {
        let is_of_line = |part: &&Part<'_>| part.tc_order_id.is_some_and(|id| id.0 == line.line_id);
        let part = parts.iter().find(is_of_line);
        line.purchase_payable = part.and_then(|part| part.distributor_payment).map(|fee| fee.0);
    }
    if found.len() > 1 {
        let ids: Vec<&str> = found.iter().map(|purchase| purchase.fenxiao_id.0).collect();
        order.extensions.insert("purchase_order_ids".to_owned(), ids.into());
    }
    Ok(())
}
