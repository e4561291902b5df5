//! Logistics companies: one table of canonical codes, names and number shapes, for every channel.
//!
//! Codes and names are what `taobao.logistics.companies.get` answered, with the carriers that came later. Channels that
//! take a company's name as free text get the name; those with codes of their own get theirs. What a channel calls
//! differently is said in the shop's settings, and wins.

use super::{Error, ErrorKind, Result};
use regex_lite::Regex;
use std::collections::BTreeMap;

/// Names for the error of an unknown carrier.
const NEAREST: usize = 3;
/// What a number of any carrier looks like.
const ANY: &str = "^[A-Za-z0-9-]{4,35}$";

/// A logistics company.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Carrier {
    /// Canonical code, for example `SF`.
    pub code: &'static str,
    /// Chinese name.
    pub name: &'static str,
    /// Company code in the list of TOP and of the hubs that follow it; none where that list does not have it.
    pub company: Option<&'static str>,
    /// Other codes and names that mean this one.
    pub words: &'static [&'static str],
    /// Shape of its numbers, as a regular expression. Wide on purpose: series are added every year, and a number refused
    /// wrongly is a parcel not told.
    pub shape: &'static str,
}

const fn carrier(code: &'static str, name: &'static str) -> Carrier {
    Carrier { code, name, company: Some(code), words: &[], shape: ANY }
}

const fn shaped(
    code: &'static str,
    name: &'static str,
    words: &'static [&'static str],
    shape: &'static str,
) -> Carrier {
    Carrier { code, name, company: Some(code), words, shape }
}

/// Every carrier known.
pub const CARRIERS: &[Carrier] = &[
    shaped("SF", "顺丰速运", &["顺丰", "顺丰快递", "SFEXPRESS"], "^[A-Za-z0-9-]{4,35}$"),
    shaped("YTO", "圆通速递", &["圆通", "圆通快递"], "^[A-Za-z0-9]{10,20}$"),
    shaped("ZTO", "中通快递", &["中通", "中通速递"], "^[0-9]{10,20}$"),
    shaped("STO", "申通快递", &["申通"], "^(STO)?[0-9]{10,20}$"),
    shaped("YUNDA", "韵达快递", &["YD", "韵达", "韵达速递"], "^[0-9]{13,20}$"),
    shaped("EMS", "EMS", &["邮政EMS", "中国邮政EMS"], "^([A-Z]{2}[0-9]{9}[A-Z]{2}|[0-9]{13})$"),
    Carrier {
        code: "JD",
        name: "京东快递",
        company: None,
        words: &["京东", "京东物流"],
        shape: "^[A-Za-z0-9-]{8,35}$",
    },
    Carrier {
        code: "JTSD",
        name: "极兔速递",
        company: None,
        words: &["JT", "极兔"],
        shape: "^[A-Za-z0-9]{8,35}$",
    },
    shaped("HTKY", "百世快递", &["百世", "百世汇通", "汇通快运"], "^[A-Z]{0,3}[0-9]{9,20}$"),
    shaped("POSTB", "邮政快递包裹", &["YZPY"], ANY),
    Carrier {
        code: "YZBK",
        name: "邮政标准快递",
        company: Some("DISTRIBUTOR_1710055"),
        words: &["DISTRIBUTOR_1710055"],
        shape: ANY,
    },
    shaped("TTKDEX", "天天快递", &["HHTT", "天天"], "^[0-9]{12,20}$"),
    shaped("DBKD", "德邦快递", &["德邦"], ANY),
    carrier("DBL", "德邦物流"),
    Carrier {
        code: "KYSY",
        name: "跨越速运",
        company: Some("DISTRIBUTOR_13211725"),
        words: &["DISTRIBUTOR_13211725"],
        shape: ANY,
    },
    Carrier {
        code: "ZTOKY",
        name: "中通快运",
        company: Some("DISTRIBUTOR_13222803"),
        words: &["DISTRIBUTOR_13222803"],
        shape: ANY,
    },
    carrier("AIR", "亚风"),
    carrier("BEST", "百世物流"),
    carrier("BESTQJT", "百世快运"),
    carrier("BJRFD-001", "如风达配送"),
    carrier("CNEX", "佳吉快递"),
    carrier("DTW", "大田"),
    carrier("ESB", "E速宝"),
    carrier("EYB", "EMS经济快递"),
    carrier("FAST", "快捷快递"),
    carrier("FEDEX", "联邦快递"),
    carrier("GDEMS", "广东EMS"),
    carrier("GTO", "国通快递"),
    carrier("HOAU", "天地华宇"),
    carrier("LB", "龙邦速递"),
    carrier("LTS", "联昊通"),
    carrier("NEDA", "能达速递"),
    carrier("OTHER", "其他"),
    carrier("POST", "中国邮政"),
    carrier("QFKD", "全峰快递"),
    carrier("QRT", "增益速递"),
    carrier("SHQ", "华强物流"),
    carrier("SURE", "速尔"),
    carrier("UAPEX", "全一快递"),
    carrier("UC", "优速快递"),
    carrier("UNIPS", "发网"),
    carrier("XB", "新邦物流"),
    carrier("XFWL", "信丰物流"),
    carrier("ZJS", "宅急送"),
];

/// The carrier of a code or a name; letters of either case.
pub fn find(word: &str) -> Option<&'static Carrier> {
    CARRIERS.iter().find(|carrier| {
        carrier.code.eq_ignore_ascii_case(word)
            || carrier.name == word
            || carrier.words.iter().any(|other| other.eq_ignore_ascii_case(word))
    })
}

