//! What waits for one shop, without a clock and without I/O: of every SKU the newest level, sold-out ones first, in groups
//! that may share a call.

mod table;
#[cfg(test)]
mod tests;

use crate::bus::Position;
use connectors::contract::model::StockLevel;
use quick_cache::unsync::Cache;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use table::{Id, Link, List, Named, Table};
use tokio::time::Instant;

/// SKUs of a shop that do not wait and whose newest version this process remembers itself.
const VERSIONS: usize = 100_000;
/// Of so many calls one is for what waits longest, however many levels are more urgent. So a level waits at most as long
/// as a tenth of the shop's limit needs for those that came before it.
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
    /// It rests until nothing older can arrive. What replaces it need not, but is to be told once more in its stead.
    pub(super) heals: bool,
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
    /// Its very command was here before, and has not ended: it was read again, and is reported once that has.
    Here,
}

/// What there is to do.
#[derive(Debug)]
pub(super) enum Take {
    /// Levels for one call. Their SKUs are busy until [`Queue::done`] or [`Queue::park`].
    Batch {
        /// At least one.
        levels: Vec<Level>,
        /// More urgent ones let it go first: it has waited for its turn, and is not to wait for it again.
        is_owed: bool,
    },
    /// Nothing before this moment.
    NotBefore(Instant),
    /// Nothing at all.
    Nothing,
}

#[derive(Debug)]
pub(super) struct Queue {
    skus: Table<Sku>,
    groups: Table<Group>,
    /// SKUs in the order in which their levels began to wait.
    waiting: Waiting,
    /// SKUs that rest until a moment.
    resting: BinaryHeap<Reverse<(Instant, Id)>>,
    newest: Cache<Box<str>, u64>,
    /// Commands of busy SKUs.
    under_way: HashMap<Id, Position>,
    limit: usize,
    /// Calls for sold-out levels since the last for others.
    urgent_calls: u32,
}

/// A SKU that waits, has a call or rests. There may be half a million of them, so that every byte counts.
#[derive(Debug)]
struct Sku {
    name: Box<str>,
    product: Option<Box<str>>,
    group: Id,
    is_busy: bool,
    /// In which of the lists it is.
    turn: Option<Turn>,
    of_all: Link,
    of_group: Link,
    /// The newest version that was here.
    newest: Option<u64>,
    rests_until: Option<Instant>,
    level: Option<Unnamed>,
}

/// A level without what its SKU knows.
#[derive(Debug)]
struct Unnamed {
    available: u32,
    tries: u32,
    version: u64,
    position: Option<Position>,
    read_at: Instant,
    is_repeat: bool,
    heals: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    Urgent,
    Rest,
}

#[derive(Debug, Default)]
struct Waiting {
    urgent: List,
    rest: List,
}

/// SKUs that may share a call.
#[derive(Debug)]
struct Group {
    name: Box<str>,
    /// SKUs that belong to it, whether they wait or not.
    members: usize,
    waiting: Waiting,
}

impl Named for Sku {
    fn name(&self) -> &str {
        &self.name
    }
}

impl Named for Group {
    fn name(&self) -> &str {
        &self.name
    }
}

impl Waiting {
    fn of(&mut self, turn: Turn) -> &mut List {
        match turn {
            Turn::Urgent => &mut self.urgent,
            Turn::Rest => &mut self.rest,
        }
    }

    fn first(&self, turn: Turn) -> Option<Id> {
        match turn {
            Turn::Urgent => self.urgent.first(),
            Turn::Rest => self.rest.first(),
        }
    }
}

impl Turn {
    fn other(self) -> Self {
        match self {
            Self::Urgent => Self::Rest,
            Self::Rest => Self::Urgent,
        }
    }
}

impl Unnamed {
    fn turn(&self) -> Turn {
        if self.available == 0 { Turn::Urgent } else { Turn::Rest }
    }

    fn named(self, sku_id: String, product_id: Option<String>) -> Level {
        let Self { available, tries, version, position, read_at, is_repeat, heals } = self;
        let told = StockLevel { sku_id, product_id, available };
        Level { told, version, position, read_at, tries, is_repeat, heals }
    }
}

