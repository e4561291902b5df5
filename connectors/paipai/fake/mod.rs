//! A strict fake of Paipai's open platform: every API by its path, in both charsets and both forms.
//!
//! It checks signatures by itself, over the bytes that came, and knows nothing of the connector. Its clock is the `now`
//! of each call in whole seconds, as the channel's is. A shop's id is its seller's QQ number. Orders do not take stock
//! away, so that a level once set can be held against the level that was sent. Its error codes are invented: the
//! channel's are documented nowhere.

mod answer;
mod books;
mod call;
mod deals;
mod people;
mod refunds;
mod stock;
#[cfg(test)]
mod tests;

use crate::contract::model::{OrderId, RefundId, ShopId, Timestamp};
use crate::testkit::{Delivery, Fake, FakeShop, Faults};
use answer::{Answer, Refusal};
use books::Shop;
use bytes::Bytes;
use call::Call;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Request, Response, StatusCode};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// How far a call's time may be from ours. What the channel bears is not known.
const TOLERANCE_SECS: i64 = 600;
/// Larger numbers of a time are milliseconds; both are sent by clients.
const LARGEST_SECS: i64 = 100_000_000_000;
const SYSTEM: [&str; 5] = ["uin", "appOAuthID", "accessToken", "timeStamp", "randomValue"];

/// A fake with these shops.
pub(super) fn build(shops: Vec<FakeShop>) -> Arc<dyn Fake> {
    let shops = shops.into_iter().map(Shop::new).collect();
    Arc::new(Server(Mutex::new(State { shops, ..State::default() })))
}

/// The platform. Its `Debug` shows nothing: secrets and tokens are in it.
struct Server(Mutex<State>);

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

type Api = fn(&mut Shop, &Call, i64) -> Answer;

fn api(name: &str) -> Option<Api> {
    Some(match name {
        "sellerSearchDealList" => deals::list,
        "getDealDetail" => deals::detail,
        "sellerConsignDealItem" => deals::consign,
        "getDealRefundInfoList" => refunds::list,
        "getDealRefundDetailInfo" => refunds::detail,
        "modifyItemStock" => stock::one,
        "editItemStock" => stock::batch,
        "getItem" => stock::item,
        _ => return None,
    })
}

impl State {
    fn answer(&mut self, call: &Call, now: i64) -> Response<Bytes> {
        self.admitted += 1;
        *self.calls.entry(call.api().to_owned()).or_default() += 1;
        if is_due(self.admitted, self.faults.throttle_every) {
            return text(call, Err(Refusal(4300, "调用过于频繁，请稍后再试")));
        }
        let answer = self.admit(call, now).and_then(|shop| {
            let run = api(call.api()).ok_or(Refusal(4000, "接口不存在"))?;
            run(shop, call, now)
        });
        self.done += 1;
        if is_due(self.done, self.faults.lost_answer_every) {
            return html(StatusCode::GATEWAY_TIMEOUT, "504 Gateway Time-out");
        }
        text(call, answer)
    }

    /// Lets a call in.
    fn admit(&mut self, call: &Call, now: i64) -> Result<&mut Shop, Refusal> {
        if SYSTEM.iter().any(|name| call.get(name).is_none()) || !call.sends("sign") {
            return Err(Refusal(4001, "缺少系统参数"));
        }
        let is_its = |shop: &&mut Shop| {
            let config = &shop.config;
            call.get("uin").as_deref() == Some(config.shop.as_str())
                && call.get("appOAuthID").as_ref() == Some(&config.app_key)
        };
        let has_ended = self.faults.expired_tokens;
        let shop = self.shops.iter_mut().find(is_its).ok_or(Refusal(4010, "appOAuthID错误"))?;
        if !call.is_signed(&shop.config.secret) {
            return Err(Refusal(4011, "签名错误"));
        }
        if has_ended || call.get("accessToken").as_ref() != Some(&shop.config.token) {
            return Err(Refusal(4012, "accessToken已过期"));
        }
        let said: i64 = call.get("timeStamp").and_then(|time| time.parse().ok()).unwrap_or(0);
        let said = if said > LARGEST_SECS { said / 1000 } else { said };
        if (said - now).abs() > TOLERANCE_SECS {
            return Err(Refusal(4013, "timeStamp错误"));
        }
        if call.get("sellerUin").as_deref() != Some(shop.config.shop.as_str()) {
            return Err(Refusal(4002, "sellerUin错误"));
        }
        Ok(shop)
    }

