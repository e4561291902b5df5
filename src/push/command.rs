//! What an ERP may command. JSON, one command a record, keyed by shop and object.

use connectors::contract::model::{OrderId, StockLevel, Waybill, WaybillAction, WaybillLine};
use connectors::contract::{Error, Result, parse_json};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const NAME_LIMIT_BYTES: usize = 128;

/// A value of `stock.commands.v1`: sell so many, no matter what was said before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StockCommand {
    /// Channel, as in the order event.
    pub channel: String,
    /// Shop, as in the order event.
    pub shop: String,
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

/// A value of `waybill.commands.v1`: this parcel is on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WaybillCommand {
    /// Channel, as in the order event.
    pub channel: String,
    /// Shop, as in the order event.
    pub shop: String,
    /// The order that ships.
    pub order_id: OrderId,
    /// What is to be told; a parcel that left, if nothing else is said.
    #[serde(default, skip_serializing_if = "WaybillAction::is_ship")]
    pub action: WaybillAction,
    /// Canonical code of the carrier, for example `SF`. Left out where no parcel is sent.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub carrier: String,
    /// Tracking number. Left out where no parcel is sent.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub number: String,
    /// What is in the parcel; empty means everything.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<WaybillLine>,
}

impl StockCommand {
    pub(super) fn read(payload: &[u8]) -> Result<Self> {
        let command: Self = parse_json(payload)?;
        check_name(&command.sku_id, "sku_id")?;
        if let Some(product) = &command.product_id {
            check_name(product, "product_id")?;
        }
        Ok(command)
    }

    pub(super) fn level(&self) -> StockLevel {
        StockLevel {
            sku_id: self.sku_id.clone(),
            product_id: self.product_id.clone(),
            available: self.available,
        }
    }
}

impl WaybillCommand {
    pub(super) fn read(payload: &[u8]) -> Result<Self> {
        let command: Self = parse_json(payload)?;
        if command.action != WaybillAction::NoParcel {
            check_name(&command.carrier, "carrier")?;
            check_name(&command.number, "number")?;
        } else if !command.carrier.is_empty() || !command.number.is_empty() {
            let text = "what is delivered without a parcel has neither carrier nor number";
            return Err(Error::malformed(text).at("action"));
        }
        for (index, line) in command.lines.iter().enumerate() {
            check_name(&line.line_id, "line_id")
                .map_err(|e| e.within(&format!("lines[{index}]")))?;
            if line.quantity == 0 {
                let error =
                    Error::malformed("a parcel holds at least one unit of each of its lines");
                return Err(error.at(format!("lines[{index}].quantity")));
            }
        }
        Ok(command)
    }

    pub(super) fn waybill(&self) -> Waybill {
        Waybill {
            order_id: self.order_id.clone(),
            action: self.action,
            carrier: self.carrier.clone(),
            number: self.number.clone(),
            lines: self.lines.clone(),
        }
    }
}

fn check_name(value: &str, field: &'static str) -> Result<()> {
    let is_name = !value.is_empty()
        && value.len() <= NAME_LIMIT_BYTES
        && value.bytes().all(|byte| byte.is_ascii_graphic());
    if is_name {
        Ok(())
    } else {
        Err(Error::malformed("1 to 128 visible ASCII characters are expected").at(field))
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
        let waybill = WaybillCommand::read(
            br#"{"channel":"c","shop":"s","order_id":"1","carrier":"SF","number":"2","lines":[{"line_id":"1","quantity":0}]}"#,
        );
        assert_eq!(waybill.unwrap_err().path(), Some("lines[0].quantity"));
    }
}
