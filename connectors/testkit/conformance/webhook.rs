//! The inbound half: what is not signed by the shop is refused, and what is signed is read the same way every time.

use super::lab::{Lab, check_record, object_id, said};
use super::push::ship_some;
use super::{Subject, Tells, fail, must, must_fail};
use crate::contract::model::{Personal, Timestamp};
use crate::contract::{
    Error, ErrorKind, Event, Key, Notice, Outcome, RawWebhook, Result, Secret, WebhookSource,
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use std::collections::BTreeMap;
use std::time::Duration;

/// Garbled bodies to try for each delivery.
const GARBLED: u64 = 300;

struct Bench<'l> {
    lab: &'l Lab<'l>,
    source: &'l dyn WebhookSource,
    now: Timestamp,
}

pub(super) async fn check(subject: &Subject) {
    let lab = Lab::new(subject);
    let Some(source) = lab.connector.webhooks() else { return };
    let orders: Vec<_> = match subject.tells {
        Tells::Orders => (1..=3).map(|seed| lab.create_order(seed)).collect(),
        Tells::Goods => ship_some(&lab).await,
    };
    let Some(first) = orders.first() else { return };
    lab.fake.edit_order(lab.shop(), first, lab.now());
    let refund = lab.fake.create_refund(lab.shop(), first, lab.now());
    let now = lab.now();
    let deliveries = lab.deliveries();
    assert!(!deliveries.is_empty(), "the connector takes webhooks and its fake sends none");
    let bench = Bench { lab: &lab, source, now };
    let mut spoken_of = Vec::new();
    let mut newest = BTreeMap::new();
    for raw in &deliveries {
        let notices = bench.reads_the_same_twice(raw);
        spoken_of.extend(notices.iter().map(object_id));
        newest.extend(notices.iter().map(|notice| (object_id(notice), notice.clone())));
        bench.refuses_other_keys(raw);
        bench.refuses_what_is_not_signed(raw);
        bench.refuses_tampering(raw);
        bench.refuses_the_stale(raw);
        bench.survives_garbage(raw, &personal(&notices));
    }
    for order in &orders {
        assert!(spoken_of.contains(&order.to_string()), "no delivery spoke of order {order}");
    }
    let refunds_are_only_pushed = lab.connector.refunds().is_none();
    if refunds_are_only_pushed {
        assert!(spoken_of.contains(&refund.to_string()), "no delivery spoke of refund {refund}");
    }
    for notice in newest.values() {
        bench.says_what_is_read(notice).await;
    }
    if let Some(raw) = deliveries.first() {
        answers(subject, source, raw);
    }
}

