//! Takes parcels from a lane, tells the channel, looks before it repeats, and reports.

use super::held;
use super::journal::{self, Step};
use super::lane::{Lane, Parcel};
use super::queue::Entry;
use crate::push::delivery::{judge, not_enabled, pause_after};
use crate::push::receipt::{Kind, PushResult, push_id};
use connectors::contract::model::{Shipped, Waybill, WaybillAction};
use connectors::contract::{Capability, Error, ErrorKind, Result, Session, WaybillSink};
use std::sync::Arc;
use std::time::Duration;

/// Tries before a parcel is parked. What was parked is tried once, and parked again.
const IN_PLACE: u32 = 3;
/// Longest time that a parcel waits for a channel's limit, whatever the channel says: then its command is given back.
const LONGEST_BAN: Duration = Duration::from_hours(24);

/// Works for a lane as long as it has work.
pub(super) struct Worker(pub(super) Arc<Lane>);

/// How a try ended.
enum Tried {
    /// For good.
    Ended(Result<()>),
    /// For good, and the journal knew it.
    Known(Result<()>),
    /// Not now.
    Later(Error),
}

/// What the channel's own list says of a parcel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// It is there.
    There,
    /// It is not, and others are.
    Others,
    /// Nothing is.
    Nothing,
}

impl Worker {
    pub(super) async fn run(self) {
        // After the stop nothing more is begun; what waits is left in Kafka.
        while !self.0.delivery.shutdown.is_stopped()
            && let Some(entry) = self.0.next().await
        {
            self.carry(entry).await;
        }
    }

    async fn carry(&self, mut entry: Entry<Parcel>) {
        loop {
            let error = match self.try_once(&mut entry.item).await {
                Tried::Ended(outcome) => {
                    self.note_end(&entry.item, &outcome).await;
                    return self.report(entry, &outcome).await;
                }
                Tried::Known(outcome) => return self.report(entry, &outcome).await,
                Tried::Later(error) => error,
            };
            let is_throttled = matches!(error.kind(), ErrorKind::Throttled { .. });
            let failures = entry.item.failures;
            if is_throttled || failures >= IN_PLACE || !self.0.may_repeat_in_place() {
                let asked = error.kind().retry_after().unwrap_or_default();
                return self.0.park(entry, pause_after(failures).max(asked).min(LONGEST_BAN));
            }
            if !self.0.delivery.pause(failures, &error).await {
                // Left in Kafka: its offset is not stored.
                return self.0.done(&entry.order);
            }
        }
    }

    async fn try_once(&self, parcel: &mut Parcel) -> Tried {
        let Lane { shop, delivery, .. } = &*self.0;
        let sink = shop.connector.waybills().filter(|_| shop.does(Capability::Waybills));
        let Some(sink) = sink else { return Tried::Ended(Err(not_enabled("waybills"))) };
        let key = journal::key(&parcel.job.command);
        let push_id = push_id(&parcel.job.position);
        if !parcel.looked {
            parcel.looked = true;
            let entry = delivery.journal.find(&key).await;
            match journal::decide(entry.as_ref(), &push_id, &parcel.job.command) {
                Step::Call => {}
                Step::ReadBack => parcel.in_doubt = true,
                Step::Done => return Tried::Known(Ok(())),
                Step::Conflict => return Tried::Known(Err(known_conflict())),
            }
        }
        let session = shop.session(delivery.parts.clock.now());
        let telling = Telling { sink, session, waybill: parcel.job.command.waybill() };
        let mut found = Found::Nothing;
        if parcel.in_doubt {
            found = match telling.look().await {
                Ok(found) => found,
                Err(error) => return self.failed(parcel, unsaid(&error)),
            };
            if found == Found::There && !sink.in_steps() {
                return Tried::Ended(Ok(()));
            }
        }
        if found != Found::There {
            match held::refusal(delivery, shop, &parcel.job.command).await {
                Ok(None) => {}
                Ok(Some(refusal)) => return Tried::Ended(Err(refusal)),
                Err(error) if error.kind().is_transient() => {
                    return match self.failed(parcel, error) {
                        Tried::Ended(_) if !parcel.in_doubt => Tried::Ended(Err(held::unsaid())),
                        tried => tried,
                    };
                }
                Err(error) => return Tried::Ended(Err(error)),
            }
        }
        if !parcel.noted {
            delivery.journal.note(&key, journal::State::Sent, &push_id).await;
            parcel.noted = true;
        }
        parcel.job.tries += 1;
        match telling.tell().await {
            Err(error) if error.kind() == ErrorKind::Unavailable => {
                parcel.in_doubt = true;
                match self.failed(parcel, error) {
                    Tried::Ended(Err(error)) => Tried::Ended(telling.last_word(error).await),
                    tried => tried,
                }
            }
            Err(error) if error.kind().is_transient() => self.failed(parcel, error),
            ended => Tried::Ended(ended),
        }
    }

