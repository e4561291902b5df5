//! A strict partner: places orders, keeps stock and shipments, and believes nobody without a signature.

use super::sign::{self, Signature};
use super::{CHANNEL, TOLERANCE_SECS, invent, stock, waybill};
use crate::contract::model::{
    Order, OrderId, Refund, RefundId, ShopId, StockLevel, Timestamp, WaybillLine,
};
use crate::contract::{EventId, Secret};
use crate::testkit::{Delivery, Fake, FakeShop, Faults};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use http::{Method, Request, Response, StatusCode};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Twice the documented pace, because a burst and a full second may fall into one second of the clock.
const CALLS_PER_SECOND: u32 = 100;
/// SKUs in one question, as documented.
const LEVELS_LIMIT: usize = 20;

/// What the partner's server knows.
#[derive(Debug)]
struct Server(Mutex<State>);

#[derive(Debug)]
struct State {
    shops: BTreeMap<ShopId, Shop>,
    queue: VecDeque<Message>,
    calls: BTreeMap<String, u64>,
    seen: u32,
    faults: Faults,
}

#[derive(Debug)]
struct Shop {
    secret: Secret,
    orders: BTreeMap<OrderId, Order>,
    refunds: BTreeMap<RefundId, Refund>,
    stock: BTreeMap<String, u32>,
    shipments: BTreeMap<OrderId, Vec<(String, String)>>,
    second: i64,
    calls_in_second: u32,
}

#[derive(Debug)]
struct Message {
    shop: ShopId,
    id: String,
    body: Bytes,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    r#type: String,
    #[serde(rename = "timestamp")]
    _timestamp: Timestamp,
    data: Value,
}

#[derive(Serialize)]
struct Said<'a, T> {
    r#type: &'a str,
    timestamp: Timestamp,
    data: &'a T,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Levels {
    #[serde(rename = "shop")]
    _shop: ShopId,
    levels: Vec<StockLevel>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parcel {
    #[serde(rename = "shop")]
    _shop: ShopId,
    order_id: OrderId,
    carrier: String,
    number: String,
    #[serde(default)]
    lines: Vec<WaybillLine>,
}

pub(super) fn build(shops: Vec<FakeShop>) -> Arc<dyn Fake> {
    let shop = |shop: FakeShop| {
        let known = Shop {
            secret: Secret::new(shop.secret),
            orders: BTreeMap::new(),
            refunds: BTreeMap::new(),
            stock: invent::catalogue(),
            shipments: BTreeMap::new(),
            second: 0,
            calls_in_second: 0,
        };
        (shop.shop, known)
    };
    Arc::new(Server(Mutex::new(State {
        shops: shops.into_iter().map(shop).collect(),
        queue: VecDeque::new(),
        calls: BTreeMap::new(),
        seen: 0,
        faults: Faults::default(),
    })))
}

