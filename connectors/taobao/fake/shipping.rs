//! The APIs that ship, and what they check.
//!
//! Codes are those that ERPs met on the channel: B04 shipped or closed already, B01 no such order, B02 not paid, B56 no
//! such carrier, B60 wrong or used number, B98 wrong kind of shipment, CD19 not shipped yet, CD25 and CD29 wrong split.

use super::answers::{Answer, Refusal, choose};
use super::books::{Parcel, Shop};
use super::call::Call;
use super::carriers::{self, Carrier};
use super::trades::{Trade, china};
use super::warehouse::Left;
use crate::contract::model::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

/// How long a shipment may be corrected: 50 days.
const CORRECTION_SECS: i64 = 50 * 86_400;

/// One of the APIs: how its errors begin, and how many sub-orders it takes.
struct Counter {
    prefix: &'static str,
    sub_orders_limit: usize,
}

const OFFLINE: Counter =
    Counter { prefix: "isv.logistics-offline-service-error", sub_orders_limit: 50 };
const ONLINE: Counter =
    Counter { prefix: "isv.logistics-online-service-error", sub_orders_limit: 20 };
const DUMMY: Counter = Counter { prefix: "isv.logistics-dummy-service-error", sub_orders_limit: 0 };
const CORRECTION: Counter =
    Counter { prefix: "isv.logistics-update-company-or-mailno-error", sub_orders_limit: 50 };

impl Counter {
    fn refuse(&self, code: &str, text: &'static str) -> Refusal {
        Refusal::service(format!("{}:{code}", self.prefix), text)
    }

    fn done_already(&self) -> Refusal {
        self.refuse("B04", "订单状态不对,该物流订单已经发货或者已关闭，不能重复发货")
    }

