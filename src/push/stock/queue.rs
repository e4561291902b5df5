//! What waits for one shop, without a clock and without I/O: of every SKU the newest level, sold-out ones first, in groups
//! that may share a call.

use crate::bus::Position;
use connectors::contract::model::StockLevel;
use quick_cache::unsync::Cache;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;
use tokio::time::Instant;

/// SKUs of a shop that do not wait and whose newest version this process remembers itself.
const VERSIONS: usize = 100_000;
/// Of so many calls one is for what waits longest, however many levels are more urgent.
const FAIR: u32 = 10;

/// A level on its way.
#[derive(Debug, Clone)]
pub(super) struct Level {
    pub(super) told: StockLevel,
    pub(super) version: u64,
    /// Where its command lies; none for a level that is told once more.
    pub(super) position: Option<Position>,
    pub(super) read_at: Instant,
    /// Calls that carried it.
    pub(super) tries: u32,
    /// Told once more, when nothing older can arrive any more.
    pub(super) is_repeat: bool,
}

impl Level {
    /// Sold out: each second that the channel does not know it, it may sell what is not there.
    pub(super) fn is_urgent(&self) -> bool {
        self.told.available == 0
    }
}

/// What a level finds.
#[derive(Debug)]
pub(super) enum Put {
    /// It waits.
    Waiting,
    /// It waits in the place of this one.
    Replaced(Level),
    /// It is not newer than what was here before.
    Late(Level),
}

/// What there is to do.
#[derive(Debug)]
pub(super) enum Take {
    /// Levels for one call. Their SKUs are busy until [`Queue::done`] or [`Queue::park`].
    Batch(Vec<Level>),
    /// Nothing before this moment.
    NotBefore(Instant),
    /// Nothing at all.
    Nothing,
}

#[derive(Debug)]
pub(super) struct Queue {
    skus: HashMap<Arc<str>, Sku>,
    groups: HashMap<Arc<str>, Group>,
    /// Groups in the order in which their levels began to wait; may name levels that wait no longer.
    urgent: VecDeque<Ticket>,
    rest: VecDeque<Ticket>,
    /// SKUs that rest until a moment.
    resting: BinaryHeap<Reverse<(Instant, Arc<str>)>>,
    newest: Cache<Arc<str>, u64>,
    limit: usize,
    tickets: u64,
    calls: u32,
}

#[derive(Debug)]
struct Sku {
    /// In a box, because a table has about as many free places as taken ones.
    waiting: Option<Box<Level>>,
    /// The newest version that was here.
    newest: Option<u64>,
    is_busy: bool,
    rests_until: Option<Instant>,
    /// Which of its places in the queues counts; 0 is none.
    ticket: u64,
    group: Arc<str>,
}

/// SKUs that may share a call.
#[derive(Debug, Default)]
struct Group {
    urgent: VecDeque<(u64, Arc<str>)>,
    rest: VecDeque<(u64, Arc<str>)>,
}

#[derive(Debug)]
struct Ticket {
    number: u64,
    sku: Arc<str>,
    group: Arc<str>,
}

impl Sku {
    /// Whether a newer level keeps the place in the queue: not if it has become urgent or belongs to another call.
    fn has_place(&self, newer: &Level, group: &str) -> bool {
        let was_urgent = self.waiting.as_ref().is_some_and(|waiting| waiting.is_urgent());
        self.ticket != 0 && (was_urgent || !newer.is_urgent()) && *self.group == *group
    }
}

