//! A partner that writes its own HTTP and its own signature: nothing of the gateway's code is used to talk to it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::{Duration, UNIX_EPOCH};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const PATIENCE: Duration = Duration::from_secs(30);

/// What the gateway answered.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    pub(crate) fn has_header(&self, start: &str) -> bool {
        self.head.to_lowercase().lines().any(|line| line.starts_with(start))
    }
}

/// One shop's partner.
#[derive(Debug, Clone)]
pub(crate) struct Partner {
    pub(crate) address: SocketAddr,
    pub(crate) shop: String,
    key: Vec<u8>,
}

impl Partner {
    pub(crate) fn new(address: SocketAddr, shop: &str, secret: &str) -> Self {
        let key = STANDARD.decode(secret.trim_start_matches("whsec_")).unwrap();
        Self { address, shop: shop.to_owned(), key }
    }

    /// Sends an event, signed now.
    pub(crate) async fn send(&self, event: &Value) -> Answer {
        self.send_bytes(event.to_string().as_bytes()).await
    }

    /// The status, or nothing where the connection was refused or ended without an answer.
    pub(crate) async fn try_send(&self, event: &Value) -> Option<u16> {
        let body = event.to_string();
        let head = self.head(body.as_bytes(), now_secs(), "application/json");
        let mut stream = TcpStream::connect(self.address).await.ok()?;
        stream.write_all((head + &body).as_bytes()).await.ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.ok()?;
        let text = String::from_utf8(answer).ok().filter(|text| !text.is_empty())?;
        Some(parse(&text).status)
    }

    pub(crate) async fn send_bytes(&self, body: &[u8]) -> Answer {
        let head = self.head(body, now_secs(), "application/json");
        exchange(self.address, &[head.as_bytes(), body].concat()).await
    }

    /// A request head with a valid signature over the body.
    pub(crate) fn head(&self, body: &[u8], timestamp: u64, content_type: &str) -> String {
        let id = super::unique("msg");
        let signature = self.sign(&id, timestamp, body);
        format!(
            "POST /v1/partner/{} HTTP/1.1\r\nHost: gateway\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\
             Webhook-Id: {id}\r\nWebhook-Timestamp: {timestamp}\r\nWebhook-Signature: {signature}\r\nConnection: close\r\n\r\n",
            self.shop,
            body.len()
        )
    }

    pub(crate) fn sign(&self, id: &str, timestamp: u64, body: &[u8]) -> String {
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&self.key).unwrap();
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

/// Sends bytes on a connection of its own and reads until the other side closes.
pub(crate) async fn exchange(address: SocketAddr, request: &[u8]) -> Answer {
    let talk = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        // A server that refuses early may stop reading; what it said still counts.
        let sent = stream.write_all(request).await;
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer).await;
        assert!(!answer.is_empty(), "no answer: {sent:?} {read:?}");
        parse(&String::from_utf8(answer).unwrap())
    };
    tokio::time::timeout(PATIENCE, talk).await.expect("an answer in time")
}

pub(crate) fn parse(text: &str) -> Answer {
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect(text);
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

#[expect(clippy::disallowed_methods, reason = "a partner has a clock of its own")]
pub(crate) fn now_secs() -> u64 {
    std::time::SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// An order that holds: two of a thing at 12.50, freight 5.00, one yuan off.
pub(crate) fn order(id: &str, modified: &str) -> Value {
    json!({
        "type": "order.created",
        "timestamp": modified,
        "data": {
            "order_id": id,
            "status": "awaiting_shipment",
            "channel_status": "paid",
            "times": {"created": "2026-11-11T00:00:01+08:00", "modified": modified},
            "buyer": {"nick": "invented-buyer", "message": "please ring"},
            "ship_to": {
                "name": {"form": "plain", "value": "李无名"},
                "mobile": {"form": "plain", "value": "13800000000"},
                "province": "浙江省", "city": "杭州市",
                "address": {"form": "plain", "value": "无名路1号"}
            },
            "currency": "CNY",
            "amounts": {"goods": 2500, "discount": 100, "freight": 500, "payable": 2900, "paid": 2900},
            "lines": [{
                "line_id": "1", "product_id": "900", "sku_id": "901", "title": "invented thing",
                "quantity": 2, "unit_price": 1250, "discount": 100, "payable": 2400
            }]
        }
    })
}
