//! Carriers that the channel knows, and the numbers that it takes from each.

use super::answers::choose;
use super::call::Call;
use crate::contract::model::Timestamp;
use serde_json::{Value, json};

/// A carrier.
#[derive(Debug)]
pub(super) struct Carrier {
    pub(super) code: &'static str,
    pub(super) id: i64,
    pub(super) name: &'static str,
    /// The channel's pattern of its numbers; empty where it has none.
    pub(super) pattern: &'static str,
    /// What the pattern says.
    pub(super) takes: fn(&str) -> bool,
}

/// Codes, ids, names and patterns as `taobao.logistics.companies.get` gave them; a part of its list.
const CARRIERS: [Carrier; 11] = [
    Carrier {
        code: "SF", id: 505, name: "顺丰速运", pattern: "^[A-Za-z0-9-]{4,35}$", takes: any
    },
    Carrier {
        code: "ZTO",
        id: 500,
        name: "中通快递",
        pattern: "^((765|852|779|359|528|751|358|618|680|778|780|768|688|689|618|828|988|118|128|888|571|518|010|628|205|880|717|718|728|738|761|762|763|701|757|719|881|120)[0-9]{9})$|^((2008|2010|8050|7518)[0-9]{8})$|^((36|37|53)[0-9]{10})$|^((4)[0-9]{11})$",
        takes: zto,
    },
    Carrier {
        code: "YTO",
        id: 101,
        name: "圆通速递",
        pattern: "^[A-Za-z0-9]{2}[0-9]{10}$|^[A-Za-z0-9]{2}[0-9]{8}$|^(8)[0-9]{17}|^(9)[0-9]{17}$",
        takes: yto,
    },
    Carrier {
        code: "STO",
        id: 100,
        name: "申通快递",
        pattern: "^(268|888|588|688|368|468|568|668|768|868|968)[0-9]{9}$|^(11|22|40|268|888|588|688|368|468|568|668|768|868|968)[0-9]{10}$|^(STO)[0-9]{10}$|^(33)[0-9]{11}$|^(4)[0-9]{12}$|^(55)[0-9]{11}$|^(66)[0-9]{11}$|^(77)[0-9]{11}$|^(88)[0-9]{11}$|^(99)[0-9]{11}$",
        takes: sto,
    },
    Carrier {
        code: "YUNDA",
        id: 102,
        name: "韵达快递",
        pattern: "^(10|11|12|13|14|15|16|17|19|18|50|55|58|80|88|66|31|77|39)[0-9]{11}$|^[0-9]{13}$",
        takes: |number| has_digits(number, 13),
    },
    Carrier {
        code: "TTKDEX",
        id: 504,
        name: "天天快递",
        pattern: "^[0-9]{12}$",
        takes: |number| has_digits(number, 12),
    },
    Carrier {
        code: "EMS",
        id: 2,
        name: "EMS",
        pattern: "^[A-Z]{2}[0-9]{9}[A-Z]{2}$|^(10|11)[0-9]{11}$|^(50|51)[0-9]{11}$|^(95|97)[0-9]{11}$",
        takes: ems,
    },
    Carrier {
        code: "DBKD",
        id: 5_000_000_110_730,
        name: "德邦快递",
        pattern: "^[0-9]{8,10}$|^\\d{15,}[-\\d]+$",
        takes: dbkd,
    },
    Carrier { code: "POST", id: 1, name: "中国邮政", pattern: "", takes: |_| true },
    Carrier {
        code: "DISTRIBUTOR_13211725",
        id: 1_216_000_000_124_268,
        name: "跨越速运",
        pattern: "",
        takes: |_| true,
    },
    Carrier { code: "OTHER", id: -1, name: "其他", pattern: "^[A-Za-z0-9-]{4,35}$", takes: any },
];

/// A carrier by its code.
pub(super) fn find(code: &str) -> Option<&'static Carrier> {
    static ALL: [Carrier; 11] = CARRIERS;
    ALL.iter().find(|carrier| carrier.code == code)
}

/// `taobao.logistics.companies.get`
pub(super) fn companies(call: &Call, _: Timestamp) -> Value {
    let fields = call.list("fields");
    let companies: Vec<Value> = CARRIERS
        .iter()
        .map(|carrier| {
            let mut company =
                json!({ "id": carrier.id, "code": carrier.code, "name": carrier.name });
            if let (Some(company), false) = (company.as_object_mut(), carrier.pattern.is_empty()) {
                company.insert("reg_mail_no".into(), json!(carrier.pattern));
            }
            choose(company, &fields)
        })
        .collect();
    json!({ "logistics_companies": { "logistics_company": companies } })
}

fn has_digits(text: &str, count: usize) -> bool {
    text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// True for one of these heads with exactly so many digits behind it.
fn is_headed(number: &str, heads: &[&str], digits: usize) -> bool {
    heads.iter().any(|head| number.strip_prefix(head).is_some_and(|rest| has_digits(rest, digits)))
}

fn any(number: &str) -> bool {
    (4..=35).contains(&number.len())
        && number.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn zto(number: &str) -> bool {
    const HEADS: [&str; 38] = [
        "765", "852", "779", "359", "528", "751", "358", "618", "680", "778", "780", "768", "688",
        "689", "618", "828", "988", "118", "128", "888", "571", "518", "010", "628", "205", "880",
        "717", "718", "728", "738", "761", "762", "763", "701", "757", "719", "881", "120",
    ];
    is_headed(number, &HEADS, 9)
        || is_headed(number, &["2008", "2010", "8050", "7518"], 8)
        || is_headed(number, &["36", "37", "53"], 10)
        || is_headed(number, &["4"], 11)
}

fn yto(number: &str) -> bool {
    let is_new = is_headed(number, &["9"], 17)
        || number.get(..18).is_some_and(|start| is_headed(start, &["8"], 17));
    let is_old = number.split_at_checked(2).is_some_and(|(head, rest)| {
        head.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && (has_digits(rest, 10) || has_digits(rest, 8))
    });
    is_new || is_old
}

fn sto(number: &str) -> bool {
    const HEADS: [&str; 11] =
        ["268", "888", "588", "688", "368", "468", "568", "668", "768", "868", "968"];
    is_headed(number, &HEADS, 9)
        || is_headed(number, &HEADS, 10)
        || is_headed(number, &["11", "22", "40", "STO"], 10)
        || is_headed(number, &["33", "55", "66", "77", "88", "99"], 11)
        || is_headed(number, &["4"], 12)
}

fn ems(number: &str) -> bool {
    let is_upper = |text: &str| text.bytes().all(|byte| byte.is_ascii_uppercase());
    let is_letters = number.len() == 13
        && number.get(2..11).is_some_and(|middle| has_digits(middle, 9))
        && number.get(..2).is_some_and(is_upper)
        && number.get(11..).is_some_and(is_upper);
    is_letters || is_headed(number, &["10", "11", "50", "51", "95", "97"], 11)
}

fn dbkd(number: &str) -> bool {
    let is_tail = |byte: u8| byte.is_ascii_digit() || byte == b'-';
    let is_long = number.len() > 15
        && number.bytes().take(15).all(|byte| byte.is_ascii_digit())
        && number.bytes().all(is_tail);
    is_long || (8..=10).any(|count| has_digits(number, count))
}
