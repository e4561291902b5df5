//! What a shop may sell of a level that the ERP has: a part of the pool, less what is kept, never more than so many.
//!
//! Pure: a level and the shop's rules give what the channel is told.

use crate::config::StockRule;

/// Units that the channel is told. The first rule whose pattern fits the SKU applies; without one it is the level itself.
pub(super) fn apply(rules: &[StockRule], sku: &str, available: u32) -> u32 {
    let Some(rule) = rules.iter().find(|rule| fits(&rule.sku, sku)) else { return available };
    if rule.pause {
        return 0;
    }
    let left = u64::from(available.saturating_sub(rule.safety_stock));
    let share = left * u64::from(rule.share_percent.min(100)) / 100;
    u32::try_from(share).unwrap_or(u32::MAX).min(rule.cap.unwrap_or(u32::MAX))
}

/// Whether a name fits a pattern, in which `*` stands for any characters and `?` for one.
fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    // Positions in both, and where the last star would go on if it took one character more.
    let (mut at, mut reads, mut star) = (0, 0, None);
    while let Some(byte) = name.get(reads) {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at + 1, reads + 1));
                at += 1;
            }
            Some(wanted) if *wanted == b'?' || wanted == byte => {
                at += 1;
                reads += 1;
            }
            _ => {
                let Some((after, next)) = star else { return false };
                (at, reads) = (after, next);
                star = Some((after, next + 1));
            }
        }
    }
    pattern.iter().skip(at).all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rule(sku: &str) -> StockRule {
        StockRule {
            sku: sku.to_owned(),
            safety_stock: 0,
            share_percent: 100,
            cap: None,
            pause: false,
        }
    }

    #[test]
    fn the_first_rule_that_fits_applies() {
        let rules = [
            StockRule { pause: true, ..rule("GONE-*") },
            StockRule { safety_stock: 5, share_percent: 50, cap: Some(20), ..rule("TEE-*") },
            StockRule { cap: Some(1), ..rule("*") },
        ];
        assert_eq!(apply(&rules, "GONE-1", 100), 0);
        assert_eq!(apply(&rules, "TEE-RED", 26), 10, "half of 21, rounded down");
        assert_eq!(apply(&rules, "TEE-RED", 4), 0);
        assert_eq!(apply(&rules, "TEE-RED", 1000), 20);
        assert_eq!(apply(&rules, "MUG", 7), 1);
        assert_eq!(apply(&[], "MUG", 7), 7);
    }

    #[test]
    fn a_pattern_is_of_the_whole_name() {
        for (pattern, name) in [
            ("*", ""),
            ("a*", "abc"),
            ("*c", "abcabc"),
            ("a?c*e", "abcdde"),
            ("**", "x"),
            ("a*b*c", "abbc"),
        ] {
            assert!(fits(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in
            [("", "a"), ("a", "ab"), ("a?c", "ac"), ("*x", "abc"), ("a*b", "abc"), ("A", "a")]
        {
            assert!(!fits(pattern, name), "{pattern} {name}");
        }
    }

    fn any_rule() -> impl Strategy<Value = StockRule> {
        let cap = prop::option::of(any::<u32>());
        (any::<u32>(), 0..=100_u32, cap, any::<bool>()).prop_map(
            |(safety_stock, share_percent, cap, pause)| StockRule {
                safety_stock,
                share_percent,
                cap,
                pause,
                ..rule("*")
            },
        )
    }

    proptest! {
        #[test]
        fn nothing_is_ever_sold_that_is_not_there_and_more_stock_never_means_less(
            rule in any_rule(), level in any::<u32>(), more in any::<u32>(),
        ) {
            let rules = [rule];
            let told = apply(&rules, "sku", level);
            prop_assert!(told <= level.saturating_sub(rules[0].safety_stock));
            prop_assert!(rules[0].cap.is_none_or(|cap| told <= cap));
            prop_assert!(!rules[0].pause || told == 0);
            prop_assert!(apply(&rules, "sku", level.saturating_add(more)) >= told);
        }

        #[test]
        fn shares_of_one_pool_never_sum_up_to_more_than_the_pool(
            level in any::<u32>(), percents in prop::collection::vec(0..=10_u32, 1..=10),
        ) {
            let told: u64 = percents.iter().map(|percent| {
                let rules = [StockRule { share_percent: *percent, ..rule("*") }];
                u64::from(apply(&rules, "sku", level))
            }).sum();
            prop_assert!(told <= u64::from(level));
        }

        #[test]
        fn a_pattern_without_wildcards_is_the_name(name in "[a-z0-9-]{0,12}", other in "[a-z0-9-]{0,12}") {
            prop_assert!(fits(&name, &name));
            prop_assert_eq!(fits(&name, &other), name == other);
        }
    }
}
