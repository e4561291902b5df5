//! A fresh fake, a connector and a way from one to the other, for one check.

use super::{Subject, fail, must};
use crate::contract::model::{Order, OrderId, ShopId, Timestamp};
use crate::contract::{
    Connector, Credentials, Event, Key, Notice, RawWebhook, Secret, Session, ShopSetup, Token,
};
use crate::testkit::{Delivery, Fake, FakeApi};
use http::Method;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// Time between two calls, so that the fake's limits are not what is tested.
const STEP: Duration = Duration::from_secs(1);
/// A second of the single's day, 00:00:30 in China.
const START_MS: i64 = 1_794_326_430_000;

pub(super) struct Lab<'s> {
    pub(super) subject: &'s Subject,
    pub(super) connector: Arc<dyn Connector>,
    pub(super) fake: Arc<dyn Fake>,
    pub(super) api: FakeApi,
}

impl<'s> Lab<'s> {
    pub(super) fn new(subject: &'s Subject) -> Self {
        let shop = subject.shop.shop.clone();
        let setup = ShopSetup { shop, settings: subject.settings.clone() };
        let connector = must((subject.entry.build)(setup), "building the connector");
        let fake = (subject.entry.fake)(vec![subject.shop.clone()]);
        let start = Timestamp::from_unix_ms(START_MS);
        let api = FakeApi::new(
            Arc::clone(&connector),
            Arc::clone(&fake),
            credentials(subject),
            start.in_offset(Timestamp::CHINA_OFFSET_SECS),
        );
        let api = api.stepping(STEP);
        Self { subject, connector, fake, api }
    }

    pub(super) fn shop(&self) -> &'s ShopId {
        &self.subject.shop.shop
    }

    pub(super) fn now(&self) -> Timestamp {
        self.api.now()
    }

    pub(super) fn session(&self) -> Session<'_> {
        Session {
            shop: self.shop(),
            api: &self.api,
            app_key: &self.subject.shop.app_key,
            now: self.now(),
        }
    }

    /// The shop's key.
    pub(super) fn key(&self, index: usize) -> Key {
        Key { index, secret: Secret::new(self.subject.shop.secret.as_str()) }
    }

    /// Places an order, a second after whatever came before.
    pub(super) fn create_order(&self, seed: u64) -> OrderId {
        self.api.pass(STEP);
        self.fake.create_order(self.shop(), seed, self.now())
    }

    /// What the fake wants to send now.
    pub(super) fn deliveries(&self) -> Vec<RawWebhook> {
        self.fake.take_deliveries(self.now()).into_iter().map(arrive).collect()
    }

    /// An order as the connector reads it, by list or by webhook; none where the connector does neither.
    pub(super) async fn new_order(&self, seed: u64) -> (OrderId, Option<Order>) {
        let id = self.create_order(seed);
        if let Some(orders) = self.connector.orders() {
            let notice = must(orders.order(&self.session(), &id).await, "reading an order");
            let Event::Order(order) = notice.event else { fail("`order` gave no whole order") };
            return (id, Some(*order));
        }
        let Some(source) = self.connector.webhooks() else { return (id, None) };
        for raw in self.deliveries() {
            let verified = source.verify(&[self.key(0)], self.now(), &raw);
            let verified = must(verified, "verifying what the fake signed");
            for notice in must(source.decode(&verified), "decoding what the fake sent") {
                if let Event::Order(order) = notice.event
                    && order.order_id == id
                {
                    return (id, Some(*order));
                }
            }
        }
        (id, None)
    }
}

pub(super) fn credentials(subject: &Subject) -> Credentials {
    let shop = &subject.shop;
    let refresh = subject.refresh.as_deref().unwrap_or(&shop.token);
    let token = subject.entry.needs_token.then(|| Token {
        access: Secret::new(shop.token.as_str()),
        refresh: Some(Secret::new(refresh)),
        expires_at: None,
    });
    Credentials {
        app_key: shop.app_key.clone(),
        app_secret: Secret::new(shop.secret.as_str()),
        token,
    }
}

/// A delivery on our side of the wire.
fn arrive(delivery: Delivery) -> RawWebhook {
    let query = delivery.path.split_once('?').map(|(_, query)| query.to_owned());
    RawWebhook {
        shop: delivery.shop,
        method: Method::POST,
        query: query.unwrap_or_default(),
        headers: delivery.headers,
        body: delivery.body,
    }
}

/// What a notice says, in a form that compares: the canonical bytes are what makes two events one.
pub(super) fn said(notice: &Notice) -> Value {
    let event = match &notice.event {
        Event::Order(order) => json!({ "order": **order }),
        Event::Refund(refund) => json!({ "refund": **refund }),
        Event::OrderChanged { id, modified } => json!({ "order_id": id, "modified": modified }),
        Event::RefundChanged { id, modified } => json!({ "refund_id": id, "modified": modified }),
        Event::Shipment(shipment) => json!({ "shipment": **shipment }),
        Event::Stock(stock) => json!({ "stock": **stock }),
        Event::AuthorizationEnded => json!("authorization ended"),
        Event::Suspect(suspect) => fail(&format!("suspects what the fake said: {}", suspect.error)),
    };
    json!({ "shop": notice.shop, "event": event })
}

/// Id of the record a notice is about.
pub(super) fn object_id(notice: &Notice) -> String {
    match &notice.event {
        Event::Order(order) => order.order_id.to_string(),
        Event::Refund(refund) => refund.refund_id.to_string(),
        Event::OrderChanged { id, .. } => id.to_string(),
        Event::RefundChanged { id, .. } => id.to_string(),
        Event::Shipment(shipment) => shipment.order_id.to_string(),
        Event::Stock(stock) => stock.sku_id.clone(),
        Event::AuthorizationEnded => String::new(),
        Event::Suspect(suspect) => fail(&format!("suspects what the fake said: {}", suspect.error)),
    }
}

/// Money and ids survive JSON, and sums hold.
pub(super) fn check_record(notice: &Notice) {
    match &notice.event {
        Event::Order(order) => {
            must(order.check(), "an order of the fake breaks the sums");
            let bytes = must(serde_json::to_vec(order), "writing an order");
            let again: Order = must(serde_json::from_slice(&bytes), "reading an order again");
            assert!(again == **order, "an order changed on its way through JSON");
        }
        Event::Refund(refund) => {
            let bytes = must(serde_json::to_vec(refund), "writing a refund");
            let again = must(serde_json::from_slice(&bytes), "reading a refund again");
            assert!(**refund == again, "a refund changed on its way through JSON");
        }
        Event::OrderChanged { .. }
        | Event::RefundChanged { .. }
        | Event::Shipment(_)
        | Event::Stock(_)
        | Event::AuthorizationEnded
        | Event::Suspect(_) => {}
    }
}