    fn trade<'s>(&self, shop: &'s Shop, call: &Call) -> Result<&'s Trade, Refusal> {
        let trade = shop.trades.get(&call.id("tid")?);
        trade.ok_or_else(|| self.refuse("B01", "订单不存在"))
    }

    /// The sub-orders that a call names: a true subset of the trade's, or all of them.
    fn sub_orders(&self, trade: &Trade, call: &Call) -> Result<(Vec<u64>, bool), Refusal> {
        let named = call.list("sub_tid");
        let is_split = match call.get("is_split") {
            None | Some("0") => false,
            Some("1") => true,
            Some(_) => return Err(Refusal::invalid("is_split")),
        };
        if is_split == named.is_empty() {
            return Err(self.refuse("CD25", "拆单发货必须同时传入is_split和sub_tid"));
        }
        self.chosen(trade, &named)
    }

    /// The sub-orders of these names; all of them where there is none.
    fn chosen(&self, trade: &Trade, named: &[&str]) -> Result<(Vec<u64>, bool), Refusal> {
        let all: Vec<u64> = trade.lines.iter().map(|line| line.oid).collect();
        if named.is_empty() {
            return Ok((all, false));
        }
        if named.len() > self.sub_orders_limit {
            return Err(Refusal::invalid("sub_tid"));
        }
        let mut oids = Vec::with_capacity(named.len());
        for text in named {
            oids.push(text.parse().map_err(|_| Refusal::invalid("sub_tid"))?);
        }
        oids.sort_unstable();
        oids.dedup();
        if oids.iter().any(|oid| !all.contains(oid)) {
            return Err(self.refuse("P25", "子订单不属于该交易"));
        }
        if all.len() < 2 || oids.len() == all.len() {
            return Err(self.refuse("CD29", "拆单发货至少要有两个子订单，且不能包含全部子订单"));
        }
        Ok((oids, true))
    }

    /// The carrier, if the number is one of its own and carries nothing of another buyer.
    fn carrier(
        &self,
        shop: &Shop,
        trade: &Trade,
        code: &str,
        number: &str,
    ) -> Result<&'static Carrier, Refusal> {
        let carrier = carriers::find(code).ok_or_else(|| self.refuse("B56", "物流公司不存在"))?;
        let is_used = shop.numbers.get(number).is_some_and(|buyer| *buyer != trade.buyer);
        if is_used || !(carrier.takes)(number) {
            return Err(self.refuse("B60", "运单号不符合规则或已经被使用"));
        }
        Ok(carrier)
    }

    /// The parcels that a newer API is told of, each with all of these sub-orders.
    fn parcels(
        &self,
        shop: &Shop,
        trade: &Trade,
        call: &Call,
        (oids, is_split): (&[u64], bool),
        now: Timestamp,
    ) -> Result<Vec<Parcel>, Refusal> {
        let text = call.required("consign_pkgs")?;
        let packages: Vec<Package> =
            serde_json::from_str(text).map_err(|_| Refusal::invalid("consign_pkgs"))?;
        if packages.is_empty() {
            return Err(Refusal::missing("consign_pkgs"));
        }
        let parcel = |Package { company_code, out_sid }: Package| {
            let company_name = self.carrier(shop, trade, &company_code, &out_sid)?.name;
            let (oids, at) = (oids.to_vec(), now.unix_ms() / 1000);
            Ok(Parcel { company_code, company_name, out_sid, oids, is_split, at })
        };
        packages.into_iter().map(parcel).collect()
    }

    /// Whether these sub-orders are shipped, and not too long ago for a correction. Returns the trade's number.
    fn expect_shipped(&self, trade: &Trade, oids: &[u64], now: Timestamp) -> Result<u64, Refusal> {
        let mut chosen = trade.lines.iter().filter(|line| oids.contains(&line.oid));
        let Some(since) = trade.consigned.filter(|_| chosen.all(|line| line.parcel.is_some()))
        else {
            return Err(self.refuse("CD19", "订单未发货，请先发货"));
        };
        if trade.ended.is_some() || now.unix_ms() / 1000 - since > CORRECTION_SECS {
            return Err(self.refuse("P10", "订单已超过可修改运单号的时间"));
        }
        Ok(trade.tid)
    }

    /// Whether the trade and these of its sub-orders wait to be shipped.
    fn expect_open(&self, trade: &Trade, oids: &[u64]) -> Result<(), Refusal> {
        match trade.status {
            "WAIT_BUYER_PAY" | "PAID_FORBID_CONSIGN" => {
                return Err(self.refuse("B02", "订单状态不允许发货"));
            }
            "WAIT_SELLER_SEND_GOODS" | "SELLER_CONSIGNED_PART" => {}
            _ => return Err(self.done_already()),
        }
        let mut chosen = trade.lines.iter().filter(|line| oids.contains(&line.oid));
        if chosen.any(|line| line.status != "WAIT_SELLER_SEND_GOODS") {
            return Err(self.done_already());
        }
        Ok(())
    }
}

/// A parcel as a newer API is told of it.
#[derive(Deserialize)]
struct Package {
    company_code: String,
    out_sid: String,
}

/// `taobao.logistics.offline.send`: the seller's own carrier; the trade is shipped at once.
pub(super) fn offline(shop: &mut Shop, call: &Call, now: Timestamp) -> Answer {
    send(shop, call, now, &OFFLINE)
}

/// `taobao.logistics.online.send`: also for cash on delivery. Without a number it only orders a carrier.
pub(super) fn online(shop: &mut Shop, call: &Call, now: Timestamp) -> Answer {
    send(shop, call, now, &ONLINE)
}

fn send(shop: &mut Shop, call: &Call, now: Timestamp, counter: &Counter) -> Answer {
    let trade = counter.trade(shop, call)?;
    let (oids, is_split) = counter.sub_orders(trade, call)?;
    if trade.is_virtual() || (trade.kind == "cod" && counter.prefix == OFFLINE.prefix) {
        return Err(counter.refuse("B98", "发货类型不匹配"));
    }
    let number = call.get("out_sid").unwrap_or_default();
    let code = call.required("company_code")?;
    if number.is_empty() {
        carriers::find(code).ok_or_else(|| counter.refuse("B56", "物流公司不存在"))?;
        counter.expect_open(trade, &oids)?;
        return Ok(success());
    }
    let carrier = counter.carrier(shop, trade, code, number)?;
    counter.expect_open(trade, &oids)?;
    let parcel = Parcel {
        company_code: code.to_owned(),
        company_name: carrier.name,
        out_sid: number.to_owned(),
        oids,
        is_split,
        at: now.unix_ms() / 1000,
    };
    record(shop, trade.tid, parcel);
    Ok(success())
}

