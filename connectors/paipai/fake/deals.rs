//! Deals: the list, the detail, and shipping.

use super::answer::{Answer, BACKSLASH, CONTROL, HALF, Refusal};
use super::books::{Deal, Line, Shop};
use super::call::Call;
use super::{china, seconds_of};
use serde_json::{Map, Value, json};

const DAY: i64 = 86_400;
/// Deals that ended longer ago are in the history.
const HISTORY: i64 = 60 * DAY;
const MOST: usize = 20;
/// Refusals in a row that the channel bears, and how long it punishes more.
const PATIENCE: u32 = 3;
const PUNISHMENT: i64 = 60;

fn parameter(text: &'static str) -> Refusal {
    Refusal(4001, text)
}

/// Page number and size.
pub(super) fn paging(call: &Call) -> Result<(usize, usize), Refusal> {
    let number = |name: &str, otherwise: usize| match call.get(name) {
        Some(text) => text.parse().map_err(|_| parameter("分页参数错误")),
        None => Ok(otherwise),
    };
    let (index, size) = (number("pageIndex", 1)?, number("pageSize", 10)?);
    if index == 0 || size == 0 || size > MOST {
        return Err(parameter("pageSize最大为20"));
    }
    Ok((index, size))
}

/// Beginning and end in seconds, where a type of time is given.
pub(super) fn window(call: &Call) -> Result<Option<(String, i64, i64)>, Refusal> {
    let Some(kind) = call.get("timeType") else { return Ok(None) };
    let time = |name: &str| {
        let text = call.get(name).ok_or_else(|| parameter("缺少起止时间"))?;
        seconds_of(&text).ok_or_else(|| parameter("时间格式错误"))
    };
    Ok(Some((kind, time("timeBegin")?, time("timeEnd")?)))
}

/// A page of records, with the counts around it.
pub(super) fn page(records: Vec<Value>, index: usize, size: usize) -> Map<String, Value> {
    let mut answer = Map::new();
    answer.insert("pageIndex".to_owned(), json!(index));
    answer.insert("pageTotal".to_owned(), json!(records.len().div_ceil(size)));
    answer.insert("countTotal".to_owned(), json!(records.len()));
    let shown: Vec<Value> = records.into_iter().skip((index - 1) * size).take(size).collect();
    answer.insert("dealList".to_owned(), Value::Array(shown));
    answer
}

pub(super) fn list(shop: &mut Shop, call: &Call, now: i64) -> Answer {
    let (index, size) = paging(call)?;
    let window = window(call)?;
    let state = call.get("dealState");
    let wants_history = call.get("historyDeal").as_deref() == Some("1");
    let time = |deal: &Deal, kind: &str| match kind {
        "PAY" => deal.paid,
        "UPDATE" => deal.updated,
        _ => deal.created,
    };
    let is_listed = |deal: &&(&String, &Deal)| {
        let deal = deal.1;
        let is_history = now - deal.created > 92 * DAY;
        let in_time = window.as_ref().is_none_or(|(kind, begin, end)| {
            // The end does not belong to it.
            (*begin..*end).contains(&time(deal, kind))
        });
        let in_state = state.as_deref().is_none_or(|state| state == deal.state);
        is_history == wants_history && in_time && in_state
    };
    let mut deals: Vec<(&String, &Deal)> = shop.deals.iter().collect();
    deals.retain(|deal| is_listed(&deal));
    match &window {
        Some((kind, _, _)) => {
            deals.sort_by_key(|(code, deal)| (time(deal, kind), (*code).clone()));
            if call.get("orderDesc").as_deref() != Some("0") {
                deals.reverse();
            }
        }
        // Without a time the list has no order, and another one each time.
        None => deals.sort_by_key(|(code, deal)| {
            crate::contract::sign::md5(&[
                code.as_bytes(),
                &now.to_le_bytes(),
                &deal.seed.to_le_bytes(),
            ])
        }),
    }
    let with_items = call.get("listItem").is_some_and(|flag| flag != "0");
    let records = deals.into_iter().map(|(code, deal)| {
        let mut record = record(shop, code, deal);
        if !with_items {
            record.remove("itemList");
        }
        Value::Object(record)
    });
    Ok(page(records.collect(), index, size))
}

pub(super) fn detail(shop: &mut Shop, call: &Call, now: i64) -> Answer {
    let code = call.get("dealCode").ok_or_else(|| parameter("缺少dealCode"))?;
    let wants_history = call.get("historyDeal").as_deref() == Some("1");
    let is_there = |deal: &&Deal| (deal.ended != 0 && now - deal.ended > HISTORY) == wants_history;
    let deal = shop.deals.get(&code).filter(is_there);
    let deal = deal.ok_or(Refusal(4004, "订单不存在"))?;
    let mut answer = record(shop, &code, deal);
    let more = json!({
        "dealType": "SELL_TYPE_BIN", "hasInvoice": 0, "invoiceTitle": "", "whoPayShippingfee": 2,
        "sellerUin": shop.config.shop.as_str(), "buyerRecvRefund": 0, "sellerRecvRefund": 0,
        "wuliuCompany": deal.carrier, "wuliuCode": deal.number, "dealPayFeePoint": 0,
    });
    answer.extend(more.as_object().cloned().unwrap_or_default());
    if call.get("listItem").as_deref() != Some("1") {
        answer.remove("itemList");
    }
    if deal.seed % 7 == 5 {
        answer.insert("trailing comma".to_owned(), Value::Null);
    }
    Ok(answer)
}