impl Queue {
    /// An empty queue for calls of at most so many levels.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            skus: Table::default(),
            groups: Table::default(),
            waiting: Waiting::default(),
            resting: BinaryHeap::new(),
            newest: Cache::new(VERSIONS),
            under_way: HashMap::new(),
            limit: limit.max(1),
            urgent_calls: 0,
        }
    }

    /// Lets a command's level wait.
    pub(super) fn put(&mut self, level: Level, group: impl Fn(&StockLevel) -> &str) -> Put {
        let sku = level.told.sku_id.as_str();
        let found = self.skus.find(sku);
        let state = found.and_then(|id| self.skus.get(id));
        let known = match state {
            Some(state) => state.newest,
            None => self.newest.get(sku).copied(),
        };
        if known.is_some_and(|known| level.version <= known) {
            let waiting = state.and_then(|state| state.level.as_ref()?.position.as_ref());
            let open = [waiting, found.and_then(|id| self.under_way.get(&id))];
            // A partition that comes back is read again from what was settled.
            if open.into_iter().flatten().any(|open| level.position.as_ref() == Some(open)) {
                return Put::Here;
            }
            // An equal version may go again, unless the command of one is open. A level that is told once more has none, and
            // settles nobody's.
            if known != Some(level.version) || open.iter().any(Option::is_some) {
                return Put::Late(level);
            }
        }
        self.wait(found, level, group)
    }

    /// Lets a level wait that is told once more; one that waits already wins unless it is older.
    pub(super) fn again(
        &mut self,
        mut level: Level,
        group: impl Fn(&StockLevel) -> &str,
        not_before: Option<Instant>,
    ) -> Put {
        let mut found = self.skus.find(&level.told.sku_id);
        let waiting = found.and_then(|id| self.skus.get(id)).and_then(|state| state.level.as_ref());
        if waiting.is_some_and(|waiting| waiting.version >= level.version) {
            return Put::Late(level);
        }
        if let Some(moment) = not_before {
            let id = found.unwrap_or_else(|| self.enter(&level.told, group(&level.told)));
            self.rest_until(id, moment);
            found = Some(id);
        }
        level.heals = not_before.is_some();
        self.wait(found, level, group)
    }

    fn wait(
        &mut self,
        found: Option<Id>,
        level: Level,
        group: impl Fn(&StockLevel) -> &str,
    ) -> Put {
        let group = group(&level.told);
        let id = found.unwrap_or_else(|| self.enter(&level.told, group));
        self.regroup(id, group);
        let Some(state) = self.skus.get_mut(id) else { return Put::Late(level) };
        let Level { told, version, position, read_at, tries, is_repeat, heals } = level;
        let StockLevel { sku_id, product_id, available } = told;
        if state.product.as_deref() != product_id.as_deref() {
            state.product = product_id.map(Into::into);
        }
        state.newest = state.newest.max(Some(version));
        let level = Unnamed { available, tries, version, position, read_at, is_repeat, heals };
        // What sold out while it waited keeps nothing of its old place.
        let has_place = state.turn.is_some_and(|turn| turn == Turn::Urgent || turn == level.turn());
        let replaced = state.level.replace(level);
        if !has_place {
            self.leave(id);
            self.settle(id);
        }
        replaced.map_or(Put::Waiting, |level| Put::Replaced(level.named(sku_id, None)))
    }

    /// Levels for one call, sold-out ones first. A worker that is kept for those takes a call only if there is one.
    pub(super) fn take(&mut self, now: Instant, urgent_only: bool) -> Take {
        self.wake(now);
        let Some((group, turn)) = self.next_group(urgent_only) else {
            return match self.resting.peek() {
                Some(Reverse((moment, _))) => Take::NotBefore(*moment),
                None => Take::Nothing,
            };
        };
        let is_owed = turn == Turn::Rest && self.waiting.first(Turn::Urgent).is_some();
        let mut batch = Vec::new();
        while batch.len() < self.limit
            && let Some(waiting) = self.groups.get(group).map(|group| &group.waiting)
            && let Some(id) = waiting.first(turn).or_else(|| waiting.first(turn.other()))
        {
            self.leave(id);
            let Some(state) = self.skus.get_mut(id) else { break };
            if let Some(level) = state.level.take() {
                state.is_busy = true;
                self.under_way.extend(level.position.clone().map(|position| (id, position)));
                let product = state.product.as_deref().map(str::to_owned);
                let level = Unnamed { heals: false, ..level };
                batch.push(level.named(state.name.to_string(), product));
            }
        }
        Take::Batch { levels: batch, is_owed }
    }

    /// A SKU's call has ended; the next one not before a moment, where its channel needs a pause between two.
    pub(super) fn done(&mut self, sku: &str, not_before: Option<Instant>) {
        let Some(id) = self.skus.find(sku) else { return };
        self.under_way.remove(&id);
        if let Some(state) = self.skus.get_mut(id) {
            state.is_busy = false;
        }
        if let Some(moment) = not_before {
            self.rest_until(id, moment);
        }
        self.settle(id);
    }

    /// A busy level is to be tried again later. Returned is what is not tried: the level itself, if a newer one waits.
    pub(super) fn park(&mut self, level: Level, moment: Instant) -> Option<Level> {
        let Some(id) = self.skus.find(&level.told.sku_id) else { return Some(level) };
        self.rest_until(id, moment);
        self.under_way.remove(&id);
        let mut superseded = Some(level);
        if let Some(state) = self.skus.get_mut(id) {
            state.is_busy = false;
            if state.level.is_none()
                && let Some(Level { told, version, position, read_at, tries, is_repeat, heals }) =
                    superseded.take()
            {
                let available = told.available;
                let level =
                    Unnamed { available, tries, version, position, read_at, is_repeat, heals };
                state.level = Some(level);
            }
        }
        self.settle(id);
        superseded
    }

    /// What waits for a SKU need not rest after this moment.
    pub(super) fn hasten(&mut self, sku: &str, moment: Instant) {
        let Some(id) = self.skus.find(sku) else { return };
        if let Some(state) = self.skus.get_mut(id)
            && state.rests_until.is_some_and(|until| until > moment)
        {
            state.rests_until = Some(moment);
            self.resting.push(Reverse((moment, id)));
        }
    }

    /// Adds a SKU that is not here.
    fn enter(&mut self, told: &StockLevel, group: &str) -> Id {
        let group = self.join(group);
        let newest = self.newest.remove(told.sku_id.as_str()).map(|(_, version)| version);
        self.skus.add(Sku {
            name: told.sku_id.as_str().into(),
            product: told.product_id.as_deref().map(Into::into),
            group,
            is_busy: false,
            turn: None,
            of_all: Link::default(),
            of_group: Link::default(),
            newest,
            rests_until: None,
            level: None,
        })
    }

    /// The group of this name, with a member more.
    fn join(&mut self, name: &str) -> Id {
        let found = self.groups.find(name);
        let id = found.unwrap_or_else(|| {
            let (name, waiting) = (name.into(), Waiting::default());
            self.groups.add(Group { name, members: 0, waiting })
        });
        if let Some(group) = self.groups.get_mut(id) {
            group.members += 1;
        }
        id
    }

    fn part(&mut self, id: Id) {
        let Some(group) = self.groups.get_mut(id) else { return };
        group.members -= 1;
        if group.members == 0 {
            self.groups.remove(id);
        }
    }

    /// A SKU may have moved to another listing while it waited.
    fn regroup(&mut self, id: Id, name: &str) {
        let Some(old) = self.skus.get(id).map(|state| state.group) else { return };
        if self.groups.get(old).is_some_and(|group| *group.name == *name) {
            return;
        }
        self.leave(id);
        let new = self.join(name);
        if let Some(state) = self.skus.get_mut(id) {
            state.group = new;
        }
        self.part(old);
    }

    fn rest_until(&mut self, id: Id, moment: Instant) {
        self.leave(id);
        if let Some(state) = self.skus.get_mut(id) {
            let until = state.rests_until.map_or(moment, |until| until.max(moment));
            state.rests_until = Some(until);
            self.resting.push(Reverse((until, id)));
        }
    }

    /// Takes a SKU out of the lists, if it is in them.
    fn leave(&mut self, id: Id) {
        let Some(state) = self.skus.get_mut(id) else { return };
        let (Some(turn), group) = (state.turn.take(), state.group) else { return };
        self.waiting.of(turn).remove(&mut self.skus, id, |sku| &mut sku.of_all);
        if let Some(group) = self.groups.get_mut(group) {
            group.waiting.of(turn).remove(&mut self.skus, id, |sku| &mut sku.of_group);
        }
    }

    /// Gives a SKU that is in no list a place, or forgets it.
    fn settle(&mut self, id: Id) {
        let Some(state) = self.skus.get_mut(id) else { return };
        if state.is_busy || state.rests_until.is_some() || state.turn.is_some() {
            return;
        }
        let Some(turn) = state.level.as_ref().map(Unnamed::turn) else { return self.forget(id) };
        let group = state.group;
        state.turn = Some(turn);
        self.waiting.of(turn).push(&mut self.skus, id, |sku| &mut sku.of_all);
        if let Some(group) = self.groups.get_mut(group) {
            group.waiting.of(turn).push(&mut self.skus, id, |sku| &mut sku.of_group);
        }
    }

    /// Nothing is to be done for a SKU; of the last ones it stays known which version was the newest.
    fn forget(&mut self, id: Id) {
        let Some(Sku { name, newest, group, .. }) = self.skus.remove(id) else { return };
        self.part(group);
        if let Some(newest) = newest {
            self.newest.insert(name, newest);
        }
    }

    /// SKUs whose rest is over have their places again.
    fn wake(&mut self, now: Instant) {
        while self.resting.peek().is_some_and(|Reverse((moment, _))| *moment <= now)
            && let Some(Reverse((moment, id))) = self.resting.pop()
        {
            // It may have been told to rest longer since; and a number may be another SKU's by now, to which the same applies.
            if let Some(state) = self.skus.get_mut(id)
                && state.rests_until.is_some_and(|until| until <= moment)
            {
                state.rests_until = None;
                self.settle(id);
            }
        }
    }

    /// The group of the level whose turn it is, and whose turn it is.
    fn next_group(&mut self, urgent_only: bool) -> Option<(Id, Turn)> {
        let first = |turn| Some((self.skus.get(self.waiting.first(turn)?)?.group, turn));
        let found = if urgent_only {
            first(Turn::Urgent)
        } else {
            let is_rests_turn = self.urgent_calls + 1 >= FAIR;
            let turn = if is_rests_turn { Turn::Rest } else { Turn::Urgent };
            first(turn).or_else(|| first(turn.other()))
        };
        match found? {
            (_, Turn::Urgent) => self.urgent_calls = FAIR.min(self.urgent_calls + 1),
            (_, Turn::Rest) => self.urgent_calls = 0,
        }
        found
    }
}
