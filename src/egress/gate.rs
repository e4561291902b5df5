//! Turns at a limit: one caller at a time, the most urgent class first, and a share for every class that waits.

use crate::shops::Class;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use tokio::sync::oneshot;

const CLASSES: usize = Class::ALL.len();
/// A class that is owed this much goes before a more urgent one.
const OWED: u32 = 100;

/// Who is next at one limit. Callers that wait are bounded by the lanes and pollers that they come from.
#[derive(Debug, Default)]
pub(super) struct Gate(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    is_held: bool,
    waiting: [VecDeque<oneshot::Sender<Turn>>; CLASSES],
    credits: Credits,
}

/// The right to be next. Dropping it, wherever the caller was, lets the next one go.
#[derive(Debug)]
pub(super) struct Turn(Option<Arc<Gate>>);

impl Gate {
    /// Waits for a turn.
    pub(super) async fn turn(self: &Arc<Self>, class: Class) -> Turn {
        loop {
            let (sender, receiver) = oneshot::channel();
            {
                let mut state = self.0.lock();
                if !mem::replace(&mut state.is_held, true) {
                    return Turn(Some(Arc::clone(self)));
                }
                if let Some(queue) = state.queue(class) {
                    queue.push_back(sender);
                }
            }
            if let Ok(turn) = receiver.await {
                return turn;
            }
        }
    }

    fn release(self: &Arc<Self>) {
        loop {
            let mut state = self.0.lock();
            let Some(next) = state.next() else {
                state.is_held = false;
                return;
            };
            drop(state);
            match next.send(Turn(Some(Arc::clone(self)))) {
                Ok(()) => return,
                // It left just now; its turn must not be released a second time.
                Err(mut turn) => drop(turn.0.take()),
            }
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(gate) = self.0.take() {
            gate.release();
        }
    }
}

impl State {
    fn next(&mut self) -> Option<oneshot::Sender<Turn>> {
        for queue in &mut self.waiting {
            while queue.front().is_some_and(oneshot::Sender::is_closed) {
                queue.pop_front();
            }
        }
        let waits = self.waiting.each_ref().map(|queue| !queue.is_empty());
        let chosen = self.credits.next(waits)?;
        self.queue(chosen)?.pop_front()
    }

    fn queue(&mut self, class: Class) -> Option<&mut VecDeque<oneshot::Sender<Turn>>> {
        self.waiting.iter_mut().zip(Class::ALL).find(|(_, of)| *of == class).map(|(queue, _)| queue)
    }
}

/// What each class is owed: a class that waits earns its share with each turn, and is paid with a turn.
#[derive(Debug, Default)]
struct Credits([u32; CLASSES]);

impl Credits {
    fn next(&mut self, waits: [bool; CLASSES]) -> Option<Class> {
        let mut chosen: Option<(Class, &mut u32)> = None;
        for ((class, credit), waits) in Class::ALL.into_iter().zip(&mut self.0).zip(waits) {
            *credit = if waits { *credit + share(class) } else { 0 };
            let is_better = match &chosen {
                None => true,
                Some((_, best)) => *credit >= OWED && *credit > **best,
            };
            if waits && is_better {
                chosen = Some((class, credit));
            }
        }
        let (class, credit) = chosen?;
        *credit = credit.saturating_sub(OWED);
        Some(class)
    }
}

/// Percent of the turns that a class gets at least while it waits. The first class gets what the others leave.
fn share(class: Class) -> u32 {
    match class {
        Class::Waybill => 0,
        Class::Poll => 20,
        Class::Urgent => 10,
        Class::Rest => 5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::poll;
    use proptest::prelude::*;

    fn counts(waits: [bool; CLASSES], turns: usize) -> [usize; CLASSES] {
        let (mut credits, mut counts) = (Credits::default(), [0; CLASSES]);
        for _ in 0..turns {
            if let Some(class) = credits.next(waits) {
                counts[class as usize] += 1;
            }
        }
        counts
    }

    #[test]
    fn every_class_that_waits_gets_its_share_and_the_first_gets_the_rest() {
        assert_eq!(counts([true; CLASSES], 1002), [652, 200, 100, 50]);
        assert_eq!(counts([false, true, false, true], 1002), [0, 952, 0, 50]);
        assert_eq!(counts([false, false, false, true], 10), [0, 0, 0, 10]);
        assert_eq!(counts([false; CLASSES], 10), [0; CLASSES]);
    }

    proptest! {
        #[test]
        fn a_turn_goes_to_a_class_that_waits(rounds in prop::collection::vec(any::<[bool; CLASSES]>(), 1..200)) {
            let mut credits = Credits::default();
            for waits in rounds {
                match credits.next(waits) {
                    Some(class) => prop_assert!(waits[class as usize]),
                    None => prop_assert_eq!(waits, [false; CLASSES]),
                }
            }
        }
    }

    #[tokio::test]
    async fn the_most_urgent_goes_next_and_who_left_is_passed_over() {
        let gate = Arc::new(Gate::default());
        let held = gate.turn(Class::Rest).await;
        let mut rest = Box::pin(gate.turn(Class::Rest));
        let mut leaves = Box::pin(gate.turn(Class::Waybill));
        let mut poll = Box::pin(gate.turn(Class::Poll));
        let mut waybill = Box::pin(gate.turn(Class::Waybill));
        for waits in [&mut rest, &mut leaves, &mut poll, &mut waybill] {
            assert!(poll!(waits).is_pending());
        }
        drop((leaves, held));
        assert!(poll!(&mut rest).is_pending() && poll!(&mut poll).is_pending());
        drop(waybill.await);
        assert!(poll!(&mut rest).is_pending());
        drop(poll.await);
        drop(rest.await);
        drop(gate.turn(Class::Rest).await);
    }

    #[tokio::test]
    async fn a_turn_that_was_given_to_somebody_who_left_is_not_lost() {
        let gate = Arc::new(Gate::default());
        let held = gate.turn(Class::Rest).await;
        let mut waits = Box::pin(gate.turn(Class::Poll));
        assert!(poll!(&mut waits).is_pending());
        drop(held);
        // The turn lies in the channel of a caller that never looks.
        drop(waits);
        tokio::time::timeout(std::time::Duration::from_secs(5), gate.turn(Class::Rest))
            .await
            .unwrap();
    }
}