/// `alibaba.ascp.logistics.offline.send` as it ships whole sub-orders (`consign_type` 0), in one parcel or several. Which
/// codes the channel refuses with is documented nowhere: here they are those of the older call.
pub(super) fn ascp_send(shop: &mut Shop, call: &Call, now: Timestamp) -> Answer {
    let trade = OFFLINE.trade(shop, call)?;
    if call.number("consign_type")?.unwrap_or(0_u8) != 0 {
        return Err(Refusal::invalid("consign_type"));
    }
    let (oids, is_split) = OFFLINE.chosen(trade, &call.list("sub_tid"))?;
    if trade.is_virtual() || trade.kind == "cod" {
        return Err(OFFLINE.refuse("B98", "发货类型不匹配"));
    }
    let parcels = OFFLINE.parcels(shop, trade, call, (&oids, is_split), now)?;
    OFFLINE.expect_open(trade, &oids)?;
    let tid = trade.tid;
    for parcel in parcels {
        record(shop, tid, parcel);
    }
    Ok(json!({ "result": { "success": true } }))
}

/// `alibaba.ascp.logistics.consign.resend`: other parcels for what is shipped.
pub(super) fn ascp_resend(shop: &mut Shop, call: &Call, now: Timestamp) -> Answer {
    let trade = CORRECTION.trade(shop, call)?;
    let (oids, is_split) = CORRECTION.chosen(trade, &call.list("sub_tids"))?;
    let parcels = CORRECTION.parcels(shop, trade, call, (&oids, is_split), now)?;
    let tid = CORRECTION.expect_shipped(trade, &oids, now)?;
    correct(shop, tid, &oids, parcels);
    Ok(json!({ "result": { "success": true } }))
}

/// `taobao.logistics.dummy.send`: goods that need no carrier.
pub(super) fn dummy(shop: &mut Shop, call: &Call, now: Timestamp) -> Answer {
    let now = now.unix_ms() / 1000;
    let trade = DUMMY.trade(shop, call)?;
    if !trade.is_virtual() {
        return Err(DUMMY.refuse("B98", "发货类型不匹配"));
    }
    DUMMY.expect_open(trade, &[])?;
    let tid = trade.tid;
    if let Some(trade) = shop.trades.get_mut(&tid) {
        trade.advance("WAIT_BUYER_CONFIRM_GOODS");
        trade.consigned = Some(now);
        for line in &mut trade.lines {
            line.consigned = Some(now);
        }
    }
    shop.touch(tid, now);
    Ok(success())
}

/// `taobao.logistics.consign.resend`: another carrier or number for what is shipped.
pub(super) fn resend(shop: &mut Shop, call: &Call, now: Timestamp) -> Answer {
    let trade = CORRECTION.trade(shop, call)?;
    let (oids, is_split) = CORRECTION.sub_orders(trade, call)?;
    let (code, number) = (call.required("company_code")?, call.required("out_sid")?);
    let carrier = CORRECTION.carrier(shop, trade, code, number)?;
    let tid = CORRECTION.expect_shipped(trade, &oids, now)?;
    let parcel = Parcel {
        company_code: code.to_owned(),
        company_name: carrier.name,
        out_sid: number.to_owned(),
        oids: oids.clone(),
        is_split,
        at: now.unix_ms() / 1000,
    };
    correct(shop, tid, &oids, vec![parcel]);
    Ok(success())
}