impl State {
    fn say(&mut self, shop: &ShopId, kind: &str, now: Timestamp, data: &impl Serialize) {
        let said = Said { r#type: kind, timestamp: now, data };
        let body = serde_json::to_vec(&said).unwrap_or_default();
        let id = EventId::of(CHANNEL, shop.as_str(), kind, "", &[&body]);
        let message = Message { shop: shop.clone(), id: format!("msg_{id}"), body: body.into() };
        self.queue.push_back(message);
    }

    /// Whose secret signed the request: the shop it names, or nobody.
    fn signer(&self, request: &Request<Bytes>, named: &str, now: Timestamp) -> Option<ShopId> {
        let header = |name| request.headers().get(name)?.to_str().ok();
        let (id, timestamp) = (header(sign::ID)?, header(sign::TIMESTAMP)?);
        let signed_at = Timestamp::from_unix_ms(timestamp.parse::<i64>().ok()?.checked_mul(1000)?);
        let distance = now.since(signed_at).max(signed_at.since(now));
        if id.is_empty() || distance.as_secs() > u64::from(TOLERANCE_SECS) {
            return None;
        }
        let (id_of_shop, shop) = self.shops.iter().find(|(shop, _)| shop.as_str() == named)?;
        let signature = Signature::of(&shop.secret, id, timestamp, request.body())?;
        signature.is_among(header(sign::SIGNATURE)?).then(|| id_of_shop.clone())
    }

    fn post(&mut self, request: &Request<Bytes>, now: Timestamp) -> Response<Bytes> {
        let is_json =
            request.headers().get(CONTENT_TYPE).is_some_and(|it| it == "application/json");
        let Ok(envelope) = serde_json::from_slice::<Envelope>(request.body()) else {
            return refuse(StatusCode::BAD_REQUEST, "not_an_envelope");
        };
        let named = envelope.data.get("shop").and_then(Value::as_str).unwrap_or_default();
        let Some(shop) = self.signer(request, named, now) else {
            return refuse(StatusCode::UNAUTHORIZED, "unauthorized");
        };
        if !is_json {
            return refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json");
        }
        match envelope.r#type.as_str() {
            stock::API => {
                self.counted(stock::API, &shop, now, |shop| take_levels(shop, envelope.data))
            }
            waybill::SHIP => {
                self.counted(waybill::SHIP, &shop, now, |shop| take_parcel(shop, envelope.data))
            }
            _ => refuse(StatusCode::BAD_REQUEST, "unknown_type"),
        }
    }

    fn shipments(&mut self, request: &Request<Bytes>, now: Timestamp) -> Response<Bytes> {
        let query = request.uri().query().unwrap_or_default();
        let named = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "shop");
        let named = named.map(|(_, value)| value.into_owned()).unwrap_or_default();
        let Some(shop) = self.signer(request, &named, now) else {
            return refuse(StatusCode::UNAUTHORIZED, "unauthorized");
        };
        let id = request.uri().path().rsplit('/').next().unwrap_or_default();
        let id = percent_encoding::percent_decode_str(id).decode_utf8_lossy();
        self.counted(waybill::SHIPPED, &shop, now, |shop| {
            let known = shop.shipments.iter().find(|(order, _)| order.as_str() == id);
            let Some((_, known)) = known else {
                return refuse(StatusCode::NOT_FOUND, "unknown_order");
            };
            let shipment = |(carrier, number): &(String, String)| {
                json!({ "carrier": carrier, "number": number })
            };
            let shipments: Vec<Value> = known.iter().map(shipment).collect();
            answer(StatusCode::OK, &json!({ "shipments": shipments }))
        })
    }

    fn levels(&mut self, request: &Request<Bytes>, now: Timestamp) -> Response<Bytes> {
        let query = request.uri().query().unwrap_or_default();
        let pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let named = pairs.iter().find(|(name, _)| name == "shop").map(|(_, shop)| shop.as_str());
        let Some(shop) = self.signer(request, named.unwrap_or_default(), now) else {
            return refuse(StatusCode::UNAUTHORIZED, "unauthorized");
        };
        let skus = pairs.iter().filter(|(name, _)| name == "sku_id").map(|(_, sku)| sku);
        let skus: Vec<&String> = skus.collect();
        if skus.is_empty() || skus.len() > LEVELS_LIMIT || pairs.len() > skus.len() + 1 {
            return refuse(StatusCode::BAD_REQUEST, "not_a_question");
        }
        self.counted(stock::LEVELS, &shop, now, |shop| {
            let level =
                |sku: &String| Some(json!({ "sku_id": sku, "available": shop.stock.get(sku)? }));
            let levels: Vec<Value> = skus.into_iter().filter_map(level).collect();
            answer(StatusCode::OK, &json!({ "levels": levels }))
        })
    }

    /// Counts a call against pace and faults, and does its work.
    fn counted(
        &mut self,
        api: &str,
        shop: &ShopId,
        now: Timestamp,
        work: impl FnOnce(&mut Shop) -> Response<Bytes>,
    ) -> Response<Bytes> {
        *self.calls.entry(api.to_owned()).or_default() += 1;
        self.seen = self.seen.wrapping_add(1);
        let (faults, seen) = (self.faults, self.seen);
        let is_turn = |every: u32| every != 0 && seen.is_multiple_of(every);
        let Some(shop) = self.shops.get_mut(shop) else {
            return refuse(StatusCode::NOT_FOUND, "unknown_shop");
        };
        if is_turn(faults.throttle_every) || shop.is_too_fast(now) {
            let mut reply = refuse(StatusCode::TOO_MANY_REQUESTS, "too_fast");
            reply.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
            return reply;
        }
        let reply = work(shop);
        if is_turn(faults.lost_answer_every) {
            return refuse(StatusCode::GATEWAY_TIMEOUT, "timeout");
        }
        reply
    }
}

