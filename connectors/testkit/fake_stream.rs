//! What a fake channel's message stream does, as a function of frames and the time.

use crate::contract::Frame;
use crate::contract::model::Timestamp;
use std::fmt::Debug;

/// The channel's side of a message stream. Whoever puts it on a socket opens a connection, hands over what arrives,
/// and asks again and again what is due.
pub trait FakeStream: Send + Sync + Debug {
    /// Path of the WebSocket.
    fn path(&self) -> &'static str;

    /// Whether pings of the WebSocket protocol are answered.
    fn answers_pings(&self) -> bool {
        true
    }

    /// A client has connected. Returns the number of the connection.
    fn opened(&self) -> u64;

    /// A client has sent a frame.
    fn received(&self, connection: u64, frame: &Frame, now: Timestamp);

    /// What is to be sent on a connection now.
    fn due(&self, connection: u64, now: Timestamp) -> Due;

    /// A connection is gone. What was not confirmed on it comes again on another.
    fn closed(&self, connection: u64);

    /// Cuts every connection.
    fn cut(&self);

    /// Messages sent so far, those sent again included.
    fn sent(&self) -> u64;

    /// Messages that were confirmed.
    fn confirmed(&self) -> u64;

    /// Messages that a client sent back as failed.
    fn failed(&self) -> u64;

    /// Messages that wait or were sent and are not confirmed.
    fn unconfirmed(&self) -> usize;
}

/// What a connection owes its client.
#[derive(Debug, Default)]
pub struct Due {
    /// Frames, in order.
    pub frames: Vec<Frame>,
    /// Whether the connection ends behind them.
    pub end: bool,
}
