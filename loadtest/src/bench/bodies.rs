//! The deliveries of one run: made and signed before it begins, so that sending them costs the generator little.
//!
//! All requests of a variant have one length and differ in order id and signature only, so a sender fills two gaps.

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use channel_gateway::clock::{Clock, SystemClock};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Known to everybody, as everything in a bench.
pub(super) const SECRET: &str = "whsec_Y2hhbm5lbC1nYXRld2F5LWJlbmNoLXNlY3JldC0wMQ==";
/// Orders that differ in more than their id: buyers, addresses, goods, prices.
const VARIANTS: u64 = 64;
/// Stands for an order id: 19 digits.
const NO_ID: &str = "0000000000000000000";
/// Stands for a signature: base64 of 32 bytes.
const NO_SIGNATURE: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
/// Ids of a run follow each other; the next run begins this much higher for every millisecond later.
const IDS_PER_MS: u64 = 1_000_000;

/// What is sent in one run. An order is known by its index, its id is `first + index`.
pub(super) struct Bodies {
    pub(super) first: u64,
    variants: Vec<Variant>,
    signatures: Vec<[u8; 44]>,
}

struct Variant {
    request: Vec<u8>,
    /// Where the id goes: into the header that names the message, and into the body.
    ids: [usize; 2],
    signature: usize,
    body: usize,
}

impl Bodies {
    /// Makes and signs `count` orders, at most a million. Signatures are good for five minutes.
    pub(super) fn make(count: usize) -> anyhow::Result<Self> {
        let now = SystemClock.now().unix_ms();
        let first = u64::try_from(now)? * IDS_PER_MS;
        let timestamp = (now / 1000).to_string();
        let key = STANDARD.decode(SECRET.trim_start_matches("whsec_"))?;
        let mac = Hmac::<Sha256>::new_from_slice(&key).context("the bench's own secret")?;
        let variants: Vec<Variant> = (0..VARIANTS)
            .map(|number| Variant::new(number, &timestamp))
            .collect::<anyhow::Result<_>>()?;
        let mut bodies = Self { first, variants, signatures: Vec::with_capacity(count) };
        let mut request = Vec::new();
        for index in 0..count {
            let variant = bodies.fill(index, NO_SIGNATURE.as_bytes(), &mut request)?;
            let mut mac = mac.clone();
            mac.update(format!("{}.{timestamp}.", first + index as u64).as_bytes());
            mac.update(request.get(variant.body..).unwrap_or_default());
            let mut signature = [0; 44];
            STANDARD.encode_slice(mac.finalize().into_bytes(), &mut signature)?;
            bodies.signatures.push(signature);
        }
        Ok(bodies)
    }

    pub(super) fn len(&self) -> usize {
        self.signatures.len()
    }

    /// Writes the whole request of an order.
    pub(super) fn write(&self, index: usize, request: &mut Vec<u8>) -> anyhow::Result<()> {
        let signature = self.signatures.get(index).context("no such order")?;
        self.fill(index, signature, request).map(drop)
    }

    fn fill(
        &self,
        index: usize,
        signature: &[u8],
        request: &mut Vec<u8>,
    ) -> anyhow::Result<&Variant> {
        let variant = self.variants.get(index % self.variants.len()).context("no variants")?;
        request.clear();
        request.extend_from_slice(&variant.request);
        let id = (self.first + index as u64).to_string();
        for (at, text) in variant
            .ids
            .iter()
            .map(|at| (at, id.as_bytes()))
            .chain([(&variant.signature, signature)])
        {
            request.get_mut(*at..at + text.len()).context("a gap")?.copy_from_slice(text);
        }
        Ok(variant)
    }
}

impl Variant {
    fn new(number: u64, timestamp: &str) -> anyhow::Result<Self> {
        let body = body(number);
        let length = body.len();
        let request = format!(
            "POST /v1/partner/bench HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\nwebhook-id: {NO_ID}\r\nwebhook-timestamp: {timestamp}\r\n\
             webhook-signature: v1,{NO_SIGNATURE}\r\n\r\n{body}"
        );
        let mut ids = request.match_indices(NO_ID).map(|(at, _)| at);
        let ids =
            [ids.next().context("no id in the head")?, ids.next().context("no id in the body")?];
        let signature = request.find(NO_SIGNATURE).context("no signature")?;
        let body = request.len() - length;
        Ok(Self { request: request.into_bytes(), ids, signature, body })
    }
}

/// About 900 bytes. Nobody in it is real; 100 opens no mobile number.
fn body(number: u64) -> String {
    let (price, quantity, freight) = (1000 + number * 37, 1 + number % 3, 500 + number);
    let goods = price * quantity;
    let payable = goods + freight;
    format!(
        r#"{{"type":"order.created","timestamp":"2026-11-11T00:00:12+08:00","data":{{"order_id":"{NO_ID}","status":"awaiting_shipment","channel_status":"paid","times":{{"created":"2026-11-11T00:00:01+08:00","paid":"2026-11-11T00:00:09+08:00","modified":"2026-11-11T00:00:{:02}+08:00"}},"buyer":{{"open_id":"ou_{:016x}","nick":"buyer_{number}"}},"ship_to":{{"name":{{"form":"plain","value":"张小样{number}"}},"mobile":{{"form":"plain","value":"100{:08}"}},"province":"浙江省","city":"杭州市","district":"西湖区","address":{{"form":"plain","value":"示例路 {} 号"}}}},"currency":"CNY","amounts":{{"goods":{goods},"discount":0,"freight":{freight},"payable":{payable},"paid":{payable}}},"lines":[{{"line_id":"1{number:05}","product_id":"P{number}","sku_id":"18{number:06}","merchant_sku":"M-{number:04}","title":"保温杯 500ml","properties":"颜色:蓝","quantity":{quantity},"unit_price":{price},"discount":0,"payable":{goods},"status":"awaiting_shipment","gift":false}}],"payments":[{{"method":"alipay","number":"20261111{number:05}","amount":{payable}}}]}}}}"#,
        10 + number % 50,
        number.wrapping_mul(0x9E37_79B9_7F4A_7C15),
        number * 7919,
        number + 1,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use connectors::contract::model::Order;

    #[test]
    fn every_variant_is_an_order_of_about_900_bytes() {
        for number in 0..VARIANTS {
            let text = body(number);
            let mut envelope: serde_json::Value = serde_json::from_str(&text).unwrap();
            let order: Order = serde_json::from_value(envelope["data"].take()).unwrap();
            order.check().unwrap();
            assert!((850..1050).contains(&text.len()), "{}", text.len());
        }
    }

    #[test]
    fn requests_differ_by_their_order_id_and_signature() {
        let bodies = Bodies::make(65).unwrap();
        let (mut one, mut same_variant) = (Vec::new(), Vec::new());
        bodies.write(0, &mut one).unwrap();
        bodies.write(64, &mut same_variant).unwrap();
        assert_eq!(one.len(), same_variant.len());
        let text = String::from_utf8(same_variant).unwrap();
        assert_eq!(text.matches(&(bodies.first + 64).to_string()).count(), 2);
        assert!(!text.contains(NO_SIGNATURE) && !text.contains(NO_ID));
        assert_ne!(one, text.into_bytes());
    }
}