impl Shop {
    fn is_too_fast(&mut self, now: Timestamp) -> bool {
        let second = now.unix_ms().div_euclid(1000);
        if second != self.second {
            (self.second, self.calls_in_second) = (second, 0);
        }
        self.calls_in_second += 1;
        self.calls_in_second > CALLS_PER_SECOND
    }
}

fn take_levels(shop: &mut Shop, data: Value) -> Response<Bytes> {
    let Ok(Levels { levels, .. }) = serde_json::from_value(data) else {
        return refuse(StatusCode::BAD_REQUEST, "not_levels");
    };
    let mut results = Vec::new();
    for level in levels {
        results.push(match shop.stock.get_mut(&level.sku_id) {
            Some(available) => {
                *available = level.available;
                json!({ "sku_id": level.sku_id, "ok": true })
            }
            None => json!({ "sku_id": level.sku_id, "ok": false, "error": "unknown_sku" }),
        });
    }
    answer(StatusCode::OK, &json!({ "results": results }))
}

fn take_parcel(shop: &mut Shop, data: Value) -> Response<Bytes> {
    let Ok(parcel) = serde_json::from_value::<Parcel>(data) else {
        return refuse(StatusCode::BAD_REQUEST, "not_a_waybill");
    };
    let Some(order) = shop.orders.get(&parcel.order_id) else {
        return refuse(StatusCode::NOT_FOUND, "unknown_order");
    };
    let is_known = |line: &WaybillLine| order.lines.iter().any(|it| it.line_id == line.line_id);
    if !parcel.lines.iter().all(is_known) {
        return refuse(StatusCode::UNPROCESSABLE_ENTITY, "unknown_line");
    }
    let known = shop.shipments.entry(parcel.order_id).or_default();
    match known.first() {
        Some((_, number)) if *number != parcel.number => {
            answer(StatusCode::CONFLICT, &json!({ "number": number }))
        }
        Some(_) => answer(StatusCode::OK, &json!({ "status": "known" })),
        None => {
            known.push((parcel.carrier, parcel.number));
            answer(StatusCode::OK, &json!({ "status": "shipped" }))
        }
    }
}

fn refuse(status: StatusCode, code: &str) -> Response<Bytes> {
    answer(status, &json!({ "error": { "code": code } }))
}

fn answer(status: StatusCode, body: &Value) -> Response<Bytes> {
    let mut reply = Response::new(Bytes::from(body.to_string()));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    reply
}

