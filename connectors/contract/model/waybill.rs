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
    /// What is to be told.
    #[serde(default, skip_serializing_if = "WaybillAction::is_ship")]
    pub action: WaybillAction,
    /// Canonical code of the carrier, for example `SF`. Empty where no parcel is sent.
    #[serde(default)]
    pub carrier: String,
    /// Tracking number. Empty where no parcel is sent.
    #[serde(default)]
    pub number: String,
    /// What is in it; empty means everything.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<WaybillLine>,
}

/// What a waybill tells the channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WaybillAction {
    /// A parcel left.
    #[default]
    Ship,
    /// A parcel that was told before has another carrier or number.
    Replace,
    /// The goods are delivered without a parcel: virtual goods, collected at the shop.
    NoParcel,
}

impl WaybillAction {
    /// Whether a parcel left: what a waybill says if it says nothing else.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    pub fn is_ship(&self) -> bool {
        *self == Self::Ship
    }
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
