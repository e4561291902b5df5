//! From an event to a Kafka record: topic, key, CloudEvents headers, and the id that makes it one event.

use super::Origin;
use super::quarantine;
use crate::bus::{Headers, Record};
use crate::config::Topics;
use crate::seal::Sealer;
use crate::shops::Shop;
use connectors::contract::model::{
    Order, Refund, Settlement, ShipmentReport, StockObservation, Text, Timestamp,
};
use connectors::contract::{Error, Event, EventId, Suspect};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// Kinds of events; the words of the metric label and of the event id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Order,
    Refund,
    Shipment,
    Stock,
    Settlement,
    Quarantine,
}

impl Kind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::Refund => "refund",
            Self::Shipment => "shipment",
            Self::Stock => "stock",
            Self::Settlement => "settlement",
            Self::Quarantine => "quarantine",
        }
    }

    fn event_type(self) -> &'static str {
        match self {
            Self::Order => "order.snapshot.v1",
            Self::Refund => "refund.snapshot.v1",
            Self::Shipment => "shipment.report.v1",
            Self::Stock => "stock.observation.v1",
            Self::Settlement => "settlement.snapshot.v1",
            Self::Quarantine => "quarantine.v1",
        }
    }
}

/// An event ready for the road.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) id: EventId,
    pub(super) kind: Kind,
    pub(super) modified: Option<Timestamp>,
    pub(super) record: Record,
}

/// Builds records for one gateway: names of topics, key of the quarantine.
#[derive(Debug)]
pub(super) struct Recorder {
    orders: Arc<str>,
    refunds: Arc<str>,
    shipments: Arc<str>,
    stock: Arc<str>,
    settlements: Arc<str>,
    quarantine: Arc<str>,
    sealer: Sealer,
}

impl Recorder {
    pub(super) fn new(topics: &Topics, sealer: Sealer) -> Self {
        Self {
            orders: topics.orders.as_str().into(),
            refunds: topics.refunds.as_str().into(),
            shipments: topics.shipments.as_str().into(),
            stock: topics.stock_observations.as_str().into(),
            settlements: topics.settlements.as_str().into(),
            quarantine: topics.quarantine.as_str().into(),
            sealer,
        }
    }

    /// Builds the records of a fat event. A thin one is hydrated before it comes here.
    ///
    /// An order snapshot also says what its shipments and its settlement are: those are records of their own.
    pub(super) fn records(
        &self,
        shop: &Shop,
        event: Event,
        origin: Origin,
        now: Timestamp,
        into: &mut Vec<Ready>,
    ) -> Result<(), Error> {
        let ready = match event {
            Event::Order(order) => return self.order(shop, *order, origin, now, into),
            Event::Refund(refund) => self.refund(shop, *refund, origin)?,
            Event::Shipment(shipment) => self.shipment(shop, *shipment, origin, now)?,
            Event::Stock(stock) => self.stock(shop, *stock, origin)?,
            Event::Suspect(suspect) => self.suspect(shop, &suspect, origin, now)?,
            Event::OrderChanged { .. } | Event::RefundChanged { .. } => {
                return Err(Error::malformed("a thin notice was not hydrated"));
            }
            Event::AuthorizationEnded => return Ok(()),
        };
        into.push(ready);
        Ok(())
    }

    fn order(
        &self,
        shop: &Shop,
        mut order: Order,
        origin: Origin,
        now: Timestamp,
        into: &mut Vec<Ready>,
    ) -> Result<(), Error> {
        order.channel = Text::new_static(shop.channel);
        order.shop = Some(shop.id.clone());
        let payload = to_json(&order)?;
        if let Err(error) = order.check() {
            let object_id = Some(order.order_id.as_str().to_owned());
            let suspect = Suspect { error, object_id, raw: payload.into() };
            into.push(self.suspect(shop, &suspect, origin, now)?);
            return Ok(());
        }
        let (subject, modified) = (order.order_id.as_str(), order.times.modified);
        let topic = Arc::clone(&self.orders);
        let snapshot = Snapshot { kind: Kind::Order, topic, subject, modified, payload };
        into.push(snapshot.record(shop, origin));
        for shipment in ShipmentReport::of_order(&order) {
            into.push(self.shipment(shop, shipment, origin, now)?);
        }
        if let Some(settlement) = Settlement::of_order(&order) {
            let (kind, topic) = (Kind::Settlement, Arc::clone(&self.settlements));
            let payload = to_json(&settlement)?;
            let snapshot = Snapshot { kind, topic, subject, modified, payload };
            into.push(snapshot.record(shop, origin));
        }
        Ok(())
    }