impl Bench<'_> {
    fn verify(&self, keys: &[Key], raw: &RawWebhook) -> Result<usize> {
        self.source.verify(keys, self.now, raw).map(|verified| verified.key_index())
    }

    #[track_caller]
    fn refuses(&self, raw: &RawWebhook, what: &str) {
        let error = must_fail(self.verify(&[self.lab.key(0)], raw), what);
        assert!(error.kind() == ErrorKind::BadSignature, "{what} gave {:?}", error.kind());
    }

    fn decode(&self, raw: &RawWebhook) -> Result<Vec<Notice>> {
        let keys = [self.lab.key(0)];
        let verified = self.source.verify(&keys, self.now, raw);
        self.source.decode(&must(verified, "verifying what was signed"))
    }

    fn reads_the_same_twice(&self, raw: &RawWebhook) -> Vec<Notice> {
        let notices = must(self.decode(raw), "decoding what the fake sent");
        let again = must(self.decode(raw), "decoding it again");
        let say = |notices: &[Notice]| notices.iter().map(said).collect::<Vec<_>>();
        assert!(say(&notices) == say(&again), "the same bytes gave different notices");
        for notice in &notices {
            assert!(&notice.shop == self.lab.shop(), "a notice speaks for another shop");
            check_record(notice);
        }
        notices
    }

    /// What a channel pushes whole is what it says when it is asked, or one change would be two events.
    async fn says_what_is_read(&self, notice: &Notice) {
        let read = match &notice.event {
            Event::Order(order) => match self.lab.connector.orders() {
                Some(orders) => orders.order(&self.lab.session(), &order.order_id).await,
                None => return,
            },
            Event::Refund(refund) => match self.lab.connector.refunds() {
                Some(refunds) => refunds.refund(&self.lab.session(), &refund.refund_id).await,
                None => return,
            },
            Event::OrderChanged { .. }
            | Event::RefundChanged { .. }
            | Event::Shipment(_)
            | Event::Stock(_)
            | Event::AuthorizationEnded
            | Event::Suspect(_) => return,
        };
        let read = must(read, "reading what was pushed");
        let id = object_id(notice);
        assert!(said(notice) == said(&read), "push and single read differ about {id}");
    }

    fn refuses_other_keys(&self, raw: &RawWebhook) {
        let right = |index| self.lab.key(index);
        let wrong = |index| Key { index, secret: wrong_secret(&self.lab.subject.shop.secret) };
        let bad = |keys: &[Key], what| {
            let error = must_fail(self.verify(keys, raw), what);
            assert!(error.kind() == ErrorKind::BadSignature, "{what} gave {:?}", error.kind());
        };
        bad(&[], "verifying without a key");
        bad(&[wrong(0)], "verifying with a wrong key");
        bad(&[wrong(0), wrong(1)], "verifying with two wrong keys");
        let index = must(self.verify(&[right(0), wrong(1)], raw), "verifying with the first key");
        assert!(index == 0, "the first key matched and {index} was reported");
        let index = must(self.verify(&[wrong(0), right(1)], raw), "verifying with the second key");
        assert!(index == 1, "the second key matched and {index} was reported");
    }

    /// Where the signature is in headers or query, without those; where it is in the body, without any of its parts.
    fn refuses_what_is_not_signed(&self, raw: &RawWebhook) {
        let nothing = || RawWebhook {
            headers: HeaderMap::new(),
            query: String::new(),
            body: Bytes::new(),
            ..raw.clone()
        };
        self.refuses(&nothing(), "an empty delivery");
        let bare = RawWebhook { body: raw.body.clone(), ..nothing() };
        if self.verify(&[self.lab.key(0)], &bare).is_err() {
            return;
        }
        let parts: Vec<&[u8]> = raw.body.split(|byte| *byte == b'&').collect();
        assert!(parts.len() > 1, "a delivery without its headers and query still verifies");
        for left_out in 0..parts.len() {
            let kept = parts.iter().enumerate().filter(|(index, _)| *index != left_out);
            let kept: Vec<&[u8]> = kept.map(|(_, part)| *part).collect();
            let body = kept.join(&b'&').into();
            self.refuses(&RawWebhook { body, ..raw.clone() }, "a body with a part left out");
        }
    }

    fn refuses_tampering(&self, raw: &RawWebhook) {
        for body in flipped(&raw.body) {
            let body = Bytes::from(body);
            self.refuses(&RawWebhook { body, ..raw.clone() }, "a body with one bit flipped");
        }
        for query in flipped(raw.query.as_bytes()) {
            let Ok(query) = String::from_utf8(query) else { continue };
            self.refuses(&RawWebhook { query, ..raw.clone() }, "a query with one bit flipped");
        }
        for (name, value) in &raw.headers {
            let mut without = raw.clone();
            without.headers.remove(name);
            if self.verify(&[self.lab.key(0)], &without).is_ok() {
                continue; // The channel does not sign this header.
            }
            for value in flipped(value.as_bytes()) {
                let Ok(value) = HeaderValue::from_bytes(&value) else { continue };
                let mut tampered = raw.clone();
                tampered.headers.insert(name.clone(), value);
                self.refuses(&tampered, &format!("header {name} with one bit flipped"));
            }
        }
    }

    fn refuses_the_stale(&self, raw: &RawWebhook) {
        let Some(age) = self.lab.subject.stale_after else { return };
        let keys = [self.lab.key(0)];
        let at = |now| self.source.verify(&keys, now, raw).map(|_| ());
        must(at(self.now.plus(age / 2)), "verifying at half the age that is too old");
        let late = self.now.plus(age + Duration::from_secs(2));
        let error = must_fail(at(late), "verifying a stale delivery");
        assert!(error.kind() == ErrorKind::BadSignature, "stale gave {:?}", error.kind());
    }

    /// Bodies that the channel signed and that cannot be right: an error, never a panic, and never a word of the body.
    fn survives_garbage(&self, raw: &RawWebhook, personal: &[String]) {
        let Some(sign) = self.lab.subject.sign else { return };
        let try_one = |body: &[u8]| {
            let signed = sign(&self.lab.subject.shop, self.now, body);
            let outcome = self.decode(&signed);
            if let Err(error) = &outcome {
                check_error(error, personal);
            }
            outcome
        };
        let whole = raw.body.trim_ascii_end();
        let is_structured = matches!(whole.first(), Some(b'{' | b'[' | b'<'));
        for (length, _) in whole.iter().enumerate() {
            let notices = match try_one(whole.split_at(length).0) {
                Err(error) => {
                    let kept = matches!(error.kind(), ErrorKind::Malformed | ErrorKind::Rejected);
                    assert!(kept, "a body cut off at {length} gave {error}, so nobody keeps it");
                    continue;
                }
                Ok(notices) => notices,
            };
            let suspected = notices.iter().all(|notice| matches!(notice.event, Event::Suspect(_)));
            assert!(!is_structured || suspected, "a body cut off at {length} was read");
        }
        let mut noise = Noise(raw.body.len() as u64);
        for _ in 0..GARBLED {
            let mut body = whole.to_vec();
            for _ in 0..=noise.below(3) {
                let at = noise.below(body.len());
                if let Some(byte) = body.get_mut(at) {
                    *byte = noise.byte();
                }
            }
            // Reading it is not wrong: the byte may be inside a text.
            drop(try_one(&body));
            let random: Vec<u8> = (0..noise.below(64)).map(|_| noise.byte()).collect();
            drop(try_one(&random));
        }
    }
}

