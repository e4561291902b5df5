//! What an ERP may command about shipments: one parcel, JSON, keyed by shop and order.

use crate::push::command::check_name;
use connectors::contract::model::{OrderId, Timestamp, Waybill, WaybillAction, WaybillLine};
use connectors::contract::{Error, Result, parse_json};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    /// When the parcel must be told at the latest; the most urgent goes first. Without it, a day after it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ship_by: Option<Timestamp>,
    /// Tell the channel although the order is held, and although it answered `conflict` to the same before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub force: bool,
}

impl WaybillCommand {
    pub(in crate::push) fn read(payload: &[u8]) -> Result<Self> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_command_names_its_field() {
        let waybill = WaybillCommand::read(
            br#"{"channel":"c","shop":"s","order_id":"1","carrier":"SF","number":"2","lines":[{"line_id":"1","quantity":0}]}"#,
        );
        assert_eq!(waybill.unwrap_err().path(), Some("lines[0].quantity"));
    }
}
