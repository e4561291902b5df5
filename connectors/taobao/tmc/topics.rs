//! What the topics mean.
//!
//! A trade or a refund is named and then read; a parcel's step and a stock level are facts of their own. A topic that is
//! not known here goes to quarantine: somebody subscribed to it, so somebody wants to know.

use crate::contract::carriers::Carriers;
use crate::contract::model::{
    self, Extensions, ObservationSource, OrderId, RefundId, ShipmentReport, ShipmentStatus,
    StockObservation, Timestamp, Trace,
};
use crate::contract::{Error, ErrorKind, Event, Result, Sealed, parse_json};
use crate::taobao::scalars::{Id, Text, When, Whole};
use serde::Deserialize;

/// A message, opened and unread. Without `Debug`: what buyers wrote is in it.
pub(super) struct Heard<'a> {
    pub(super) topic: &'a str,
    /// When it was published; the same however often it comes.
    pub(super) at: Option<Timestamp>,
    pub(super) content: &'a [u8],
}

const AUTHORIZATION_ENDED: &str = "taobao_top_AuthCancel";
/// About the tables of pushed orders, which the gateway does not read.
const TABLES: [&str; 2] = ["taobao_datapush_QueryBiz", "taobao_top_TdpCheckOrderAdvance"];

/// What a message says; nothing where its topic means nothing to the gateway.
pub(super) fn read(heard: &Heard<'_>, carriers: &Carriers) -> Result<Vec<Event>> {
    let topic = heard.topic;
    if topic == AUTHORIZATION_ENDED {
        return Ok(vec![Event::AuthorizationEnded]);
    }
    if TABLES.contains(&topic) {
        return Ok(Vec::new());
    }
    let mut parts = topic.splitn(3, '_');
    match (parts.next(), parts.next(), parts.next()) {
        (Some("taobao"), Some("trade"), Some(_)) => trade(heard.content),
        (Some("taobao"), Some("refund"), Some(_)) => refund(heard.content),
        (Some("taobao"), Some("item"), Some(name)) => item(heard, name),
        (Some("taobao"), Some("fenxiao"), Some(_)) => distribution(heard.content),
        (Some("taobao"), Some("logistics"), Some("LogsticDetailTrace" | "LogisticDetailTrace")) => {
            trace(heard.content, carriers)
        }
        (Some("taobao"), Some("modifyaddress"), Some(_)) => address(heard.content),
        _ => Err(Error::new(ErrorKind::Unsupported, "a topic that is not known here").at("topic")),
    }
}

/// The user id of the seller, where the content knows it better than the message's head.
pub(super) fn seller(heard: &Heard<'_>) -> Option<String> {
    #[derive(Deserialize)]
    struct Revoked<'a> {
        #[serde(borrow)]
        user_id: Option<Id<'a>>,
    }
    if heard.topic != AUTHORIZATION_ENDED {
        return None;
    }
    let revoked: Revoked<'_> = serde_json::from_slice(heard.content).ok()?;
    revoked.user_id.map(|id| id.0.to_owned())
}

fn order_changed(id: Id<'_>, field: &'static str) -> Result<Event> {
    let id = OrderId::try_new(id.0).map_err(|error| error.at(field))?;
    Ok(Event::OrderChanged { id, modified: None })
}

fn trade(content: &[u8]) -> Result<Vec<Event>> {
    #[derive(Deserialize)]
    struct Content<'a> {
        #[serde(borrow)]
        tid: Id<'a>,
    }
    let Content { tid } = parse_json(content)?;
    Ok(vec![order_changed(tid, "tid")?])
}

/// A refund changes its trade too.
fn refund(content: &[u8]) -> Result<Vec<Event>> {
    #[derive(Deserialize)]
    struct Content<'a> {
        #[serde(borrow)]
        refund_id: Id<'a>,
        #[serde(borrow)]
        tid: Option<Id<'a>>,
        modified: Option<When>,
    }
    let content: Content<'_> = parse_json(content)?;
    let id = RefundId::try_new(content.refund_id.0).map_err(|error| error.at("refund_id"))?;
    let modified = content.modified.and_then(|time| time.0);
    let mut events = vec![Event::RefundChanged { id, modified }];
    if let Some(tid) = content.tid {
        events.push(order_changed(tid, "tid")?);
    }
    Ok(events)
}

