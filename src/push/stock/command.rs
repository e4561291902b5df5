//! What an ERP may command about stock: one level, JSON, keyed by shop and SKU.

use crate::push::command::check_name;
use connectors::contract::{Error, Result, parse_json};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// A level above this is a mistake of the sender: no channel takes it.
const MOST: u32 = 100_000_000;

/// A value of `stock.commands.v1`: sell so many, no matter what was said before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StockCommand<'a> {
    /// Channel, as in the order event.
    #[serde(borrow)]
    pub channel: Cow<'a, str>,
    /// Shop, as in the order event.
    #[serde(borrow)]
    pub shop: Cow<'a, str>,
    /// The channel's SKU id.
    pub sku_id: String,
    /// The channel's listing that the SKU belongs to, where the order event names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product_id: Option<String>,
    /// Units available, absolute.
    pub available: u32,
    /// Grows with every change of this level; an older version never overwrites a newer.
    pub version: u64,
}

impl<'a> StockCommand<'a> {
    pub(in crate::push) fn read(payload: &'a [u8]) -> Result<Self> {
        let command: Self = parse_json(payload)?;
        check_name(&command.sku_id, "sku_id")?;
        if command.available > MOST {
            let text =
                "more than 100,000,000 units: a level is counted in units, not in thousandths";
            return Err(Error::malformed(text).at("available"));
        }
        if let Some(product) = &command.product_id {
            check_name(product, "product_id")?;
        }
        Ok(command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_command_names_its_field_and_never_quotes_it() {
        let stock = |body: &str| StockCommand::read(body.as_bytes()).unwrap_err();
        let negative = stock(
            r#"{"channel":"c","shop":"s","sku_id":"1","available":-13800000000,"version":1}"#,
        );
        assert_eq!(negative.path(), Some("available"));
        assert!(!negative.to_string().contains("138"));
        let typo = stock(r#"{"channel":"c","shop":"s","sku_id":"1","avialable":1,"version":1}"#);
        assert_eq!(typo.context(), "unknown field");
        let empty = stock(r#"{"channel":"c","shop":"s","sku_id":"","available":1,"version":1}"#);
        assert_eq!(empty.path(), Some("sku_id"));
    }
}
