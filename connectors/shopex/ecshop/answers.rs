//! What the shop answers: `{"result":…,"msg":…,"info":…}` with HTTP 200, or an SQL error in HTML, also with 200.

use super::super::fields::Fields;
use crate::contract::tape::{Item, Kind, Tape};
use crate::contract::{ApiReply, Error, ErrorKind, Result, classify_status, parse_json};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::sync::Arc;

/// What stands in `info` where nothing was found, and where there is nothing to say.
const NOTHING: &str = "\"true\"";
/// The order is shipped already, whoever did it.
pub(super) const SHIPPED: &str = "shipped_already";
/// A delivery of that number is there already.
pub(super) const DELIVERY_EXISTS: &str = "delivery_exists";
/// A parcel was refused when the shop had counted its units already: nothing is shipped, and something is written.
pub(super) const STOPPED: &str = "stopped_halfway";
const SQL_ERROR: &[u8] = b"MySQL server error report";

/// Texts of the shop: what they begin with, and what that means.
const TEXTS: &[(&str, ErrorKind, &str, &str)] = &[
    ("订单已经发货", ErrorKind::Conflict, SHIPPED, "the order is shipped already"),
    (
        "发货单已经存在",
        ErrorKind::Rejected,
        DELIVERY_EXISTS,
        "a delivery of that number exists already",
    ),
    (
        "goods store error",
        ErrorKind::Unavailable,
        STOPPED,
        "the shop has not enough of the goods in its books, and stopped halfway through shipping",
    ),
    (
        "update delivery_id fail",
        ErrorKind::Unavailable,
        STOPPED,
        "the shop stopped halfway through shipping",
    ),
    (
        "创建发货单失败",
        ErrorKind::Unavailable,
        "no_delivery",
        "the shop could not note the delivery",
    ),
    ("发货失败", ErrorKind::Unavailable, "no_delivery", "the shop could not note the delivery"),
    ("订单已经退款", ErrorKind::Rejected, "refunded", "the order's money went back"),
    ("order_id no exist", ErrorKind::Rejected, "no_order", "the shop has no such order"),
    ("订单号", ErrorKind::Rejected, "no_order", "the shop has no such order"),
];

#[derive(Deserialize)]
struct Said<'a> {
    #[serde(borrow)]
    result: Option<Cow<'a, str>>,
    #[serde(borrow)]
    msg: Option<Cow<'a, str>>,
    #[serde(borrow)]
    info: Option<&'a RawValue>,
}

/// Judges an answer.
pub(super) fn classify(reply: &ApiReply) -> Result<()> {
    classify_status(reply.status)?;
    if Plain::of(reply).is_some() {
        return Ok(());
    }
    let said = read(&reply.body)?;
    match said.result.as_deref() {
        Some("success") => Ok(()),
        Some("fail") => Err(judge(&said)),
        _ => Err(unreadable()),
    }
}

/// The data of an answer that [`classify`] let through; none where the shop found nothing.
pub(super) fn info(body: &[u8]) -> Result<Option<&RawValue>> {
    Ok(read(body)?.info.filter(|info| !matches!(info.get(), NOTHING | "null" | "\"\"")))
}

/// A plain success. What is anything else is read as [`Said`].
pub(super) struct Plain {
    tape: Arc<Tape>,
    info: Option<usize>,
}

impl Plain {
    pub(super) fn of(reply: &ApiReply) -> Option<Arc<Self>> {
        reply.read(|body| Self::read(body).ok_or(())).ok()
    }

    fn read(body: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(body).ok()?;
        let tape = Tape::read(text)?;
        if tape.get(0)?.kind != Kind::Map {
            return None;
        }
        let (mut is_done, mut has_msg, mut info) = (false, false, None);
        for (place, item) in tape.inside(0) {
            match item.name(text) {
                "result" if !is_done && item.is_text(text, "success") => is_done = true,
                "info" if info.is_none() => info = Some(place),
                "msg" if !has_msg && item.is_text(text, "") => has_msg = true,
                "result" | "info" | "msg" => return None,
                _ => {}
            }
        }
        is_done.then(|| Self { tape: Arc::new(tape), info })
    }

    /// The trade of the answer about one order that this was read of, and the text that it stands in.
    pub(super) fn trade<'a>(&self, reply: &'a ApiReply) -> Option<(&'a str, Fields<'a>)> {
        let whole = std::str::from_utf8(&reply.body).ok()?;
        let info = self
            .info
            .filter(|info| self.tape.get(*info).is_some_and(|info| info.kind == Kind::Map))?;
        let (place, trade) = {
            let is_trade = |item: Item| item.name(whole) == "trade";
            let mut trades = self.tape.inside(info).filter(|(_, item)| is_trade(*item));
            let (Some(trade), None) = (trades.next(), trades.next()) else { return None };
            trade
        };
        Some((trade.value(whole), Fields::from_row(whole, &self.tape, place)?))
    }
}

fn read(body: &[u8]) -> Result<Said<'_>> {
    if body.trim_ascii_start().starts_with(b"{") {
        return parse_json(body).map_err(|_| unreadable());
    }
    let has = |text: &[u8]| body.windows(text.len()).any(|part| part == text);
    if !has(SQL_ERROR) {
        // A web server in front, a PHP error page, or a warning that PHP printed before the answer.
        return Err(Error::new(ErrorKind::Unavailable, "channel's answer is not JSON"));
    }
    let text = if has(b"Unknown column 'modified'") {
        "the shop's table order_info lacks the column `modified` that its list asks for; see the connector's README"
    } else {
        "the shop answers with an error of its database"
    };
    Err(Error::new(ErrorKind::Unavailable, text).code("sql"))
}

fn unreadable() -> Error {
    Error::new(ErrorKind::Unavailable, "channel's answer cannot be read")
}

/// Codes are those of the family; the text says more where it is known.
fn judge(said: &Said<'_>) -> Error {
    let info = said.info.and_then(|info| serde_json::from_str::<String>(info.get()).ok());
    let info = info.unwrap_or_default();
    if let Some((_, kind, code, context)) = TEXTS.iter().find(|(begin, ..)| info.starts_with(begin))
    {
        return Error::new(*kind, *context).code(*code);
    }
    let code = said.msg.as_deref().unwrap_or_default();
    let (kind, context) = match code.strip_prefix("0x").unwrap_or_default() {
        "006" => (ErrorKind::Unauthorized, "the shop has no certificate to check signatures with"),
        "001" | "009" | "020" => (ErrorKind::Unauthorized, "channel refuses the signature"),
        "002" | "004" | "005" | "007" | "013" | "014" | "016" | "018" | "019" => {
            (ErrorKind::Unavailable, "the shop is not in order")
        }
        "008" => (ErrorKind::Rejected, "this shop does not know the act"),
        "003" | "015" => (ErrorKind::Rejected, "channel refuses an argument"),
        _ => return Error::new(ErrorKind::Rejected, "channel refuses, in words of its own"),
    };
    Error::new(kind, context).code(code.to_owned())
}
