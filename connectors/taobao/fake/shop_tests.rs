//! The fake's shops: what buyers buy and how it is listed.

use super::shipping_tests::{DONE, offline, send};
use super::tests::Bench;
use super::trades::Trade;
use crate::contract::model::{Minor, OrderId};
use crate::testkit::Fake;
use serde_json::Value;
use std::collections::BTreeSet;

const INCREMENT: &str = "taobao.trades.sold.increment.get";
const WINDOW: [(&str, &str); 3] = [
    ("fields", "tid,modified"),
    ("start_modified", "2026-11-11 00:00:00"),
    ("end_modified", "2026-11-12 00:00:00"),
];

fn amount(value: &Value) -> i64 {
    Minor::from_decimal(value.as_str().unwrap()).unwrap().0
}

/// An order of a kind, found by trying seeds.
pub(super) fn order(bench: &Bench, is_wanted: impl Fn(&Trade) -> bool) -> OrderId {
    let listings = super::stock::catalogue(0);
    let seed = (0..10_000).find(|seed| is_wanted(&Trade::new(1, &listings, *seed, 0))).unwrap();
    bench.fake.create_order(&Bench::shop(), seed, bench.now)
}

/// An order that waits to be shipped by a carrier, with so many lines.
pub(super) fn open_order(bench: &Bench, lines: usize) -> OrderId {
    order(bench, |trade| trade.kind == "fixed" && !trade.is_virtual() && trade.lines.len() == lines)
}

pub(super) fn fullinfo(bench: &Bench, order: &OrderId) -> Value {
    let fields = "tid,oid,status,type,orders,modified,consign_time,is_part_consign,payment,post_fee,total_fee,\
                  adjust_fee,discount_fee,num,promotion_details,seller_memo,seller_flag,lm,end_time,pay_time";
    let arguments = [("fields", fields), ("tid", order.as_str())];
    let mut answer = bench.call("taobao.trade.fullinfo.get", &arguments);
    answer["trade_fullinfo_get_response"]["trade"].take()
}

fn listed(bench: &Bench, extra: &[(&str, &str)]) -> (Vec<String>, Value) {
    let mut answer = bench.call(INCREMENT, &[&WINDOW[..], extra].concat());
    let list = answer["trades_sold_increment_get_response"].take();
    let trades = list["trades"]["trade"].as_array().cloned().unwrap_or_default();
    (trades.iter().map(|trade| trade["tid"].to_string()).collect(), list)
}

#[test]
fn sums_of_five_hundred_orders_are_those_of_the_channel() {
    let mut bench = Bench::new();
    let mut seen = BTreeSet::new();
    for seed in 0..500 {
        bench.later(1);
        let id = bench.fake.create_order(&Bench::shop(), seed, bench.now);
        assert!((18..=19).contains(&id.as_str().len()));
        let trade = fullinfo(&bench, &id);
        let lines = trade["orders"]["order"].as_array().unwrap();
        let mut goods = 0;
        let mut divided = 0;
        for line in lines {
            let full = amount(&line["price"]) * line["num"].as_i64().unwrap();
            let total = amount(&line["total_fee"]);
            assert_eq!(total, full + amount(&line["adjust_fee"]) - amount(&line["discount_fee"]));
            assert_eq!(
                amount(&line["divide_order_fee"]),
                total - amount(&line["part_mjz_discount"])
            );
            assert!(amount(&line["divide_order_fee"]) > 0);
            goods += full;
            divided += amount(&line["divide_order_fee"]);
            if lines.len() == 1 {
                assert_eq!(line["oid"], trade["tid"]);
                assert_eq!(line["payment"], trade["payment"]);
                assert_eq!(line["adjust_fee"], trade["adjust_fee"]);
                assert_eq!(line["num"], trade["num"]);
                if line["part_mjz_discount"] != "0.00" {
                    seen.insert("trade-level discount of one line");
                }
            } else {
                assert_ne!(line["oid"], trade["tid"]);
                assert_eq!(line["payment"], line["total_fee"]);
                assert_eq!(trade["adjust_fee"], "0.00");
                assert_eq!(trade["num"], 0);
                if lines.iter().all(|line| line["part_mjz_discount"] != "0.00") {
                    seen.insert("trade-level discount of all lines");
                }
            }
            seen.insert(if line["sku_id"].is_string() { "sku" } else { "no sku" });
        }
        let discounts = lines
            .iter()
            .map(|line| amount(&line["discount_fee"]) + amount(&line["part_mjz_discount"]));
        let promotions = trade["promotion_details"]["promotion_detail"].as_array().unwrap();
        let promised = promotions.iter().map(|promotion| amount(&promotion["discount_fee"]));
        assert_eq!(promised.sum::<i64>(), discounts.sum::<i64>());
        assert_eq!(amount(&trade["total_fee"]), goods);
        assert_eq!(amount(&trade["payment"]), divided + amount(&trade["post_fee"]));
        seen.insert(match trade["type"].as_str().unwrap() {
            "step" => "step",
            "cod" => "cod",
            _ => "fixed",
        });
        seen.insert(["no lines", "one line", "two lines", "three lines"][lines.len()]);
    }
    assert_eq!(seen.len(), 10, "{seen:?}");
    assert_eq!(bench.fake.orders(&Bench::shop()).len(), 500);
}