    /// The version of a report is its content: the same parcel seen in ten snapshots of an order is one event.
    fn shipment(
        &self,
        shop: &Shop,
        mut shipment: ShipmentReport,
        origin: Origin,
        now: Timestamp,
    ) -> Result<Ready, Error> {
        shipment.channel = Text::new_static(shop.channel);
        shipment.shop = Some(shop.id.clone());
        let payload = to_json(&shipment)?;
        let (kind, subject) = (Kind::Shipment, shipment.order_id.as_str());
        let digest = Sha256::digest(&payload);
        let id = EventId::of(shop.channel, shop.id.as_str(), kind.as_str(), subject, &[&digest]);
        let mut headers = headers(shop, id, kind, subject, shipment.at.unwrap_or(now), origin);
        headers.push(("content_hash", hex::encode(digest.split_at(16).0).into()));
        let key = [shop.channel, ":", shop.id.as_str(), ":", subject].concat();
        let record = Record { topic: Arc::clone(&self.shipments), key, payload, headers };
        Ok(Ready { id, kind, modified: None, record })
    }

    fn stock(
        &self,
        shop: &Shop,
        mut stock: StockObservation,
        origin: Origin,
    ) -> Result<Ready, Error> {
        shop.channel.clone_into(&mut stock.channel);
        stock.shop = Some(shop.id.clone());
        let payload = to_json(&stock)?;
        let (subject, modified) = (stock.sku_id.as_str(), stock.observed_at);
        let topic = Arc::clone(&self.stock);
        Ok(Snapshot { kind: Kind::Stock, topic, subject, modified, payload }.record(shop, origin))
    }

    fn refund(&self, shop: &Shop, mut refund: Refund, origin: Origin) -> Result<Ready, Error> {
        refund.channel = Text::new_static(shop.channel);
        refund.shop = Some(shop.id.clone());
        let payload = to_json(&refund)?;
        let (subject, modified) = (refund.refund_id.as_str(), refund.modified);
        let topic = Arc::clone(&self.refunds);
        Ok(Snapshot { kind: Kind::Refund, topic, subject, modified, payload }.record(shop, origin))
    }

    pub(super) fn suspect(
        &self,
        shop: &Shop,
        suspect: &Suspect,
        origin: Origin,
        now: Timestamp,
    ) -> Result<Ready, Error> {
        let payload = quarantine::payload(shop, suspect, &self.sealer, now)?;
        // Sealed bytes differ every time, so the id comes from what was sealed: a redelivery is one record.
        let object = suspect.object_id.as_deref().unwrap_or_default();
        let digest = Sha256::digest(&suspect.raw);
        let kind = Kind::Quarantine;
        let id = EventId::of(shop.channel, shop.id.as_str(), kind.as_str(), object, &[&digest]);
        let headers = headers(shop, id, kind, object, now, origin);
        let record = Record {
            topic: Arc::clone(&self.quarantine),
            key: format!("{}:{}", shop.channel, shop.id),
            payload,
            headers,
        };
        Ok(Ready { id, kind, modified: None, record })
    }
}

/// A whole record of the channel at a moment, written as JSON.
struct Snapshot<'a> {
    kind: Kind,
    topic: Arc<str>,
    subject: &'a str,
    modified: Timestamp,
    payload: Vec<u8>,
}

impl Snapshot<'_> {
    fn record(self, shop: &Shop, origin: Origin) -> Ready {
        let Self { kind, topic, subject, modified, payload } = self;
        let digest = Sha256::digest(&payload);
        let version = modified.unix_ms();
        let parts: [&[u8]; 2] = [&version.to_le_bytes(), &digest];
        let id = EventId::of(shop.channel, shop.id.as_str(), kind.as_str(), subject, &parts);
        let mut headers = headers(shop, id, kind, subject, modified, origin);
        headers.push(("version", version.to_string().into()));
        headers.push(("content_hash", hex::encode(digest.split_at(16).0).into()));
        let key = [shop.channel, ":", shop.id.as_str(), ":", subject].concat();
        let record = Record { topic, key, payload, headers };
        Ready { id, kind, modified: Some(modified), record }
    }
}

/// CloudEvents 1.0, Kafka binary binding. The trace id is the event id, so whoever holds an event can find its trace.
fn headers(
    shop: &Shop,
    id: EventId,
    kind: Kind,
    subject: &str,
    time: Timestamp,
    origin: Origin,
) -> Headers {
    let id = id.to_string();
    let mut headers: Headers = Vec::with_capacity(12);
    headers.push(("traceparent", format!("00-{id}-{}-01", id.split_at(16).0).into()));
    headers.push(("ce_specversion", "1.0".into()));
    headers.push(("ce_id", id.into()));
    headers.push(("ce_source", shop.source().into()));
    headers.push(("ce_type", kind.event_type().into()));
    headers.push(("ce_time", time.to_string().into()));
    headers.push(("ce_subject", subject.to_owned().into()));
    headers.push(("content-type", "application/json".into()));
    headers.push(("origin", origin.as_str().into()));
    headers
}

fn to_json(value: &impl Serialize) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value).map_err(|_| Error::malformed("the event cannot be written as JSON"))
}
