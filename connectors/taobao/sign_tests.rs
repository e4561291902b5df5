//! Signatures, against vectors computed with the channel's official clients.

use super::ENTRY;
use super::tests::{SECRET, TOKEN, shop};
use crate::contract::model::Timestamp;
use crate::contract::{
    ApiRequest, Connector, Credentials, Secret, ShopSetup, SignedRequest, Token, sign,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

const METHODS: [&str; 3] = ["md5", "hmac", "hmac-sha256"];

fn vectors() -> Vec<Value> {
    serde_json::from_str(include_str!("fixtures/sign-vectors.json")).unwrap()
}

fn connector(settings: Value) -> Arc<dyn Connector> {
    (ENTRY.build)(ShopSetup { shop: shop().shop, settings }).unwrap()
}

fn params(vector: &Value, method: &str, keep_empty: bool) -> Vec<(String, String)> {
    let given = vector["params_without_sign_method"].as_object().unwrap().iter();
    given
        .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
        .filter(|(_, value)| keep_empty || !value.is_empty())
        .chain([("sign_method".to_owned(), method.to_owned())])
        .collect()
}

#[test]
fn every_vector_of_the_official_clients_is_met() {
    let connector = connector(json!({}));
    let mut met = 0;
    for vector in vectors() {
        let secret = vector["secret"].as_str().unwrap();
        let body = vector["body"].as_str().unwrap_or_default();
        let kept =
            [(false, "signatures_java_official"), (true, "signatures_if_empty_params_are_kept")];
        for (keep_empty, field) in kept {
            for method in METHODS {
                let Some(expected) = vector[field][method].as_str() else { continue };
                let params = params(&vector, method, keep_empty);
                let explained = connector
                    .auth()
                    .explain(&Secret::new(secret), &params, body.as_bytes())
                    .unwrap();
                assert_eq!(explained.signature, expected, "{} {method} {field}", vector["id"]);
                assert!(!explained.string_to_sign.contains(secret));
                met += 1;
                let text = format!("string_to_sign_{method}");
                if let (Some(text), false) = (vector[&text].as_str(), keep_empty) {
                    assert_eq!(explained.string_to_sign, text.replace(secret, "<secret>"));
                }
            }
        }
    }
    assert_eq!(met, 15);
}

#[test]
fn a_signature_and_an_unknown_method_are_no_part_of_the_text() {
    let connector = connector(json!({}));
    let secret = Secret::new(SECRET);
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let with = [pair("sign", "ABC"), pair("app_key", "1"), pair("sign_method", "md5")];
    let explained = connector.auth().explain(&secret, &with, b"<a/>").unwrap();
    assert_eq!(explained.string_to_sign, "<secret>app_key1sign_methodmd5<a/><secret>");
    let wrong = connector.auth().explain(&secret, &[pair("sign_method", "sha1")], b"").unwrap_err();
    assert_eq!(wrong.path(), Some("sign_method"));
}

#[test]
fn an_explanation_shows_parameters_in_order_digest_and_what_another_method_would_give() {
    let secret = Secret::new(SECRET);
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let given = [pair("v", "2.0"), pair("sign_method", "md5"), pair("app_key", "1")];
    let connector = connector(json!({}));
    let explained = connector.auth().explain(&secret, &given, b"").unwrap();
    let names: Vec<_> = explained.params.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["app_key", "sign_method", "v"]);
    let digest = explained.digest.unwrap();
    assert_eq!((&*digest.algorithm, digest.hex.to_uppercase()), ("MD5", explained.signature));
    let text = b"app_key1sign_methodmd5v2.0";
    let hmac = sign::upper_hex(&sign::hmac_sha256(SECRET.as_bytes(), &[text]));
    let mistakes = connector.auth().mistakes(&secret, &given, b"");
    let named = mistakes.iter().find(|mistake| mistake.signature == hmac).unwrap();
    assert_eq!(named.what, "HMAC-SHA256 is computed");
}

fn credentials() -> Credentials {
    let token = Token {
        access: Secret::new(TOKEN),
        refresh: Some(Secret::new("refresh")),
        expires_at: None,
    };
    Credentials {
        app_key: "12345678".to_owned(),
        app_secret: Secret::new(SECRET),
        token: Some(token),
    }
}

fn form(text: &[u8]) -> BTreeMap<String, String> {
    form_urlencoded::parse(text).into_owned().collect()
}

fn query(signed: &SignedRequest) -> BTreeMap<String, String> {
    form(signed.path_and_query.strip_prefix('?').unwrap().as_bytes())
}

#[test]
fn a_call_is_laid_out_and_signed_as_the_official_clients_do() {
    let now = Timestamp::parse_rfc3339("2026-11-23T02:34:17Z").unwrap();
    let request = ApiRequest::post("taobao.trades.sold.increment.get")
        .param("buyer_nick", "测试买家&=+ ")
        .param("fields", "tid,modified")
        .param("tag", "")
        .param("ext_type", "  ");
    for method in METHODS {
        let connector = connector(json!({ "sign_method": method }));
        let signed = connector.auth().sign(&credentials(), now, &request).unwrap();
        let mut all = query(&signed);
        assert_eq!(all["timestamp"], "2026-11-23 10:34:17", "the channel's clock is in China");
        assert_eq!(all["session"], TOKEN);
        assert_eq!(all["format"], "json");
        assert_eq!(all["sign_method"], method);
        assert_eq!(all.len(), 8);
        let own = form(&signed.body);
        assert_eq!(own.keys().collect::<Vec<_>>(), ["buyer_nick", "fields"], "no empty ones");
        let received = all.remove("sign").unwrap();
        all.extend(own);
        let all: Vec<_> = all.into_iter().collect();
        let explained = connector.auth().explain(&Secret::new(SECRET), &all, b"").unwrap();
        assert_eq!(explained.signature, received);
    }
}

#[test]
fn a_renewal_is_signed_without_the_session_that_ended() {
    let now = Timestamp::from_unix_ms(1_795_401_354_829);
    let request = ApiRequest::post(super::auth::REFRESH).param("refresh_token", "refresh");
    let signed = connector(json!({})).auth().sign(&credentials(), now, &request).unwrap();
    assert!(!query(&signed).contains_key("session"));
}