impl Fake for Server {
    fn channel(&self) -> &'static str {
        CHANNEL
    }

    fn handle(&self, request: &Request<Bytes>, now: Timestamp) -> Response<Bytes> {
        let mut state = self.0.lock();
        let path = request.uri().path();
        if *request.method() == Method::POST {
            state.post(request, now)
        } else if *request.method() == Method::GET && path.contains("/shipments/") {
            state.shipments(request, now)
        } else if *request.method() == Method::GET && path.ends_with("/levels") {
            state.levels(request, now)
        } else {
            refuse(StatusCode::NOT_FOUND, "not_found")
        }
    }

    fn create_order(&self, shop: &ShopId, seed: u64, now: Timestamp) -> OrderId {
        let order = invent::order(shop, seed, now);
        let id = order.order_id.clone();
        let mut state = self.0.lock();
        state.say(shop, "order.created", now, &order);
        if let Some(shop) = state.shops.get_mut(shop) {
            shop.orders.insert(id.clone(), order);
        }
        id
    }

    fn edit_order(&self, shop: &ShopId, order: &OrderId, now: Timestamp) {
        let mut state = self.0.lock();
        let known = state.shops.get_mut(shop).and_then(|shop| shop.orders.get_mut(order));
        let Some(order) = known else { return };
        invent::edit(order, now);
        let order = order.clone();
        state.say(shop, "order.updated", now, &order);
    }

    fn create_refund(&self, shop: &ShopId, order: &OrderId, now: Timestamp) -> RefundId {
        let mut state = self.0.lock();
        let known = state.shops.get(shop).and_then(|shop| shop.orders.get(order));
        let refund = invent::refund(order, known, now);
        let id = refund.refund_id.clone();
        state.say(shop, "refund.updated", now, &refund);
        if let Some(shop) = state.shops.get_mut(shop) {
            shop.refunds.insert(id.clone(), refund);
        }
        id
    }

    fn take_deliveries(&self, now: Timestamp) -> Vec<Delivery> {
        let mut state = self.0.lock();
        let queue = std::mem::take(&mut state.queue);
        let deliveries = queue.into_iter().filter_map(|message| {
            let secret = &state.shops.get(&message.shop)?.secret;
            deliver(secret, message, now)
        });
        deliveries.collect()
    }

    fn sign_again(&self, delivery: &Delivery, now: Timestamp) -> Delivery {
        let state = self.0.lock();
        let signed = state.shops.get(&delivery.shop).and_then(|shop| {
            let id = delivery.headers.get(sign::ID)?.to_str().ok()?.to_owned();
            let (shop_id, body) = (delivery.shop.clone(), delivery.body.clone());
            deliver(&shop.secret, Message { shop: shop_id, id, body }, now)
        });
        signed.unwrap_or_else(|| delivery.clone())
    }

    fn orders(&self, shop: &ShopId) -> BTreeMap<OrderId, Timestamp> {
        self.read(shop, |shop| {
            shop.orders.iter().map(|(id, order)| (id.clone(), order.times.modified)).collect()
        })
    }

    fn refunds(&self, shop: &ShopId) -> BTreeMap<RefundId, Timestamp> {
        self.read(shop, |shop| {
            shop.refunds.iter().map(|(id, refund)| (id.clone(), refund.modified)).collect()
        })
    }

    fn stock(&self, shop: &ShopId) -> BTreeMap<String, u32> {
        self.read(shop, |shop| shop.stock.clone())
    }

    fn shipments(&self, shop: &ShopId) -> BTreeMap<OrderId, Vec<(String, String)>> {
        self.read(shop, |shop| shop.shipments.clone())
    }

    fn calls(&self) -> BTreeMap<String, u64> {
        self.0.lock().calls.clone()
    }

    fn parse(&self, body: &[u8]) -> bool {
        super::floor::parse(body)
    }

    fn set_faults(&self, faults: Faults) {
        self.0.lock().faults = faults;
    }
}

impl Server {
    fn read<T: Default>(&self, shop: &ShopId, look: impl FnOnce(&Shop) -> T) -> T {
        self.0.lock().shops.get(shop).map(look).unwrap_or_default()
    }
}

fn deliver(secret: &Secret, message: Message, now: Timestamp) -> Option<Delivery> {
    let timestamp = now.unix_ms().div_euclid(1000).to_string();
    let signature = Signature::of(secret, &message.id, &timestamp, &message.body)?.to_header();
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(sign::ID, HeaderValue::from_str(&message.id).ok()?);
    headers.insert(sign::TIMESTAMP, HeaderValue::from_str(&timestamp).ok()?);
    headers.insert(sign::SIGNATURE, HeaderValue::from_str(&signature).ok()?);
    let path = format!("/v1/{CHANNEL}/{}", message.shop);
    Some(Delivery { shop: message.shop, path, headers, body: message.body })
}
