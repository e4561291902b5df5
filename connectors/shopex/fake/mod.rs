//! A strict fake of the family: one shop, answering as ECStore, behind the matrix hub, and as ShopEx 4.8.5, from the same
//! books. The last step of the path says which: `/index.php/api`, `/sync` and `/async`, `/api.php`.
//!
//! It checks signatures by itself and knows nothing of the connector. Its clock is the `now` of each call in whole
//! seconds, as the shop's is. A shop's `app_key` is its certificate and its node; its `secret` is the node's token. Orders
//! do not take stock away, so that a level once set can be held against the level that was sent; a part of every SKU is
//! reserved from the start.

mod books;
mod call;
mod ecshop;
mod ecshop_trade;
mod ecstore;
mod hub;
mod people;
mod php;
mod push;
#[cfg(test)]
mod tests;
mod trade;
mod v485;

use crate::contract::model::{OrderId, RefundId, ShopId, Timestamp};
use crate::testkit::{Delivery, Fake, FakeShop, Faults};
use books::Shop;
use bytes::Bytes;
use call::{Call, Said};
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Request, Response, StatusCode};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A fake with these shops.
pub(super) fn build(shops: Vec<FakeShop>) -> Arc<dyn Fake> {
    let shops = shops.into_iter().map(Shop::new).collect();
    let state = Mutex::new(State { shops, ..State::default() });
    Arc::new(Server { is_ecshop: false, state })
}

/// ECShop shops: the same books, written as ECShop writes them. Nothing is reserved there.
pub(super) fn build_ecshop(shops: Vec<FakeShop>) -> Arc<dyn Fake> {
    let shops = shops.into_iter().map(Shop::new_ecshop).collect();
    let state = Mutex::new(State { shops, ..State::default() });
    Arc::new(Server { is_ecshop: true, state })
}

/// The servers of all shops. Its `Debug` shows nothing: tokens are in it.
struct Server {
    is_ecshop: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    shops: Vec<Shop>,
    calls: BTreeMap<String, u64>,
    faults: Faults,
    admitted: u32,
    done: u32,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").finish_non_exhaustive()
    }
}

/// Which of the family is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    Ecstore,
    Hub { answers_later: bool },
    V485,
    Ecshop,
}

impl Door {
    fn of(path: &str, is_ecshop: bool) -> Option<Self> {
        match path.rsplit('/').next() {
            Some("api.php") if is_ecshop => Some(Self::Ecshop),
            _ if is_ecshop => None,
            Some("api") if path.ends_with("/index.php/api") => Some(Self::Ecstore),
            Some("sync") => Some(Self::Hub { answers_later: false }),
            Some("async") => Some(Self::Hub { answers_later: true }),
            Some("api.php") => Some(Self::V485),
            _ => None,
        }
    }
}

impl State {
    fn answer(&mut self, door: Door, call: &Call, now: i64) -> Response<Bytes> {
        let name = if matches!(door, Door::V485 | Door::Ecshop) { "act" } else { "method" };
        let api = call.get(name).unwrap_or_default().to_owned();
        self.admitted += 1;
        if is_due(self.admitted, self.faults.throttle_every) {
            *self.calls.entry(api).or_default() += 1;
            return html(StatusCode::TOO_MANY_REQUESTS, "429 Too Many Requests");
        }
        let said = match self.shops.iter_mut().find(|shop| is_signed(door, call, shop)) {
            Some(_) if self.faults.expired_tokens => refused(door),
            Some(shop) => {
                *self.calls.entry(api.clone()).or_default() += 1;
                match door {
                    Door::Ecstore => ecstore::answer(shop, &api, call, now),
                    Door::Hub { answers_later } => {
                        hub::answer(shop, &api, call, now, answers_later)
                    }
                    Door::V485 => v485::answer(shop, &api, call, now),
                    Door::Ecshop => ecshop::answer(shop, &api, call, now),
                }
            }
            None => refused(door),
        };
        self.done += 1;
        if is_due(self.done, self.faults.lost_answer_every) {
            return html(StatusCode::GATEWAY_TIMEOUT, "504 Gateway Time-out");
        }
        let mut response = Response::new(Bytes::from(said.0));
        let kind = HeaderValue::from_static("text/html; charset=UTF-8");
        response.headers_mut().insert(CONTENT_TYPE, kind);
        response
    }

    fn at<T: Default>(&mut self, shop: &ShopId, work: impl FnOnce(&mut Shop) -> T) -> T {
        self.shops.iter_mut().find(|known| known.id == *shop).map(work).unwrap_or_default()
    }
}

/// Whether the shop's token signed the call. A 4.8.5 shop is alone on its server and named by nothing else.
fn is_signed(door: Door, call: &Call, shop: &Shop) -> bool {
    match door {
        Door::V485 => call.bears_ac(&shop.token),
        Door::Ecshop => call.bears_trimmed_ac(&shop.token),
        Door::Ecstore | Door::Hub { .. } => {
            call.get("certi_id") == Some(&shop.node) && call.bears_sign(&shop.token)
        }
    }
}

