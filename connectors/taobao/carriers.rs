//! Carriers: canonical codes and the channel's company codes.
//!
//! Most are the same word. The table is what `taobao.logistics.companies.get` answered; carriers that joined later, and
//! those that the channel does not list at all (JD was one), are named in the shop's settings.

use crate::contract::{Error, ErrorKind, Result};
use std::collections::BTreeMap;

/// Company code and name at the channel; the code is the canonical one too.
const COMPANIES: [(&str, &str); 42] = [
    ("AIR", "亚风"),
    ("BEST", "百世物流"),
    ("BESTQJT", "百世快运"),
    ("BJRFD-001", "如风达配送"),
    ("CNEX", "佳吉快递"),
    ("DBKD", "德邦快递"),
    ("DBL", "德邦物流"),
    ("DISTRIBUTOR_13211725", "跨越速运"),
    ("DISTRIBUTOR_13222803", "中通快运"),
    ("DISTRIBUTOR_1710055", "邮政标准快递"),
    ("DTW", "大田"),
    ("EMS", "EMS"),
    ("ESB", "E速宝"),
    ("EYB", "EMS经济快递"),
    ("FAST", "快捷快递"),
    ("FEDEX", "联邦快递"),
    ("GDEMS", "广东EMS"),
    ("GTO", "国通快递"),
    ("HOAU", "天地华宇"),
    ("HTKY", "百世快递"),
    ("LB", "龙邦速递"),
    ("LTS", "联昊通"),
    ("NEDA", "能达速递"),
    ("OTHER", "其他"),
    ("POST", "中国邮政"),
    ("POSTB", "邮政快递包裹"),
    ("QFKD", "全峰快递"),
    ("QRT", "增益速递"),
    ("SF", "顺丰速运"),
    ("SHQ", "华强物流"),
    ("STO", "申通快递"),
    ("SURE", "速尔"),
    ("TTKDEX", "天天快递"),
    ("UAPEX", "全一快递"),
    ("UC", "优速快递"),
    ("UNIPS", "发网"),
    ("XB", "新邦物流"),
    ("XFWL", "信丰物流"),
    ("YTO", "圆通速递"),
    ("YUNDA", "韵达快递"),
    ("ZJS", "宅急送"),
    ("ZTO", "中通快递"),
];

/// Canonical codes that the channel has another word for.
const ALIASES: [(&str, &str); 6] = [
    ("HHTT", "TTKDEX"),
    ("KYSY", "DISTRIBUTOR_13211725"),
    ("YD", "YUNDA"),
    ("YZBK", "DISTRIBUTOR_1710055"),
    ("YZPY", "POSTB"),
    ("ZTOKY", "DISTRIBUTOR_13222803"),
];

/// Names for the error of an unknown carrier.
const NEAREST: usize = 3;

/// The carriers of a shop.
#[derive(Debug, Default)]
pub(super) struct Carriers {
    /// Company code by canonical code; wins over the tables.
    overrides: BTreeMap<String, String>,
}

impl Carriers {
    /// The tables, and what the settings say.
    pub(super) fn new(overrides: BTreeMap<String, String>) -> Self {
        Self { overrides }
    }

    /// The channel's company code of a carrier.
    pub(super) fn company(&self, canonical: &str) -> Result<&str> {
        if let Some(company) = self.overrides.get(canonical) {
            return Ok(company);
        }
        let alias = ALIASES.iter().find(|(name, _)| *name == canonical).map(|(_, company)| company);
        let code = alias.copied().unwrap_or(canonical);
        let known = COMPANIES.iter().find(|(company, _)| *company == code);
        known.map(|(company, _)| *company).ok_or_else(|| {
            let nearest = self.nearest(canonical).join(", ");
            let text = format!(
                "channel has no such carrier; near it are {nearest}; others go into `settings.carriers`"
            );
            Error::new(ErrorKind::Rejected, text).at("carrier")
        })
    }

    /// The canonical code of a carrier that the channel names by company code or by name; its own word where none is.
    pub(super) fn canonical(&self, word: &str) -> String {
        let company = COMPANIES
            .iter()
            .find(|(company, name)| *company == word || *name == word)
            .map_or(word, |(company, _)| *company);
        let named = self.overrides.iter().find(|(_, code)| *code == company);
        let alias = ALIASES.iter().find(|(_, code)| *code == company);
        named
            .map(|(canonical, _)| canonical.as_str())
            .or_else(|| alias.map(|(canonical, _)| *canonical))
            .unwrap_or(company)
            .to_owned()
    }

    /// Codes that differ least from a code.
    fn nearest(&self, code: &str) -> Vec<&str> {
        let names = self.overrides.keys().map(String::as_str);
        let names = names.chain(ALIASES.iter().map(|(name, _)| *name));
        let mut all: Vec<_> = names
            .chain(COMPANIES.iter().map(|(company, _)| *company))
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
