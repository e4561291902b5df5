//! A strict fake of TOP, Taobao's open platform: one address, every API chosen by `method`.
//!
//! It polls nothing, and of itself it calls only through the shop's warehouse. It knows the channel's rules from the channel's documents and from what real
//! clients send, and nothing of the connector. Its clock is the `now` of each call, in whole seconds where TOP's are.
//!
//! What a shop may be surprised by: orders do not take stock away, so that a level once set can be held against the
//! level that was sent; what renews a shop's first token is that token with `-refresh` behind it.

mod answers;
mod books;
mod call;
mod carriers;
mod fenxiao;
mod gate;
mod lists;
mod receivers;
mod shipping;
#[cfg(test)]
mod shipping_tests;
#[cfg(test)]
mod shop_tests;
mod stock;
mod stream;
#[cfg(test)]
mod tests;
mod tmc;
mod trades;
mod warehouse;

use crate::contract::model::{OrderId, RefundId, ShopId, Timestamp};
use crate::testkit::{Delivery, Fake, FakeShop, FakeStream, Faults};
use answers::{Answer, Format, Refusal, render};
use books::Shop;
use bytes::Bytes;
use call::Call;
use gate::{Gate, Limits};
use http::{Request, Response};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use warehouse::Warehouse;

/// A fake of TOP with these shops.
pub(super) fn build(shops: Vec<FakeShop>) -> Arc<dyn Fake> {
    Arc::new(Top::new(&shops, Limits::DEFAULT))
}

/// The same platform for suppliers: their orders come from distributors, and no message stream and no warehouse speaks.
pub(super) fn build_fenxiao(shops: Vec<FakeShop>) -> Arc<dyn Fake> {
    let mut top = Top::new(&shops, Limits::DEFAULT);
    top.is_fenxiao = true;
    for shop in &mut top.state.get_mut().shops {
        shop.is_supplier = true;
    }
    Arc::new(top)
}

/// An API of TOP.
#[derive(Debug)]
struct Api {
    name: &'static str,
    /// Whether it counts against the limit for writing.
    is_writing: bool,
    required: &'static [&'static str],
    access: Access,
}

/// Who may call an API, and what answers.
#[derive(Debug)]
enum Access {
    /// Needs a seller's session.
    Shop(fn(&mut Shop, &Call, Timestamp) -> Answer),
    /// Needs only an application.
    Anyone(fn(&Call, Timestamp) -> Value),
    /// Renews a session.
    Renewal,
}

const fn reads(
    name: &'static str,
    required: &'static [&'static str],
    run: fn(&mut Shop, &Call, Timestamp) -> Answer,
) -> Api {
    Api { name, is_writing: false, required, access: Access::Shop(run) }
}

const fn writes(
    name: &'static str,
    required: &'static [&'static str],
    run: fn(&mut Shop, &Call, Timestamp) -> Answer,
) -> Api {
    Api { name, is_writing: true, required, access: Access::Shop(run) }
}

static APIS: [Api; 23] = [
    Api {
        name: "taobao.time.get",
        is_writing: false,
        required: &[],
        access: Access::Anyone(|_, now| json!({ "time": now.to_china() })),
    },
    Api {
        name: "taobao.logistics.companies.get",
        is_writing: false,
        required: &["fields"],
        access: Access::Anyone(carriers::companies),
    },
    Api {
        name: "taobao.top.auth.token.refresh",
        is_writing: true,
        required: &["refresh_token"],
        access: Access::Renewal,
    },
    reads(
        "taobao.trades.sold.increment.get",
        &["fields", "start_modified", "end_modified"],
        lists::increment,
    ),
    reads("taobao.trades.sold.get", &["fields"], lists::sold),
    reads("taobao.trade.fullinfo.get", &["fields", "tid"], lists::fullinfo),
    reads("taobao.refunds.receive.get", &["fields"], lists::refunds),
    reads("taobao.refund.get", &["fields", "refund_id"], lists::refund),
    reads("taobao.item.seller.get", &["fields", "num_iid"], stock::read_item),
    reads("taobao.logistics.orders.get", &["fields"], shipping::orders),
    writes("taobao.item.quantity.update", &["num_iid", "quantity"], stock::update_item),
    writes("taobao.skus.quantity.update", &["num_iid"], stock::update_skus),
    writes("taobao.logistics.offline.send", &["tid", "company_code", "out_sid"], shipping::offline),
    writes("alibaba.ascp.logistics.offline.send", &["tid", "consign_pkgs"], shipping::ascp_send),
    writes(
        "alibaba.ascp.logistics.consign.resend",
        &["tid", "consign_pkgs"],
        shipping::ascp_resend,
    ),
    writes("taobao.logistics.online.send", &["tid", "company_code"], shipping::online),
    reads("taobao.fenxiao.orders.get", &[], fenxiao::orders),
    reads("taobao.fenxiao.refund.query", &["start_date", "end_date"], fenxiao::refunds),
    reads("taobao.fenxiao.refund.get", &["refund_id"], fenxiao::refund),
    reads("taobao.fenxiao.products.get", &[], fenxiao::products),
    writes("taobao.fenxiao.product.quantity.update", &["product_id", "quantity"], fenxiao::update),
    writes("taobao.logistics.dummy.send", &["tid"], shipping::dummy),
    writes(
        "taobao.logistics.consign.resend",
        &["tid", "company_code", "out_sid"],
        shipping::resend,
    ),
];

