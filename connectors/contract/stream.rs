//! The inbound half of a channel that pushes its messages over a long connection that we open.
//!
//! The gateway owns the socket, the time and the promise that a message is confirmed only after everything it says is in
//! Kafka. A connector owns the frames. One connection serves every shop of an application and group, so a message names
//! its seller in the channel's words, and each shop says by which words it goes.

use super::{Credentials, Error, Event};
use crate::contract::model::Timestamp;
use bytes::Bytes;
use http::HeaderMap;
use std::fmt::Debug;
use std::time::Duration;

/// A channel with a message stream.
///
/// What it says is one application's business: the address of the stream is the gateway's to know, from the config.
pub trait StreamSource: Send + Sync {
    /// The part of the application's messages that this shop's are in; empty where the channel has no such thing.
    /// Shops with equal address, application and group share a connection.
    fn group(&self) -> &str;

    /// The words by which messages name this shop, each in a form that no other kind of word has.
    fn names(&self) -> Vec<String>;

    /// What the connection needs in order to live.
    fn pace(&self) -> StreamPace;

    /// Begins a connection.
    fn open(&self, credentials: &Credentials, now: Timestamp) -> Opening;
}

/// How often the client of a stream must do something of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamPace {
    /// Pause between two requests for more; none where the channel only pushes.
    pub pull_every: Option<Duration>,
    /// Pause between two pings of the WebSocket protocol. Whether they are answered is not looked at: not every channel
    /// does.
    pub ping_every: Option<Duration>,
}

/// How a connection begins.
#[derive(Debug)]
pub struct Opening {
    /// What is appended to the address, with its question mark; empty where nothing is.
    pub query: String,
    /// Headers of the handshake besides those of the WebSocket protocol.
    pub headers: HeaderMap,
    /// The first frame that goes out.
    pub first: Option<Frame>,
    /// The connection's state, kept by the gateway for as long as the socket lives.
    pub session: Box<dyn StreamSession>,
}

/// A message of the WebSocket protocol.
#[derive(Clone, PartialEq, Eq)]
pub enum Frame {
    /// Bytes.
    Binary(Bytes),
    /// Text.
    Text(String),
}

impl Debug for Frame {
    /// Shows no content: signatures, tokens and buyers are in it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Binary(bytes) => write!(f, "Binary({} bytes)", bytes.len()),
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
        }
    }
}

/// One connection: what the channel said at its beginning, and with it how to read and answer the rest.
pub trait StreamSession: Send + Debug {
    /// Reads a frame. Any bytes are read without a panic, and with memory bounded by the connector.
    fn receive(&mut self, frame: &Frame) -> Vec<StreamItem>;

    /// Asks for more, where the channel wants to be asked.
    fn pull(&mut self) -> Option<Frame>;

    /// Confirms a message: it does not come again. `None` where the id is none of this stream.
    fn confirm(&mut self, message: &str) -> Option<Frame>;

    /// Says that a message must come again, where the channel wants to hear it; else silence says the same. The reason is
    /// in our own words.
    fn fail(&mut self, message: &str, reason: &str) -> Option<Frame>;
}

/// What a frame says.
#[derive(Debug)]
pub enum StreamItem {
    /// The connection is accepted: messages may come.
    Accepted,
    /// The connection is refused or ended by the channel; the kind says what to do next.
    Refused(Error),
    /// A message.
    Message(Box<StreamMessage>),
    /// A frame that cannot be read and has no id to confirm: it is counted, and the connection goes on.
    Unreadable(Error),
}

/// A message of a channel.
#[derive(Debug, Clone)]
pub struct StreamMessage {
    /// The channel's id of the message, for [`StreamSession::confirm`]. Never part of an event's id.
    pub id: String,
    /// Names of the seller, the surest first, in the words of [`StreamSource::names`].
    pub sellers: Vec<String>,
    /// When the channel sent it.
    pub sent_at: Option<Timestamp>,
    /// What it says; empty where it is of a kind that means nothing to us and may be confirmed at once.
    pub events: Vec<Event>,
    /// The message as it came, for quarantine. It may hold personal data, so the gateway encrypts it.
    pub raw: Bytes,
}
