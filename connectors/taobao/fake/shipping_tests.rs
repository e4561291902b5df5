//! What a seller may do at the fake: ship, correct a shipment, set stock.

use super::shop_tests::{fullinfo, open_order, order};
use super::tests::Bench;
use super::trades::Trade;
use crate::contract::model::OrderId;
use crate::testkit::Fake;
use serde_json::{Value, json};

const SEND: &str = "taobao.logistics.offline.send";

pub(super) fn send(bench: &Bench, order: &OrderId, extra: &[(&str, &str)]) -> (u64, String) {
    let base = [("tid", order.as_str()), ("company_code", "SF"), ("out_sid", "SF1234567890123")];
    bench.refusal(SEND, &[&base[..], extra].concat())
}

pub(super) fn offline(code: &str) -> (u64, String) {
    (15, format!("isv.logistics-offline-service-error:{code}"))
}

pub(super) const DONE: (u64, String) = (0, String::new());

#[test]
fn a_trade_ships_once() {
    let mut bench = Bench::new();
    let id = open_order(&bench, 2);
    bench.later(60);
    assert_eq!(send(&bench, &id, &[]), DONE);
    let trade = fullinfo(&bench, &id);
    assert_eq!(trade["status"], "WAIT_BUYER_CONFIRM_GOODS");
    assert_eq!(trade["consign_time"], bench.now.to_china());
    assert_eq!(trade["modified"], bench.now.to_china());
    for line in trade["orders"]["order"].as_array().unwrap() {
        assert_eq!(line["status"], "WAIT_BUYER_CONFIRM_GOODS");
        assert_eq!(line["logistics_company"], "顺丰速运");
        assert_eq!(line["invoice_no"], "SF1234567890123");
    }
    assert_eq!(send(&bench, &id, &[]), offline("B04"));
    let shipped = vec![("SF".to_owned(), "SF1234567890123".to_owned())];
    assert_eq!(bench.fake.shipments(&Bench::shop())[&id], shipped);
}

#[test]
fn shipping_is_refused_for_the_reasons_of_the_channel() {
    let bench = Bench::new();
    let id = open_order(&bench, 2);
    let line = fullinfo(&bench, &id)["orders"]["order"][0]["oid"].to_string();
    let refusals: [(&[(&str, &str)], &str); 8] = [
        (&[("tid", "1")], "B01"),
        (&[("company_code", "NOSUCH")], "B56"),
        (&[("out_sid", "SF 1")], "B60"),
        (&[("company_code", "ZTO"), ("out_sid", "000000000000")], "B60"),
        (&[("is_split", "1")], "CD25"),
        (&[("sub_tid", &line)], "CD25"),
        (&[("sub_tid", "1"), ("is_split", "1")], "P25"),
        (&[("sub_tid", id.as_str()), ("is_split", "1")], "P25"),
    ];
    for (arguments, code) in refusals {
        assert_eq!(send(&bench, &id, arguments), offline(code), "{arguments:?}");
    }
    let single = open_order(&bench, 1);
    let split = [("sub_tid", single.as_str()), ("is_split", "1")];
    assert_eq!(send(&bench, &single, &split), offline("CD29"));
    let unpaid = order(&bench, |trade| trade.status == "WAIT_BUYER_PAY");
    assert_eq!(send(&bench, &unpaid, &[]), offline("B02"));
    assert_eq!(send(&bench, &id, &[]), DONE);
    assert_eq!(send(&bench, &single, &[]), offline("B60"), "the number is another buyer's");
    assert_eq!(bench.fake.shipments(&Bench::shop()).len(), 1);
}

#[test]
fn a_trade_ships_in_parcels() {
    let bench = Bench::new();
    let id = open_order(&bench, 3);
    let line = |index: usize| fullinfo(&bench, &id)["orders"]["order"][index]["oid"].to_string();
    let [one, rest] = [line(0), format!("{},{}", line(1), line(2))];
    let all = format!("{one},{rest}");
    let split = |oids: &str, number: &str| {
        send(&bench, &id, &[("sub_tid", oids), ("is_split", "1"), ("out_sid", number)])
    };
    assert_eq!(split(&all, "SF0000"), offline("CD29"));
    assert_eq!(split(&one, "SF0001"), DONE);
    let trade = fullinfo(&bench, &id);
    assert_eq!(trade["status"], "SELLER_CONSIGNED_PART");
    assert_eq!(trade["is_part_consign"], true);
    assert_eq!(trade["orders"]["order"][1]["status"], "WAIT_SELLER_SEND_GOODS");
    assert_eq!(split(&one, "SF0002"), offline("B04"));
    assert_eq!(split(&rest, "SF0002"), DONE);
    assert_eq!(fullinfo(&bench, &id)["status"], "WAIT_BUYER_CONFIRM_GOODS");

    let fields = [("fields", "tid,out_sid,company_name,status,sub_tids"), ("tid", id.as_str())];
    let answer = bench.call("taobao.logistics.orders.get", &fields);
    let shippings = &answer["logistics_orders_get_response"]["shippings"]["shipping"];
    assert_eq!(shippings[0]["out_sid"], "SF0001");
    assert_eq!(shippings[0]["sub_tids"]["number"][0].to_string(), one);
    assert_eq!(shippings[1]["out_sid"], "SF0002");
}