fn check_error(error: &Error, personal: &[String]) {
    let ours = error.kind().is_transient() || error.kind() == ErrorKind::Unauthorized;
    assert!(!ours, "a garbled body gave {error}, as if it were our fault");
    let text = format!("{error} {error:?}");
    let told = personal.iter().any(|value| text.contains(value.as_str()));
    assert!(!told, "an error text holds personal data");
}

/// Receiver data of whole orders, which no error may repeat.
fn personal(notices: &[Notice]) -> Vec<String> {
    let orders = notices.iter().filter_map(|notice| match &notice.event {
        Event::Order(order) => Some(order),
        Event::Refund(_)
        | Event::OrderChanged { .. }
        | Event::RefundChanged { .. }
        | Event::Shipment(_)
        | Event::Stock(_)
        | Event::AuthorizationEnded
        | Event::Suspect(_) => None,
    });
    let values = orders.flat_map(|order| {
        let to = &order.ship_to;
        [&to.name, &to.mobile, &to.phone, &to.address, &to.oaid]
    });
    let texts = values.flatten().map(|value: &Personal| value.value.expose().clone());
    texts.filter(|text| text.len() > 3).collect()
}

fn answers(subject: &Subject, source: &dyn WebhookSource, raw: &RawWebhook) {
    let done = source.reply(raw, &Outcome::Done);
    assert!(done.status.is_success(), "success is answered with {}", done.status);
    let refused = |kind, text| source.reply(raw, &Outcome::Refused(Error::new(kind, text)));
    let retry = source.reply(raw, &Outcome::Retry(Duration::from_secs(1)));
    let forged = refused(ErrorKind::BadSignature, "one reason");
    if subject.answers_in_body {
        assert!(retry.body != done.body, "`send again` is answered like success");
        assert!(forged.body != done.body, "a bad signature is answered like success");
    } else {
        assert!(retry.status.is_server_error(), "`send again` is answered with {}", retry.status);
        assert!(!forged.status.is_success(), "a bad signature is answered with {}", forged.status);
    }
    let other = refused(ErrorKind::BadSignature, "another reason");
    let alike = forged.body == other.body && forged.status == other.status;
    assert!(alike, "the answer to a bad signature says why");
    for kind in [ErrorKind::Malformed, ErrorKind::Rejected, ErrorKind::Unsupported] {
        let status = refused(kind, "any reason").status;
        assert!(!status.is_server_error(), "{} is answered as our fault", kind.label());
    }
    if done.content_type.contains("json") {
        for reply in [&done, &retry, &forged] {
            let parsed = serde_json::from_slice::<serde_json::Value>(&reply.body);
            if parsed.is_err() {
                fail("an answer is called JSON and is not");
            }
        }
    }
}

/// Another secret of the same alphabet and length.
fn wrong_secret(secret: &str) -> Secret {
    let mut bytes = secret.as_bytes().to_vec();
    let middle = bytes.len() / 2;
    let near = bytes.iter_mut().skip(middle).find(|byte| byte.is_ascii_alphanumeric());
    match near {
        Some(byte) => *byte = if *byte == b'A' { b'B' } else { b'A' },
        None => fail("the secret of the shop under test has no letter or digit in its second half"),
    }
    Secret::new(bytes)
}

/// The text with one bit flipped, for each byte.
fn flipped(text: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    (0..text.len()).map(|index| {
        let mut changed = text.to_vec();
        if let Some(byte) = changed.get_mut(index) {
            *byte ^= 1;
        }
        changed
    })
}

/// The same noise in every run.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next()).unwrap_or(0) % limit.max(1)
    }

    fn byte(&mut self) -> u8 {
        let [byte, ..] = self.next().to_le_bytes();
        byte
    }
}
