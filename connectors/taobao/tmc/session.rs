//! One connection: how it is signed, and what its frames say.

use super::frame::{Frame as Wire, Value, Writer, kind};
use super::{gzip, topics};
use crate::contract::carriers::Carriers;
use crate::contract::model::Timestamp;
use crate::contract::{
    Credentials, Error, ErrorKind, Event, Frame, Result, Secret, StreamItem, StreamMessage,
    StreamSession, Suspect, sign,
};
use bytes::Bytes;
use std::borrow::Cow;

/// What the official client calls itself and its address; neither is looked at.
const SDK: &str = "channel-gateway";
const ADDRESS: &str = "127.0.0.1";
/// Longest reason that the channel takes.
const REASON_LIMIT_CHARS: usize = 128;

const KIND: &str = "__kind";
const PULL: u8 = 1;
const CONFIRM: u8 = 2;
const DATA: i64 = 3;
const FAILED: u8 = 20;

/// The frame that asks to be let in.
pub(super) fn connect(credentials: &Credentials, group: &str, now: Timestamp) -> Frame {
    let (app_key, timestamp) = (credentials.app_key.as_str(), now.unix_ms().to_string());
    let signature = signature(&credentials.app_secret, app_key, group, &timestamp);
    let frame = Writer::new(kind::CONNECT)
        .text("app_key", app_key)
        .text("group_name", group)
        .text("timestamp", &timestamp)
        .text("sign", &signature)
        .text("sdk", SDK)
        .text("intranet_ip", ADDRESS);
    Frame::Binary(frame.end().into())
}

/// Only these three are signed, whatever else the frame says.
pub(super) fn signature(secret: &Secret, app_key: &str, group: &str, timestamp: &str) -> String {
    let secret = secret.expose();
    let parts = ["app_key", app_key, "group_name", group, "timestamp", timestamp];
    let [first, rest @ ..] = parts.map(str::as_bytes);
    let mut signed = vec![secret, first];
    signed.extend(rest);
    signed.push(secret);
    sign::upper_hex(&sign::md5(&signed))
}

/// A connection.
#[derive(Debug)]
pub(super) struct Session {
    carriers: Carriers,
    /// Given when the connection was accepted; every later frame carries it.
    token: Option<Secret>,
}

impl Session {
    pub(super) fn new(carriers: Carriers) -> Self {
        Self { carriers, token: None }
    }

    fn send(&self) -> Writer {
        let frame = Writer::new(kind::SEND);
        match &self.token {
            Some(token) => frame.token(token.expose()),
            None => frame,
        }
    }

    fn read(&mut self, bytes: &[u8]) -> Result<Option<StreamItem>> {
        let frame = Wire::read(bytes)?;
        let refused = frame.status.filter(|status| *status != 0);
        match (frame.kind, refused) {
            (kind::CONNECT_ACK, None) => {
                self.token = frame.token.map(Secret::new);
                Ok(Some(StreamItem::Accepted))
            }
            (kind::CONNECT_ACK, Some(status)) => {
                let text = "the channel does not accept the connection";
                let error = Error::new(ErrorKind::Unauthorized, text).code(status.to_string());
                Ok(Some(StreamItem::Refused(error)))
            }
            (kind::SEND_ACK, None) => Ok(None),
            (kind::SEND_ACK | kind::SEND, Some(status)) => {
                let text = "the channel no longer serves the connection";
                let error = Error::new(ErrorKind::Unavailable, text).code(status.to_string());
                Ok(Some(StreamItem::Refused(error)))
            }
            (kind::SEND, None) if frame.whole(KIND) == Some(DATA) => {
                let message = self.message(&frame)?;
                Ok(Some(StreamItem::Message(Box::new(message))))
            }
            _ => Err(Error::malformed("a kind of frame that is not known here")),
        }
    }

    fn message(&self, frame: &Wire<'_>) -> Result<StreamMessage> {
        let id = frame.whole("id").ok_or_else(|| Error::malformed("no number").at("id"))?;
        let moment = |name| {
            let time = frame.whole(name).map(Timestamp::from_unix_ms)?;
            Some(time.in_offset(Timestamp::CHINA_OFFSET_SECS))
        };
        let (content, readable) = match content(frame) {
            Ok(content) => (content, Ok(())),
            Err(error) => (Cow::Borrowed(packed(frame)), Err(error)),
        };
        let heard = topics::Heard {
            topic: frame.text("topic").unwrap_or_default(),
            at: moment("time").or_else(|| moment("outtime")),
            content: &content,
        };
        let said = readable.and_then(|()| topics::read(&heard, &self.carriers));
        let mut sellers = Vec::with_capacity(3);
        sellers.extend(topics::seller(&heard).map(super::by_id));
        sellers.extend(frame.whole("userid").filter(|id| *id > 0).map(super::by_id));
        sellers.extend(frame.text("nick").map(super::by_nick));
        let raw = Bytes::from(content.into_owned());
        let events = said.unwrap_or_else(|error| {
            let object_id = Some(format!("message-{id}"));
            vec![Event::Suspect(Box::new(Suspect { error, object_id, raw: raw.clone() }))]
        });
        Ok(StreamMessage { id: id.to_string(), sellers, sent_at: moment("outtime"), events, raw })
    }
}

/// What the message says, opened where it is packed.
fn content<'a>(frame: &Wire<'a>) -> Result<Cow<'a, [u8]>> {
    match frame.get("content") {
        Some(Value::Text(text)) if text.len() > gzip::CONTENT_LIMIT_BYTES => {
            Err(Error::malformed("the content is too large").at("content"))
        }
        Some(Value::Text(text)) => Ok(Cow::Borrowed(text)),
        Some(Value::Bytes(packed)) => gzip::open(packed).map(Cow::Owned),
        _ => Err(Error::malformed("missing field").at("content")),
    }
}

/// What is kept of a content that cannot be opened.
fn packed<'a>(frame: &Wire<'a>) -> &'a [u8] {
    match frame.get("content") {
        Some(Value::Text(bytes) | Value::Bytes(bytes)) => {
            bytes.get(..gzip::CONTENT_LIMIT_BYTES).unwrap_or(bytes)
        }
        _ => b"",
    }
}

impl StreamSession for Session {
    fn receive(&mut self, frame: &Frame) -> Vec<StreamItem> {
        let read = match frame {
            Frame::Binary(bytes) => self.read(bytes),
            Frame::Text(_) => Err(Error::malformed("text where the channel sends bytes")),
        };
        read.unwrap_or_else(|error| Some(StreamItem::Unreadable(error))).into_iter().collect()
    }

    fn pull(&mut self) -> Option<Frame> {
        Some(Frame::Binary(self.send().byte(KIND, PULL).end().into()))
    }

    fn confirm(&mut self, message: &str) -> Option<Frame> {
        let id = message.parse().ok()?;
        let frame = self.send().byte(KIND, CONFIRM).int64("id", id);
        Some(Frame::Binary(frame.end().into()))
    }

    fn fail(&mut self, message: &str, reason: &str) -> Option<Frame> {
        let id = message.parse().ok()?;
        let reason: String = reason.chars().take(REASON_LIMIT_CHARS).collect();
        let frame = self.send().byte(KIND, FAILED).int64("id", id).text("msg", &reason);
        Some(Frame::Binary(frame.end().into()))
    }
}
