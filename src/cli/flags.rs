//! Values of flags that clap does not know how to read.

use connectors::testkit::Faults;
use std::str::FromStr;
use std::time::Duration;

const LARGEST_PER_SECOND: u64 = 10_000;
const FAULTS: &str = "lost-answer=N, throttle=N (every N-th call), expired-tokens";

/// How often something happens: a number in a second, to three places, like `50` or `0.2`; 0 is never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rate {
    per_thousand_secs: u64,
}

impl Rate {
    /// Time from one to the next; none if it never happens.
    pub(super) fn every(self) -> Option<Duration> {
        Duration::from_secs(1000)
            .as_nanos()
            .checked_div(u128::from(self.per_thousand_secs))
            .and_then(|nanos| u64::try_from(nanos).ok())
            .map(Duration::from_nanos)
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("expected a number from 0 to {LARGEST_PER_SECOND}, like 50 or 0.2");
        let (whole, places) = text.split_once('.').unwrap_or((text, "0"));
        let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number(whole) || !is_number(places) || places.is_empty() || places.len() > 3 {
            return Err(wrong());
        }
        let whole: u64 = whole.parse().map_err(|_| wrong())?;
        let places: u64 = format!("{places:0<3}").parse().map_err(|_| wrong())?;
        let rate = whole.checked_mul(1000).and_then(|whole| whole.checked_add(places));
        let largest = LARGEST_PER_SECOND * 1000;
        let per_thousand_secs = rate.filter(|rate| *rate <= largest).ok_or_else(wrong)?;
        Ok(Self { per_thousand_secs })
    }
}

/// Reads a list like `lost-answer=20,throttle=50,expired-tokens`.
pub(super) fn faults(text: &str) -> Result<Faults, String> {
    let mut faults = Faults::default();
    let mut seen = Vec::new();
    for word in text.split(',').map(str::trim) {
        let (name, value) =
            word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
        if seen.contains(&name) {
            return Err(format!("`{name}` is there twice"));
        }
        seen.push(name);
        match (name, value) {
            ("lost-answer", value) => faults.lost_answer_every = every(name, value)?,
            ("throttle", value) => faults.throttle_every = every(name, value)?,
            ("expired-tokens", None) => faults.expired_tokens = true,
            ("expired-tokens", Some(_)) => return Err(format!("`{name}` takes no number")),
            _ => return Err(format!("no fault `{name}`; known: {FAULTS}")),
        }
    }
    Ok(faults)
}

fn every(name: &str, value: Option<&str>) -> Result<u32, String> {
    let number = value.and_then(|value| value.parse().ok()).filter(|number| *number > 0);
    number.ok_or_else(|| format!("`{name}` needs a number of calls from 1, like {name}=20"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_in_a_second() {
        let every = |text: &str| text.parse::<Rate>().unwrap().every();
        assert_eq!(every("50"), Some(Duration::from_millis(20)));
        assert_eq!(every("0.2"), Some(Duration::from_secs(5)));
        assert_eq!(every("0.001"), Some(Duration::from_secs(1000)));
        assert_eq!(every("10000"), Some(Duration::from_micros(100)));
        assert_eq!(every("0"), None);
        for wrong in
            ["", "-1", "1.", ".5", "0.0001", "10001", "1e3", "many", "99999999999999999999"]
        {
            let error = wrong.parse::<Rate>().unwrap_err();
            assert!(error.contains("from 0 to 10000"), "{wrong}: {error}");
        }
    }

    #[test]
    fn faults_are_read_and_what_is_wrong_with_them_is_said() {
        let all = faults("lost-answer=20, throttle=50,expired-tokens").unwrap();
        let expected = Faults { lost_answer_every: 20, throttle_every: 50, expired_tokens: true };
        assert_eq!(all, expected);
        assert_eq!(faults("throttle=1").unwrap().lost_answer_every, 0);
        for (text, said) in [
            ("lost-answer", "`lost-answer` needs a number of calls"),
            ("throttle=0", "like throttle=20"),
            ("throttle=-1", "needs a number"),
            ("throttle=2,throttle=3", "`throttle` is there twice"),
            ("expired-tokens=1", "takes no number"),
            ("fire", "no fault `fire`; known: lost-answer=N, throttle=N"),
            ("", "no fault ``"),
        ] {
            let error = faults(text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