    fn at<T: Default>(&mut self, shop: &ShopId, work: impl FnOnce(&mut Shop) -> T) -> T {
        self.shops.iter_mut().find(|known| known.config.shop == *shop).map(work).unwrap_or_default()
    }
}

fn is_due(count: u32, every: u32) -> bool {
    every != 0 && count.is_multiple_of(every)
}

fn text(call: &Call, answer: Answer) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(answer::write(call, answer)));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
    response
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
        "paipai"
    }

    fn handle(&self, request: &Request<Bytes>, now: Timestamp) -> Response<Bytes> {
        let Some(call) = Call::read(request) else {
            return html(StatusCode::NOT_FOUND, "404 Not Found");
        };
        self.0.lock().answer(&call, seconds(now))
    }

    fn create_order(&self, shop: &ShopId, seed: u64, now: Timestamp) -> OrderId {
        order_id(&self.0.lock().at(shop, |shop| shop.create(seed, seconds(now))))
    }

    fn edit_order(&self, shop: &ShopId, order: &OrderId, now: Timestamp) {
        self.0.lock().at(shop, |shop| shop.edit(order.as_str(), seconds(now)));
    }

    fn create_refund(&self, shop: &ShopId, order: &OrderId, now: Timestamp) -> RefundId {
        refund_id(&self.0.lock().at(shop, |shop| shop.refund(order.as_str(), seconds(now))))
    }

    fn take_deliveries(&self, _: Timestamp) -> Vec<Delivery> {
        Vec::new()
    }

    fn orders(&self, shop: &ShopId) -> BTreeMap<OrderId, Timestamp> {
        self.0.lock().at(shop, |shop| {
            shop.deals.iter().map(|(code, deal)| (order_id(code), in_china(deal.updated))).collect()
        })
    }

    fn refunds(&self, shop: &ShopId) -> BTreeMap<RefundId, Timestamp> {
        self.0.lock().at(shop, |shop| {
            let all = shop
                .deals
                .iter()
                .flat_map(|(code, deal)| deal.refunds.iter().map(move |refund| (code, refund)));
            all.map(|(code, refund)| {
                (refund_id(&format!("{code}-{}", refund.id)), in_china(refund.updated))
            })
            .collect()
        })
    }

    fn stock(&self, shop: &ShopId) -> BTreeMap<String, u32> {
        self.0.lock().at(shop, |shop| {
            let id = |sku: &books::Sku| sku.id.unwrap_or(sku.item).to_owned();
            shop.skus.iter().map(|sku| (id(sku), sku.count)).collect()
        })
    }

    fn shipments(&self, shop: &ShopId) -> BTreeMap<OrderId, Vec<(String, String)>> {
        self.0.lock().at(shop, |shop| {
            let shipped = shop.deals.iter().filter(|(_, deal)| deal.shipped != 0 && !deal.is_cod);
            shipped
                .map(|(code, deal)| {
                    (order_id(code), vec![(deal.carrier.clone(), deal.number.clone())])
                })
                .collect()
        })
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

fn seconds(now: Timestamp) -> i64 {
    now.unix_ms().div_euclid(1000)
}

fn in_china(seconds: i64) -> Timestamp {
    Timestamp::from_unix_ms(seconds.saturating_mul(1000)).in_offset(Timestamp::CHINA_OFFSET_SECS)
}

/// A time as the channel writes it; 0 is its `1970-01-01 08:00:00`, which means not yet.
fn china(seconds: i64) -> String {
    in_china(seconds).to_china()
}

fn seconds_of(text: &str) -> Option<i64> {
    Timestamp::parse_china(text).ok().map(seconds)
}

/// An id; `0`, which no list has, stands for an order that could not be made.
#[expect(clippy::expect_used, reason = "a digit is always an id")]
fn order_id(text: &str) -> OrderId {
    OrderId::try_new(text).or_else(|_| OrderId::try_new("0")).expect("a digit is an id")
}

#[expect(clippy::expect_used, reason = "a digit is always an id")]
fn refund_id(text: &str) -> RefundId {
    RefundId::try_new(text).or_else(|_| RefundId::try_new("0")).expect("a digit is an id")
}
