//! The fake against recorded exchanges with a real shop: what it answers, and in which words.

use super::super::sign_tests::recorded;
use super::super::tests::TOKEN;
use super::build;
use crate::contract::model::{ShopId, Timestamp};
use crate::testkit::{Fake, FakeShop};
use bytes::Bytes;
use http::{Request, StatusCode};
use serde_json::Value;
use std::sync::Arc;

/// The certificate that the recorded calls bear.
const CERTIFICATE: &str = "1031110000";

fn server() -> Arc<dyn Fake> {
    build(vec![FakeShop {
        shop: ShopId::try_new("shop-1").unwrap(),
        app_key: CERTIFICATE.to_owned(),
        secret: TOKEN.to_owned(),
        token: String::new(),
    }])
}

fn now() -> Timestamp {
    Timestamp::from_unix_ms(1_794_326_430_000)
}

fn ask(fake: &dyn Fake, path: &str, body: &str) -> (StatusCode, String) {
    let request = Request::post(path).body(Bytes::copy_from_slice(body.as_bytes())).unwrap();
    let response = fake.handle(&request, now());
    (response.status(), String::from_utf8(response.body().to_vec()).unwrap())
}

/// Asks what was asked of the real shop.
fn again(fake: &dyn Fake, name: &str) -> Value {
    let (status, body) = ask(fake, "/index.php/api", &recorded(name).0);
    assert_eq!(status, StatusCode::OK);
    serde_json::from_str(&body).unwrap()
}

#[test]
fn recorded_refusals_are_answered_to_the_letter() {
    for name in [
        "ecstore-badsign",
        "ecstore-short-method",
        "ecstore-unknown-method",
        "ecstore-order-detail-notid",
        "ecstore-order-search-empty",
        "ecstore-order-search-err-nostart",
        "ecstore-order-search-err-pagesize",
        "ecstore-delivery-create-noid",
        "ecstore-delivery-create-noitems",
        "ecstore-delivery-create-badbn",
        "ecstore-stock-update",
        "ecstore-stock-update-empty",
        "ecstore-stock-update-partial",
    ] {
        let fake = server();
        let (_, body) = ask(&*fake, "/index.php/api", &recorded(name).0);
        assert_eq!(body, recorded(name).1, "{name}");
    }
}

#[test]
fn a_task_is_done_once_and_remembered_even_where_it_failed() {
    let fake = server();
    let name = "ecstore-delivery-create-noitems";
    assert_eq!(again(&*fake, name)["rsp"], "fail");
    let (_, body) = ask(&*fake, "/index.php/api", &recorded(name).0);
    assert_eq!(body, recorded("ecstore-delivery-create-same-task").1);
}

#[test]
fn trades_have_the_fields_of_a_recorded_one() {
    let fake = server();
    let shop = ShopId::try_new("shop-1").unwrap();
    fake.create_order(&shop, 1, now());
    let delivery = &fake.take_deliveries(now())[0];
    assert_eq!(delivery.path, "/v1/shopex/shop-1");
    let names = |body: &[u8]| {
        form_urlencoded::parse(body).map(|(name, _)| name.into_owned()).collect::<Vec<_>>()
    };
    let real = names(recorded("ecstore-push-01-store.trade.add").0.as_bytes());
    let ours = names(&delivery.body);
    let strange: Vec<_> = ours.iter().filter(|name| !real.contains(name)).collect();
    assert!(strange.is_empty(), "a real shop has no {strange:?}");
    let order: Vec<_> = real.iter().filter(|name| ours.contains(name)).cloned().collect();
    assert_eq!(ours, order, "in the order of a real shop");
    for name in ["tid", "lastmodify", "orders", "payment_lists", "from_node_id", "task", "sign"] {
        assert!(ours.iter().any(|known| known == name), "{name}");
    }
}

#[test]
fn nothing_is_answered_without_a_signature_or_at_another_address() {
    let fake = server();
    let (_, body) = ask(&*fake, "/index.php/api", "method=b2c.order.detail&tid=1");
    assert!(body.contains("4003"), "{body}");
    let (_, body) = ask(&*fake, "/sync", "method=store.trade.fullinfo.get&tid=1");
    assert!(body.contains("4003"), "{body}");
    let (_, body) = ask(&*fake, "/api.php", "act=search_order_list&return_data=json");
    assert!(body.contains("0x001"), "{body}");
    assert_eq!(ask(&*fake, "/elsewhere", "").0, StatusCode::NOT_FOUND);
    // The right signature in small letters is a wrong one here.
    let (request, _) = recorded("ecstore-order-search-empty");
    let (head, sign) = request.rsplit_once("&sign=").unwrap();
    let small = format!("{head}&sign={}", sign.to_lowercase());
    assert!(ask(&*fake, "/index.php/api", &small).1.contains("4003"));
    assert!(fake.calls().is_empty(), "what is not signed counts as no call");
}

#[test]
fn faults_are_committed_when_told() {
    use crate::testkit::Faults;
    let fake = server();
    let (request, answer) = recorded("ecstore-order-search-empty");
    let asked = || ask(&*fake, "/index.php/api", &request);
    fake.set_faults(Faults { expired_tokens: true, ..Faults::default() });
    assert!(asked().1.contains("4003"));
    fake.set_faults(Faults { throttle_every: 1, ..Faults::default() });
    assert_eq!(asked().0, StatusCode::TOO_MANY_REQUESTS);
    fake.set_faults(Faults { lost_answer_every: 1, ..Faults::default() });
    assert_eq!(asked().0, StatusCode::GATEWAY_TIMEOUT);
    fake.set_faults(Faults::default());
    // The lost call was worked on, so its task is used.
    assert_ne!(asked().1, answer);
    assert_eq!(asked().1, recorded("ecstore-delivery-create-same-task").1);
}

#[test]
fn a_485_shop_answers_success_to_a_list_that_it_cannot_read() {
    let fake = server();
    let call = |fields: &[(&str, &str)]| {
        let mut sorted: Vec<_> = fields.to_vec();
        sorted.sort_unstable();
        let values: String = sorted.iter().map(|(_, value)| *value).collect();
        let ac = hex::encode(crate::contract::sign::md5(&[values.as_bytes(), TOKEN.as_bytes()]));
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(fields).append_pair("ac", &ac);
        ask(&*fake, "/api.php", &body.finish()).1
    };
    let set = |list: &str| {
        call(&[("act", "set_ome_products_store"), ("return_data", "json"), ("store_str", list)])
    };
    assert!(set("").contains("success"));
    assert!(set("[{\"bn\":").contains("success"));
    assert!(set("[{\"bn\":\"NOPE\",\"store\":1}]").contains("error_response"));
    // Both pairs at once: 2 and 3 combined bit by bit are 1.
    let shop = ShopId::try_new("shop-1").unwrap();
    for seed in 0..3 {
        fake.create_order(&shop, seed, now());
    }
    let list = call(&[
        ("act", "search_order_list"),
        ("return_data", "json"),
        ("columns", "order_id"),
        ("page_no", "1"),
        ("page_size", "3"),
        ("counts", "2"),
    ]);
    let list: Value = serde_json::from_str(&list).unwrap();
    assert_eq!(list["info"]["data_info"].as_array().unwrap().len(), 1);
    assert_eq!(list["info"]["counts"], "3");
}