#[test]
fn equal_seeds_make_equal_orders_with_ids_of_their_own() {
    let bench = Bench::new();
    let [one, two] = [7, 7].map(|seed| bench.fake.create_order(&Bench::shop(), seed, bench.now));
    assert_ne!(one, two);
    let [one, two] = [one, two].map(|id| fullinfo(&bench, &id));
    assert_eq!(one["payment"], two["payment"]);
    assert_eq!(one["orders"]["order"][0]["title"], two["orders"]["order"][0]["title"]);
}

#[test]
fn windows_and_pages_have_limits() {
    let bench = Bench::new();
    let wrong: [(&str, &str, &str); 8] = [
        ("end_modified", "2026-11-11 00:00:00", "end_modified"),
        ("end_modified", "2026-11-12 00:00:01", "end_modified"),
        ("start_modified", "2026-11-11", "start_modified"),
        ("page_no", "0", "page_no"),
        ("page_size", "0", "page_size"),
        ("page_size", "101", "page_size"),
        ("use_has_next", "yes", "use_has_next"),
        ("status", "SHIPPED", "status"),
    ];
    for (name, value, argument) in wrong {
        let expected = (41, format!("isv.invalid-parameter:{argument}"));
        let arguments = [&WINDOW[..], &[(name, value)]].concat();
        assert_eq!(bench.refusal(INCREMENT, &arguments), expected, "{name}={value}");
    }
    let (ids, list) = listed(&bench, &[]);
    assert!(ids.is_empty());
    assert_eq!(list["total_results"], 0);
    assert!(list.get("trades").is_none(), "an empty page has no list");
    let (_, list) = listed(&bench, &[("use_has_next", "true")]);
    assert_eq!(list["has_next"], false);
    assert!(list.get("total_results").is_none());
}

