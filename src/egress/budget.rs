//! Retries that a shop may make: a tenth of its calls, so that a channel in trouble is not called three times as often.

use parking_lot::Mutex;

const A_CALL: u32 = 1;
const A_RETRY: u32 = 10;
/// Retries that may be made at once, also by a shop that has hardly called.
const MOST: u32 = 10 * A_RETRY;

#[derive(Debug)]
pub(super) struct Budget(Mutex<u32>);

impl Budget {
    pub(super) fn new() -> Self {
        Self(Mutex::new(MOST))
    }

    /// A first try earns.
    pub(super) fn earn(&self) {
        let mut budget = self.0.lock();
        *budget = (*budget + A_CALL).min(MOST);
    }

    /// Whether a retry may be made; it is paid if so.
    pub(super) fn spend(&self) -> bool {
        let mut budget = self.0.lock();
        match budget.checked_sub(A_RETRY) {
            Some(left) => {
                *budget = left;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shop_retries_a_tenth_of_its_calls_and_a_few_more_at_first() {
        let budget = Budget::new();
        let mut retries = 0;
        for _ in 0..1000 {
            budget.earn();
            retries += u32::from(budget.spend());
        }
        assert_eq!(retries, 109);
    }
}
