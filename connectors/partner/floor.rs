//! What reading a delivery costs `serde_json` alone.

use crate::contract::model::Order;
use crate::testkit::typed::Skipped;
use serde::Deserialize;

#[derive(Deserialize)]
struct Delivery {
    data: Order,
    #[serde(default)]
    timestamp: Option<Skipped>,
}

pub(super) fn parse(body: &[u8]) -> bool {
    let read: Result<Delivery, _> = serde_json::from_slice(body);
    read.is_ok_and(|delivery| !delivery.data.lines.is_empty() && delivery.timestamp.is_some())
}