/// These sub-orders are in these parcels now, and in no other.
fn correct(shop: &mut Shop, tid: u64, oids: &[u64], parcels: Vec<Parcel>) {
    if let Some(known) = shop.parcels.get_mut(&tid) {
        for old in known.iter_mut() {
            old.oids.retain(|oid| !oids.contains(oid));
        }
        known.retain(|old| !old.oids.is_empty());
    }
    for parcel in parcels {
        record(shop, tid, parcel);
    }
}

/// Puts a parcel into the books: its sub-orders, the trade once all are on their way, and the modification time.
fn record(shop: &mut Shop, tid: u64, parcel: Parcel) {
    let Some(trade) = shop.trades.get_mut(&tid) else { return };
    for line in trade.lines.iter_mut().filter(|line| parcel.oids.contains(&line.oid)) {
        line.status = "WAIT_BUYER_CONFIRM_GOODS";
        line.consigned.get_or_insert(parcel.at);
        line.parcel = Some((parcel.company_name, parcel.out_sid.clone()));
    }
    let is_open = trade.lines.iter().any(|line| line.status == "WAIT_SELLER_SEND_GOODS");
    trade.status = if is_open { "SELLER_CONSIGNED_PART" } else { "WAIT_BUYER_CONFIRM_GOODS" };
    trade.consigned.get_or_insert(parcel.at);
    shop.numbers.insert(parcel.out_sid.clone(), trade.buyer);
    let at = parcel.at;
    shop.left.push(Left { tid, parcel: parcel.clone() });
    shop.parcels.entry(tid).or_default().push(parcel);
    shop.touch(tid, at);
}

fn success() -> Value {
    json!({ "shipping": { "is_success": true } })
}

/// `taobao.logistics.orders.get`: parcels, and for what is paid and not shipped a record without a number.
pub(super) fn orders(shop: &mut Shop, call: &Call, _: Timestamp) -> Answer {
    let fields = call.list("fields");
    let number = call.number("page_no")?.unwrap_or(1_usize);
    let size = call.number("page_size")?.unwrap_or(40_usize);
    if number == 0 {
        return Err(Refusal::invalid("page_no"));
    }
    if !(1..=100).contains(&size) {
        return Err(Refusal::invalid("page_size"));
    }
    let tids: Vec<u64> = match call.number("tid")? {
        Some(tid) => vec![tid],
        None => shop.parcels.keys().copied().collect(),
    };
    let mut shippings = Vec::new();
    for trade in tids.iter().filter_map(|tid| shop.trades.get(tid)) {
        let parcels = shop.parcels.get(&trade.tid).map_or(&[][..], Vec::as_slice);
        shippings.extend(parcels.iter().map(|parcel| shipping(shop, trade, Some(parcel))));
        if parcels.is_empty() && trade.paid.is_some() && !trade.is_virtual() {
            shippings.push(shipping(shop, trade, None));
        }
    }
    let total = shippings.len();
    let skipped = (number - 1).saturating_mul(size);
    let page = shippings.into_iter().skip(skipped).take(size);
    let page: Vec<Value> = page.map(|shipping| choose(shipping, &fields)).collect();
    if page.is_empty() {
        return Ok(json!({ "total_results": total }));
    }
    Ok(json!({ "shippings": { "shipping": page }, "total_results": total }))
}

fn shipping(shop: &Shop, trade: &Trade, parcel: Option<&Parcel>) -> Value {
    let mut shipping = json!({
        "tid": trade.tid, "order_code": format!("LP{}", trade.tid), "seller_nick": shop.nick,
        "created": china(parcel.map_or(trade.created, |parcel| parcel.at)),
        "modified": china(trade.modified), "type": "express", "freight_payer": "seller",
        "status": if parcel.is_some() { "ACCEPTED_BY_COMPANY" } else { "CREATED" },
        "is_split": u8::from(parcel.is_some_and(|parcel| parcel.is_split)),
    });
    if let (Some(parcel), Some(shipping)) = (parcel, shipping.as_object_mut()) {
        shipping.insert("out_sid".into(), json!(parcel.out_sid));
        shipping.insert("company_name".into(), json!(parcel.company_name));
        shipping.insert("sub_tids".into(), json!({ "number": parcel.oids }));
    }
    shipping
}
