//! What reading a trade costs `serde_json` alone: the connector's own structs, read in one go where the wire nests them.

use super::wire::{FullInfo, Raw, SubOrder, Trade};
use serde::Deserialize;

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    trade_fullinfo_get_response: FullInfo<Raw<'a>>,
}

#[derive(Deserialize)]
struct Orders<'a> {
    #[serde(borrow)]
    order: Vec<SubOrder<'a>>,
}

pub(super) fn parse(body: &[u8]) -> bool {
    let Ok(body) = serde_json::from_slice::<Body<'_>>(body) else { return false };
    let trade = body.trade_fullinfo_get_response.trade.get();
    let Ok(trade) = serde_json::from_str::<Trade<'_>>(trade) else { return false };
    let orders = trade.orders.map(|orders| serde_json::from_str::<Orders<'_>>(orders.get()));
    orders.is_some_and(|orders| orders.is_ok_and(|orders| !orders.order.is_empty()))
}
