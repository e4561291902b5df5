//! `deliveryorder.confirm`: parcels left the warehouse. Each is a report for each order that it carries goods of.

use super::goods::{self, Line, Lines};
use super::node::Record;
use super::{Reading, Taobao};
use crate::contract::model::{
    Extensions, ObservationSource, OrderId, ShipmentReport, ShipmentStatus, Text, Timestamp,
};
use crate::contract::{Error, ErrorKind, Event, Result, carriers};
use serde_json::Value;

/// Reports that one call may become; more are an attack, or nobody's parcels.
const REPORTS_LIMIT: usize = 2_000;
/// The carrier code for "some other".
const OTHER: &str = "OTHER";
/// Stands in the extensions where the warehouse did not name an order of the channel.
const ORDER_ID_IS: &str = "orderIdIs";

/// Facts of the confirmation that no canonical field holds.
const OF_ORDER: [&str; 6] = [
    "deliveryOrderCode",
    "deliveryOrderId",
    "orderType",
    "outBizCode",
    "confirmType",
    "operateTime",
];
/// Facts of a parcel that no canonical field holds.
const OF_PARCEL: [&str; 11] = [
    "logisticsCode",
    "logisticsName",
    "packageCode",
    "length",
    "width",
    "height",
    "theoreticalWeight",
    "weight",
    "volume",
    "packageMaterialList",
    "items",
];

/// What all parcels of a confirmation share.
struct Confirmation<'b> {
    code: &'b str,
    warehouse: Option<&'b str>,
    status: Option<&'b str>,
    at: Option<Timestamp>,
    facts: Extensions,
    lines: Lines<'b>,
    parcels: usize,
}

impl Taobao {
    /// The parcels of a confirmation.
    pub(super) fn confirmed(&self, body: &Record) -> Result<Vec<Reading>> {
        let missing = || Error::malformed("missing field").at("deliveryOrder");
        let order = body.record("deliveryOrder")?.ok_or_else(missing)?;
        let parcels = body.list("packages", "package")?;
        let confirmation =
            confirmation(order, body, parcels.len()).map_err(|error| match error.path() {
                Some(path) if path.starts_with("orderLines") => error,
                _ => error.within("deliveryOrder"),
            })?;
        if parcels.is_empty() {
            let text = "no parcel is in it, and parcels are all that is taken of it";
            return Err(Error::new(ErrorKind::Rejected, text).at("packages"));
        }
        let orders = confirmation.lines.orders.len().max(1);
        if parcels.len().saturating_mul(orders) > REPORTS_LIMIT {
            return Err(Error::malformed("too many parcels for too many orders").at("packages"));
        }
        let read = |(path, parcel): (String, &Record)| Reading {
            id: parcel.word("expressCode").ok().flatten().map(str::to_owned),
            events: self.parcel(&confirmation, parcel).map_err(|error| error.within(&path)),
        };
        Ok(parcels.into_iter().map(read).collect())
    }

    fn parcel(&self, confirmation: &Confirmation<'_>, parcel: &Record) -> Result<Vec<Event>> {
        let number = parcel.required("expressCode")?;
        let carrier = self.carrier(parcel)?;
        let items = goods::items(parcel)?;
        let found = goods::of_parcel(&confirmation.lines, &items, confirmation.parcels == 1);
        let found = found.unwrap_or_default();
        let (orders, is_channels) = confirmation.orders(&found)?;
        let mut facts = confirmation.facts.clone();
        keep(&mut facts, parcel, &OF_PARCEL);
        if !is_channels {
            facts.insert(ORDER_ID_IS.to_owned(), Value::from("deliveryOrderCode"));
        }
        let report = |order_id: OrderId| {
            let mut extensions = facts.clone();
            let mine = |(line, _): &&(&Line<'_>, u32)| line.order.as_ref() == Some(&order_id);
            let lines: Vec<Value> =
                found.iter().filter(mine).map(|(line, _)| line.record.to_json()).collect();
            if !lines.is_empty() {
                extensions.insert("orderLines".to_owned(), Value::from(lines));
            }
            Event::Shipment(Box::new(ShipmentReport {
                channel: Text::default(),
                shop: None,
                lines: goods::of_order(&found, &order_id),
                order_id,
                carrier: carrier.clone(),
                number: number.into(),
                source: ObservationSource::Warehouse,
                status: status(confirmation.status),
                channel_status: confirmation.status.map(Text::from),
                traces: Vec::new(),
                warehouse: confirmation.warehouse.map(Text::from),
                at: confirmation.at,
                extensions,
            }))
        };
        Ok(orders.into_iter().map(report).collect())
    }

    /// The carrier by its code; by its name where the code says no more than "other".
    fn carrier(&self, parcel: &Record) -> Result<Text> {
        let (code, name) = (parcel.word("logisticsCode")?, parcel.word("logisticsName")?);
        let is_known = |name: &&str| carriers::find(name).is_some();
        let word = match code {
            None | Some(OTHER) => name.filter(is_known).or(code).or(name),
            Some(code) => Some(code),
        };
        let missing = || Error::malformed("missing field").at("logisticsCode");
        Ok(self.top.carriers.canonical(word.ok_or_else(missing)?).into())
    }
}

fn confirmation<'b>(
    order: &'b Record,
    body: &'b Record,
    parcels: usize,
) -> Result<Confirmation<'b>> {
    let mut facts = Extensions::new();
    keep(&mut facts, order, &OF_ORDER);
    let at = match order.time("orderConfirmTime")? {
        Some(at) => Some(at),
        None => order.time("operateTime")?,
    };
    Ok(Confirmation {
        code: order.required("deliveryOrderCode")?,
        warehouse: order.word("warehouseCode")?,
        status: order.word("status")?,
        at,
        facts,
        lines: Lines::read(body)?,
        parcels,
    })
}

impl Confirmation<'_> {
    /// The orders that a parcel is for, and whether they are the channel's: those of its lines, all of the confirmation
    /// where its lines are not known, and the ERP's own number where the warehouse names no order at all.
    fn orders(&self, found: &[(&Line<'_>, u32)]) -> Result<(Vec<OrderId>, bool)> {
        let mut orders: Vec<OrderId> = Vec::new();
        for order in found.iter().filter_map(|(line, _)| line.order.as_ref()) {
            if !orders.contains(order) {
                orders.push(order.clone());
            }
        }
        if orders.is_empty() {
            orders.clone_from(&self.lines.orders);
        }
        if !orders.is_empty() {
            return Ok((orders, true));
        }
        let code = OrderId::try_new(self.code);
        Ok((vec![code.map_err(|error| error.at("deliveryOrderCode"))?], false))
    }
}

/// What the confirmation's state says of its parcels. That goods left is what the call itself says.
fn status(word: Option<&str>) -> ShipmentStatus {
    match word {
        None | Some("DELIVERED" | "PARTDELIVERED") => ShipmentStatus::Shipped,
        Some(_) => ShipmentStatus::Unknown,
    }
}

/// Copies facts by the channel's own names.
pub(super) fn keep(into: &mut Extensions, from: &Record, names: &[&str]) {
    let facts = names.iter().filter_map(|name| Some(((*name).to_owned(), from.fact(name)?)));
    into.extend(facts);
}
