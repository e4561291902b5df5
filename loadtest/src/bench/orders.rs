//! The requests: one prepared text, in which an order's number and its signature are replaced.
//!
//! Signing is done before the run, so that the generator spends its time on sockets. An order that was not prepared is
//! signed when it is sent.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::ops::Range;

/// What the shop's deliveries are signed with. Known to everybody: it signs invented orders on loopback.
pub(super) const SECRET: &str = "whsec_Y2hhbm5lbC1nYXRld2F5LWJlbmNoLXNlY3JldC0wMDE=";
/// Digits of an order id: those of the run, then those of the order.
const RUN_DIGITS: usize = 8;
const NUMBER_DIGITS: usize = 12;
const ID_BYTES: usize = RUN_DIGITS + NUMBER_DIGITS;
const SIGNATURE_BYTES: usize = 44;

type Signature = [u8; SIGNATURE_BYTES];

/// All requests of one run.
#[derive(Debug)]
pub(super) struct Orders {
    run: u32,
    template: Vec<u8>,
    message_id: Range<usize>,
    signature: Range<usize>,
    order_id: Range<usize>,
    body: Range<usize>,
    timestamp: String,
    key: Hmac<Sha256>,
    prepared: Vec<Signature>,
}

impl Orders {
    /// Requests to a partner shop, signed at `unix_secs`; the first `count` are signed now.
    pub(super) fn prepare(
        shop: &str,
        secret: &str,
        run: u32,
        unix_secs: i64,
        count: u64,
    ) -> anyhow::Result<Self> {
        let key = STANDARD.decode(secret.trim_start_matches("whsec_"))?;
        let (id, timestamp) = (id(run, 0), unix_secs.to_string());
        let body = body(&id);
        let head = format!(
            "POST /v1/partner/{shop} HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nwebhook-id: msg_{id}\r\nwebhook-timestamp: {timestamp}\r\nwebhook-signature: v1,",
            body.len()
        );
        let order_id = body.find(&id).unwrap_or_default();
        let message_id = head.find(&id).unwrap_or_default();
        let signature = head.len();
        let start = signature + SIGNATURE_BYTES + 4;
        let template = [&head, "=".repeat(SIGNATURE_BYTES).as_str(), "\r\n\r\n", &body].concat();
        let mut orders = Self {
            run,
            message_id: message_id..message_id + ID_BYTES,
            signature: signature..signature + SIGNATURE_BYTES,
            order_id: start + order_id..start + order_id + ID_BYTES,
            body: start..template.len(),
            template: template.into_bytes(),
            timestamp,
            key: Hmac::new_from_slice(&key)?,
            prepared: Vec::new(),
        };
        let mut request = orders.request();
        orders.prepared = (0..count).map(|number| orders.sign(&mut request, number)).collect();
        Ok(orders)
    }

    /// Bytes of a body.
    pub(super) fn body_bytes(&self) -> usize {
        self.body.len()
    }

    /// A request of a connection's own, to be filled in again and again.
    pub(super) fn request(&self) -> Vec<u8> {
        self.template.clone()
    }

    /// Makes the request that of this order.
    pub(super) fn fill(&self, request: &mut [u8], number: u64) {
        let signature = match usize::try_from(number).ok().and_then(|at| self.prepared.get(at)) {
            Some(signature) => {
                self.write_id(request, number);
                *signature
            }
            None => self.sign(request, number),
        };
        put(request, &self.signature, &signature);
    }

    /// Number of an order by the key of its record, which ends with the order's id; none if it is not of this run.
    pub(super) fn number(&self, key: &[u8]) -> Option<u64> {
        let text = std::str::from_utf8(key).ok()?;
        let id = text.get(text.len().checked_sub(ID_BYTES)?..)?;
        let (run, number) = id.split_at_checked(RUN_DIGITS)?;
        if run.parse() == Ok(self.run) { number.parse().ok() } else { None }
    }

    fn write_id(&self, request: &mut [u8], number: u64) {
        let id = id(self.run, number);
        put(request, &self.message_id, id.as_bytes());
        put(request, &self.order_id, id.as_bytes());
    }