#[test]
fn pages_are_newest_first_and_an_arrival_pushes_others_to_later_pages() {
    let mut bench = Bench::new();
    let mut made = Vec::new();
    for seed in 0..5 {
        made.push(bench.fake.create_order(&Bench::shop(), seed, bench.now).to_string());
        bench.later(1);
    }
    made.reverse();
    let page = |bench: &Bench, number: &str| {
        listed(bench, &[("page_size", "2"), ("page_no", number), ("use_has_next", "true")])
    };
    let (first, list) = page(&bench, "1");
    assert_eq!(first, made[..2]);
    assert_eq!(list["has_next"], true);

    let oldest = OrderId::try_new(&made[4]).unwrap();
    bench.fake.edit_order(&Bench::shop(), &oldest, bench.now);
    let (second, _) = page(&bench, "2");
    assert_eq!(second, made[1..3], "one was seen already, and the edited one is missed");
    let (third, list) = page(&bench, "3");
    assert_eq!(third, made[3..4]);
    assert_eq!(list["has_next"], false);
    let (first, _) = page(&bench, "1");
    assert_eq!(first, [made[4].clone(), made[0].clone()]);
    let (_, list) = listed(&bench, &[("page_size", "1")]);
    assert_eq!(list["total_results"], 5);
    let (all, list) = listed(&bench, &[("page_size", "5"), ("use_has_next", "true")]);
    assert_eq!(all.len(), 5);
    assert_eq!(list["has_next"], false);
    assert_eq!(bench.fake.orders(&Bench::shop())[&oldest].to_china(), bench.now.to_china());
}

#[test]
fn thousands_of_orders_are_each_on_one_page() {
    let mut bench = Bench::new();
    let mut made = BTreeSet::new();
    for seed in 0..3000 {
        made.insert(bench.fake.create_order(&Bench::shop(), seed, bench.now).to_string());
        if seed % 100 == 0 {
            bench.later(1);
        }
    }
    let mut found = BTreeSet::new();
    for number in (1..=30).rev() {
        let number = number.to_string();
        let (ids, _) = listed(&bench, &[("page_size", "100"), ("page_no", &number)]);
        assert_eq!(ids.len(), 100);
        found.extend(ids);
    }
    assert_eq!(found, made);
    let sold = bench.call("taobao.trades.sold.get", &[("fields", "tid")]);
    assert_eq!(sold["trades_sold_get_response"]["total_results"], 3000);
}

#[test]
fn lists_give_the_fields_asked_for_and_the_oaid_only_for_its_price() {
    let bench = Bench::new();
    let id = order(&bench, |trade| trade.message.is_some() && !trade.is_virtual());
    let price = "created,receiver_name,receiver_mobile,receiver_phone,receiver_address";
    let read = |fields: &str, method: &str, extra: &[(&str, &str)]| {
        let arguments = [&WINDOW[1..], &[("fields", fields), ("tid", id.as_str())], extra].concat();
        bench.call(method, &arguments)
    };
    let listed = |fields: &str| {
        let mut answer = read(fields, INCREMENT, &[]);
        answer["trades_sold_increment_get_response"]["trades"]["trade"][0].take()
    };
    let names = |trade: &Value| trade.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&listed("tid,nosuch,buyer_message,promotion_details")), ["tid"]);
    assert_eq!(names(&listed("orders.num")["orders"]["order"][0]), ["num"]);
    assert!(listed(price)["oaid"].is_string());
    assert!(listed("oaid,created,receiver_name").get("oaid").is_none());

    let whole = |fields: &str, extra: &[(&str, &str)]| {
        let mut answer = read(fields, "taobao.trade.fullinfo.get", extra);
        answer["trade_fullinfo_get_response"]["trade"].take()
    };
    assert!(whole("buyer_message", &[])["buyer_message"].is_string());
    assert!(whole(price, &[]).get("oaid").is_none());
    let trade = whole(price, &[("include_oaid", "true")]);
    assert!(trade["oaid"].is_string());
    assert!(trade["receiver_name"].as_str().unwrap().contains("**"));
    assert!(trade["receiver_mobile"].as_str().unwrap().ends_with("****"));
}

#[test]
fn lists_filter_by_status_and_type() {
    let bench = Bench::new();
    let step = order(&bench, |trade| trade.status == "WAIT_BUYER_PAY");
    let fixed = open_order(&bench, 1);
    let only = |extra: &[(&str, &str)]| listed(&bench, extra).0;
    assert_eq!(only(&[("status", "WAIT_BUYER_PAY")]), [step.to_string()]);
    assert_eq!(only(&[("status", "ALL_WAIT_PAY")]), [step.to_string()]);
    assert_eq!(only(&[("type", "guarantee_trade,cod")]), [fixed.to_string()]);
    assert_eq!(only(&[("type", "step")]), [step.to_string()]);
}

