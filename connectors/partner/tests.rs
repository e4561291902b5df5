//! What the contract promises to partners.

use super::ENTRY;
use super::sign::{self, Signature};
use crate::contract::model::{ShopId, Timestamp};
use crate::contract::{RawWebhook, Secret};
use crate::testkit::FakeShop;
use crate::testkit::conformance::{self, Subject};
use bytes::Bytes;
use http::Method;
use http::header::{CONTENT_TYPE, HeaderMap};
use std::time::Duration;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn shop() -> FakeShop {
    FakeShop {
        shop: ShopId::try_new("p-1001").unwrap(),
        app_key: String::new(),
        secret: SECRET.to_owned(),
        token: String::new(),
    }
}

fn signed(shop: &FakeShop, now: Timestamp, body: &[u8]) -> RawWebhook {
    let secret = Secret::new(shop.secret.as_str());
    let timestamp = (now.unix_ms() / 1000).to_string();
    let signature = Signature::of(&secret, "msg_1", &timestamp, body).unwrap().to_header();
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, "application/json".parse().unwrap());
    headers.insert(sign::ID, "msg_1".parse().unwrap());
    headers.insert(sign::TIMESTAMP, timestamp.parse().unwrap());
    headers.insert(sign::SIGNATURE, signature.parse().unwrap());
    RawWebhook {
        shop: shop.shop.clone(),
        method: Method::POST,
        query: String::new(),
        headers,
        body: Bytes::copy_from_slice(body),
    }
}

#[tokio::test]
async fn conforms() {
    let mut subject = Subject::new(&ENTRY, shop());
    subject.sign = Some(signed);
    subject.stale_after = Some(Duration::from_mins(5));
    conformance::check(&subject).await;
}
