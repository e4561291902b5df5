//! Shipments as somebody reports them: the event that goes to `shipments.v1`.

use super::{Extensions, ObservationSource, Order, OrderId, ShopId, Text, Timestamp, WaybillLine};
use crate::contract::Sealed;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A parcel that the channel or a warehouse knows, with what is known of its way. A fact: each report is an event, and
/// the same report seen twice is one event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShipmentReport {
    /// Channel.
    #[serde(default)]
    pub channel: Text,
    /// Shop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shop: Option<ShopId>,
    /// Order it belongs to.
    pub order_id: OrderId,
    /// Carrier: canonical code where it is known, otherwise the reporter's word.
    pub carrier: Text,
    /// Tracking number.
    pub number: Text,
    /// What is in it; empty means that the reporter does not say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<WaybillLine>,
    /// Who says so.
    pub source: ObservationSource,
    /// Where the parcel is.
    pub status: ShipmentStatus,
    /// The reporter's own word for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel_status: Option<Text>,
    /// Steps of the way, where the reporter sends them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub traces: Vec<Trace>,
    /// Warehouse that sent it, by its own code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warehouse: Option<Text>,
    /// When this was so, where the reporter says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// What no field above can hold.
    #[serde(default, skip_serializing_if = "Extensions::is_empty")]
    pub extensions: Extensions,
}

/// Where a parcel is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ShipmentStatus {
    /// Handed to the carrier.
    Shipped,
    /// On its way.
    InTransit,
    /// With the courier, on the last stretch.
    OutForDelivery,
    /// Arrived.
    Delivered,
    /// Could not be delivered.
    Failed,
    /// Lost.
    Lost,
    /// The reporter's word is not known here; see `channel_status`.
    Unknown,
}

/// A step of a parcel's way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Trace {
    /// When.
    pub at: Timestamp,
    /// The reporter's word for what happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<Text>,
    /// What happened, in words. May name the courier or the receiver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Sealed<String>>,
}

impl ShipmentReport {
    /// The shipments that an order snapshot names, one report each.
    pub fn of_order(order: &Order) -> Vec<Self> {
        let report = |shipment: &super::Shipment| Self {
            channel: order.channel.clone(),
            shop: order.shop.clone(),
            order_id: order.order_id.clone(),
            carrier: shipment.carrier.clone(),
            number: shipment.number.clone(),
            lines: shipment
                .line_ids
                .iter()
                .filter_map(|id| order.lines.iter().find(|line| line.line_id == *id))
                .map(|line| WaybillLine {
                    line_id: line.line_id.to_string(),
                    quantity: line.quantity,
                })
                .collect(),
            source: ObservationSource::Channel,
            status: ShipmentStatus::Shipped,
            channel_status: None,
            traces: Vec::new(),
            warehouse: None,
            at: shipment.at,
            extensions: Extensions::new(),
        };
        order.shipments.iter().map(report).collect()
    }
}