#[test]
fn a_paid_trade_has_a_logistics_record_without_a_number() {
    let bench = Bench::new();
    let id = open_order(&bench, 1);
    let fields = [("fields", "tid,out_sid,status"), ("tid", id.as_str())];
    let answer = bench.call("taobao.logistics.orders.get", &fields);
    let shipping = &answer["logistics_orders_get_response"]["shippings"]["shipping"][0];
    assert_eq!(shipping["status"], "CREATED");
    assert!(shipping.get("out_sid").is_none());
}

#[test]
fn a_wrong_number_is_corrected_by_resending() {
    let mut bench = Bench::new();
    let id = open_order(&bench, 1);
    let resend = |bench: &Bench, number: &str| {
        let arguments = [("tid", id.as_str()), ("company_code", "YTO"), ("out_sid", number)];
        bench.refusal("taobao.logistics.consign.resend", &arguments)
    };
    let refused = |code: &str| (15, format!("isv.logistics-update-company-or-mailno-error:{code}"));
    assert_eq!(resend(&bench, "YT1234567890"), refused("CD19"));
    assert_eq!(send(&bench, &id, &[]), DONE);
    assert_eq!(resend(&bench, "12"), refused("B60"));
    assert_eq!(resend(&bench, "YT1234567890"), DONE);
    let corrected = vec![("YTO".to_owned(), "YT1234567890".to_owned())];
    assert_eq!(bench.fake.shipments(&Bench::shop())[&id], corrected);
    assert_eq!(fullinfo(&bench, &id)["orders"]["order"][0]["logistics_company"], "圆通速递");
    bench.later(50 * 86_400 + 1);
    assert_eq!(resend(&bench, "YT1234567891"), refused("P10"));
}

#[test]
fn the_newer_calls_take_several_parcels_of_the_same_sub_orders() {
    let bench = Bench::new();
    let id = open_order(&bench, 2);
    let line = fullinfo(&bench, &id)["orders"]["order"][0]["oid"].to_string();
    let parcels = |numbers: &[&str]| {
        let parcel = |number: &&str| json!({ "company_code": "SF", "out_sid": number });
        Value::Array(numbers.iter().map(parcel).collect()).to_string()
    };
    let api = "alibaba.ascp.logistics.offline.send";
    let send =
        |extra: &[(&str, &str)]| bench.refusal(api, &[&[("tid", id.as_str())], extra].concat());
    let two = parcels(&["SF0001", "SF0002"]);
    assert_eq!(send(&[("consign_pkgs", &parcels(&[]))]).0, 40);
    assert_eq!(send(&[("consign_pkgs", "SF0001")]).0, 41);
    assert_eq!(send(&[("consign_pkgs", &two), ("consign_type", "1")]).0, 41, "only the older way");
    assert_eq!(send(&[("consign_pkgs", &two), ("sub_tid", &line)]), DONE);
    assert_eq!(send(&[("consign_pkgs", &two), ("sub_tid", &line)]), offline("B04"));
    assert_eq!(bench.fake.shipments(&Bench::shop())[&id].len(), 2);
    assert_eq!(fullinfo(&bench, &id)["status"], "SELLER_CONSIGNED_PART");

    let api = "alibaba.ascp.logistics.consign.resend";
    let one = parcels(&["SF0003"]);
    let correct = |lines: &str| {
        let arguments = [("tid", id.as_str()), ("sub_tids", lines), ("consign_pkgs", &one)];
        bench.refusal(api, &arguments)
    };
    assert!(correct("").1.ends_with(":CD19"), "a line of it is not shipped");
    assert_eq!(correct(&line), DONE);
    let corrected = vec![("SF".to_owned(), "SF0003".to_owned())];
    assert_eq!(bench.fake.shipments(&Bench::shop())[&id], corrected);
    let answer =
        bench.call(api, &[("tid", id.as_str()), ("sub_tids", &line), ("consign_pkgs", &one)]);
    let inside = &answer["alibaba_ascp_logistics_consign_resend_response"];
    assert_eq!(inside["result"]["success"], true);
}

