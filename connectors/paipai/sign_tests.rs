//! Signatures, against vectors made with the channel's own clients.

use super::ENTRY;
use super::tests::{SECRET, TOKEN, UIN, shop};
use crate::contract::model::{ShopId, Timestamp};
use crate::contract::{
    ApiRequest, Connector, Credentials, ErrorKind, RawWebhook, Secret, ShopSetup, Token,
};
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Method, Uri};
use serde_json::{Value, json};
use std::sync::Arc;

fn connector(settings: Value) -> Arc<dyn Connector> {
    (ENTRY.build)(ShopSetup { shop: shop().shop, settings }).unwrap()
}

/// A vector's parameters, with the method and the path among them.
fn params(vector: &Value) -> Vec<(String, String)> {
    let own = |(name, value): (&String, &Value)| (name.clone(), value.as_str().unwrap().to_owned());
    let mut params: Vec<_> = vector["params"].as_object().unwrap().iter().map(own).collect();
    let text = |name: &str| vector[name].as_str().unwrap().to_owned();
    params.insert(0, ("path".to_owned(), text("path")));
    params.insert(0, ("http_method".to_owned(), text("method")));
    params
}

fn vectors() -> Vec<Value> {
    serde_json::from_str(include_str!("fixtures/sign-vectors.json")).unwrap()
}

#[test]
fn every_vector_is_met() {
    let vectors = vectors();
    assert_eq!(vectors.len(), 4);
    for vector in vectors {
        let text = |name: &str| vector[name].as_str().unwrap();
        let secret = Secret::new(text("key").strip_suffix('&').unwrap());
        let shown = connector(json!({})).auth().explain(&secret, &params(&vector), b"").unwrap();
        assert_eq!(shown.string_to_sign, text("string_to_sign"), "{}", vector["id"]);
        assert_eq!(shown.signature, text("sign"), "{}", vector["id"]);
        assert!(!shown.string_to_sign.contains(SECRET));
        let error = connector(json!({})).auth().explain(&secret, &[], b"").unwrap_err();
        assert_eq!(error.path(), Some("http_method"));
    }
}

#[test]
fn a_request_as_it_goes_over_the_wire_is_taken_apart_for_its_signature() {
    let files = [
        include_str!("fixtures/request-V1.http.txt"),
        include_str!("fixtures/request-V2.http.txt"),
        include_str!("fixtures/request-V3.http.txt"),
        include_str!("fixtures/request-V5.http.txt"),
    ];
    for (file, vector) in files.into_iter().zip(vectors()) {
        let (head, body) = file.split_once("\n\n").or_else(|| file.split_once("\r\n\r\n")).unwrap();
        let (method, rest) = head.split_once(' ').unwrap();
        let uri: Uri = rest.split_once(' ').unwrap().0.parse().unwrap();
        let mut headers = HeaderMap::new();
        if method == "POST" {
            let form = HeaderValue::from_static("application/x-www-form-urlencoded;charset=gbk");
            headers.insert(CONTENT_TYPE, form);
        }
        let raw = RawWebhook {
            shop: ShopId::try_new(UIN).unwrap(),
            method: Method::from_bytes(method.as_bytes()).unwrap(),
            query: uri.query().unwrap_or_default().to_owned(),
            headers,
            body: body.trim().to_owned().into(),
        };
        let connector = connector(json!({}));
        let parts = connector.auth().signed_parts(uri.path(), &raw);
        let shown =
            connector.auth().explain(&Secret::new(SECRET), &parts.params, &parts.body).unwrap();
        assert_eq!(parts.received.as_deref(), vector["sign"].as_str());
        assert_eq!(Some(shown.signature.as_str()), vector["sign"].as_str());
    }
}

#[test]
fn a_name_that_comes_twice_stands_once_with_its_values_sorted() {
    let own = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        let call = [("http_method", "get"), ("path", "/deal/a.xhtml")];
        let all = call.iter().chain(pairs);
        all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let connector = connector(json!({}));
    let text = |pairs: &[(&str, &str)]| {
        let shown = connector.auth().explain(&Secret::new("s"), &own(pairs), b"").unwrap();
        shown.string_to_sign
    };
    assert_eq!(text(&[("b", "2"), ("a", "y"), ("a", "x")]), "GET&%2Fdeal%2Fa.xhtml&a%3Dxy%26b%3D2");
    assert_eq!(text(&[("a", ""), ("b", "~*")]), "GET&%2Fdeal%2Fa.xhtml&a%3D%26b%3D%7E%2A");
    assert_eq!(text(&[("n", "圆")]), "GET&%2Fdeal%2Fa.xhtml&n%3D%D4%B2");
    let utf8 = [("charset", "UTF-8"), ("n", "圆")];
    assert!(text(&utf8).ends_with("n%3D%E5%9C%86"));
}

fn signed(settings: Value, value: &str) -> crate::contract::Result<String> {
    let credentials = Credentials {
        app_key: shop().app_key,
        app_secret: Secret::new(SECRET),
        token: Some(Token { access: Secret::new(TOKEN), refresh: None, expires_at: None }),
    };
    let mut request = ApiRequest::post("sellerConsignDealItem").param("logisticsName", value);
    request.path = "/deal/sellerConsignDealItem.xhtml".to_owned();
    let now = Timestamp::from_unix_ms(1_406_822_400_000);
    let signed = connector(settings).auth().sign(&credentials, now, &request)?;
    assert_eq!(signed.path_and_query, request.path);
    Ok(String::from_utf8(signed.body.to_vec()).unwrap())
}

#[test]
fn a_call_carries_the_system_parameters_of_its_form_and_charset() {
    let body = signed(json!({}), "圆通").unwrap();
    for part in [
        "uin=855000017&",
        "appOAuthID=700028402&",
        "timeStamp=1406822400000&",
        "charset=utf-8&",
        "format=json&",
        "pureData=1&",
        "needRoot=1&",
        "logisticsName=%E5%9C%86%E9%80%9A&",
    ] {
        assert!(body.contains(part), "{part} is not in {body}");
    }
    let body = signed(json!({ "charset": "gbk", "format": "xml", "uin": "1" }), "圆通").unwrap();
    assert!(
        body.starts_with("uin=1&") && body.contains("format=xml&") && !body.contains("pureData")
    );
    assert!(body.contains("logisticsName=%D4%B2%CD%A8&"), "{body}");
    let error = signed(json!({ "charset": "gbk" }), "😀").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected);
}