#[test]
fn edits_pay_the_rest_finish_a_shipped_trade_and_change_the_memo() {
    let mut bench = Bench::new();
    let step = order(&bench, |trade| trade.status == "WAIT_BUYER_PAY");
    let edit = |bench: &mut Bench, id: &OrderId| {
        bench.later(1);
        bench.fake.edit_order(&Bench::shop(), id, bench.now);
        let trade = fullinfo(bench, id);
        assert_eq!(trade["modified"], bench.now.to_china());
        trade
    };
    let trade = edit(&mut bench, &step);
    assert_eq!(trade["status"], "WAIT_SELLER_SEND_GOODS");
    assert_eq!(trade["pay_time"], bench.now.to_china());
    assert!(edit(&mut bench, &step)["seller_memo"].is_string());
    assert_eq!(edit(&mut bench, &step)["seller_flag"], 1);
    assert_eq!(edit(&mut bench, &step)["lm"], "1");
    assert_eq!(send(&bench, &step, &[]), DONE);
    let trade = edit(&mut bench, &step);
    assert_eq!(trade["status"], "TRADE_FINISHED");
    assert_eq!(trade["end_time"], bench.now.to_china());
}

#[test]
fn a_refund_marks_its_line_and_changes_the_trade() {
    let mut bench = Bench::new();
    let id = open_order(&bench, 2);
    bench.later(5);
    let refund = bench.fake.create_refund(&Bench::shop(), &id, bench.now);
    let trade = fullinfo(&bench, &id);
    let line = &trade["orders"]["order"][0];
    assert_eq!(line["refund_status"], "WAIT_SELLER_AGREE");
    assert_eq!(line["refund_id"], refund.as_str());
    assert_eq!(trade["orders"]["order"][1]["refund_status"], "NO_REFUND");
    assert_eq!(trade["modified"], bench.now.to_china());

    let fields =
        "refund_id,tid,oid,status,modified,refund_fee,refund_version,refund_remind_timeout";
    let window = [("fields", fields), ("start_modified", "2026-11-11 00:00:00")];
    let answer = bench.call("taobao.refunds.receive.get", &window);
    let listed = answer["refunds_receive_get_response"]["refunds"]["refund"][0].clone();
    assert_eq!(listed["refund_id"], refund.as_str());
    assert_eq!(listed["oid"], line["oid"]);
    assert_eq!(listed["refund_fee"], line["divide_order_fee"]);
    let one = [("fields", fields), ("refund_id", refund.as_str())];
    let answer = bench.call("taobao.refund.get", &one);
    assert_eq!(answer["refund_get_response"]["refund"], listed);
    let nobody = [("fields", fields), ("refund_id", "1"), ("session", "s")];
    assert_eq!(bench.refusal("taobao.refund.get", &nobody).0, 15);

    let second = bench.fake.create_refund(&Bench::shop(), &id, bench.now);
    bench.later(5);
    let third = bench.fake.create_refund(&Bench::shop(), &id, bench.now);
    assert_ne!(second, refund);
    assert_eq!(third, refund, "no line is left: the seller agrees to the first");
    let refunds = bench.fake.refunds(&Bench::shop());
    assert_eq!(refunds.len(), 2);
    assert_eq!(refunds[&refund].to_china(), bench.now.to_china());
}

#[test]
fn a_shop_does_not_see_the_trades_of_another() {
    let bench = Bench::new();
    let id = open_order(&bench, 1);
    let other = [("fields", "tid"), ("tid", id.as_str()), ("session", "s")];
    assert_eq!(bench.refusal("taobao.trade.fullinfo.get", &other).1, "isv.trade-not-exist");
    assert_eq!(send(&bench, &id, &[("session", "s")]), offline("B01"));
    assert_eq!(listed(&bench, &[("session", "s")]).1["total_results"], 0);
}
