//! What the family answers and what its refusals mean. The HTTP status is 200 whatever happened.
//!
//! ECStore and the hub say `{"rsp":…,"res":…,"data":…}`, and a refusal comes in two shapes: of the framework, with a code
//! in `res` and a text in `data`, and of the shop, with a text in `res`. ShopEx 4.8.5 says `{"result":…,"msg_code":…}`.
//! HTML, a PHP warning before the JSON, or nothing at all is no answer.

use super::fields::Fields;
use crate::contract::tape::{Kind, Tape};
use crate::contract::{ApiReply, Error, ErrorKind, Result, classify_status, parse_json};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::sync::Arc;

/// The shop has a delivery of that number already.
pub(super) const DELIVERY_EXISTS: &str = "delivery_exists";
/// The shop has no delivery of that number.
pub(super) const NO_DELIVERY: &str = "no_delivery";
/// The hub says that it is shipped already.
pub(super) const DONE: [&str; 2] = ["W90010", "W90012"];
/// `res` of a call whose `task` was used before: a success without data, whatever became of the first call.
const TASK_USED: &str = "该请求已经处理";
/// Names the refused SKUs of a call that set several: such a refusal is for the caller to read.
const PARTLY: [&str; 2] = ["error_response", "detail_response"];
const CODE_LIMIT_BYTES: usize = 16;
/// A longer row of digits may be somebody's number.
const DIGITS_LIMIT: usize = 6;

/// Chinese texts of the shop, by what they begin with.
const TEXTS: &[(&str, ErrorKind, &str, &str)] = &[
    ("发货单已经存在", ErrorKind::Rejected, DELIVERY_EXISTS, "the delivery exists already"),
    ("发货单/退货单已存在", ErrorKind::Rejected, DELIVERY_EXISTS, "the delivery exists already"),
    ("需要修改的发货单不存在", ErrorKind::Rejected, NO_DELIVERY, "the delivery does not exist"),
    ("发货单不存在", ErrorKind::Rejected, NO_DELIVERY, "the delivery does not exist"),
    (
        "订单相应的明细不存在",
        ErrorKind::Rejected,
        "no_open_line",
        "nothing of this is left to ship",
    ),
    ("订单已全部发货", ErrorKind::Rejected, "all_shipped", "the order is shipped whole already"),
    (
        "发货明细单保存有误",
        ErrorKind::Rejected,
        "too_many_units",
        "more units than are left to ship",
    ),
    ("没有发货/退货商品", ErrorKind::Rejected, "no_such_line", "the order does not hold this SKU"),
    ("发货明细没有给出", ErrorKind::Rejected, "no_lines", "the parcel holds nothing"),
    ("订单不存在或不再活动", ErrorKind::Rejected, "no_order", "no such order, or it is over"),
    ("发货单生成失败", ErrorKind::Unavailable, "not_saved", "the shop could not save it"),
    ("修改发货单失败", ErrorKind::Unavailable, "not_saved", "the shop could not save it"),
];

/// An answer of ECStore or of the hub. `res` is text, but nobody promises it.
#[derive(Deserialize)]
struct Said<'a> {
    #[serde(borrow)]
    rsp: Option<Cow<'a, str>>,
    #[serde(borrow)]
    res: Option<&'a RawValue>,
    #[serde(borrow)]
    err_msg: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    result: Option<Cow<'a, str>>,
    #[serde(borrow)]
    msg: Option<&'a RawValue>,
    #[serde(borrow)]
    msg_code: Option<&'a RawValue>,
    #[serde(borrow)]
    info: Option<&'a RawValue>,
}

