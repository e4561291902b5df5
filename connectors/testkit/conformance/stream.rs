//! A channel that pushes messages: connector and fake understand each other's frames, and nothing is gone before it is
//! confirmed.

use super::lab::{Lab, credentials};
use super::{Subject, fail};
use crate::contract::model::{OrderId, Timestamp};
use crate::contract::{
    Credentials, Event, Frame, Opening, Secret, StreamItem, StreamMessage, StreamSession,
    StreamSource,
};
use crate::testkit::{Fake, FakeStream};
use bytes::Bytes;
use std::time::Duration;

/// Tries everything that a stream offers.
pub(super) fn check(subject: &Subject) {
    let lab = Lab::new(subject);
    let (fake, now) = (&*lab.fake, lab.now());
    let Some(source) = lab.connector.stream() else { return };
    let Some(stream) = fake.stream() else {
        fail("the connector has a stream and the fake has none")
    };
    let right = credentials(subject);
    let wrong = Credentials { app_secret: Secret::new("not the secret"), ..right.clone() };
    let order = fake.create_order(&subject.shop.shop, 1, now);

    let mut refused = Line::open(source, stream, &wrong, now);
    let said = refused.hear(now);
    assert!(matches!(said[..], [StreamItem::Refused(_)]), "a wrong secret was not refused");
    refused.close();

    let mut line = Line::open(source, stream, &right, now);
    let first = announced(&line.messages(now), fake, source, &order);
    assert!(!first.is_empty(), "no message announces an order");
    line.close();
    assert!(stream.confirmed() == 0, "the fake takes silence for a confirm");

    let mut line = Line::open(source, stream, &right, now);
    let again = announced(&line.messages(now), fake, source, &order);
    assert!(first == again, "what was not confirmed did not come again");
    if let Some(pull) = line.session.pull() {
        line.say(&pull, now);
    }
    assert!(line.session.confirm("").is_none(), "an id that is none was confirmed");
    for id in &again {
        let Some(confirm) = line.session.confirm(id) else { fail("a message cannot be confirmed") };
        line.say(&confirm, now);
    }
    line.close();
    let later = now.plus(Duration::from_hours(1));
    let mut line = Line::open(source, stream, &right, later);
    assert!(line.messages(later).is_empty(), "a confirmed message came again");
    assert!(stream.unconfirmed() == 0, "a confirm was not understood");
    garbled(&mut *line.session);
    line.close();
    let shown = format!("{:?} {:?}", line.session, source.open(&right, now).first);
    assert!(!shown.contains(subject.shop.secret.as_str()), "a secret is shown: {shown}");
}

/// Messages that are this shop's, about this order; their ids in the order of their coming.
fn announced(
    messages: &[StreamMessage],
    fake: &dyn Fake,
    source: &dyn StreamSource,
    order: &OrderId,
) -> Vec<String> {
    let names = source.names();
    let mut ids = Vec::new();
    for message in messages {
        let is_known = message.sellers.iter().any(|seller| names.contains(seller));
        assert!(is_known, "a message of {} is not recognized as this shop's", fake.channel());
        let is_about = |event: &Event| match event {
            Event::OrderChanged { id, .. } => id == order,
            Event::Order(found) => found.order_id == *order,
            Event::Suspect(suspect) => {
                fail(&format!("suspects what the fake said: {}", suspect.error))
            }
            Event::Refund(_)
            | Event::RefundChanged { .. }
            | Event::Shipment(_)
            | Event::Stock(_)
            | Event::AuthorizationEnded => false,
        };
        assert!(message.events.iter().any(is_about), "a message does not name its order");
        ids.push(message.id.clone());
    }
    ids
}

/// Bytes that are nothing must be called so.
fn garbled(session: &mut dyn StreamSession) {
    let frames = [
        Frame::Binary(Bytes::new()),
        Frame::Binary(Bytes::from_static(&[0xff; 64])),
        Frame::Binary(Bytes::from_static(b"{}")),
        Frame::Text(String::new()),
        Frame::Text("\u{feff}<html>".to_owned()),
    ];
    for frame in frames {
        let is_read = session
            .receive(&frame)
            .iter()
            .any(|item| matches!(item, StreamItem::Accepted | StreamItem::Message(_)));
        assert!(!is_read, "{frame:?} was taken for a frame of the channel");
    }
}

/// One connection between connector and fake.
struct Line<'a> {
    session: Box<dyn StreamSession>,
    stream: &'a dyn FakeStream,
    number: u64,
}

impl<'a> Line<'a> {
    fn open(
        source: &dyn StreamSource,
        stream: &'a dyn FakeStream,
        credentials: &Credentials,
        now: Timestamp,
    ) -> Self {
        let Opening { first, session, .. } = source.open(credentials, now);
        let line = Self { session, stream, number: stream.opened() };
        if let Some(first) = first {
            line.say(&first, now);
        }
        line
    }

    fn say(&self, frame: &Frame, now: Timestamp) {
        self.stream.received(self.number, frame, now);
    }

    fn hear(&mut self, now: Timestamp) -> Vec<StreamItem> {
        let due = self.stream.due(self.number, now);
        due.frames.iter().flat_map(|frame| self.session.receive(frame)).collect()
    }

    /// Everything that comes on a connection that must be accepted.
    fn messages(&mut self, now: Timestamp) -> Vec<StreamMessage> {
        let mut items = self.hear(now).into_iter();
        let accepted = items.next();
        assert!(matches!(accepted, Some(StreamItem::Accepted)), "not accepted: {accepted:?}");
        let message = |item| match item {
            StreamItem::Message(message) => *message,
            StreamItem::Accepted => fail("accepted twice"),
            StreamItem::Refused(error) | StreamItem::Unreadable(error) => {
                fail(&format!("a message of the fake cannot be read: {error}"))
            }
        };
        items.map(message).collect()
    }

    fn close(&self) {
        self.stream.closed(self.number);
    }
}