/// Levels are said of a SKU, or of the listing where it has none. Other changes of a listing are not ours.
fn item(heard: &Heard<'_>, name: &str) -> Result<Vec<Event>> {
    #[derive(Deserialize)]
    struct Content<'a> {
        #[serde(borrow)]
        num_iid: Id<'a>,
        #[serde(borrow)]
        sku_id: Option<Id<'a>>,
        num: Option<Whole>,
        sku_num: Option<Whole>,
        increment: Option<Whole>,
    }
    let is_sold_out = match name {
        "ItemStockChanged" => false,
        "ItemZeroStock" | "ItemSkuZeroStock" => true,
        _ => return Ok(Vec::new()),
    };
    let content: Content<'_> = parse_json(heard.content)?;
    let sku = content.sku_id.map(|sku| sku.0).filter(|sku| !matches!(*sku, "" | "0"));
    let said = if sku.is_some() { content.sku_num } else { content.num };
    let available = match said {
        Some(units) => Some(units.0),
        None if is_sold_out => Some(0),
        None => None,
    };
    let change = content.increment.map(|units| units.0);
    if available.is_none() && change.is_none() {
        return Err(Error::malformed("missing field").at("num"));
    }
    let observed_at = heard.at.ok_or_else(|| Error::malformed("missing field").at("time"))?;
    Ok(vec![Event::Stock(Box::new(StockObservation {
        channel: crate::taobao::CHANNEL.to_owned(),
        shop: None,
        sku_id: sku.unwrap_or(content.num_iid.0).to_owned(),
        product_id: Some(content.num_iid.0.to_owned()),
        merchant_sku: None,
        source: ObservationSource::Channel,
        available,
        change,
        warehouse: None,
        observed_at,
        extensions: Extensions::new(),
    }))])
}

/// The trade behind an order or a refund of the distribution platform is read; where none is named there is nothing that
/// could be.
fn distribution(content: &[u8]) -> Result<Vec<Event>> {
    #[derive(Deserialize)]
    struct Content<'a> {
        #[serde(borrow)]
        tc_order_id: Option<Id<'a>>,
        #[serde(borrow)]
        tid: Option<Id<'a>>,
    }
    let Content { tc_order_id, tid } = parse_json(content)?;
    match (tc_order_id, tid) {
        (Some(id), _) => Ok(vec![order_changed(id, "tc_order_id")?]),
        (None, Some(id)) => Ok(vec![order_changed(id, "tid")?]),
        (None, None) => {
            let text = "an order of the distribution platform, which names no trade";
            Err(Error::new(ErrorKind::Unsupported, text))
        }
    }
}

fn address(content: &[u8]) -> Result<Vec<Event>> {
    #[derive(Deserialize)]
    struct Content<'a> {
        #[serde(borrow)]
        biz_order_id: Id<'a>,
    }
    let Content { biz_order_id } = parse_json(content)?;
    Ok(vec![order_changed(biz_order_id, "biz_order_id")?])
}

/// A step of a parcel's way.
fn trace(content: &[u8], carriers: &Carriers) -> Result<Vec<Event>> {
    #[derive(Deserialize)]
    struct Content<'a> {
        #[serde(borrow)]
        tid: Id<'a>,
        #[serde(borrow)]
        out_sid: Text<'a>,
        #[serde(borrow)]
        company_name: Option<Text<'a>>,
        #[serde(borrow)]
        action: Option<Text<'a>>,
        #[serde(borrow)]
        desc: Option<Text<'a>>,
        time: Option<When>,
    }
    let content: Content<'_> = parse_json(content)?;
    let order_id = OrderId::try_new(content.tid.0).map_err(|error| error.at("tid"))?;
    let action = content.action.map(|action| model::Text::from(action.0));
    let company = content.company_name.map(|name| name.0).unwrap_or_default();
    let at = content.time.and_then(|time| time.0);
    let description = content.desc.map(|text| Sealed::new(text.0.into_owned()));
    let trace = at.map(|at| Trace { at, action: action.clone(), description });
    Ok(vec![Event::Shipment(Box::new(ShipmentReport {
        channel: model::Text::new_static(crate::taobao::CHANNEL),
        shop: None,
        order_id,
        carrier: carriers.canonical(&company).into(),
        number: content.out_sid.0.into(),
        lines: Vec::new(),
        source: ObservationSource::Channel,
        status: action.as_deref().map_or(ShipmentStatus::Unknown, status),
        channel_status: action,
        traces: trace.into_iter().collect(),
        warehouse: None,
        at,
        extensions: Extensions::new(),
    }))])
}

/// Where a parcel is, by the step. Warehouses of the channel put `TMS_` in front of the same words.
fn status(action: &str) -> ShipmentStatus {
    match action.strip_prefix("TMS_").unwrap_or(action) {
        "CONSIGN" | "GOT" => ShipmentStatus::Shipped,
        "ARRIVAL" | "DEPARTURE" | "SENT_CITY" | "TO_EMS" => ShipmentStatus::InTransit,
        "SENT_SCAN" => ShipmentStatus::OutForDelivery,
        "SIGNED" => ShipmentStatus::Delivered,
        "FAILED" => ShipmentStatus::Failed,
        "LOST" => ShipmentStatus::Lost,
        _ => ShipmentStatus::Unknown,
    }
}