/// What a call that was not refused brought.
pub(super) enum Answer<'a> {
    /// Data.
    Data(&'a RawValue),
    /// A refusal that names what it refused; the rest is done.
    Partly(&'a RawValue),
    /// It is done, and there is nothing to say of it.
    Nothing,
    /// Taken; the outcome comes later to the callback address.
    Running,
    /// The `task` was used before.
    TaskUsed,
}

/// Judges an answer.
pub(super) fn classify(reply: &ApiReply) -> Result<()> {
    classify_status(reply.status)?;
    if Plain::of(reply).is_some_and(|plain| plain.is_done) {
        return Ok(());
    }
    let said = read(&reply.body)?;
    match (said.rsp.as_deref(), said.result.as_deref()) {
        (Some("succ" | "running"), _) | (None, Some("success")) => Ok(()),
        (Some("fail"), _) => {
            if is_partly(said.data) {
                return Ok(());
            }
            Err(judge(&text(said.res), said.err_msg))
        }
        (None, Some("fail")) => {
            if is_partly(said.info) {
                return Ok(());
            }
            Err(judge_485(&said))
        }
        (None, Some("wait")) => Err(Error::new(ErrorKind::Unavailable, "the shop asks to wait")),
        _ => Err(unreadable()),
    }
}

/// The answer inside a body that [`classify`] let through.
pub(super) fn answer(body: &[u8]) -> Result<Answer<'_>> {
    let said = read(body)?;
    if said.rsp.as_deref() == Some("running") {
        return Ok(Answer::Running);
    }
    let is_refused = said.rsp.as_deref() == Some("fail") || said.result.as_deref() == Some("fail");
    match said.data.or(said.info).filter(|data| data.get() != "null") {
        Some(data) if is_refused => Ok(Answer::Partly(data)),
        Some(data) => Ok(Answer::Data(data)),
        None if text(said.res).starts_with(TASK_USED) => Ok(Answer::TaskUsed),
        None => Ok(Answer::Nothing),
    }
}

/// The data of a call that reads.
pub(super) fn data(body: &[u8]) -> Result<&RawValue> {
    match answer(body)? {
        Answer::Data(data) => Ok(data),
        Answer::TaskUsed => {
            let text = "the shop takes the call for one it has answered";
            Err(Error::new(ErrorKind::Unavailable, text))
        }
        Answer::Running => {
            Err(Error::new(ErrorKind::Unavailable, "the answer comes later, and this call reads"))
        }
        Answer::Nothing => Err(Error::new(ErrorKind::Rejected, "channel has no such record")),
        Answer::Partly(_) => Err(partly()),
    }
}

/// The record that an answer about one holds, and the text that it stands in.
pub(super) fn record(reply: &ApiReply) -> Result<(&str, Result<Fields<'_>>)> {
    if let Some((text, fields)) = Plain::of(reply).and_then(|plain| plain.record(reply)) {
        return Ok((text, Ok(fields)));
    }
    let data = data(&reply.body)?;
    Ok((data.get(), Fields::from_json(data.get().as_bytes())))
}

/// A refusal of parts, to a call that has none.
pub(super) fn partly() -> Error {
    Error::new(ErrorKind::Rejected, "channel refuses parts of a call that has no parts")
}

/// The fields of [`Said`].
const SAID: [&str; 8] = ["rsp", "res", "err_msg", "data", "result", "msg", "msg_code", "info"];

/// An answer that is plainly written. What is not is read as [`Said`].
struct Plain {
    tape: Arc<Tape>,
    /// Whether it says that it is done.
    is_done: bool,
    data: Option<usize>,
}

impl Plain {
    fn of(reply: &ApiReply) -> Option<Arc<Self>> {
        reply.read(|body| Self::read(body).ok_or(())).ok()
    }

    fn read(body: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(body).ok()?;
        let tape = Tape::read(text)?;
        if tape.get(0)?.kind != Kind::Map {
            return None;
        }
        let mut seen = [false; SAID.len()];
        let (mut rsp, mut result, mut data) = (None, None, None);
        for (place, item) in tape.inside(0) {
            let name = item.name(text);
            let Some(at) = SAID.iter().position(|said| *said == name) else { continue };
            if std::mem::replace(seen.get_mut(at)?, true) {
                return None;
            }
            match name {
                "rsp" | "result" if item.kind != Kind::Text => return None,
                "rsp" => rsp = Some(item.value(text)),
                "result" => result = Some(item.value(text)),
                "data" => data = Some(place),
                _ => {}
            }
        }
        let is_done = matches!((rsp, result), (Some("succ"), None) | (None, Some("success")));
        Some(Self { tape: Arc::new(tape), is_done, data })
    }

