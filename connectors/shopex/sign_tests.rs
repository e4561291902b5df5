//! Signatures, against vectors made with the family's own functions and against recorded calls of a real shop.

use super::tests::{NODE, TOKEN, shop};
use super::{ENTRY, form, sign};
use crate::contract::model::Timestamp;
use crate::contract::{
    ApiRequest, Connector, Credentials, Explanation, Secret, ShopSetup, SignedRequest,
};
use crate::testkit::conformance::Subject;
use serde_json::{Value, json};
use std::sync::Arc;

/// Calls of which the sample itself has a wrong signature.
const BADLY_SIGNED: [&str; 2] = ["ecstore-async-callback-badsign", "ecstore-badsign"];

pub(super) fn connector(settings: Value) -> Arc<dyn Connector> {
    (ENTRY.build)(ShopSetup { shop: shop().shop, settings }).unwrap()
}

/// The bodies of a recorded exchange: what was asked and what was answered.
pub(super) fn recorded(name: &str) -> (String, String) {
    let path = format!("{}/shopex/fixtures/{name}.http.txt", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap().replace("\r\n", "\n");
    let (request, response) = text.split_once("### RESPONSE").unwrap();
    let body = |part: &str| part.split_once("\n\n").map(|(_, body)| body.trim().to_owned());
    // A stub's answer has no head.
    let answer = body(response).unwrap_or_else(|| {
        response.split_once('\n').map(|(_, body)| body.trim().to_owned()).unwrap()
    });
    (body(request).unwrap(), answer)
}

/// Names of all recorded exchanges.
pub(super) fn recordings() -> Vec<String> {
    let folder = format!("{}/shopex/fixtures", env!("CARGO_MANIFEST_DIR"));
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = names
        .filter_map(|name| name.to_str()?.strip_suffix(".http.txt").map(str::to_owned))
        .collect();
    names.sort();
    names
}

fn explain(secret: &str, params: &[(String, String)], body: &[u8]) -> Explanation {
    connector(json!({})).auth().explain(&Secret::new(secret), params, body).unwrap()
}

/// Parameters of a vector as they go over the wire: null is not sent, true and false are 1 and 0, a list is numbered.
fn wire(params: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| match (value.as_bool(), value.as_str()) {
        (Some(on), _) => u8::from(on).to_string(),
        (_, Some(text)) => text.to_owned(),
        _ => value.to_string(),
    };
    let mut pairs = Vec::new();
    for (name, value) in params.as_object().unwrap() {
        if let Some(items) = value.as_array() {
            let items = items.iter().enumerate();
            pairs.extend(items.map(|(at, item)| (format!("{name}[{at}]"), text(item))));
        } else if !value.is_null() {
            pairs.push((name.clone(), text(value)));
        }
    }
    pairs
}

#[test]
fn every_vector_of_the_matrix_is_met() {
    let vectors: Vec<Value> =
        serde_json::from_str(include_str!("fixtures/matrix-vectors.json")).unwrap();
    assert_eq!(vectors.len(), 4);
    for vector in vectors {
        let text = |name: &str| vector[name].as_str().unwrap();
        let params = wire(&vector["params"]);
        let explained = explain(text("token"), &params, b"");
        assert_eq!(explained.signature, text("sign"), "{}", vector["id"]);
        assert_eq!(explained.string_to_sign, text("assembled"), "{}", vector["id"]);
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(&params).append_pair("sign", "anything");
        let explained = explain(text("token"), &[], form.finish().as_bytes());
        assert_eq!(explained.signature, text("sign"), "{} as a form", vector["id"]);
    }
}

#[test]
fn a_list_without_numbers_counts_as_php_counts() {
    let named = form::split(b"l[0]=a&l[1]=b&method=x");
    let unnamed = form::split(b"l[]=a&l[]=b&method=x");
    assert_eq!(sign::assemble(&unnamed).concat(), b"l0a1bmethodx");
    assert_eq!(sign::matrix(b"t", &named), sign::matrix(b"t", &unnamed));
    let deep = form::split(b"a[b][c]=1&a[b][d]=2&a[e]=3");
    assert_eq!(sign::assemble(&deep).concat(), b"abc1d2e3");
}

#[test]
fn every_vector_of_485_is_met() {
    let vectors: Vec<Value> =
        serde_json::from_str(include_str!("fixtures/ac-vectors.json")).unwrap();
    assert_eq!(vectors.len(), 3);
    let mut met = 0;
    for vector in vectors {
        let text = |name: &str| vector[name].as_str().unwrap();
        let explained = explain(text("token"), &wire(&vector["params"]), b"");
        // What the later ECShop computes; they differ from 2.7.3 on only where a value holds a quotation mark.
        assert_eq!(explained.signature, text("ac_36"), "{}", vector["id"]);
        assert!(!explained.string_to_sign.contains(text("token")));
        met += 1;
    }
    assert_eq!(met, 3);
}

#[test]
fn every_vector_of_prism_is_met() {
    let vectors: Vec<Value> =
        serde_json::from_str(include_str!("fixtures/prism-vectors.json")).unwrap();
    assert_eq!(vectors.len(), 2);
    for vector in vectors {
        let text = |name: &str| vector[name].as_str().unwrap();
        let mut params = wire(&vector["query"]);
        params.push(("http_method".to_owned(), text("method").to_owned()));
        params.push(("path".to_owned(), text("path").to_owned()));
        let headers = vector["headers"].as_object().unwrap().iter();
        params.extend(
            headers.map(|(name, value)| {
                (format!("header:{name}"), value.as_str().unwrap().to_owned())
            }),
        );
        let post = if vector["post"].is_object() { wire(&vector["post"]) } else { Vec::new() };
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(&post);
        let explained = explain(text("secret"), &params, form.finish().as_bytes());
        assert_eq!(explained.signature, text("sign"), "{}", vector["id"]);
        let shown = text("string_to_sign").replace(text("secret"), "<secret>");
        assert_eq!(explained.string_to_sign, shown, "{}", vector["id"]);
    }
    let error = connector(json!({}))
        .auth()
        .explain(&Secret::new("s"), &[("client_id".to_owned(), "1".to_owned())], b"")
        .unwrap_err();
    assert_eq!(error.path(), Some("http_method"));
}

#[test]
fn prism_signs_the_headers_that_are_its_own_and_no_others() {
    let sign = |headers: Vec<(&str, &str)>| {
        let call =
            sign::PrismCall { method: "GET", path: "/api/a b/中", headers, ..Default::default() };
        (call.text(), call.sign(b"secret"))
    };
    let (text, bare) = sign(vec![("Pragma", "no-cache")]);
    assert_eq!(text, "GET&%2Fapi%2Fa%20b%2F%E4%B8%AD&&&");
    let (text, own) = sign(vec![("X-Api-B", "2"), ("Authorization", "1"), ("Pragma", "no-cache")]);
    assert!(text.contains("&Authorization%3D1%26X-Api-B%3D2&"), "{text}");
    assert_ne!(bare, own);
}

#[test]
fn recorded_calls_of_a_real_shop_are_signed_as_we_sign() {
    let mut met = 0;
    for name in recordings() {
        let (request, _) = recorded(&name);
        let received = form::split(request.as_bytes());
        let signature = form::text(&received, "sign").unwrap().unwrap();
        let explained = explain(TOKEN, &[], request.as_bytes());
        let is_right = !BADLY_SIGNED.contains(&name.as_str());
        assert_eq!(explained.signature == signature, is_right, "{name}");
        met += usize::from(is_right);
    }
    assert_eq!(met, 24);
}

fn sent(settings: Value, request: &ApiRequest, unix_ms: i64) -> SignedRequest {
    let credentials =
        Credentials { app_key: NODE.to_owned(), app_secret: Secret::new(TOKEN), token: None };
    let now = Timestamp::from_unix_ms(unix_ms);
    connector(settings).auth().sign(&credentials, now, request).unwrap()
}

#[test]
fn two_reads_are_never_taken_for_one() {
    let task = |tid: &str, unix_ms| {
        let request = ApiRequest::post("b2c.order.detail").param("tid", tid);
        let body = sent(json!({}), &request, unix_ms).body;
        form::text(&form::split(&body), "task").unwrap().unwrap().to_owned()
    };
    let first = task("1", 1_794_326_430_000);
    assert_eq!(first.len(), 32);
    assert_ne!(first, task("2", 1_794_326_430_000), "another order at the same moment");
    assert_ne!(first, task("1", 1_794_326_430_001), "the same order at another moment");
    let request = ApiRequest::post("b2c.delivery.create").param("task", "mine");
    let body = sent(json!({}), &request, 0).body;
    assert_eq!(form::text(&form::split(&body), "task").unwrap(), Some("mine"));
}

#[test]
fn every_generation_sends_its_own_system_parameters() {
    let request = ApiRequest::post("store.trades.sold.get");
    let settings = json!({ "generation": "matrix", "node_id": "77", "own_node_id": "88" });
    let body = sent(settings, &request, 1_794_326_430_000).body;
    let pairs = form::split(&body);
    for (name, value) in [
        ("app_id", "ecos.ome"),
        ("method", "store.trades.sold.get"),
        ("to_node_id", "77"),
        ("from_node_id", "88"),
        ("certi_id", NODE),
        ("date", "2026-11-11 00:00:30"),
    ] {
        assert_eq!(form::text(&pairs, name).unwrap(), Some(value), "{name}");
    }
    let body = sent(json!({ "generation": "485" }), &ApiRequest::post("search_order_list"), 0).body;
    let pairs = form::split(&body);
    let ac = form::text(&pairs, "ac").unwrap().unwrap();
    assert_eq!(ac, ac.to_lowercase(), "the shop compares letters");
    assert_eq!(form::text(&pairs, "return_data").unwrap(), Some("json"));
    assert_eq!(form::get(&pairs, "sign"), None);
}

#[test]
fn the_subject_of_the_suite_signs_as_the_shop_does() {
    let subject = Subject::new(&ENTRY, shop());
    let (push, _) = recorded("ecstore-push-01-store.trade.add");
    let unsigned = push.rsplit_once("&sign=").unwrap().0;
    let now = Timestamp::from_unix_ms(0);
    let signed = super::tests::signed(&subject.shop, now, unsigned.as_bytes());
    assert_eq!(signed.body, push.as_bytes());
}