    fn sign(&self, request: &mut [u8], number: u64) -> Signature {
        self.write_id(request, number);
        let mut mac = self.key.clone();
        mac.update(b"msg_");
        mac.update(request.get(self.message_id.clone()).unwrap_or_default());
        mac.update(b".");
        mac.update(self.timestamp.as_bytes());
        mac.update(b".");
        mac.update(request.get(self.body.clone()).unwrap_or_default());
        let mut signature = [0; SIGNATURE_BYTES];
        // 32 bytes are 44 of base64, so there is always room.
        STANDARD.encode_slice(mac.finalize().into_bytes(), &mut signature).ok();
        signature
    }
}

fn id(run: u32, number: u64) -> String {
    format!("{run:0RUN_DIGITS$}{number:0NUMBER_DIGITS$}")
}

fn put(request: &mut [u8], at: &Range<usize>, text: &[u8]) {
    if let Some(slot) = request.get_mut(at.clone()).filter(|slot| slot.len() == text.len()) {
        slot.copy_from_slice(text);
    }
}

/// A typical order of two lines; invented people.
fn body(id: &str) -> String {
    let head = format!(
        r#"{{"type":"order.created","timestamp":"2026-11-11T00:00:12+08:00","data":{{"order_id":"{id}""#
    );
    head + concat!(
        r#","status":"awaiting_shipment","channel_status":"paid","times":{"created":"2026-11-11T00:00:01+08:00","#,
        r#""paid":"2026-11-11T00:00:09+08:00","modified":"2026-11-11T00:00:09+08:00"},"#,
        r#""buyer":{"nick":"buyer_7","message":"请尽快发货"},"#,
        r#""ship_to":{"name":{"form":"plain","value":"张小样"},"mobile":{"form":"plain","value":"10000000000"},"#,
        r#""province":"浙江省","city":"杭州市","district":"西湖区","address":{"form":"plain","value":"示例路 1 号"}},"#,
        r#""currency":"CNY","amounts":{"goods":39800,"discount":1900,"freight":1000,"payable":38900,"paid":38900},"#,
        r#""lines":[{"line_id":"1","sku_id":"445566771","merchant_sku":"M-0001","title":"保温杯 500ml 蓝色","quantity":1,"#,
        r#""unit_price":19900,"discount":1000,"payable":18900},"#,
        r#"{"line_id":"2","sku_id":"445566772","merchant_sku":"M-0002","title":"帆布鞋 白色 42码","quantity":1,"#,
        r#""unit_price":19900,"discount":900,"payable":19000}]}}"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prepared_request_and_one_signed_late_are_the_same() {
        let early = Orders::prepare("bench", SECRET, 7, 1_794_326_430, 3).unwrap();
        let late = Orders::prepare("bench", SECRET, 7, 1_794_326_430, 0).unwrap();
        let (mut one, mut other) = (early.request(), late.request());
        early.fill(&mut one, 2);
        late.fill(&mut other, 2);
        assert_eq!(String::from_utf8(one).unwrap(), String::from_utf8(other.clone()).unwrap());
        late.fill(&mut other, 1);
        early.fill(&mut early.request(), 1);
        assert!(
            String::from_utf8(other).unwrap().contains("\"order_id\":\"00000007000000000001\"")
        );
    }

    #[test]
    fn a_body_is_an_order_that_holds() {
        use connectors::contract::model::Order;
        let body: serde_json::Value = serde_json::from_str(&body(&id(1, 2))).unwrap();
        let order: Order = serde_json::from_value(body["data"].clone()).unwrap();
        order.check().unwrap();
    }

    #[test]
    fn a_key_of_either_side_names_its_order() {
        let orders = Orders::prepare("bench", SECRET, 7, 0, 0).unwrap();
        assert_eq!(orders.number(b"partner:bench:00000007000000000012"), Some(12));
        assert_eq!(orders.number(b"00000007000000000012"), Some(12));
        assert_eq!(orders.number(b"00000008000000000012"), None);
        assert_eq!(orders.number(b"12"), None);
    }
}