impl Queue {
    /// An empty queue for calls of at most so many levels.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            skus: HashMap::new(),
            groups: HashMap::new(),
            urgent: VecDeque::new(),
            rest: VecDeque::new(),
            resting: BinaryHeap::new(),
            newest: Cache::new(VERSIONS),
            limit: limit.max(1),
            tickets: 0,
            calls: 0,
        }
    }

    /// Lets a command's level wait.
    pub(super) fn put(&mut self, level: Level, group: &str) -> Put {
        let state = self.skus.get_mut(level.told.sku_id.as_str());
        let known = match &state {
            Some(state) => state.newest,
            None => self.newest.get(level.told.sku_id.as_str()).copied(),
        };
        // An equal version may go again, unless it is here.
        let is_here = state.as_ref().is_some_and(|state| state.is_busy || state.waiting.is_some());
        let is_late =
            known.is_some_and(|known| level.version < known || level.version == known && is_here);
        if is_late {
            return Put::Late(level);
        }
        // What happens most where much waits: nothing changes but the level.
        if let Some(state) = state.filter(|state| state.has_place(&level, group))
            && let Some(waiting) = &mut state.waiting
        {
            state.newest = Some(level.version);
            return Put::Replaced(std::mem::replace(waiting, level));
        }
        self.wait(level, group)
    }

    /// Lets a level wait that is told once more; one that waits already wins unless it is older.
    pub(super) fn again(&mut self, level: Level, group: &str, not_before: Option<Instant>) -> Put {
        let state = self.skus.get(level.told.sku_id.as_str());
        let waiting = state.and_then(|state| state.waiting.as_ref());
        if waiting.is_some_and(|waiting| waiting.version >= level.version) {
            return Put::Late(level);
        }
        if let Some(moment) = not_before {
            let sku = self.entry(&level.told.sku_id, group);
            self.rest_until(&sku, moment);
        }
        self.wait(level, group)
    }

    fn wait(&mut self, level: Level, group: &str) -> Put {
        let sku = self.entry(&level.told.sku_id, group);
        let Some(state) = self.skus.get_mut(&sku) else { return Put::Late(level) };
        state.newest = state.newest.max(Some(level.version));
        let has_place = state.has_place(&level, group);
        let replaced = state.waiting.replace(Box::new(level));
        if !has_place {
            if *state.group != *group {
                state.group = group.into();
            }
            self.settle(&sku);
        }
        replaced.map_or(Put::Waiting, |level| Put::Replaced(*level))
    }

    /// Levels for one call, sold-out ones first. A worker that is kept for those takes a call only if there is one.
    pub(super) fn take(&mut self, now: Instant, urgent_only: bool) -> Take {
        self.wake(now);
        let Some((group, rest_first)) = self.next_group(urgent_only) else {
            return match self.resting.peek() {
                Some(Reverse((moment, _))) => Take::NotBefore(*moment),
                None => Take::Nothing,
            };
        };
        let mut batch = Vec::new();
        if let Some(Group { urgent, rest }) = self.groups.get_mut(&group) {
            let (first, second) = if rest_first { (rest, urgent) } else { (urgent, rest) };
            while batch.len() < self.limit
                && let Some((number, sku)) = first.pop_front().or_else(|| second.pop_front())
            {
                let state = self.skus.get_mut(&sku).filter(|state| state.ticket == number);
                let Some(state) = state else { continue };
                if let Some(level) = state.waiting.take() {
                    (state.ticket, state.is_busy) = (0, true);
                    batch.push(*level);
                }
            }
            if first.is_empty() && second.is_empty() {
                self.groups.remove(&group);
            }
        }
        Take::Batch(batch)
    }

    /// A SKU's call has ended; the next one not before a moment, where its channel needs a pause between two.
    pub(super) fn done(&mut self, sku: &str, not_before: Option<Instant>) {
        let Some((sku, _)) = self.skus.get_key_value(sku) else { return };
        let sku = Arc::clone(sku);
        if let Some(state) = self.skus.get_mut(&sku) {
            state.is_busy = false;
        }
        if let Some(moment) = not_before {
            self.rest_until(&sku, moment);
        }
        self.settle(&sku);
    }

    /// A busy level is to be tried again later. Returned is what is not tried: the level itself, if a newer one waits.
    pub(super) fn park(&mut self, level: Level, moment: Instant) -> Option<Level> {
        let Some((sku, _)) = self.skus.get_key_value(level.told.sku_id.as_str()) else {
            return Some(level);
        };
        let sku = Arc::clone(sku);
        self.rest_until(&sku, moment);
        let mut superseded = Some(level);
        if let Some(state) = self.skus.get_mut(&sku) {
            state.is_busy = false;
            if state.waiting.is_none() {
                state.waiting = superseded.take().map(Box::new);
            }
        }
        self.settle(&sku);
        superseded
    }

    fn entry(&mut self, sku: &str, group: &str) -> Arc<str> {
        if let Some((name, _)) = self.skus.get_key_value(sku) {
            return Arc::clone(name);
        }
        let name: Arc<str> = sku.into();
        let group = self.groups.get_key_value(group).map(|(name, _)| Arc::clone(name));
        let group = group.unwrap_or_else(|| "".into());
        let newest = self.newest.remove(sku).map(|(_, version)| version);
        let state =
            Sku { waiting: None, newest, is_busy: false, rests_until: None, ticket: 0, group };
        self.skus.insert(Arc::clone(&name), state);
        name
    }

    fn rest_until(&mut self, sku: &Arc<str>, moment: Instant) {
        if let Some(state) = self.skus.get_mut(sku) {
            let until = state.rests_until.map_or(moment, |until| until.max(moment));
            (state.rests_until, state.ticket) = (Some(until), 0);
            self.resting.push(Reverse((until, Arc::clone(sku))));
        }
    }

    /// Gives a SKU a place, or forgets it.
    fn settle(&mut self, sku: &Arc<str>) {
        let Some(state) = self.skus.get_mut(sku) else { return };
        if state.is_busy || state.rests_until.is_some() {
            return;
        }
        let Some(level) = &state.waiting else { return self.forget(sku) };
        self.tickets += 1;
        state.ticket = self.tickets;
        let (number, group) = (state.ticket, Arc::clone(&state.group));
        let queues = self.groups.entry(Arc::clone(&group)).or_default();
        let (of_group, of_all) = if level.is_urgent() {
            (&mut queues.urgent, &mut self.urgent)
        } else {
            (&mut queues.rest, &mut self.rest)
        };
        of_group.push_back((number, Arc::clone(sku)));
        of_all.push_back(Ticket { number, sku: Arc::clone(sku), group });
    }

    /// Nothing is to be done for a SKU; of the last ones it stays known which version was the newest.
    fn forget(&mut self, sku: &str) {
        if let Some((name, state)) = self.skus.remove_entry(sku)
            && let Some(newest) = state.newest
        {
            self.newest.insert(name, newest);
        }
    }

    /// SKUs whose rest is over have their places again.
    fn wake(&mut self, now: Instant) {
        while self.resting.peek().is_some_and(|Reverse((moment, _))| *moment <= now)
            && let Some(Reverse((moment, sku))) = self.resting.pop()
        {
            // It may have been told to rest longer since.
            if let Some(state) = self.skus.get_mut(&sku)
                && state.rests_until.is_some_and(|until| until <= moment)
            {
                state.rests_until = None;
                self.settle(&sku);
            }
        }
    }

    /// The group of the level whose turn it is, and whether what is not urgent goes first for once.
    fn next_group(&mut self, urgent_only: bool) -> Option<(Arc<str>, bool)> {
        for queue in [&mut self.urgent, &mut self.rest] {
            while let Some(first) = queue.front()
                && is_stale(&self.skus, first.number, &first.sku)
                && let Some(ticket) = queue.pop_front()
            {
                // A group all of whose SKUs moved on has no call that would empty it.
                let Some(group) = self.groups.get_mut(&ticket.group) else { continue };
                for places in [&mut group.urgent, &mut group.rest] {
                    while places
                        .front()
                        .is_some_and(|(number, sku)| is_stale(&self.skus, *number, sku))
                    {
                        places.pop_front();
                    }
                }
                if group.urgent.is_empty() && group.rest.is_empty() {
                    self.groups.remove(&ticket.group);
                }
            }
        }
        let group = |queue: &VecDeque<Ticket>| Some(Arc::clone(&queue.front()?.group));
        if urgent_only {
            return Some((group(&self.urgent)?, false));
        }
        self.calls = self.calls.wrapping_add(1);
        let is_fair = self.calls.is_multiple_of(FAIR);
        let rest = group(&self.rest).map(|group| (group, true));
        let urgent = group(&self.urgent).map(|group| (group, false));
        if is_fair { rest.or(urgent) } else { urgent.or(rest) }
    }
}