fn record(shop: &Shop, code: &str, deal: &Deal) -> Map<String, Value> {
    let (name, address) = super::people::of(deal.seed);
    let remark = match deal.seed % 7 {
        3 => format!("放 C:{BACKSLASH}小区{BACKSLASH}3号"),
        4 => format!("请{CONTROL}尽快"),
        _ => "请尽快发货".to_owned(),
    };
    let buyer = if deal.seed % 7 == 6 { format!("小明{HALF}") } else { "小明".to_owned() };
    let record = json!({
        "dealCode": code,
        "buyerRemark": remark,
        "dealPayType": if deal.is_cod { "DEAL_BIZ_FLAG_HDFK" } else { "TENPAY" },
        "tenpayCode": if deal.is_cod { String::new() } else { format!("1202437301{}", deal.created) },
        "ppCodId": if deal.is_cod { format!("PPCOD{}", deal.created) } else { String::new() },
        "receiverAddress": address, "receiverName": name,
        "receiverMobile": format!("138{:08}", deal.seed % 100_000_000),
        "receiverPhone": "", "receiverPostcode": "100080",
        "buyerName": buyer, "buyerUin": "10001",
        "freight": deal.freight.to_string(), "transportType": "TRANSPORT_EXPRESS",
        "dealPayFeeTotal": deal.total, "totalCash": deal.total.to_string(), "couponFee": deal.coupon,
        "dealState": deal.state, "propertymask": if deal.is_cod { "2048" } else { "" },
        "createTime": china(deal.created), "payTime": china(deal.paid),
        "dealEndTime": china(deal.ended), "sellerConsignmentTime": china(deal.shipped),
        "lastUpdateTime": china(deal.updated),
        "dealNoteType": "UN_LABEL", "dealNote": deal.note,
        "itemList": deal.lines.iter().map(|line| item(shop, line)).collect::<Vec<_>>(),
    });
    record.as_object().cloned().unwrap_or_default()
}

fn item(shop: &Shop, line: &Line) -> Value {
    let sku = shop.skus.get(line.sku);
    json!({
        "dealSubCode": line.sub,
        "itemCode": sku.map(|sku| sku.item), "skuId": sku.map_or("0", |sku| sku.id.unwrap_or("0")),
        "itemLocalCode": sku.map(|sku| sku.code.get(..6)),
        "stockLocalCode": sku.map(|sku| if sku.id.is_some() { sku.code } else { "" }),
        "stockAttr": sku.map(|sku| sku.attr), "itemName": sku.map(|sku| sku.name),
        "itemDealPrice": sku.map(|sku| sku.price), "itemDealCount": line.count,
        "itemAdjustPrice": line.adjust, "itemDiscountFee": line.discount,
        "refundState": line.refund_state,
    })
}

pub(super) fn consign(shop: &mut Shop, call: &Call, now: i64) -> Answer {
    if now < shop.punished_until {
        return Err(Refusal(4300, "频繁调用接口失败，已被处罚"));
    }
    let outcome = try_consign(shop, call, now);
    shop.refused = if outcome.is_ok() { 0 } else { shop.refused + 1 };
    if shop.refused >= PATIENCE {
        (shop.refused, shop.punished_until) = (0, now + PUNISHMENT);
    }
    outcome
}

fn try_consign(shop: &mut Shop, call: &Call, now: i64) -> Answer {
    let code = call.get("dealCode").ok_or_else(|| parameter("缺少dealCode"))?;
    let name = call.get("logisticsName").ok_or_else(|| parameter("缺少logisticsName"))?;
    if call.length("logisticsName") > 256 || call.length("logisticsCode") > 20 {
        return Err(parameter("参数过长"));
    }
    let days = call.get("arriveDays").unwrap_or_default();
    if !matches!(days.as_str(), "1" | "2" | "3" | "4" | "5" | "7" | "10" | "15" | "20" | "30") {
        return Err(parameter("arriveDays错误"));
    }
    let number = call.get("logisticsCode");
    if number.is_none() != (name == "NO") {
        return Err(parameter("缺少logisticsCode"));
    }
    let deal = shop.deals.get_mut(&code).ok_or(Refusal(4004, "订单不存在"))?;
    if deal.is_cod {
        return Err(Refusal(4098, "货到付款订单不支持此接口"));
    }
    if deal.state != "DS_WAIT_SELLER_DELIVERY" {
        return Err(Refusal(4097, "订单状态不正确，不能标记发货"));
    }
    deal.state = "DS_WAIT_BUYER_RECEIVE";
    (deal.carrier, deal.number) = (name, number.unwrap_or_default());
    (deal.shipped, deal.updated) = (now, now);
    Ok(Map::from_iter([("dealCode".to_owned(), json!(code))]))
}
