//! The APIs that list and read trades and refunds.
//!
//! Lists are sorted newest first, so a record that changes between two pages moves to the top and pushes others to later
//! pages: who reads from page one on misses them.

use super::answers::{Answer, Refusal, choose};
use super::books::{Index, Shop};
use super::call::Call;
use super::trades::FULLINFO_ONLY;
use crate::contract::model::Timestamp;
use serde_json::{Map, Value, json};

const DAY_SECS: i64 = 86_400;
/// How far back trades are listed: three months.
const HORIZON_SECS: i64 = 90 * DAY_SECS;
const PAGE_SIZE: usize = 40;
const PAGE_SIZE_LIMIT: usize = 100;

/// The fields that must be asked for before TOP gives the `oaid`.
const OAID_PRICE: [&str; 5] =
    ["receiver_name", "receiver_address", "created", "receiver_mobile", "receiver_phone"];

const STATUSES: [&str; 14] = [
    "TRADE_NO_CREATE_PAY",
    "WAIT_BUYER_PAY",
    "PAY_PENDING",
    "WAIT_PRE_AUTH_CONFIRM",
    "PAID_FORBID_CONSIGN",
    "WAIT_SELLER_SEND_GOODS",
    "SELLER_CONSIGNED_PART",
    "WAIT_BUYER_CONFIRM_GOODS",
    "TRADE_BUYER_SIGNED",
    "TRADE_FINISHED",
    "TRADE_CLOSED",
    "TRADE_CLOSED_BY_TAOBAO",
    "ALL_WAIT_PAY",
    "ALL_CLOSED",
];

/// `taobao.trades.sold.increment.get`: by modification time, at most a day at once.
pub(super) fn increment(shop: &mut Shop, call: &Call, now: Timestamp) -> Answer {
    let start =
        call.seconds("start_modified")?.ok_or_else(|| Refusal::missing("start_modified"))?;
    let end = call.seconds("end_modified")?.ok_or_else(|| Refusal::missing("end_modified"))?;
    if end <= start || end - start > DAY_SECS {
        return Err(Refusal::invalid("end_modified"));
    }
    trades(shop, &shop.modified, (start, end), call, now)
}

/// `taobao.trades.sold.get`: by creation time, for the first load.
pub(super) fn sold(shop: &mut Shop, call: &Call, now: Timestamp) -> Answer {
    let start = call.seconds("start_created")?.unwrap_or(0);
    let end = call.seconds("end_created")?.unwrap_or(i64::MAX);
    if end <= start {
        return Err(Refusal::invalid("end_created"));
    }
    trades(shop, &shop.created, (start, end), call, now)
}

fn trades(
    shop: &Shop,
    index: &Index,
    (start, end): (i64, i64),
    call: &Call,
    now: Timestamp,
) -> Answer {
    let fields = call.list("fields");
    let status = call.get("status");
    if status.is_some_and(|status| !STATUSES.contains(&status)) {
        return Err(Refusal::invalid("status"));
    }
    let kinds = call.list("type");
    let buyer = call.get("buyer_open_uid").or_else(|| call.get("buyer_nick"));
    let keeps = |tid: &u64| {
        let Some(trade) = shop.trades.get(tid) else { return false };
        let is_status = match status {
            None => true,
            Some("ALL_WAIT_PAY") => trade.status == "WAIT_BUYER_PAY",
            Some("ALL_CLOSED") => trade.status.starts_with("TRADE_CLOSED"),
            Some(status) => trade.status == status,
        };
        // `guarantee_trade` stands for fixed prices and auctions and is never a trade's own type.
        let is_kind = kinds.is_empty()
            || kinds.contains(&trade.kind)
            || (trade.kind == "fixed" && kinds.contains(&"guarantee_trade"));
        is_status && is_kind && buyer.is_none_or(|buyer| trade.is_of(buyer))
    };
    let start = start.max(now.unix_ms() / 1000 - HORIZON_SECS);
    let filter: Option<&dyn Fn(&u64) -> bool> =
        (status.is_some() || !kinds.is_empty() || buyer.is_some()).then_some(&keeps);
    let page = page(index, (start, end), filter, call)?;
    let items = page.ids.iter().filter_map(|tid| shop.trades.get(tid));
    let items = items.map(|trade| {
        let mut trade = trade.to_json(&shop.nick);
        if let Some(trade) = trade.as_object_mut() {
            trade.retain(|field, _| !FULLINFO_ONLY.contains(&field.as_str()));
        }
        choose_with_oaid(trade, &fields, true)
    });
    Ok(page.answer("trades", "trade", items.collect()))
}