    /// The record in the answer that this was read of.
    fn record<'a>(&self, reply: &'a ApiReply) -> Option<(&'a str, Fields<'a>)> {
        let place = self.data.filter(|_| self.is_done)?;
        let whole = std::str::from_utf8(&reply.body).ok()?;
        let text = self.tape.get(place)?.value(whole);
        Some((text, Fields::from_row(whole, &self.tape, place)?))
    }
}

fn read(body: &[u8]) -> Result<Said<'_>> {
    if !body.trim_ascii_start().starts_with(b"{") {
        // A web server in front, a PHP error page, or a warning that PHP printed before the answer.
        return Err(Error::new(ErrorKind::Unavailable, "channel's answer is not JSON"));
    }
    parse_json(body).map_err(|_| unreadable())
}

fn unreadable() -> Error {
    Error::new(ErrorKind::Unavailable, "channel's answer cannot be read")
}

fn is_partly(data: Option<&RawValue>) -> bool {
    data.is_some_and(|data| PARTLY.iter().any(|name| data.get().contains(name)))
}

/// The text of a value that may be text, a number or anything else.
fn text(raw: Option<&RawValue>) -> Cow<'_, str> {
    let Some(raw) = raw.map(RawValue::get) else { return Cow::Borrowed("") };
    match serde_json::from_str::<String>(raw) {
        Ok(text) => Cow::Owned(text),
        Err(_) => Cow::Borrowed(raw),
    }
}

/// A code as it may be logged: short, without blanks, and with a digit in it.
fn is_code(text: &str) -> bool {
    (1..=CODE_LIMIT_BYTES).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && text.bytes().any(|byte| byte.is_ascii_digit())
        && !text.split(|letter: char| !letter.is_ascii_digit()).any(|run| run.len() > DIGITS_LIMIT)
}

fn judge(res: &str, err_msg: Option<&RawValue>) -> Error {
    if is_code(res) {
        let (kind, context) = of_code(res);
        return Error::new(kind, context).code(res);
    }
    of_text(res)
        .or_else(|| of_text(&text(err_msg)))
        .unwrap_or_else(|| Error::new(ErrorKind::Rejected, "channel refuses, in words of its own"))
}

fn of_text(said: &str) -> Option<Error> {
    let known = TEXTS.iter().find(|(begin, ..)| said.starts_with(begin));
    known.map(|(_, kind, code, context)| Error::new(*kind, *context).code(*code))
}

fn of_code(code: &str) -> (ErrorKind, &'static str) {
    match code {
        "4003" => (ErrorKind::Unauthorized, "channel refuses the signature"),
        "4007" => (ErrorKind::Unavailable, "the shop's own code failed"),
        "4001" => (ErrorKind::Rejected, "channel does not know the method"),
        "7001" | "7002" | "7003" | "7004" | "7005" | "7006" => {
            (ErrorKind::Rejected, "channel refuses an argument")
        }
        "W90010" | "W90012" => (ErrorKind::Rejected, "channel says that it is shipped already"),
        "W90011" | "W90013" | "W90014" => (ErrorKind::Rejected, "channel refuses an argument"),
        "G40012" | "e00090" | "ERP00090" | "W30012" | "re001" => {
            (ErrorKind::Unavailable, "channel asks to try again")
        }
        _ => (ErrorKind::Rejected, "channel refuses"),
    }
}

fn judge_485(said: &Said<'_>) -> Error {
    let info = text(said.info);
    if let Some(known) = of_text(&info).or_else(|| of_text(&text(said.msg))) {
        return known;
    }
    // The framework puts the code into `info`, everything else into `msg_code`.
    let named = text(said.msg_code);
    let code = if is_code(&named) { named } else { info };
    if !is_code(&code) {
        return Error::new(ErrorKind::Rejected, "channel refuses, in words of its own");
    }
    let (kind, context) = match code.strip_prefix("0x").unwrap_or_default() {
        "001" | "006" | "009" => (ErrorKind::Unauthorized, "channel refuses the signature"),
        "020" => (ErrorKind::Unauthorized, "the session is over"),
        "002" => (ErrorKind::Unavailable, "the shop timed out"),
        "004" | "005" | "007" | "013" | "014" | "016" | "018" | "019" => {
            (ErrorKind::Unavailable, "the shop is not in order")
        }
        _ => (ErrorKind::Rejected, "channel refuses"),
    };
    Error::new(kind, context).code(code)
}
