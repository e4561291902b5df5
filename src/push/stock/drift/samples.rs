//! Which told levels of a shop are read back and when, without a clock and without I/O.

use connectors::contract::model::{StockLevel, Timestamp};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// How often a shop is asked, and about what.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// Time from telling a level to reading it.
    pub(super) after: Duration,
    /// Time between two calls for one shop.
    pub(super) gap: Duration,
    /// Levels that are remembered of one shop.
    pub(super) room: usize,
}

/// A level that the channel took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) level: StockLevel,
    pub(super) version: u64,
    pub(super) since: Instant,
    pub(super) at: Timestamp,
}

/// Levels of one shop that may be read back. Nothing is allocated for a shop that is told nothing.
#[derive(Debug, Default)]
pub(in crate::push::stock) struct Samples {
    /// Told longest ago first; of each SKU what was told last.
    told: VecDeque<Told>,
    /// Not before, so that the shop is not asked too often.
    not_before: Option<Instant>,
    /// A moment was given out, and what was to be done then is not over.
    has_turn: bool,
}

impl Samples {
    /// Remembers a level. Where there is no room the one told last gives way: if the oldest did, those of a shop that is
    /// told many would never become old enough.
    pub(super) fn note(&mut self, told: Told, room: usize) {
        self.forget(&told.level.sku_id);
        self.told.truncate(room.saturating_sub(1));
        self.told.push_back(told);
    }

    /// What the channel has of this SKU is not known any more: another level is being told.
    pub(super) fn forget(&mut self, sku: &str) {
        self.told.retain(|told| told.level.sku_id != sku);
    }

    /// Whether this is what was told last.
    pub(super) fn has(&self, told: &Told) -> bool {
        self.told.contains(told)
    }

    /// The moment to read next, unless it was given out already or there is nothing to read.
    pub(super) fn turn(&mut self, pace: Pace) -> Option<Instant> {
        let first = self.told.front().filter(|_| !self.has_turn)?;
        let old_enough = first.since + pace.after;
        self.has_turn = true;
        Some(self.not_before.map_or(old_enough, |moment| moment.max(old_enough)))
    }

    /// What was to be done is over.
    pub(super) fn end_turn(&mut self) {
        self.has_turn = false;
    }

    /// The moment has come: the level told longest ago, and those that may share its call. They stay until they are
    /// [forgotten](Self::forget).
    pub(super) fn take(
        &mut self,
        now: Instant,
        pace: Pace,
        batch: usize,
        key: &dyn for<'l> Fn(&'l StockLevel) -> &'l str,
    ) -> Vec<Told> {
        let mut taken: Vec<Told> = Vec::new();
        for told in &self.told {
            let shares = taken.first().is_none_or(|first| key(&first.level) == key(&told.level));
            if shares && taken.len() < batch && told.since + pace.after <= now {
                taken.push(told.clone());
            }
        }
        if !taken.is_empty() {
            self.not_before = Some(now + pace.gap);
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);
    const PACE: Pace = Pace { after: MINUTE, gap: Duration::from_secs(30), room: 3 };

    fn told(sku: &str, since: Instant) -> Told {
        let (listing, _) = sku.split_once('-').unwrap();
        let level = StockLevel {
            sku_id: sku.to_owned(),
            product_id: Some(listing.to_owned()),
            available: 7,
        };
        Told { level, version: 1, since, at: Timestamp::from_unix_ms(0) }
    }

    fn listing(level: &StockLevel) -> &str {
        level.product_id.as_deref().unwrap()
    }

    fn skus(samples: &mut Samples, now: Instant, batch: usize) -> Vec<String> {
        samples.turn(PACE);
        let taken = samples.take(now, PACE, batch, &listing);
        assert_eq!(samples.turn(PACE), None, "one turn at a time");
        samples.end_turn();
        for told in &taken {
            samples.forget(&told.level.sku_id);
        }
        taken.into_iter().map(|told| told.level.sku_id).collect()
    }

    #[test]
    fn a_level_is_read_once_and_not_before_it_is_old_enough() {
        let (began, mut samples) = (Instant::now(), Samples::default());
        assert_eq!(samples.turn(PACE), None, "nothing was told");
        samples.note(told("a-1", began), PACE.room);
        assert_eq!(samples.turn(PACE), Some(began + MINUTE));
        assert_eq!(samples.turn(PACE), None, "one turn at a time");
        let early = began + MINUTE - Duration::from_millis(1);
        assert!(skus(&mut samples, early, 9).is_empty());
        assert_eq!(samples.turn(PACE), Some(began + MINUTE), "too early is no call");
        assert_eq!(skus(&mut samples, began + MINUTE, 9), ["a-1"]);
        assert_eq!(samples.turn(PACE), None);
    }

    #[test]
    fn a_shop_is_asked_no_more_often_than_it_may_be() {
        let (began, mut samples) = (Instant::now(), Samples::default());
        samples.note(told("a-1", began), PACE.room);
        samples.note(told("b-1", began), PACE.room);
        let first = samples.turn(PACE).unwrap();
        assert_eq!(skus(&mut samples, first, 9), ["a-1"], "another listing is another call");
        let second = samples.turn(PACE).unwrap();
        assert_eq!(second, first + PACE.gap);
        assert_eq!(skus(&mut samples, second, 9), ["b-1"]);
        samples.note(told("c-1", began), PACE.room);
        assert_eq!(samples.turn(PACE), Some(second + PACE.gap), "remembered without a level");
    }

    #[test]
    fn levels_that_may_share_a_call_do_up_to_what_it_takes() {
        let (began, mut samples) = (Instant::now(), Samples::default());
        for (sku, seconds) in [("a-1", 0), ("b-1", 1), ("a-2", 2), ("a-3", 3), ("a-4", 50)] {
            samples.note(told(sku, began + Duration::from_secs(seconds)), 9);
        }
        let now = began + MINUTE + Duration::from_secs(10);
        assert_eq!(skus(&mut samples, now, 2), ["a-1", "a-2"]);
        assert_eq!(skus(&mut samples, now, 2), ["b-1"]);
        assert_eq!(skus(&mut samples, now, 2), ["a-3"], "the other is too young");
    }

    #[test]
    fn a_level_told_anew_waits_anew_and_one_being_told_is_not_read() {
        let (began, mut samples) = (Instant::now(), Samples::default());
        let older = told("a-1", began);
        samples.note(older.clone(), PACE.room);
        let newer = told("a-1", began + Duration::from_secs(30));
        samples.note(newer.clone(), PACE.room);
        assert!(!samples.has(&older) && samples.has(&newer));
        assert_eq!(samples.turn(PACE), Some(began + MINUTE + Duration::from_secs(30)));
        samples.forget("a-1");
        assert!(skus(&mut samples, began + 2 * MINUTE, 9).is_empty());
        assert!(!samples.has(&newer));
    }

    #[test]
    fn a_shop_that_is_told_much_keeps_those_that_grow_old() {
        let (began, mut samples) = (Instant::now(), Samples::default());
        for second in 0..600 {
            let now = began + Duration::from_secs(second);
            samples.note(told(&format!("a-{second}"), now), PACE.room);
            assert!(samples.told.len() <= PACE.room);
        }
        assert_eq!(skus(&mut samples, began + 2 * MINUTE, 9), ["a-0", "a-1"]);
    }
}