    /// Counts a try without an answer. A limit is no failure of the parcel's: it waits as long as it is told.
    fn failed(&self, parcel: &mut Parcel, error: Error) -> Tried {
        if matches!(error.kind(), ErrorKind::Throttled { .. }) {
            if parcel.job.read_at.elapsed() < LONGEST_BAN {
                return Tried::Later(error);
            }
            return Tried::Ended(Err(if parcel.in_doubt { unanswered(&error) } else { error }));
        }
        parcel.failures += 1;
        if parcel.failures >= self.0.delivery.tries {
            Tried::Ended(Err(error))
        } else {
            Tried::Later(error)
        }
    }

    /// Before the result is published, so that a command which is read again because its result is not there yet finds
    /// it.
    async fn note_end(&self, parcel: &Parcel, outcome: &Result<()>) {
        let state = match outcome {
            Ok(()) => journal::State::Confirmed,
            Err(error) if error.kind() == ErrorKind::Conflict => journal::State::Conflicted,
            // Unknown stays `sent`, and what was never sent stays as it was.
            Err(error) if error.kind().is_transient() || parcel.in_doubt || !parcel.noted => return,
            Err(_) => journal::State::Refused,
        };
        let (key, push_id) = (journal::key(&parcel.job.command), push_id(&parcel.job.position));
        self.0.delivery.journal.note(&key, state, &push_id).await;
    }

    async fn report(&self, entry: Entry<Parcel>, outcome: &Result<()>) {
        let Lane { shop, delivery, .. } = &*self.0;
        let Entry { order, item: Parcel { job, .. }, .. } = entry;
        let at = delivery.parts.clock.now();
        let (outcome, error) = judge(outcome);
        let result = PushResult {
            push_id: push_id(&job.position),
            kind: Kind::Waybill,
            channel: job.command.channel.clone(),
            shop: job.command.shop.clone(),
            object_id: job.command.order_id.as_str().to_owned(),
            version: None,
            number: Some(job.command.number.clone()),
            outcome,
            error,
            tries: job.tries,
            at,
        };
        delivery.observe(Kind::Waybill, shop, &job);
        delivery.receipts.result(result, job.position).await;
        self.0.done(&order);
    }
}

/// One parcel and the channel.
struct Telling<'t> {
    sink: &'t dyn WaybillSink,
    session: Session<'t>,
    waybill: Waybill,
}

impl Telling<'_> {
    async fn tell(&self) -> Result<()> {
        self.sink.ship(&self.session, &self.waybill).await
    }

    async fn look(&self) -> Result<Found> {
        let known = self.sink.shipped(&self.session, &self.waybill.order_id).await?;
        Ok(find(&known, &self.waybill.number))
    }

    /// When every try ended without an answer, the channel's own list decides, if it can be read.
    async fn last_word(&self, error: Error) -> Result<()> {
        let is_whole = self.waybill.lines.is_empty() && self.waybill.action == WaybillAction::Ship;
        match self.look().await {
            Ok(Found::There) if !self.sink.in_steps() => Ok(()),
            Ok(Found::Others) if is_whole => {
                let text = "the order is shipped, and not with this number";
                Err(Error::new(ErrorKind::Conflict, text))
            }
            Ok(_) | Err(_) => Err(error),
        }
    }
}

/// Whether a number is among those that the channel lists. Channels trim numbers, and some change their case.
pub(super) fn find(known: &[Shipped], number: &str) -> Found {
    let is_ours = |shipped: &Shipped| shipped.number.trim().eq_ignore_ascii_case(number.trim());
    if known.iter().any(is_ours) {
        Found::There
    } else if known.is_empty() {
        Found::Nothing
    } else {
        Found::Others
    }
}

/// However the reading back failed, it is not known whether the parcel is there.
fn unsaid(error: &Error) -> Error {
    if error.kind().is_transient() { error.clone() } else { unanswered(error) }
}

fn unanswered(error: &Error) -> Error {
    let text = "a call had no answer, and the channel does not say whether it has the parcel";
    let unanswered = Error::new(ErrorKind::Unavailable, text);
    match error.channel_code() {
        Some(code) => unanswered.code(code),
        None => unanswered,
    }
}

fn known_conflict() -> Error {
    let text =
        "the channel had another number when this was told before; with `force` it is told again";
    Error::new(ErrorKind::Conflict, text)
}
