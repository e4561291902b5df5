//! Waybills: what ships an order, and what a channel knows to be shipped.

use super::{OrderId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A parcel on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Waybill {
    /// The order it ships.
    pub order_id: OrderId,
    /// Canonical code of the carrier, for example `SF`.
    pub carrier: String,
    /// Tracking number.
    pub number: String,
    /// What is in it; empty means everything.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<WaybillLine>,
}

/// A line of the order that is in the parcel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WaybillLine {
    /// Line id, as in the order event.
    pub line_id: String,
    /// Units of it in the parcel.
    pub quantity: u32,
}

/// A shipment that the channel knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shipped {
    /// Carrier, canonical code where it is known, otherwise the channel's word.
    pub carrier: String,
    /// Tracking number.
    pub number: String,
    /// When.
    pub at: Option<Timestamp>,
}
