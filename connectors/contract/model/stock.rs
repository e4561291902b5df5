//! Stock levels: those we set, and those that somebody saw.

use super::{Extensions, ShopId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Units that may be sold now, absolute: a delta repeated is wrong, a level repeated is not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StockLevel {
    /// The channel's SKU id; for a listing without variants the listing's own id.
    pub sku_id: String,
    /// The channel's listing that the SKU belongs to, for channels that address stock by listing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product_id: Option<String>,
    /// Units available.
    pub available: u32,
}

/// A level or a change that the channel or a warehouse reports: for the ERP's own comparison, never a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StockObservation {
    /// Channel.
    #[serde(default)]
    pub channel: String,
    /// Shop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shop: Option<ShopId>,
    /// The channel's SKU id, or the merchant's code where a warehouse speaks.
    pub sku_id: String,
    /// The channel's listing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product_id: Option<String>,
    /// The merchant's own SKU code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merchant_sku: Option<String>,
    /// Who saw it.
    pub source: ObservationSource,
    /// Units available now, where a level is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub available: Option<i64>,
    /// Units that came (positive) or went (negative), where only a change is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<i64>,
    /// Warehouse, by its own code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warehouse: Option<String>,
    /// When it was so.
    pub observed_at: Timestamp,
    /// What no field above can hold.
    #[serde(default, skip_serializing_if = "Extensions::is_empty")]
    pub extensions: Extensions,
}

/// Who saw a level or a shipment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ObservationSource {
    /// The channel says so.
    Channel,
    /// A warehouse says so.
    Warehouse,
    /// The gateway read it back after setting it.
    ReadBack,
}