/// The platform. Its `Debug` shows nothing: secrets and tokens are in it.
struct Top {
    is_fenxiao: bool,
    state: Mutex<State>,
}

struct State {
    gate: Gate,
    shops: Vec<Shop>,
    warehouses: Vec<Warehouse>,
    tmc: tmc::Hub,
    calls: BTreeMap<&'static str, u64>,
    answered: u64,
    done: u64,
}

impl Top {
    /// A platform with these shops and limits.
    fn new(shops: &[FakeShop], limits: Limits) -> Self {
        let gate = Gate::new(shops, limits);
        let warehouse = |config: &FakeShop| {
            Warehouse::new(config.shop.clone(), config.app_key.clone(), config.secret.clone())
        };
        let warehouses = shops.iter().map(warehouse).collect();
        let tmc = tmc::Hub::new(shops);
        let shops = (0..).zip(shops).map(|(index, config)| Shop::new(config.shop.clone(), index));
        let (shops, calls) = (shops.collect(), BTreeMap::new());
        let state = State { gate, shops, warehouses, tmc, calls, answered: 0, done: 0 };
        Self { is_fenxiao: false, state: Mutex::new(state) }
    }

    /// Does something with a shop; the default where there is no such shop.
    fn at<T: Default>(&self, shop: &ShopId, work: impl FnOnce(&mut Shop) -> T) -> T {
        let mut state = self.state.lock();
        state.shops.iter_mut().find(|known| known.id == *shop).map(work).unwrap_or_default()
    }
}

impl fmt::Debug for Top {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Top").finish_non_exhaustive()
    }
}

impl State {
    fn answer(&mut self, method: &str, call: &Call, now: Timestamp) -> Answer {
        if method.is_empty() {
            return Err(Refusal::new(21, "Missing method"));
        }
        let api = APIS
            .iter()
            .find(|api| api.name == method)
            .ok_or_else(|| Refusal::new(22, "Invalid method"))?;
        *self.calls.entry(api.name).or_default() += 1;
        let shop = self.gate.admit(call, api, now)?;
        let answer = match api.access {
            Access::Anyone(run) => Ok(run(call, now)),
            Access::Renewal => self.gate.renew(call, now),
            Access::Shop(run) => {
                let shop = shop.and_then(|index| self.shops.get_mut(index));
                let shop = shop.ok_or_else(|| Refusal::new(1, "Platform System error"))?;
                let (id, answer) = (shop.id.clone(), run(shop, call, now));
                let shipped = call.get("tid").filter(|_| api.is_writing);
                if let (Some(Ok(tid)), Ok(_)) = (shipped.map(str::parse), &answer) {
                    self.tell(&id, tid, "taobao_trade_TradeSellerShip", now);
                }
                answer
            }
        };
        self.done += 1;
        if self.gate.loses_answer(self.done) {
            return Err(Refusal::service("isp.remote-service-timeout", "服务调用超时"));
        }
        answer
    }

    fn request_id(&mut self) -> String {
        self.answered += 1;
        format!("fake{:09x}", self.answered)
    }
}

