//! Stock levels.

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