fn refused(door: Door) -> Said {
    match door {
        Door::V485 => v485::framework("0x001", "用户名或密码错误"),
        Door::Ecshop => ecshop::fail("0x009", "Missing signature", 0),
        Door::Ecstore | Door::Hub { .. } => ecstore::framework("4003", "sign error"),
    }
}

fn is_due(count: u32, every: u32) -> bool {
    every != 0 && count.is_multiple_of(every)
}

/// What a web server in front says by itself.
fn html(status: StatusCode, title: &str) -> Response<Bytes> {
    let body = format!("<html><head><title>{title}</title></head><body>{title}</body></html>");
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    response
}

impl Fake for Server {
    fn channel(&self) -> &'static str {
        if self.is_ecshop { "ecshop" } else { "shopex" }
    }

    fn handle(&self, request: &Request<Bytes>, now: Timestamp) -> Response<Bytes> {
        let Some(door) = Door::of(request.uri().path(), self.is_ecshop) else {
            return html(StatusCode::NOT_FOUND, "404 Not Found");
        };
        let call = Call::read(request);
        self.state.lock().answer(door, &call, seconds(now))
    }

    fn create_order(&self, shop: &ShopId, seed: u64, now: Timestamp) -> OrderId {
        let id = self.state.lock().at(shop, |shop| shop.create_order(seed, seconds(now)));
        order_id(&id)
    }

    fn edit_order(&self, shop: &ShopId, order: &OrderId, now: Timestamp) {
        self.state.lock().at(shop, |shop| shop.edit_order(order.as_str(), seconds(now)));
    }

    fn create_refund(&self, shop: &ShopId, order: &OrderId, now: Timestamp) -> RefundId {
        let id =
            self.state.lock().at(shop, |shop| shop.create_refund(order.as_str(), seconds(now)));
        refund_id(&id)
    }

    fn take_deliveries(&self, now: Timestamp) -> Vec<Delivery> {
        let mut state = self.state.lock();
        state.shops.iter_mut().flat_map(|shop| push::take(shop, seconds(now))).collect()
    }

    /// A hub answers 200 whatever it thinks of a push; `rsp` says it.
    fn is_settled(&self, answer: &Response<Bytes>) -> bool {
        let said: Option<serde_json::Value> = serde_json::from_slice(answer.body()).ok();
        said.is_some_and(|said| said.get("rsp").is_some_and(|rsp| rsp == "succ"))
    }

    fn orders(&self, shop: &ShopId) -> BTreeMap<OrderId, Timestamp> {
        self.state.lock().at(shop, |shop| {
            let orders = shop.orders.iter();
            orders.map(|(tid, order)| (order_id(tid), in_china(order.modified))).collect()
        })
    }

    fn refunds(&self, shop: &ShopId) -> BTreeMap<RefundId, Timestamp> {
        self.state.lock().at(shop, |shop| {
            let refunds = shop.refunds.iter();
            refunds.map(|(id, refund)| (refund_id(id), in_china(refund.modified))).collect()
        })
    }

    fn stock(&self, shop: &ShopId) -> BTreeMap<String, u32> {
        self.state.lock().at(shop, |shop| {
            let sku = |product: &books::Product| {
                (product.bn.to_owned(), product.store.saturating_sub(product.reserved))
            };
            shop.products.iter().map(sku).collect()
        })
    }

    fn shipments(&self, shop: &ShopId) -> BTreeMap<OrderId, Vec<(String, String)>> {
        self.state.lock().at(shop, |shop| {
            let mut shipments: BTreeMap<OrderId, Vec<(String, String)>> = BTreeMap::new();
            for delivery in shop.deliveries.iter().filter(|delivery| delivery.is_done) {
                let parcel = (delivery.carrier.clone(), delivery.number.clone());
                shipments.entry(order_id(&delivery.tid)).or_default().push(parcel);
            }
            shipments
        })
    }

    fn calls(&self) -> BTreeMap<String, u64> {
        self.state.lock().calls.clone()
    }

    fn parse(&self, body: &[u8]) -> bool {
        super::floor::parse(body)
    }

    fn set_faults(&self, faults: Faults) {
        self.state.lock().faults = faults;
    }
}

fn seconds(now: Timestamp) -> i64 {
    now.unix_ms().div_euclid(1000)
}

fn in_china(seconds: i64) -> Timestamp {
    Timestamp::from_unix_ms(seconds.saturating_mul(1000)).in_offset(Timestamp::CHINA_OFFSET_SECS)
}

/// An id; `0`, which no list has, stands for an order that could not be made.
#[expect(clippy::expect_used, reason = "decimal digits are always an id")]
fn order_id(text: &str) -> OrderId {
    OrderId::try_new(text).or_else(|_| OrderId::try_new("0")).expect("a digit is an id")
}

#[expect(clippy::expect_used, reason = "decimal digits are always an id")]
fn refund_id(text: &str) -> RefundId {
    RefundId::try_new(text).or_else(|_| RefundId::try_new("0")).expect("a digit is an id")
}
