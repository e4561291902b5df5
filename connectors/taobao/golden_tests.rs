//! Kinds of trades of which no answer of the channel was seen: made from the documented fields, people invented.

use super::fenxiao;
use super::normalize_tests::{changed, expect, full, one_refund};
use crate::contract::model::{
    Distribution, Minor, Order, OrderStatus, OrderType, Payer, RefundStatus,
};
use serde_json::json;

const PRESALE: &str = include_str!("fixtures/trade-fullinfo-synthetic-presale.json");
const COD: &str = include_str!("fixtures/trade-fullinfo-synthetic-cod.json");
const GIFT: &str = include_str!("fixtures/trade-fullinfo-synthetic-gift.json");
const COMBINED: &str = include_str!("fixtures/trade-fullinfo-synthetic-combined.json");
const IN_TRANSIT: &str = include_str!("fixtures/trade-fullinfo-synthetic-refund-in-transit.json");
const DISTRIBUTED: &str = include_str!("fixtures/trade-fullinfo-synthetic-distributed.json");
const REFUND: &str = include_str!("fixtures/refund-get-synthetic-in-transit.json");
const PURCHASE: &str = include_str!("fenxiao/fixtures/orders-get-synthetic.json");

/// The order of an answer, whose sums hold and which is as its file expects.
#[track_caller]
fn golden(name: &str, body: &str) -> Order {
    let order = full(body.as_bytes()).unwrap();
    order.check().unwrap();
    expect(&format!("trade-fullinfo-synthetic-{name}"), &order);
    order
}

#[test]
fn a_presale_with_its_deposit_paid_owes_the_rest() {
    let order = golden("presale", PRESALE);
    assert_eq!((order.order_type, order.status), (OrderType::Presale, OrderStatus::PartlyPaid));
    assert_eq!((order.amounts.payable, order.amounts.paid), (Minor(29_800), Minor(5_000)));
    assert_eq!(order.extensions["step_paid_fee"], "50.00");
    let paid = changed(PRESALE, |trade| {
        trade["status"] = json!("WAIT_SELLER_SEND_GOODS");
        trade["step_trade_status"] = json!("FRONT_PAID_FINAL_PAID");
    });
    let paid = paid.unwrap();
    assert_eq!((paid.status, paid.amounts.paid), (OrderStatus::AwaitingShipment, Minor(29_800)));
}

#[test]
fn what_is_paid_at_the_door_is_not_paid_while_it_travels() {
    let order = golden("cod", COD);
    assert_eq!(order.order_type, OrderType::CashOnDelivery);
    assert_eq!((order.status, order.amounts.paid), (OrderStatus::Shipped, Minor(0)));
    assert_eq!(order.times.paid, None);
    let fees: Vec<_> = order.fees.iter().map(|fee| (fee.name.as_str(), fee.amount)).collect();
    assert_eq!(fees, [("seller_cod_fee", Minor(200))]);
    assert_eq!(order.shipments.len(), 1);
}

#[test]
fn a_gift_costs_nothing_and_is_shipped_and_the_channel_says_what_it_pays() {
    let order = golden("gift", GIFT);
    let gifts: Vec<_> = order.lines.iter().map(|line| (line.gift, line.payable)).collect();
    assert_eq!(gifts, [(false, Minor(18_800)), (true, Minor(0))]);
    assert_eq!(order.lines[1].status, Some(OrderStatus::AwaitingShipment));
    let payers: Vec<_> =
        order.promotions.iter().map(|one| (one.name.as_str(), one.payer)).collect();
    let subsidy = ("platform_subsidy_fee", Some(Payer::Channel));
    assert_eq!(payers, [("满就送", None), ("赠品", None), subsidy]);
    assert_eq!(order.promotions[1].line_id.as_deref(), Some("3067719225654822"));
    assert_eq!(order.promotions[2].discount, Minor(1_000));
    let nothing = changed(GIFT, |trade| trade["platform_subsidy_fee"] = json!("0.00")).unwrap();
    assert_eq!(nothing.promotions.len(), 2);
    let strange = changed(GIFT, |trade| trade["platform_subsidy_fee"] = json!(1_000)).unwrap();
    assert_eq!(strange.promotions.len(), 2);
    assert_eq!(strange.extensions["platform_subsidy_fee"], 1_000, "fen or yuan: nobody says");
}

#[test]
fn a_bundle_is_a_line_with_its_parts_beside_it() {
    let order = golden("combined", COMBINED);
    assert_eq!(order.status, OrderStatus::PartlyShipped);
    let parts = order.lines[0].extensions["combine_item_info"].as_array().unwrap();
    assert_eq!((parts.len(), &parts[1]["outer_sku_id"]), (2, &json!("COMBO-2-RED")));
    assert_eq!(order.shipments[0].line_ids, ["3067719225654831"]);
    assert_eq!(order.lines[1].status, Some(OrderStatus::AwaitingShipment));
}

#[test]
fn goods_on_their_way_back_are_told_by_the_order_and_by_the_refund() {
    let order = golden("refund-in-transit", IN_TRANSIT);
    let refund = one_refund(REFUND);
    expect("refund-get-synthetic-in-transit", &refund);
    let line = &order.lines[0];
    assert_eq!(line.refund_status, Some(RefundStatus::Returning));
    assert_eq!(line.refund_id.as_deref(), Some(refund.refund_id.as_str()));
    assert_eq!(refund.line_id.as_deref(), Some(line.line_id.as_str()));
    assert_eq!((&refund.order_id, refund.status), (&order.order_id, RefundStatus::Returning));
    assert_eq!(refund.return_number.as_deref(), Some("YT8800000000001"));
    assert_eq!(order.lines[1].refund_status, Some(RefundStatus::None));
    assert_eq!(order.amounts.refunded, Minor(0), "nothing went back yet");
}

#[test]
fn a_trade_with_a_purchase_order_and_the_purchase_order_name_each_other() {
    let trade = golden("distributed", DISTRIBUTED);
    assert_eq!(trade.distribution, Some(Distribution::default()), "who, the answer does not say");
    let purchase = fenxiao::read(PURCHASE.as_bytes()).unwrap();
    let behind = purchase.distribution.unwrap();
    assert_eq!(behind.consumer_order_id.as_deref(), Some(trade.order_id.as_str()));
    let named = changed(DISTRIBUTED, |trade| {
        trade["is_daixiao"] = json!(false);
        trade["fenxiao_id"] = json!(1_234_567_890_123_i64);
        trade["distributor_username"] = json!("测试分销商");
    });
    let distribution = named.unwrap().distribution.unwrap();
    assert_eq!(distribution.purchase_order_id.as_deref(), Some(purchase.order_id.as_str()));
    assert_eq!(distribution.distributor, behind.distributor);
    let of = |change: serde_json::Value| {
        let read = changed(DISTRIBUTED, |trade| {
            for (name, value) in change.as_object().unwrap() {
                trade[name] = value.clone();
            }
        });
        read.unwrap().distribution
    };
    assert_eq!(of(json!({ "is_daixiao": false })), None);
    assert_eq!(of(json!({ "is_daixiao": null, "fenxiao_id": 0 })), None);
    assert!(of(json!({ "is_daixiao": false, "type": "fenxiao" })).is_some());
}
