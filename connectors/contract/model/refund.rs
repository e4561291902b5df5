//! Refunds.

use super::{
    Extensions, LineStatus, Minor, OrderId, RefundId, RefundStatus, ShopId, Text, Timestamp,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A refund as the channel states it now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Refund {
    /// Channel.
    #[serde(default)]
    pub channel: Text,
    /// Shop. Where a body does not say it, the gateway fills in the shop whose key signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shop: Option<ShopId>,
    /// Refund id at the channel.
    pub refund_id: RefundId,
    /// Order it belongs to.
    pub order_id: OrderId,
    /// Line it belongs to; none where it concerns the whole order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line_id: Option<Text>,
    /// Canonical status.
    pub status: RefundStatus,
    /// The channel's own word.
    pub channel_status: Text,
    /// Money only, or goods too.
    pub kind: RefundKind,
    /// Before or after shipping.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<RefundPhase>,
    /// Currency of the amount, ISO 4217.
    pub currency: Text,
    /// Money that goes back to the buyer.
    pub amount: Minor,
    /// Units concerned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<i64>,
    /// Why, in the buyer's or the channel's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text>,
    /// Status of the order line at that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line_status: Option<LineStatus>,
    /// Carrier of the goods that come back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_carrier: Option<Text>,
    /// Tracking number of the goods that come back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_number: Option<Text>,
    /// When it was asked for.
    pub created: Timestamp,
    /// When it last changed: the version of this snapshot.
    pub modified: Timestamp,
    /// What no field above can hold.
    #[serde(default, skip_serializing_if = "Extensions::is_empty")]
    pub extensions: Extensions,
}

/// What a refund gives back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RefundKind {
    /// Money only.
    MoneyOnly,
    /// Money after the goods came back.
    ReturnGoods,
    /// Other goods instead of money.
    Exchange,
    /// The channel's word is not known here; see `extensions`.
    Unknown,
}

/// When in the life of an order a refund was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RefundPhase {
    /// Before the order was completed.
    OnSale,
    /// After.
    AfterSale,
}
