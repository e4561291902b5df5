//! An open connection: reads what comes, keeps the channel's pace, answers what is settled.

use super::line::{Ended, Line};
use super::work::{Answer, Work};
use crate::egress::Socket;
use crate::shutdown::Shutdown;
use connectors::contract::{Error, ErrorKind, Frame, StreamItem, StreamMessage, StreamSession};
use std::time::Duration;
use tokio::time::Instant;

/// Time for the channel to accept a connection.
const ACCEPT_TIME: Duration = Duration::from_secs(10);
/// Time, after the stop, for what is under way. What is not done by then comes again.
const DRAIN_TIME: Duration = Duration::from_secs(10);
/// Where a connection has no pace of its own.
const NEVER: Duration = Duration::from_hours(24);

/// A socket, and what the connector knows of the connection.
#[derive(Debug)]
pub(super) struct Connection {
    socket: Socket,
    session: Box<dyn StreamSession>,
    was_accepted: bool,
    /// One word about unknown sellers is enough for each connection; the metric counts them.
    has_complained: bool,
}

impl Connection {
    pub(super) fn new(socket: Socket, session: Box<dyn StreamSession>) -> Self {
        Self { socket, session, was_accepted: false, has_complained: false }
    }

    /// Serves until the connection ends, which is an error, or until the gateway goes down, which is none.
    pub(super) async fn serve(mut self, line: &Line, shutdown: &Shutdown) -> Result<(), Ended> {
        let mut work = Work::new(line);
        let served = self.exchange(line, &mut work, shutdown).await;
        line.gauges.connected.set(0);
        let was_accepted = self.was_accepted;
        self.socket.close().await;
        served.map_err(|error| Ended { was_accepted, error })
    }

    async fn exchange(
        &mut self,
        line: &Line,
        work: &mut Work<'_>,
        shutdown: &Shutdown,
    ) -> Result<(), Error> {
        let mut deadline = Instant::now() + ACCEPT_TIME;
        let mut pull_at = Instant::now() + NEVER;
        let mut ping_at = Instant::now() + line.pace.ping_every.unwrap_or(NEVER);
        let mut is_stopping = false;
        loop {
            if is_stopping && !work.is_running() {
                return Ok(());
            }
            tokio::select! {
                frame = self.socket.receive(), if !is_stopping && work.has_room() => {
                    let Some(frame) = frame? else {
                        let text = "the channel closed the connection";
                        return Err(Error::new(ErrorKind::Unavailable, text));
                    };
                    let had_accepted = self.was_accepted;
                    self.take(line, work, &frame).await?;
                    if self.was_accepted && !had_accepted {
                        deadline = Instant::now() + NEVER;
                        pull_at = Instant::now();
                    }
                }
                answers = work.next(), if work.is_running() => self.answer(answers).await?,
                () = tokio::time::sleep_until(pull_at), if !is_stopping => {
                    pull_at = Instant::now() + line.pace.pull_every.unwrap_or(NEVER);
                    if line.pace.pull_every.is_some() && let Some(frame) = self.session.pull() {
                        self.socket.send(frame).await?;
                    }
                }
                () = tokio::time::sleep_until(ping_at), if !is_stopping => {
                    ping_at = Instant::now() + line.pace.ping_every.unwrap_or(NEVER);
                    if line.pace.ping_every.is_some() {
                        self.socket.ping().await?;
                    }
                }
                () = shutdown.stopped(), if !is_stopping => {
                    is_stopping = true;
                    work.begin_nothing_more();
                    deadline = Instant::now() + DRAIN_TIME;
                }
                () = tokio::time::sleep_until(deadline), if is_stopping || !self.was_accepted => {
                    if is_stopping {
                        return Ok(());
                    }
                    let text = "the channel did not accept the connection in time";
                    return Err(Error::new(ErrorKind::Unavailable, text));
                }
            }
        }
    }

    /// Everything that a frame says.
    async fn take(&mut self, line: &Line, work: &mut Work<'_>, frame: &Frame) -> Result<(), Error> {
        for item in self.session.receive(frame) {
            match item {
                StreamItem::Accepted => {
                    self.was_accepted = true;
                    line.accepted();
                }
                StreamItem::Refused(error) => return Err(error),
                StreamItem::Unreadable(error) => {
                    line.gauges.count("unreadable");
                    tracing::warn!(channel = line.channel, %error, "a frame of the stream cannot be read");
                }
                StreamItem::Message(message) => {
                    let answer = self.message(line, work, *message);
                    self.answer(answer).await?;
                }
            }
        }
        Ok(())
    }

    /// Puts a message to work, or says at once what becomes of it.
    fn message(
        &mut self,
        line: &Line,
        work: &mut Work<'_>,
        message: StreamMessage,
    ) -> Option<Answer> {
        let Some(shop) = message.sellers.iter().find_map(|name| line.shops.get(name)) else {
            line.gauges.count("unknown_shop");
            if !self.has_complained {
                self.has_complained = true;
                let channel = line.channel;
                tracing::warn!(
                    channel,
                    "the stream brings messages of a seller that no shop here is; they are not confirmed"
                );
            }
            let reason = "no shop of this name is configured";
            return Some(Answer::Again(message.id, reason));
        };
        work.begin(shop, message)
    }

    async fn answer(&mut self, answers: impl IntoIterator<Item = Answer>) -> Result<(), Error> {
        for answer in answers {
            let frame = match answer {
                Answer::Confirm(id) => self.session.confirm(&id),
                Answer::Again(id, reason) => self.session.fail(&id, reason),
            };
            if let Some(frame) = frame {
                self.socket.send(frame).await?;
            }
        }
        Ok(())
    }
}
