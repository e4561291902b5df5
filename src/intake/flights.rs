//! Who in this process waits for which event, and which events this process has published.
//!
//! Two equal deliveries at the same moment become one record; both get their answer after its acknowledgement.

use super::{Refusal, Settled};
use connectors::contract::EventId;
use parking_lot::Mutex;
use quick_cache::sync::Cache;
use std::collections::HashMap;
use tokio::sync::oneshot;

pub(super) type Answer = Result<Settled, Refusal>;

/// What an arriving event finds.
pub(super) enum Boarding {
    /// This process has published it.
    Known,
    /// It is on its way; wait with the others.
    Joined(oneshot::Receiver<Answer>),
    /// It is new here; put it on the road.
    First(oneshot::Receiver<Answer>),
}

/// Events on their way, and those that arrived.
#[derive(Debug)]
pub(super) struct Flights {
    waiting: Mutex<HashMap<EventId, Vec<oneshot::Sender<Answer>>>>,
    published: Cache<EventId, ()>,
}

impl Flights {
    pub(super) fn new(remember: usize) -> Self {
        Self { waiting: Mutex::default(), published: Cache::new(remember) }
    }

    pub(super) fn board(&self, id: EventId) -> Boarding {
        if self.published.get(&id).is_some() {
            return Boarding::Known;
        }
        let (sender, receiver) = oneshot::channel();
        let mut waiting = self.waiting.lock();
        match waiting.get_mut(&id) {
            Some(others) => {
                others.push(sender);
                Boarding::Joined(receiver)
            }
            None => {
                waiting.insert(id, vec![sender]);
                Boarding::First(receiver)
            }
        }
    }

    /// Tells everybody who waits for these events. The first learns what happened, the others that it was a duplicate.
    pub(super) fn land(&self, answers: impl IntoIterator<Item = (EventId, Answer)>) {
        let mut told = Vec::new();
        {
            let mut waiting = self.waiting.lock();
            for (id, answer) in answers {
                if answer.is_ok() {
                    self.published.insert(id, ());
                }
                told.push((waiting.remove(&id).unwrap_or_default(), answer));
            }
        }
        for (waiters, answer) in told {
            let mut answer = answer;
            for waiter in waiters {
                // A waiter whose deadline passed is gone; the record is in the log all the same.
                waiter.send(answer).ok();
                answer = answer.map(|_| Settled::Duplicate);
            }
        }
    }
}
