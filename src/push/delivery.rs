//! What carrying stock and carrying waybills have in common: tries, pauses, judging.

use super::Parts;
use super::command::Job;
use super::receipt::Receipts;
use super::result::{Kind, Outcome, Reason};
use super::stock::Drift;
use super::waiting::Waiting;
use super::waybill::Journal;
use crate::shops::{Class, Shop};
use crate::shutdown::Shutdown;
use connectors::contract::{Error, ErrorKind, Result};
use std::time::Duration;

/// Calls under way for one lane; the shop's limits are kept behind them.
pub(super) const WORKERS: usize = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Pause of a command whose shop has lost its authorization.
const UNAUTHORIZED_PAUSE: Duration = Duration::from_mins(1);
/// Longest pause that a channel's own word is followed for before it is asked again.
const LONGEST_ASKED: Duration = Duration::from_mins(5);

/// What the lanes work with.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) parts: Parts,
    pub(super) receipts: Receipts,
    pub(super) waiting: Waiting,
    pub(super) journal: Journal,
    pub(super) shutdown: Shutdown,
    /// Tries of a command whose channel is away.
    pub(super) tries: u32,
    /// What is read back of the stock that was told.
    pub(super) drift: Drift,
}

impl Delivery {
    /// Counts how a waybill ended.
    pub(super) fn observe<C>(&self, shop: &Shop, job: &Job<C>, outcome: Outcome) {
        let (metrics, kind) = (&self.parts.metrics, Kind::Waybill.as_str());
        let labels = [shop.channel, kind, Class::Waybill.as_str()];
        let seconds = job.read_at.elapsed().as_secs_f64();
        metrics.push_seconds.with_label_values(&labels).observe(seconds);
        metrics.push_outcomes.with_label_values(&[shop.channel, kind, outcome.as_str()]).inc();
    }

    /// Waits before the next try. `false` when the gateway goes down meanwhile.
    pub(super) async fn pause(&self, tries: u32, error: &Error) -> bool {
        tokio::select! {
            () = self.shutdown.stopped() => false,
            () = tokio::time::sleep(pause(tries, error)) => true,
        }
    }
}

/// Time before the next try, after so many.
pub(super) fn pause(tries: u32, error: &Error) -> Duration {
    let doubled = FIRST_PAUSE * 2_u32.saturating_pow(tries.clamp(1, 10) - 1);
    let asked = error.kind().retry_after().unwrap_or_default();
    // Nobody mends an authorization within seconds.
    let is_mended_by_people = error.kind() == ErrorKind::Unauthorized;
    let mending = if is_mended_by_people { UNAUTHORIZED_PAUSE } else { Duration::ZERO };
    doubled.min(LONGEST_PAUSE).max(asked.min(LONGEST_ASKED)).max(mending)
}

/// Levels are absolute and shipping is safe to repeat by contract, so whatever is not final may be tried again. A shop
/// without authorization is paused, not its commands refused: somebody may mend it.
pub(super) fn may_repeat(error: &Error) -> bool {
    error.kind().is_transient() || error.kind() == ErrorKind::Unauthorized
}

/// The word and the reason that the ERP reads.
pub(super) fn judge(outcome: &Result<()>) -> (Outcome, Option<Reason>) {
    match outcome {
        Ok(()) => (Outcome::Ok, None),
        Err(error) => {
            let word = match error.kind() {
                ErrorKind::Unavailable => Outcome::Unknown,
                ErrorKind::Conflict => Outcome::Conflict,
                ErrorKind::BadSignature
                | ErrorKind::Unsupported
                | ErrorKind::Malformed
                | ErrorKind::Rejected
                | ErrorKind::Unauthorized
                | ErrorKind::Throttled { .. } => Outcome::Refused,
            };
            (word, Some(Reason::from(error)))
        }
    }
}

pub(super) fn not_enabled(what: &'static str) -> Error {
    Error::new(ErrorKind::Rejected, format!("`{what}` is not enabled for this shop"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shop_without_authorization_waits_a_minute_and_is_not_refused() {
        let error = |kind| Error::new(kind, "no");
        let unauthorized = error(ErrorKind::Unauthorized);
        assert!(may_repeat(&unauthorized) && !may_repeat(&error(ErrorKind::Rejected)));
        assert_eq!(pause(1, &unauthorized), UNAUTHORIZED_PAUSE);
        assert_eq!(pause(1, &error(ErrorKind::Unavailable)), FIRST_PAUSE);
        assert_eq!(pause(3, &error(ErrorKind::Unavailable)), FIRST_PAUSE * 4);
        assert_eq!(pause(30, &error(ErrorKind::Unavailable)), LONGEST_PAUSE);
        let asked = Duration::from_secs(77);
        let throttled = error(ErrorKind::Throttled { retry_after: Some(asked) });
        assert_eq!(pause(0, &throttled), asked);
    }
}
