//! What the tests of calls share: a call signed by other means than the connector's.

use crate::contract::model::Timestamp;
use crate::contract::{
    Connector, Error, Event, Key, Notice, RawWebhook, Result, Secret, ShopSetup, sign,
};
use crate::taobao::ENTRY;
use crate::testkit::FakeShop;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method};
use serde_json::{Value, json};
use std::sync::Arc;

pub(super) use crate::taobao::tests::{SECRET, shop};

pub(super) const CONFIRM: &str = include_str!("fixtures/deliveryorder-confirm.xml");
pub(super) const CHANGE: &str = include_str!("fixtures/stockchange-report.xml");

/// Signs a confirmation, as the conformance suite wants it.
pub(crate) fn signed(shop: &FakeShop, now: Timestamp, body: &[u8]) -> RawWebhook {
    let call = Call { secret: &shop.secret, ..Call::of("deliveryorder.confirm", now) };
    RawWebhook { shop: shop.shop.clone(), ..call.with(body) }
}

pub(super) fn now() -> Timestamp {
    Timestamp::parse_china("2026-11-01 12:00:05").unwrap()
}

/// A call as Qimen makes it.
pub(super) struct Call<'a> {
    pub(super) secret: &'a str,
    pub(super) content_type: Option<&'static str>,
    pub(super) params: Vec<(&'static str, String)>,
}

impl Call<'_> {
    pub(super) fn of(method: &str, at: Timestamp) -> Self {
        let params = [
            ("method", method.to_owned()),
            ("timestamp", at.to_china()),
            ("format", "xml".to_owned()),
            ("app_key", "12345678".to_owned()),
            ("v", "2.0".to_owned()),
            ("sign_method", "md5".to_owned()),
            ("customerId", "c测1".to_owned()),
        ];
        let content_type = Some("text/xml;charset=utf-8");
        Self { secret: SECRET, content_type, params: params.into() }
    }

    pub(super) fn param(mut self, name: &'static str, value: &str) -> Self {
        self.params.retain(|(known, _)| *known != name);
        self.params.push((name, value.to_owned()));
        self
    }

    /// Signs with the body behind the parameters.
    pub(super) fn with(&self, body: &[u8]) -> RawWebhook {
        let mut sorted: Vec<_> = self.params.iter().collect();
        sorted.sort();
        let mut text: Vec<u8> = self.secret.into();
        for (name, value) in sorted {
            text.extend(name.bytes().chain(value.bytes()));
        }
        text.extend(body.iter().chain(self.secret.as_bytes()));
        let sign = hex::encode_upper(sign::md5(&[&text]));
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(&self.params).append_pair("sign", &sign);
        let mut headers = HeaderMap::new();
        headers
            .extend(self.content_type.map(|kind| (CONTENT_TYPE, HeaderValue::from_static(kind))));
        RawWebhook {
            shop: shop().shop,
            method: Method::POST,
            query: query.finish(),
            headers,
            body: Bytes::copy_from_slice(body),
        }
    }
}

pub(super) fn connector(settings: Value) -> Arc<dyn Connector> {
    (ENTRY.build)(ShopSetup { shop: shop().shop, settings }).unwrap()
}

pub(super) fn verified(raw: &RawWebhook, at: Timestamp, secrets: &[&str]) -> Result<usize> {
    let keys = secrets.iter().enumerate();
    let keys: Vec<Key> =
        keys.map(|(index, secret)| Key { index, secret: Secret::new(*secret) }).collect();
    let connector = connector(json!({}));
    let source = connector.webhooks().unwrap();
    source.verify(&keys, at, raw).map(|verified| verified.key_index())
}

/// What a call says once it is verified.
pub(super) fn decoded_with(settings: Value, raw: &RawWebhook) -> Result<Vec<Notice>> {
    let connector = connector(settings);
    let source = connector.webhooks().unwrap();
    let keys = [Key { index: 0, secret: Secret::new(SECRET) }];
    let verified = source.verify(&keys, now(), raw).unwrap();
    source.decode(&verified)
}

/// What a body says, of a method.
pub(super) fn decoded(method: &str, body: &str) -> Result<Vec<Notice>> {
    decoded_with(json!({}), &Call::of(method, now()).with(body.as_bytes()))
}

/// Events as JSON, without what the gateway adds.
pub(super) fn shown(notices: &[Notice]) -> Value {
    let event = |notice: &Notice| match &notice.event {
        Event::Shipment(shipment) => json!({ "shipment": **shipment }),
        Event::Stock(stock) => json!({ "stock": **stock }),
        Event::Suspect(suspect) => json!({ "suspect": suspect.error.to_string() }),
        Event::Order(_)
        | Event::Refund(_)
        | Event::OrderChanged { .. }
        | Event::RefundChanged { .. }
        | Event::AuthorizationEnded => panic!("no event of a warehouse"),
    };
    notices.iter().map(event).collect()
}

pub(super) fn refused(method: &str, body: &str) -> Error {
    decoded(method, body).unwrap_err()
}
