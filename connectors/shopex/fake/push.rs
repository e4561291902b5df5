//! What a shop pushes: its orders and refunds whole, and the hub's outcomes, signed with the node's token.

use super::books::{News, Refund, Shop};
use super::call::matrix;
use super::ecshop_trade;
use super::php::in_form;
use super::trade;
use crate::testkit::Delivery;
use http::HeaderMap;
use http::header::{CONTENT_TYPE, HeaderValue};
use std::collections::BTreeMap;

/// Everything to push since the last time.
pub(super) fn take(shop: &mut Shop, now: i64) -> Vec<Delivery> {
    let news: Vec<News> = shop.news.drain(..).collect();
    news.iter().enumerate().filter_map(|(at, news)| delivery(shop, news, at, now)).collect()
}

fn delivery(shop: &Shop, news: &News, at: usize, now: i64) -> Option<Delivery> {
    let mut fields: Vec<(&'static str, String)> = Vec::new();
    let method = match news {
        News::Outcome { msg_id, tid } => {
            let data = format!("{{\"tid\": \"{tid}\"}}");
            fields.extend([
                ("rsp", "succ".to_owned()),
                ("res", String::new()),
                ("err_msg", String::new()),
                ("msg_id", msg_id.clone()),
                ("data", data),
            ]);
            return Some(signed(shop, fields));
        }
        News::Added(tid) | News::Updated(tid) => {
            let order = shop.orders.get(tid)?;
            envelope(shop, &mut fields);
            let trade = if shop.is_ecshop {
                ecshop_trade::trade(shop, tid, order)
            } else {
                trade::trade(shop, tid, order)
            };
            fields.extend(trade.iter().filter_map(|(name, value)| Some((*name, in_form(value)?))));
            if matches!(news, News::Added(_)) { "store.trade.add" } else { "store.trade.update" }
        }
        News::Refund(id) => {
            envelope(shop, &mut fields);
            fields.extend(refund(id, shop.refunds.get(id)?));
            "store.trade.refund.add"
        }
    };
    if shop.is_ecshop {
        of_ecshop(shop, &mut fields, method, at, now);
        return Some(signed(shop, fields));
    }
    let task = format!("{now:016x}{at:016x}");
    fields.extend([
        ("app_id", "ecos.b2c".to_owned()),
        ("method", method.to_owned()),
        ("date", trade::date(now)),
        ("callback_url", callback(&task, now)),
        ("format", "json".to_owned()),
        ("v", "1".to_owned()),
        ("from_node_id", shop.node.clone()),
        ("task", task),
    ]);
    Some(signed(shop, fields))
}

/// What an ECShop says of a push besides what it is about.
fn of_ecshop(
    shop: &Shop,
    fields: &mut Vec<(&'static str, String)>,
    method: &str,
    at: usize,
    now: i64,
) {
    // The last word for the same name counts, and the envelope of the family names some of these.
    fields.retain(|(name, _)| {
        !matches!(*name, "node_type" | "from_api_v" | "to_node_id" | "to_api_v")
    });
    let kind = if method == "store.trade.add" { "CREATEORDER" } else { "UPDATEORDER" };
    fields.extend([
        ("method", method.to_owned()),
        ("callback_type", kind.to_owned()),
        ("from_type", "ecshop_b2c".to_owned()),
        ("app_id", "ecshop_b2c".to_owned()),
        ("certi_id", shop.node.clone()),
        ("from_node_id", shop.node.clone()),
        ("date", now.to_string()),
        ("timestamp", trade::date(now)),
        ("refresh_time", trade::date(now)),
        ("format", "json".to_owned()),
        ("v", "1.0".to_owned()),
        ("from_api_v", "1.0".to_owned()),
        ("node_type", "ecos.ome".to_owned()),
        ("to_node_id", format!("1{}", shop.node)),
        ("task", format!("{now}{at:04}")),
        ("real_time", "true".to_owned()),
        ("callback_url", "http://shop.example/".to_owned()),
    ]);
}

fn callback(task: &str, now: i64) -> String {
    let handler = "openapi/rpc_callback/async_result_handler";
    format!("http://shop.example/index.php/{handler}/id/{task}-{now}/app_id/b2c")
}

fn envelope(shop: &Shop, fields: &mut Vec<(&'static str, String)>) {
    fields.extend([
        ("node_type", "ecos.ome".to_owned()),
        ("from_api_v", "2.0".to_owned()),
        ("to_node_id", format!("1{}", shop.node)),
        ("to_api_v", "2.2".to_owned()),
    ]);
}

/// A refund as the family's shops write it: times as seconds, unless they are there as text.
fn refund(id: &str, refund: &Refund) -> Vec<(&'static str, String)> {
    let kind = if refund.status == "SUCC" { "refund" } else { "apply" };
    vec![
        ("refund_id", id.to_owned()),
        ("tid", refund.tid.clone()),
        ("buyer_id", "0".to_owned()),
        ("currency", "CNY".to_owned()),
        ("refund_fee", format!("{}.{:02}0", refund.amount / 100, refund.amount % 100)),
        ("refund_type", kind.to_owned()),
        ("t_begin", refund.created.to_string()),
        ("modified", refund.modified.to_string()),
        ("oid", refund.oid.to_string()),
        ("created", refund.created.to_string()),
        ("status", refund.status.to_owned()),
        ("has_good_return", String::new()),
        ("reason", "七天无理由".to_owned()),
    ]
}

fn signed(shop: &Shop, fields: Vec<(&'static str, String)>) -> Delivery {
    let sorted: BTreeMap<&str, &str> =
        fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let sign = matrix(sorted.into_iter(), &shop.token);
    let mut body = form_urlencoded::Serializer::new(String::new());
    body.extend_pairs(&fields).append_pair("sign", &sign);
    let mut headers = HeaderMap::new();
    let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
    headers.insert(CONTENT_TYPE, kind);
    let channel = if shop.is_ecshop { "ecshop" } else { "shopex" };
    let path = format!("/v1/{channel}/{}", shop.id);
    Delivery { shop: shop.id.clone(), path, headers, body: body.finish().into() }
}
