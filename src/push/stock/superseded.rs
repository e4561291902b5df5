//! Superseded commands: each has a result, or those of one shop share some, as the config says.

use super::StockCommand;
use super::lane::Lane;
use super::queue::Level;
use crate::bus::Position;
use crate::push::receipt::push_id;
use crate::push::result::{Also, Outcome, PushResult};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Commands that one result names at most, so that it stays below 256 KiB: topics take more.
const OF_A_RESULT: usize = 500;
/// Commands of all shops that wait for their result at most, and how long.
const AT_ONCE: usize = 10_000;
const LONGEST: Duration = Duration::from_millis(100);

/// Commands of one shop that are to share a result.
#[derive(Debug, Default)]
pub(super) struct Superseded {
    commands: Vec<Also>,
    positions: Vec<Position>,
    /// How many there were the last time.
    usual: usize,
}

impl Superseded {
    fn add(&mut self, command: Also, position: Position) -> usize {
        if self.commands.is_empty() {
            self.commands.reserve(self.usual);
            self.positions.reserve(self.usual);
        }
        self.commands.push(command);
        self.positions.push(position);
        self.commands.len()
    }

    /// Everything. Room is made anew when more comes: most shops are quiet most of the time.
    fn take(&mut self) -> (Vec<Also>, Vec<Position>) {
        self.usual = self.commands.len();
        (std::mem::take(&mut self.commands), std::mem::take(&mut self.positions))
    }
}

/// Gathers what commands replaced while they were read. For one reader.
#[derive(Debug)]
pub(in crate::push) struct Gathered {
    together: bool,
    /// Where something waits; a lane can be here twice.
    lanes: Vec<Arc<Lane>>,
    count: usize,
    since: Option<Instant>,
}

impl Gathered {
    pub(in crate::push) fn new(together: bool) -> Self {
        Self { together, lanes: Vec::new(), count: 0, since: None }
    }

    /// Lets a level wait in its lane. The command that it replaces is reported at once or soon.
    pub(in crate::push) async fn put(
        &mut self,
        lane: &Arc<Lane>,
        command: StockCommand<'_>,
        position: Position,
        read_at: Instant,
    ) {
        if let Some(level) = lane.put(command, position, read_at) {
            self.add(lane, level, read_at).await;
        }
    }

    async fn add(&mut self, lane: &Arc<Lane>, level: Level, now: Instant) {
        // Of one that was tried the ERP wants to know how often.
        if !self.together || level.tries > 0 {
            return lane.report(level, Outcome::Superseded, None).await;
        }
        let Some(count) = lane.gather(level, now) else { return };
        self.count += 1;
        if count == 1 {
            self.lanes.push(Arc::clone(lane));
        }
        let since = *self.since.get_or_insert(now);
        if count == OF_A_RESULT {
            lane.report_superseded().await;
        }
        if self.count >= AT_ONCE || now >= since + LONGEST {
            self.report().await;
        }
    }

    /// When what waits is to be reported at the latest, if anything waits.
    pub(in crate::push) fn due(&self) -> Option<Instant> {
        Some(self.since? + LONGEST)
    }

    /// Reports everything that waits.
    pub(in crate::push) async fn report(&mut self) {
        for lane in self.lanes.drain(..) {
            lane.report_superseded().await;
        }
        (self.count, self.since) = (0, None);
    }
}

impl Lane {
    /// Adds a command to those that share a result. Returns how many there are; none if this level has no command.
    fn gather(&self, level: Level, now: Instant) -> Option<usize> {
        let seconds = now.saturating_duration_since(level.read_at).as_secs_f64();
        let is_urgent = level.is_urgent();
        let position = level.position?;
        self.counters.count(Outcome::Superseded, is_urgent, seconds);
        let command = Also {
            push_id: push_id(&position),
            object_id: level.told.sku_id,
            version: level.version,
        };
        Some(self.superseded.lock().add(command, position))
    }

    async fn report_superseded(&self) {
        let (commands, positions) = self.superseded.lock().take();
        let mut commands = commands.into_iter();
        let Some(first) = commands.next() else { return };
        let Also { push_id, object_id, version } = first;
        let result = PushResult {
            also: commands.collect(),
            ..self.result(push_id, object_id, version, Outcome::Superseded)
        };
        self.delivery.receipts.result(result, positions).await;
    }
}