/// `taobao.trade.fullinfo.get`
pub(super) fn fullinfo(shop: &mut Shop, call: &Call, _: Timestamp) -> Answer {
    let tid = call.id("tid")?;
    let trade = shop
        .trades
        .get(&tid)
        .ok_or_else(|| Refusal::service("isv.trade-not-exist", "交易不存在"))?;
    let wants_oaid = !matches!(call.get("include_oaid"), None | Some("false" | "0"));
    let trade = choose_with_oaid(trade.to_json(&shop.nick), &call.list("fields"), wants_oaid);
    Ok(json!({ "trade": trade }))
}

/// `taobao.refunds.receive.get`
pub(super) fn refunds(shop: &mut Shop, call: &Call, _: Timestamp) -> Answer {
    let start = call.seconds("start_modified")?.unwrap_or(0);
    let end = call.seconds("end_modified")?.unwrap_or(i64::MAX);
    if end < start {
        return Err(Refusal::invalid("end_modified"));
    }
    let status = call.get("status");
    let keeps = |id: &u64| {
        let refund = shop.refunds.get(id);
        refund.is_some_and(|refund| status.is_none_or(|status| refund.status == status))
    };
    let filter: Option<&dyn Fn(&u64) -> bool> = status.is_some().then_some(&keeps);
    let page = page(&shop.refunds_modified, (start, end), filter, call)?;
    let fields = call.list("fields");
    let items = page.ids.iter().filter_map(|id| shop.refund_json(shop.refunds.get(id)?));
    let items = items.map(|refund| choose(refund, &fields));
    Ok(page.answer("refunds", "refund", items.collect()))
}

/// `taobao.refund.get`
pub(super) fn refund(shop: &mut Shop, call: &Call, _: Timestamp) -> Answer {
    let refund = shop.refunds.get(&call.id("refund_id")?);
    let refund = refund
        .and_then(|refund| shop.refund_json(refund))
        .ok_or_else(|| Refusal::service("isv.refund-not-exist", "退款不存在"))?;
    Ok(json!({ "refund": choose(refund, &call.list("fields")) }))
}

fn choose_with_oaid(mut trade: Value, fields: &[&str], may_have_oaid: bool) -> Value {
    let oaid = trade.as_object_mut().and_then(|trade| trade.remove("oaid"));
    let is_paid = may_have_oaid && OAID_PRICE.iter().all(|field| fields.contains(field));
    let mut chosen = choose(trade, fields);
    if let (Some(chosen), Some(oaid), true) = (chosen.as_object_mut(), oaid, is_paid) {
        chosen.insert("oaid".into(), oaid);
    }
    chosen
}

/// A page of ids, and what is said about the rest.
struct Page {
    ids: Vec<u64>,
    total: usize,
    has_next: Option<bool>,
}

impl Page {
    /// The list is absent, not empty, on an empty page.
    fn answer(&self, list: &str, item: &str, items: Vec<Value>) -> Value {
        let mut body = Map::new();
        match self.has_next {
            Some(has_next) => body.insert("has_next".into(), json!(has_next)),
            None => body.insert("total_results".into(), json!(self.total)),
        };
        if !items.is_empty() {
            body.insert(list.to_owned(), json!({ item: items }));
        }
        Value::Object(body)
    }
}

fn page(
    index: &Index,
    (start, end): (i64, i64),
    filter: Option<&dyn Fn(&u64) -> bool>,
    call: &Call,
) -> Result<Page, Refusal> {
    let number = call.number("page_no")?.unwrap_or(1);
    let number = Some(number).filter(|number: &usize| *number >= 1);
    let number = number.ok_or_else(|| Refusal::invalid("page_no"))?;
    let size = call.number("page_size")?.unwrap_or(PAGE_SIZE);
    if !(1..=PAGE_SIZE_LIMIT).contains(&size) {
        return Err(Refusal::invalid("page_size"));
    }
    let skipped = (number - 1).saturating_mul(size);
    let has_next = call.flag("use_has_next")?;
    if start > end {
        return Ok(Page { ids: Vec::new(), total: 0, has_next: has_next.then_some(false) });
    }
    let found = || {
        let ids = index.range((start, 0)..=(end, u64::MAX)).rev().map(|(_, id)| *id);
        ids.filter(move |id| filter.is_none_or(|keeps| keeps(id)))
    };
    let mut ids: Vec<u64> = found().skip(skipped).take(size + 1).collect();
    let is_more = ids.len() > size;
    ids.truncate(size);
    let total = if has_next { 0 } else { found().count() };
    Ok(Page { ids, total, has_next: has_next.then_some(is_more) })
}
