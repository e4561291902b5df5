//! Takes parcels from a lane, tells the channel, looks before it repeats, and reports.

use super::held;
use super::journal::{self, Step};
use super::lane::{Asked, Lane, Parcel};
use super::look::{self, Found, Telling};
use super::queue::Entry;
use crate::push::delivery::{judge, may_repeat, not_enabled, pause};
use crate::push::receipt::push_id;
use crate::push::result::{Kind, PushResult};
use crate::shops::Class;
use connectors::contract::{Capability, Error, ErrorKind, Result};
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
    /// For good, and the journal has nothing to learn from it.
    Known(Result<()>),
    /// Not now.
    Later(Error),
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
            // What takes longer than a worker should wait for.
            let takes_long =
                matches!(error.kind(), ErrorKind::Throttled { .. } | ErrorKind::Unauthorized);
            let failures = entry.item.failures;
            if takes_long || failures >= IN_PLACE || !self.0.may_repeat_in_place() {
                let asked = error.kind().retry_after().unwrap_or_default();
                return self.0.park(entry, pause(failures, &error).max(asked.min(LONGEST_BAN)));
            }
            if !self.0.delivery.pause(failures, &error).await {
                // Left in Kafka: its offset is not stored.
                return self.0.done(&entry.order, &entry.item.job.position);
            }
        }
    }

    async fn try_once(&self, parcel: &mut Parcel) -> Tried {
        let Lane { shop, delivery, .. } = &*self.0;
        let sink = shop.connector.waybills().filter(|_| shop.does(Capability::Waybills));
        let Some(sink) = sink else { return Tried::Ended(Err(not_enabled("waybills"))) };
        let key = journal::key(&parcel.job.command);
        let push_id = push_id(&parcel.job.position);
        if parcel.journal == Asked::Nothing {
            parcel.journal = Asked::State;
            let entry = delivery.journal.find(&key).await;
            match journal::decide(entry.as_ref(), &push_id, &parcel.job.command) {
                Step::Call => {}
                Step::ReadBack => parcel.in_doubt = true,
                Step::Done => return Tried::Known(Ok(())),
                Step::Conflict => return Tried::Known(Err(known_conflict())),
            }
        }
        let caller = shop.caller(Class::Waybill);
        let session = caller.session(delivery.parts.clock.now());
        let telling = Telling { sink, session, waybill: parcel.job.command.waybill() };
        let mut found = Found::Nothing;
        if parcel.in_doubt {
            found = match telling.look().await {
                Ok(found) => found,
                Err(error) if self.is_over(parcel, &error) => {
                    return Tried::Ended(Err(look::in_doubt(&error)));
                }
                Err(error) => return Tried::Later(error),
            };
            if found == Found::There && !sink.in_steps() {
                return Tried::Ended(Ok(()));
            }
        }
        if found != Found::There {
            match held::refusal(delivery, shop, &parcel.job.command).await {
                Ok(None) => {}
                Ok(Some(refusal)) => return Tried::Ended(Err(refusal)),
                Err(error) if !may_repeat(&error) => return Tried::Ended(Err(error)),
                Err(error) if !self.is_over(parcel, &error) => return Tried::Later(error),
                Err(error) if parcel.in_doubt => return Tried::Ended(Err(look::in_doubt(&error))),
                Err(_) => return Tried::Ended(Err(held::unsaid())),
            }
        }
        if parcel.journal != Asked::Sent {
            delivery.journal.note(&key, journal::State::Sent, &push_id).await;
            parcel.journal = Asked::Sent;
        }
        parcel.job.tries += 1;
        let told = telling.tell().await;
        match told {
            Err(error) if may_repeat(&error) => {
                parcel.in_doubt |= error.kind() == ErrorKind::Unavailable;
                if !self.is_over(parcel, &error) {
                    Tried::Later(error)
                } else if parcel.in_doubt {
                    match telling.last_word(&error).await {
                        Ok(()) => Tried::Ended(Ok(())),
                        // What a list does not show is no word of the channel's that a later command is bound by.
                        Err(error) => Tried::Known(Err(error)),
                    }
                } else {
                    Tried::Ended(Err(error))
                }
            }
            ended => Tried::Ended(ended),
        }
    }

    /// Counts a try without an answer, and says whether it was the last. A limit is no failure of the parcel's: it waits as
    /// long as it is told, for up to a day.
    fn is_over(&self, parcel: &mut Parcel, error: &Error) -> bool {
        if matches!(error.kind(), ErrorKind::Throttled { .. }) {
            return parcel.job.read_at.elapsed() >= LONGEST_BAN;
        }
        parcel.failures += 1;
        parcel.failures >= self.0.delivery.tries
    }

    /// Before the result is published, so that a command which is read again because its result is not there yet finds
    /// it.
    async fn note_end(&self, parcel: &Parcel, outcome: &Result<()>) {
        let state = match outcome {
            Ok(()) => journal::State::Confirmed,
            Err(error) if error.kind() == ErrorKind::Conflict => journal::State::Conflicted,
            // Unknown stays `sent`, and what was never sent stays as it was.
            Err(error) if error.kind().is_transient() || parcel.in_doubt => return,
            Err(_) if parcel.journal != Asked::Sent => return,
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
            available: None,
            number: Some(job.command.number.clone()),
            outcome,
            error,
            tries: job.tries,
            at,
            also: Vec::new(),
        };
        delivery.observe(shop, &job, outcome);
        delivery.receipts.result(result, vec![job.position.clone()]).await;
        self.0.done(&order, &job.position);
    }
}

fn known_conflict() -> Error {
    let text =
        "the channel had another number when this was told before; with `force` it is told again";
    Error::new(ErrorKind::Conflict, text)
}