/// Checks that a tracking number may be one of this carrier, before a call is spent on it.
pub fn check_number(canonical: &str, number: &str) -> Result<()> {
    let shape = find(canonical).map_or(ANY, |carrier| carrier.shape);
    if Regex::new(shape).is_ok_and(|shape| shape.is_match(number)) {
        return Ok(());
    }
    let text = format!("not a tracking number of this carrier; its shape is {shape}");
    Err(Error::new(ErrorKind::Rejected, text).at("number"))
}

/// The carriers of a shop: the table, and what its settings say.
#[derive(Debug, Clone, Default)]
pub struct Carriers {
    /// The channel's word by canonical code; wins over the table.
    overrides: BTreeMap<String, String>,
}

impl Carriers {
    /// Takes the setting `carriers` of a shop: the channel's word by canonical code.
    pub fn try_new(overrides: BTreeMap<String, String>) -> Result<Self> {
        let is_word = |text: &str| {
            let length = text.chars().count();
            (1..=64).contains(&length) && !text.chars().any(char::is_control)
        };
        for (canonical, word) in &overrides {
            if !is_word(canonical) || !canonical.is_ascii() || !is_word(word) {
                let text =
                    "expected carriers by canonical code, each with the channel's own code or name";
                return Err(Error::malformed(text).at("carriers"));
            }
        }
        Ok(Self { overrides })
    }

    /// The channel's word for a carrier: the setting, or what `choose` takes from the table.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Rejected`] with the nearest names, before any call is spent.
    pub fn word(
        &self,
        canonical: &str,
        choose: fn(&'static Carrier) -> Option<&'static str>,
    ) -> Result<&str> {
        if let Some(word) = self.overrides.get(canonical) {
            return Ok(word);
        }
        find(canonical).and_then(choose).ok_or_else(|| {
            let nearest = self.nearest(canonical).join(", ");
            let text = format!(
                "channel has no such carrier; near it are {nearest}; others go into `settings.carriers`"
            );
            Error::new(ErrorKind::Rejected, text).at("carrier")
        })
    }

    /// The canonical code of a carrier that the channel names by code or by name; its own word where none is known.
    pub fn canonical<'w>(&'w self, word: &'w str) -> &'w str {
        let carrier = find(word);
        let is_meant = |theirs: &str| {
            theirs == word || carrier.is_some_and(|carrier| carrier.company == Some(theirs))
        };
        let named = self.overrides.iter().find(|(_, theirs)| is_meant(theirs));
        let canonical = named.map(|(canonical, _)| canonical.as_str());
        canonical.or_else(|| carrier.map(|carrier| carrier.code)).unwrap_or(word)
    }

    /// Codes that differ least from a code.
    fn nearest(&self, code: &str) -> Vec<&str> {
        let names = self.overrides.keys().map(String::as_str);
        let mut all: Vec<_> = names
            .chain(CARRIERS.iter().map(|carrier| carrier.code))
            .map(|name| (distance(name, code), name))
            .collect();
        all.sort_unstable();
        all.into_iter().take(NEAREST).map(|(_, name)| name).collect()
    }
}

/// Letters to add, drop or exchange to make one code of the other.
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, letter) in one.bytes().enumerate() {
        let mut diagonal = index;
        let mut left = index + 1;
        let mut next = vec![left];
        for (above, seen) in row.iter().skip(1).zip(other.bytes()) {
            let exchanged = diagonal + usize::from(letter != seen);
            left = exchanged.min(left + 1).min(above + 1);
            diagonal = *above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_means_one_carrier_and_every_shape_is_an_expression() {
        let mut seen = std::collections::BTreeSet::new();
        for carrier in CARRIERS {
            assert!(Regex::new(carrier.shape).is_ok(), "{}", carrier.code);
            let names = [carrier.code, carrier.name];
            let names: std::collections::BTreeSet<_> = names.iter().chain(carrier.words).collect();
            for name in names {
                assert!(seen.insert(name.to_ascii_uppercase()), "{name} means two carriers");
            }
        }
    }

    #[test]
    fn an_unknown_carrier_is_refused_with_the_nearest_and_a_setting_wins() {
        let carriers = Carriers::default();
        let error = carriers.word("ZTOO", |carrier| carrier.company).unwrap_err();
        assert_eq!((error.kind(), error.path()), (ErrorKind::Rejected, Some("carrier")));
        assert!(error.context().contains("ZTO"), "{error}");
        assert!(carriers.word("JD", |carrier| carrier.company).is_err());
        assert_eq!(carriers.word("JD", |carrier| Some(carrier.name)).unwrap(), "京东快递");
        let overrides = BTreeMap::from([("JD".to_owned(), "JDKD".to_owned())]);
        let carriers = Carriers::try_new(overrides).unwrap();
        assert_eq!(carriers.word("JD", |carrier| carrier.company).unwrap(), "JDKD");
        assert_eq!(carriers.canonical("JDKD"), "JD");
        assert_eq!(carriers.canonical("圆通"), "YTO");
        assert_eq!(carriers.canonical("某某速递"), "某某速递");
    }

    #[test]
    fn a_number_of_the_wrong_shape_is_refused() {
        for (carrier, number) in [
            ("SF", "SF1234567890123"),
            ("ZTO", "78123456789012"),
            ("YTO", "YT1234567890123"),
            ("EMS", "EA123456789CN"),
            ("JD", "JDVA00123456789"),
            ("somebody", "X-12345"),
        ] {
            check_number(carrier, number).unwrap();
        }
        for (carrier, number) in
            [("SF", "12"), ("ZTO", "ZT12"), ("EMS", "123"), ("SF", "1234 5678"), ("SF", "")]
        {
            let error = check_number(carrier, number).unwrap_err();
            assert_eq!(error.path(), Some("number"));
            assert!(number.is_empty() || !error.to_string().contains(number));
        }
    }
}
