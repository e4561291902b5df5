//! What reading a purchase order costs `serde_json` alone: the connector's own structs.

use super::wire::{Part, PurchaseOrder};
use serde::Deserialize;

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    fenxiao_orders_get_response: Answer<'a>,
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    purchase_orders: Orders<'a>,
}

#[derive(Deserialize)]
struct Orders<'a> {
    #[serde(borrow)]
    purchase_order: Vec<PurchaseOrder<'a>>,
}

#[derive(Deserialize)]
struct Parts<'a> {
    #[serde(borrow)]
    sub_purchase_order: Vec<Part<'a>>,
}

pub(in super::super) fn parse(body: &[u8]) -> bool {
    let Ok(body) = serde_json::from_slice::<Body<'_>>(body) else { return false };
    let orders = body.fenxiao_orders_get_response.purchase_orders.purchase_order;
    orders.iter().all(|order| {
        let parts = order.sub_purchase_orders;
        let parts = parts.map(|parts| serde_json::from_str::<Parts<'_>>(parts.get()));
        parts.is_some_and(|parts| parts.is_ok_and(|parts| !parts.sub_purchase_order.is_empty()))
    })
}
