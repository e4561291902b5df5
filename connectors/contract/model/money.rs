//! Money: integers only.

use crate::contract::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// An amount in minor units of its order's currency: 12.34 yuan is 1234.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct Minor(pub i64);

impl Minor {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// Reads a decimal with exactly two places, as TOP writes yuan: `-?[0-9]+\.[0-9]{2}`.
    ///
    /// An amount without a decimal point is refused: whether it means yuan or fen cannot be told, and a guess is wrong
    /// by a factor of a hundred.
    pub fn from_decimal(text: &str) -> Result<Self> {
        let error = || Error::malformed("expected an amount with two decimal places, like 12.34");
        let (sign, digits) = match text.strip_prefix('-') {
            Some(digits) => (-1, digits),
            None => (1, text),
        };
        let (whole, cents) = digits.split_once('.').ok_or_else(error)?;
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || cents.len() != 2 || !all_digits(whole) || !all_digits(cents) {
            return Err(error());
        }
        let cents: i64 = cents.parse().map_err(|_| error())?;
        Self::from_parts(sign, whole, cents).ok_or_else(error)
    }

    /// From a sign, the digits of the whole units, and hundredths of one.
    pub(crate) fn from_parts(sign: i64, whole: &str, cents: i64) -> Option<Self> {
        let whole: i64 = whole.parse().ok()?;
        whole.checked_mul(100)?.checked_add(cents).map(|minor| Self(sign * minor))
    }

    /// Sum, or `None` where it would overflow.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// Difference, or `None` where it would overflow.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// Product with a quantity, or `None` where it would overflow.
    pub fn checked_mul(self, quantity: i64) -> Option<Self> {
        self.0.checked_mul(quantity).map(Self)
    }

    /// Sum of many, or `None` where it would overflow.
    pub fn checked_sum(amounts: impl IntoIterator<Item = Self>) -> Option<Self> {
        amounts.into_iter().try_fold(Self::ZERO, Self::checked_add)
    }

    /// The amount with two decimal places, as TOP writes yuan.
    pub fn to_decimal(self) -> String {
        let sign = if self.0 < 0 { "-" } else { "" };
        let units = self.0.unsigned_abs();
        format!("{sign}{}.{:02}", units / 100, units % 100)
    }
}

impl fmt::Debug for Minor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn amounts_that_could_be_read_two_ways_are_refused() {
        assert_eq!(Minor::from_decimal("210.07").unwrap(), Minor(21007));
        assert_eq!(Minor::from_decimal("-0.01").unwrap(), Minor(-1));
        let wrong = [
            "29800",
            "12.345",
            "1e2",
            "１２.00",
            "12,30",
            "",
            ".",
            ".50",
            "1.",
            " 1.00",
            "+1.00",
            "--1.00",
        ];
        for text in wrong {
            assert!(Minor::from_decimal(text).is_err(), "{text}");
        }
        assert!(Minor::from_decimal("99999999999999999999.00").is_err());
    }

    proptest! {
        #[test]
        fn decimals_survive_a_round_trip(minor in -1_000_000_000_000_i64..1_000_000_000_000) {
            prop_assert_eq!(Minor::from_decimal(&Minor(minor).to_decimal()).unwrap(), Minor(minor));
        }
    }
}