impl Fake for Top {
    fn channel(&self) -> &'static str {
        if self.is_fenxiao { "fenxiao" } else { "taobao" }
    }

    fn handle(&self, request: &Request<Bytes>, now: Timestamp) -> Response<Bytes> {
        let call = Call::read(request);
        let mut state = self.state.lock();
        let request_id = state.request_id();
        let (method, format, answer) = match &call {
            Err(refusal) => ("", Format::Xml, Err(refusal.clone())),
            Ok(call) => {
                let method = call.get("method").unwrap_or_default();
                match call.format() {
                    Ok(format) => (method, format, state.answer(method, call, now)),
                    Err(refusal) => (method, Format::Xml, Err(refusal)),
                }
            }
        };
        drop(state);
        render(format, method, answer, request_id)
    }

    fn create_order(&self, shop: &ShopId, seed: u64, now: Timestamp) -> OrderId {
        let tid = self.at(shop, |shop| shop.create_order(seed, now.unix_ms() / 1000));
        self.tell(shop, tid, "taobao_trade_TradeCreate", now);
        self.tell(shop, tid, "taobao_trade_TradeBuyerPay", now);
        order_id(tid)
    }

    fn edit_order(&self, shop: &ShopId, order: &OrderId, now: Timestamp) {
        let Ok(tid) = order.as_str().parse() else { return };
        self.at(shop, |shop| shop.edit_order(tid, now.unix_ms() / 1000));
        self.tell(shop, tid, "taobao_trade_TradeChanged", now);
    }

    fn create_refund(&self, shop: &ShopId, order: &OrderId, now: Timestamp) -> RefundId {
        let tid = order.as_str().parse().unwrap_or_default();
        let id = self.at(shop, |shop| shop.create_refund(tid, now.unix_ms() / 1000));
        self.tell_refund(shop, id.unwrap_or_default(), now);
        refund_id(id.unwrap_or_default())
    }

    fn stream(&self) -> Option<&dyn FakeStream> {
        if self.is_fenxiao { None } else { Some(self) }
    }

    fn withdraw(&self, shop: &ShopId, now: Timestamp) {
        let mut state = self.state.lock();
        let State { gate, shops, tmc, .. } = &mut *state;
        let found = shops.iter().position(|known| known.id == *shop);
        if let Some((index, known)) = found.and_then(|index| Some((index, shops.get(index)?))) {
            gate.end_sessions(index);
            tmc.revoke(shop, &known.nick, now);
        }
    }

    fn take_deliveries(&self, now: Timestamp) -> Vec<Delivery> {
        let mut state = self.state.lock();
        let State { shops, warehouses, .. } = &mut *state;
        if self.is_fenxiao {
            return Vec::new();
        }
        let both = warehouses.iter_mut().zip(shops);
        both.flat_map(|(warehouse, shop)| warehouse.take(shop, now)).collect()
    }

    fn sign_again(&self, delivery: &Delivery, now: Timestamp) -> Delivery {
        let state = self.state.lock();
        let warehouse = state.warehouses.iter().find(|known| known.serves(&delivery.shop));
        let again = warehouse.and_then(|warehouse| warehouse.again(delivery, now));
        again.unwrap_or_else(|| delivery.clone())
    }

    fn is_settled(&self, answer: &Response<Bytes>) -> bool {
        warehouse::is_taken(answer)
    }

    fn orders(&self, shop: &ShopId) -> BTreeMap<OrderId, Timestamp> {
        let pairs = |(seconds, tid): &(i64, u64)| (order_id(*tid), in_china(*seconds));
        self.at(shop, |shop| shop.modified.iter().map(pairs).collect())
    }

    fn refunds(&self, shop: &ShopId) -> BTreeMap<RefundId, Timestamp> {
        let pairs = |(seconds, id): &(i64, u64)| (refund_id(*id), in_china(*seconds));
        self.at(shop, |shop| shop.refunds_modified.iter().map(pairs).collect())
    }

    fn stock(&self, shop: &ShopId) -> BTreeMap<String, u32> {
        self.at(shop, |shop| {
            let mut stock = BTreeMap::new();
            for listing in &shop.listings {
                if listing.skus.is_empty() {
                    stock.insert(listing.num_iid.to_string(), listing.quantity);
                }
                let skus = listing.skus.iter();
                stock.extend(skus.map(|sku| (sku.id.to_string(), sku.quantity)));
            }
            stock
        })
    }

    fn shipments(&self, shop: &ShopId) -> BTreeMap<OrderId, Vec<(String, String)>> {
        self.at(shop, |shop| {
            let parcels = shop.parcels.iter().map(|(tid, parcels)| {
                let parcels = parcels.iter();
                let parcels =
                    parcels.map(|parcel| (parcel.company_code.clone(), parcel.out_sid.clone()));
                (order_id(*tid), parcels.collect())
            });
            parcels.collect()
        })
    }

    fn calls(&self) -> BTreeMap<String, u64> {
        let state = self.state.lock();
        state.calls.iter().map(|(api, count)| ((*api).to_owned(), *count)).collect()
    }

    fn parse(&self, body: &[u8]) -> bool {
        if self.is_fenxiao { super::fenxiao::parse(body) } else { super::floor::parse(body) }
    }

    fn set_faults(&self, faults: Faults) {
        let mut state = self.state.lock();
        state.tmc.lost_confirm_every = faults.lost_answer_every;
        state.gate.set_faults(faults);
    }
}

/// A trade id; `0`, which no list has, stands for an order that could not be made.
#[expect(clippy::expect_used, reason = "decimal digits are always an id")]
fn order_id(tid: u64) -> OrderId {
    OrderId::try_new(&tid.to_string()).expect("decimal digits are an id")
}

#[expect(clippy::expect_used, reason = "decimal digits are always an id")]
fn refund_id(id: u64) -> RefundId {
    RefundId::try_new(&id.to_string()).expect("decimal digits are an id")
}

fn in_china(seconds: i64) -> Timestamp {
    Timestamp::from_unix_ms(seconds.saturating_mul(1000)).in_offset(Timestamp::CHINA_OFFSET_SECS)
}
