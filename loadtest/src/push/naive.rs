//! What a queue without coalescing does with the same commands: first in, first out, every command is told.
//!
//! A model, and a generous one: its calls take no time, and the first command takes all others of its listing with it that
//! fit into its call. Only the limit of each shop holds it back, the same one.

use super::channel::Arrival;
use super::commands::{LISTING, shop_of};
use super::drain::{Run, SHOPS, Sent};
use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;
use tokio::time::Instant;

/// What a queue made of a run's commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Course {
    pub(super) calls: u64,
    /// Sum over all SKUs of the time during which the channel had another level than the newest commanded.
    pub(super) stale: Duration,
    /// The part of it during which the channel sold what was sold out.
    pub(super) oversold: Duration,
}

/// What the gateway made of it.
pub(super) fn gateway(run: &Run) -> Course {
    let (stale, oversold) = wrong(&run.sent, &run.books.arrivals);
    Course { calls: run.books.calls, stale, oversold }
}

/// What the naive queue makes of it, with a call of each shop every so often.
pub(super) fn naive(sent: &[Sent], emission: Duration) -> Course {
    let mut sum = Course { calls: 0, stale: Duration::ZERO, oversold: Duration::ZERO };
    for shop in 0..SHOPS {
        let of_shop = sent.iter().filter(|sent| shop_of(sent.level.sku, SHOPS) == shop);
        let course = one_shop(&of_shop.copied().collect::<Vec<_>>(), emission);
        sum.calls += course.calls;
        sum.stale += course.stale;
        sum.oversold += course.oversold;
    }
    sum
}

fn one_shop(sent: &[Sent], emission: Duration) -> Course {
    let mut arrivals = Vec::with_capacity(sent.len());
    // Commands that wait, by listing, and the listings of all of them in their order.
    let mut waiting: HashMap<u64, VecDeque<Sent>> = HashMap::new();
    let mut order: VecDeque<Sent> = VecDeque::new();
    let mut coming = sent.iter().copied().peekable();
    let (mut calls, mut told) = (0, HashSet::new());
    let mut now = sent.first().map_or_else(Instant::now, |first| first.at);
    while let Some(next) = order.front().or_else(|| coming.peek()) {
        now = now.max(next.at);
        while let Some(command) = coming.next_if(|command| command.at <= now) {
            waiting.entry(command.level.sku / LISTING).or_default().push_back(command);
            order.push_back(command);
        }
        let Some(head) = order.pop_front() else { break };
        if told.remove(&(head.level.sku, head.level.version)) {
            continue;
        }
        let mut call: Vec<Sent> = Vec::new();
        let of_listing = waiting.entry(head.level.sku / LISTING).or_default();
        // A call names a SKU once: its later levels wait for another call.
        of_listing.retain(|command| {
            let fits = call.iter().all(|other| other.level.sku != command.level.sku);
            if fits {
                call.push(*command);
            }
            !fits
        });
        for Sent { level, .. } in call {
            if level != head.level {
                told.insert((level.sku, level.version));
            }
            arrivals.push(Arrival { at: now, sku: level.sku, available: level.available });
        }
        calls += 1;
        now += emission;
    }
    let (stale, oversold) = wrong(sent, &arrivals);
    Course { calls, stale, oversold }
}

/// What the channel has of a SKU, what it should have, and since when.
#[derive(Debug, Clone, Copy)]
struct Sku {
    has: Option<u32>,
    should: Option<u32>,
    since: Instant,
}

/// Time during which levels were wrong, and the part of it during which sold-out ones were on sale. A SKU counts from its
/// second level on: before that nobody knows what the channel has.
fn wrong(sent: &[Sent], arrivals: &[Arrival]) -> (Duration, Duration) {
    let mut skus: HashMap<u64, Sku> = HashMap::new();
    let (mut stale, mut oversold) = (Duration::ZERO, Duration::ZERO);
    let (mut sent, mut arrivals) = (sent.iter().peekable(), arrivals.iter().peekable());
    loop {
        let is_command = match (sent.peek(), arrivals.peek()) {
            (Some(command), Some(arrival)) => command.at <= arrival.at,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (None, None) => return (stale, oversold),
        };
        let (sku, at, should, has) = if is_command {
            let Some(Sent { at, level }) = sent.next() else { return (stale, oversold) };
            (level.sku, *at, Some(level.available), None)
        } else {
            let Some(arrival) = arrivals.next() else { return (stale, oversold) };
            (arrival.sku, arrival.at, None, Some(arrival.available))
        };
        let state = skus.entry(sku).or_insert(Sku { has: None, should: None, since: at });
        if let (Some(has), Some(should)) = (state.has, state.should)
            && has != should
        {
            stale += at - state.since;
            if should == 0 {
                oversold += at - state.since;
            }
        }
        *state = Sku { has: has.or(state.has), should: should.or(state.should), since: at };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::push::commands::Level;

    const SECOND: Duration = Duration::from_secs(1);

    fn sent(start: Instant, levels: &[(u64, u64, u32)]) -> Vec<Sent> {
        let sent = |&(second, sku, available)| Sent {
            at: start + SECOND * u32::try_from(second).unwrap(),
            level: Level { sku, version: 1, available },
        };
        levels.iter().map(sent).collect()
    }

    #[test]
    fn a_level_is_wrong_from_the_newer_command_until_that_arrives() {
        let start = Instant::now();
        let commands = sent(start, &[(0, 1, 5), (2, 1, 0), (3, 1, 7)]);
        let arrivals = [(1, 5), (6, 7)].map(|(second, available)| Arrival {
            at: start + SECOND * second,
            sku: 1,
            available,
        });
        assert_eq!(wrong(&commands, &arrivals), (SECOND * 4, SECOND));
    }

    #[test]
    fn the_naive_queue_tells_every_command_and_a_sku_once_in_a_call() {
        let start = Instant::now();
        // Another listing of the same shop waits for its turn behind the first.
        let mut commands =
            sent(start, &[(0, 0, 5), (0, 80, 5), (0, 1, 5), (0, 0, 6), (0, 0, 0), (9, 80, 0)]);
        for (version, command) in (1..).zip(&mut commands) {
            command.level.version = version;
        }
        let course = naive(&commands, SECOND);
        assert_eq!(course, Course { calls: 5, stale: SECOND * 3, oversold: SECOND * 3 });
    }
}