#[test]
fn cash_on_delivery_and_virtual_goods_have_their_own_apis() {
    let bench = Bench::new();
    let cod = order(&bench, |trade| trade.kind == "cod");
    assert_eq!(send(&bench, &cod, &[]), offline("B98"));
    let online = [("tid", cod.as_str()), ("company_code", "SF")];
    assert_eq!(bench.refusal("taobao.logistics.online.send", &online), DONE);
    assert_eq!(fullinfo(&bench, &cod)["status"], "WAIT_SELLER_SEND_GOODS", "no number yet");
    let online = [&online[..], &[("out_sid", "SF0001")]].concat();
    assert_eq!(bench.refusal("taobao.logistics.online.send", &online), DONE);
    assert_eq!(fullinfo(&bench, &cod)["status"], "WAIT_BUYER_CONFIRM_GOODS");

    let card = order(&bench, Trade::is_virtual);
    assert_eq!(send(&bench, &card, &[("out_sid", "SF0002")]), offline("B98"));
    let tid = [("tid", card.as_str())];
    assert_eq!(bench.refusal("taobao.logistics.dummy.send", &tid), DONE);
    assert_eq!(fullinfo(&bench, &card)["status"], "WAIT_BUYER_CONFIRM_GOODS");
    let again = (15, "isv.logistics-dummy-service-error:B04".to_owned());
    assert_eq!(bench.refusal("taobao.logistics.dummy.send", &tid), again);
}

#[test]
fn stock_is_set_for_all_skus_of_a_call_or_for_none() {
    let bench = Bench::new();
    let stock = || bench.fake.stock(&Bench::shop());
    let before = stock();
    assert_eq!(before.len(), 3 + 1 + 2 + 4 + 2 + 1);
    let api = "taobao.skus.quantity.update";
    let update = |quantities: &str, kind: &str| {
        let arguments =
            [("num_iid", "600000000000"), ("skuid_quantities", quantities), ("type", kind)];
        bench.call(api, &arguments)
    };
    let answer = update("4000000000000:12;4000000000001:3", "1");
    let item = &answer["skus_quantity_update_response"]["item"];
    assert_eq!(item["skus"]["sku"][0]["sku_id"], 4_000_000_000_000_u64);
    assert_eq!(item["skus"]["sku"][0]["quantity"], 12);
    assert_eq!(item["num"], 115);
    assert_eq!(stock()["4000000000001"], 3);
    update("4000000000001:-5", "2");
    assert_eq!(stock()["4000000000001"], 0, "a change beyond the stock empties it");

    let settled = stock();
    let many = vec!["4000000000000:1"; 21].join(";");
    let code = |answer: &Value| answer["error_response"]["code"].as_u64();
    assert_eq!(code(&update(&many, "1")), Some(41));
    assert_eq!(code(&update("4000000000000:-1", "1")), Some(41));
    assert_eq!(code(&update("4000000000000:5;1:5", "1")), Some(530));
    let gone = (530, "isv.item-not-exist:invalid-numIid-or-iid".to_owned());
    let unknown = [("num_iid", "1"), ("skuid_quantities", "1:1")];
    assert_eq!(bench.refusal(api, &unknown), gone);
    let item = "taobao.item.quantity.update";
    let without_sku = [("num_iid", "600000000000"), ("quantity", "5")];
    assert_eq!(bench.refusal(item, &without_sku).0, 530);
    let minus = [("num_iid", "600000000001"), ("quantity", "-101"), ("type", "2")];
    assert_eq!(bench.refusal(item, &minus).0, 41);
    assert_eq!(stock(), settled);

    let by_code = [("num_iid", "600000000000"), ("quantity", "9"), ("outer_id", "ITEM-1-3")];
    assert_eq!(bench.refusal(item, &by_code), DONE);
    assert_eq!(stock()["4000000000002"], 9);
    let fields = [("fields", "num,sku.sku_id,sku.quantity"), ("num_iid", "600000000000")];
    let answer = bench.call("taobao.item.seller.get", &fields);
    let shown = &answer["item_seller_get_response"]["item"];
    assert_eq!(shown["num"], 21);
    assert_eq!(shown["skus"]["sku"][2], json!({ "sku_id": 4_000_000_000_002_u64, "quantity": 9 }));
    let fields = [("fields", "num,skus,skus.quantity"), ("num_iid", "600000000000")];
    let answer = bench.call("taobao.item.seller.get", &fields);
    assert_eq!(answer["item_seller_get_response"]["item"], json!({ "num": 21 }), "no such field");
}
