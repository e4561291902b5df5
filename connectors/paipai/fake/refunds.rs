//! Refunds: the list of deals that have some, and those of one deal.

use super::answer::{Answer, Refusal};
use super::books::{Deal, Refund, Shop};
use super::call::Call;
use super::{china, deals};
use serde_json::{Map, Value, json};

/// The seller, as these two want to know him.
fn seller(shop: &Shop, call: &Call) -> Result<(), Refusal> {
    let is_seller = call.get("userUin").as_deref() == Some(shop.config.shop.as_str())
        && call.get("userRole").is_none_or(|role| role == "0");
    if is_seller { Ok(()) } else { Err(Refusal(4002, "无权查询")) }
}

pub(super) fn list(shop: &mut Shop, call: &Call, _: i64) -> Answer {
    seller(shop, call)?;
    let (index, size) = deals::paging(call)?;
    let window = deals::window(call)?;
    let is_listed = |deal: &Deal| {
        let in_time = window.as_ref().is_none_or(|(kind, begin, end)| {
            let time = if kind == "UPDATE" { deal.updated } else { deal.created };
            (*begin..=*end).contains(&time)
        });
        in_time && !deal.refunds.is_empty()
    };
    let mut found: Vec<(&String, &Deal)> =
        shop.deals.iter().filter(|(_, deal)| is_listed(deal)).collect();
    found.sort_by_key(|(code, deal)| (std::cmp::Reverse(deal.updated), (*code).clone()));
    let records = found.into_iter().map(|(code, deal)| {
        // Here the list says times of asking as numbers.
        let asked = |refund: &Refund| json!(refund.asked);
        json!({ "dealCode": code, "itemList": items(shop, deal, asked) })
    });
    Ok(deals::page(records.collect(), index, size))
}

pub(super) fn detail(shop: &mut Shop, call: &Call, _: i64) -> Answer {
    seller(shop, call)?;
    let code = call.get("dealCode").ok_or(Refusal(4001, "缺少dealCode"))?;
    let deal = shop.deals.get(&code).filter(|deal| !deal.refunds.is_empty());
    let deal = deal.ok_or(Refusal(4004, "退款单不存在"))?;
    let items = items(shop, deal, |refund| json!(china(refund.asked)));
    Ok(Map::from_iter([
        ("dealCode".to_owned(), json!(code)),
        ("itemList".to_owned(), Value::Array(items)),
    ]))
}

fn items(shop: &Shop, deal: &Deal, asked: impl Fn(&Refund) -> Value) -> Vec<Value> {
    let of_line = |sub: &str| -> Vec<Value> {
        let refunds = deal.refunds.iter().filter(|refund| refund.sub == sub);
        refunds
            .map(|refund| {
                json!({
                    "dealSubCode": refund.sub, "tradeRefundId": refund.id, "refundState": refund.state,
                    "refundReqTime": asked(refund), "lastUpdateTime": china(refund.updated),
                    "refundReqitemFlag": u8::from(refund.is_return), "refundItemState": u8::from(refund.is_return),
                    "refundToBuyer": refund.amount, "refundToBuyerNum": 1, "refundToSeller": 0,
                    "refundReasonDesc": "不想要了", "sellerRefuseTime": china(0), "refundEndTime": china(0),
                })
            })
            .collect()
    };
    let lines = deal.lines.iter().map(|line| (line, of_line(&line.sub)));
    lines
        .filter(|(_, refunds)| !refunds.is_empty())
        .map(|(line, refunds)| {
            let item = shop.skus.get(line.sku).map(|sku| sku.item);
            json!({ "itemCode": item, "refundInfoList": refunds })
        })
        .collect()
}