/// Whether a place in a queue counts no longer.
fn is_stale(skus: &HashMap<Arc<str>, Sku>, number: u64, sku: &str) -> bool {
    skus.get(sku).is_none_or(|state| state.ticket != number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn level(sku: &str, available: u32, version: u64) -> Level {
        let told = StockLevel { sku_id: sku.to_owned(), product_id: None, available };
        let read_at = Instant::now();
        Level { told, version, position: None, read_at, tries: 0, is_repeat: false }
    }

    fn batch(queue: &mut Queue) -> Vec<(String, u32)> {
        match queue.take(Instant::now(), false) {
            Take::Batch(batch) => {
                batch.into_iter().map(|level| (level.told.sku_id, level.told.available)).collect()
            }
            Take::NotBefore(_) | Take::Nothing => Vec::new(),
        }
    }

    fn names(queue: &mut Queue) -> Vec<String> {
        batch(queue).into_iter().map(|(sku, _)| sku).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn sold_out_levels_go_first_then_the_oldest_and_calls_are_filled() {
        let mut queue = Queue::new(3);
        for (sku, available) in [("a", 5), ("b", 5), ("c", 0), ("d", 5), ("e", 0)] {
            assert!(matches!(queue.put(level(sku, available, 1), ""), Put::Waiting));
        }
        // One that sells out later is as urgent, and keeps nothing of its old place.
        assert!(matches!(queue.put(level("d", 0, 2), ""), Put::Replaced(old) if old.version == 1));
        assert_eq!(names(&mut queue), ["c", "e", "d"]);
        assert_eq!(names(&mut queue), ["a", "b"]);
        assert!(matches!(queue.take(Instant::now(), false), Take::Nothing));
    }

    #[tokio::test(start_paused = true)]
    async fn an_older_level_never_takes_the_place_of_a_newer_however_many_wait() {
        let mut queue = Queue::new(1);
        let skus = VERSIONS * 2;
        for sku in 0..skus {
            queue.put(level(&sku.to_string(), 5, 2), "");
        }
        for sku in 0..skus {
            let put = queue.put(level(&sku.to_string(), 6, 1), "");
            assert!(matches!(put, Put::Late(_)), "{sku}: {put:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn however_much_is_sold_out_the_rest_gets_a_call_of_ten() {
        let mut queue = Queue::new(1);
        for index in 0..100 {
            queue.put(level(&format!("urgent{index}"), 0, 1), "");
        }
        queue.put(level("rest", 5, 1), "");
        let turn = (1..=100).find(|_| names(&mut queue) == ["rest"]);
        assert_eq!(turn, Some(10));
    }

    #[tokio::test(start_paused = true)]
    async fn levels_of_different_groups_do_not_share_a_call() {
        let mut queue = Queue::new(10);
        for (sku, group) in [("a1", "a"), ("b1", "b"), ("a2", "a"), ("c1", "c"), ("b2", "b")] {
            queue.put(level(sku, 5, 1), group);
        }
        // It moved to another listing while it waited.
        queue.put(level("c1", 6, 2), "a");
        assert_eq!(names(&mut queue), ["a1", "a2", "c1"]);
        assert_eq!(names(&mut queue), ["b1", "b2"]);
        assert!(matches!(queue.take(Instant::now(), false), Take::Nothing));
        assert!(queue.groups.is_empty(), "{:?}", queue.groups);
    }

    #[tokio::test(start_paused = true)]
    async fn a_sku_has_one_call_at_a_time_and_the_newest_level_follows() {
        let mut queue = Queue::new(10);
        queue.put(level("a", 5, 1), "");
        assert_eq!(names(&mut queue), ["a"]);
        assert!(matches!(queue.put(level("a", 6, 2), ""), Put::Waiting));
        assert!(matches!(queue.put(level("a", 7, 3), ""), Put::Replaced(_)));
        assert!(matches!(queue.put(level("a", 6, 2), ""), Put::Late(_)));
        assert!(batch(&mut queue).is_empty());
        queue.done("a", None);
        assert_eq!(batch(&mut queue), [("a".to_owned(), 7)]);
        queue.done("a", None);
        assert!(queue.skus.is_empty());
        assert!(matches!(queue.put(level("a", 7, 3), ""), Put::Waiting), "an equal one goes again");
        assert!(matches!(queue.put(level("a", 9, 1), ""), Put::Late(_)), "an older one never");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_left_for_later_waits_and_is_replaced_by_what_is_newer() {
        let mut queue = Queue::new(10);
        let second = Duration::from_secs(1);
        queue.put(level("a", 5, 1), "");
        queue.put(level("b", 5, 1), "");
        assert_eq!(names(&mut queue), ["a", "b"]);
        queue.put(level("b", 6, 2), "");
        assert!(queue.park(level("a", 5, 1), Instant::now() + second).is_none());
        assert!(queue.park(level("b", 5, 1), Instant::now() + second).is_some());
        let moment = Instant::now() + second;
        assert!(matches!(queue.take(Instant::now(), false), Take::NotBefore(at) if at == moment));
        assert!(matches!(queue.put(level("a", 0, 2), ""), Put::Replaced(_)));
        assert!(batch(&mut queue).is_empty(), "it rests whatever its level is");
        tokio::time::advance(second).await;
        assert_eq!(batch(&mut queue), [("a".to_owned(), 0), ("b".to_owned(), 6)]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_sku_that_needs_a_pause_between_two_writes_gets_it() {
        let mut queue = Queue::new(10);
        let second = Duration::from_secs(1);
        queue.put(level("a", 5, 1), "");
        assert_eq!(names(&mut queue), ["a"]);
        queue.done("a", Some(Instant::now() + second));
        queue.put(level("a", 0, 2), "");
        assert!(batch(&mut queue).is_empty());
        tokio::time::advance(second).await;
        assert_eq!(batch(&mut queue), [("a".to_owned(), 0)]);
        queue.done("a", Some(Instant::now() + second));
        tokio::time::advance(second).await;
        assert!(batch(&mut queue).is_empty());
        assert!(queue.skus.is_empty(), "nothing is kept of a SKU that rests no longer");
    }
}
