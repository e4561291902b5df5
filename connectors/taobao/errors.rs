//! What TOP's errors mean: what the caller does next.
//!
//! TOP answers 200 and puts `error_response` into the body: a `code` of its gateway, and, where a service behind it
//! refused, a `sub_code`. `isp.*` is the channel's fault and passes, `isv.*` is the caller's and stays. Some refusals can
//! only be told apart by their Chinese text; those are tried first, and the narrow texts before the wide ones.

use super::scalars::Whole;
use crate::contract::{ApiReply, Error, ErrorKind, Result, classify_status};
use serde::Deserialize;
use std::time::Duration;

const THROTTLED: ErrorKind = ErrorKind::Throttled { retry_after: None };
const CODE_LIMIT_BYTES: usize = 128;

#[derive(Deserialize)]
struct Envelope {
    error_response: Refusal,
}

#[derive(Deserialize)]
struct Refusal {
    code: Option<Whole>,
    sub_code: Option<String>,
    sub_msg: Option<String>,
    msg: Option<String>,
}

/// Judges an answer.
pub(super) fn classify(reply: &ApiReply) -> Result<()> {
    if !is_refusal(&reply.body) {
        classify_status(reply.status)?;
        if reply.body.trim_ascii_start().starts_with(b"{") {
            return Ok(());
        }
        // We ask for JSON; anything else comes from something in front of the channel.
        return Err(Error::new(ErrorKind::Unavailable, "channel's answer is not JSON"));
    }
    match serde_json::from_slice::<Envelope>(&reply.body) {
        Ok(envelope) => Err(envelope.error_response.into_error()),
        Err(_) => Err(Error::new(ErrorKind::Unavailable, "channel's error cannot be read")),
    }
}

fn is_refusal(body: &[u8]) -> bool {
    let inside = body.trim_ascii_start().strip_prefix(b"{").unwrap_or_default();
    inside.trim_ascii_start().starts_with(b"\"error_response\"")
}

impl Refusal {
    fn into_error(self) -> Error {
        let code = self.code.map_or(0, |code| code.0);
        let sub_code = self.sub_code.unwrap_or_default();
        let text = self.sub_msg.or(self.msg).unwrap_or_default();
        let (kind, context) = judge(code, &sub_code, &text);
        // Codes are logged. One that does not look like a code is not repeated.
        let is_code = !sub_code.is_empty()
            && sub_code.len() <= CODE_LIMIT_BYTES
            && sub_code.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
        Error::new(kind, context).code(if is_code { sub_code } else { code.to_string() })
    }
}

fn judge(code: i64, sub_code: &str, text: &str) -> (ErrorKind, &'static str) {
    if let Some(seconds) = ban(text) {
        let retry_after = Some(Duration::from_secs(seconds));
        return (ErrorKind::Throttled { retry_after }, "channel bans calls for a time");
    }
    let by_text = TEXTS.iter().find(|(part, _, _)| text.contains(part));
    if let Some((_, kind, context)) = by_text {
        return (*kind, context);
    }
    let by_shipping = shipping_code(sub_code)
        .and_then(|code| SHIPPING.iter().find(|(known, _, _)| *known == code));
    if let Some((_, kind, context)) = by_shipping {
        return (*kind, context);
    }
    let by_sub_code = SUB_CODES.iter().find(|(start, _, _)| sub_code.starts_with(start));
    if let Some((_, kind, context)) = by_sub_code {
        return (*kind, context);
    }
    CODES
        .iter()
        .find(|(codes, _, _)| codes.contains(&code))
        .map_or((ErrorKind::Unavailable, "channel's error is not known"), |(_, kind, context)| {
            (*kind, context)
        })
}

/// N of `This ban will last for N more seconds`.
fn ban(text: &str) -> Option<u64> {
    let (_, rest) = text.split_once("ban will last for ")?;
    rest.split_once(" more second")?.0.trim().parse().ok()
}

/// The last part of the sub code of an API that ships: `B04` of `isv.logistics-offline-service-error:B04`.
pub(super) fn shipping_code(sub_code: &str) -> Option<&str> {
    let (service, code) = sub_code.split_once(':')?;
    (service.contains(".logistics-") && service.ends_with("-error")).then_some(code)
}

type Row = (&'static str, ErrorKind, &'static str);

/// Chinese texts, from integrations in production; narrow before wide.
const TEXTS: &[Row] = &[
    ("编辑库存数不能低于预扣库存数", ErrorKind::Rejected, "level is below what buyers hold"),
    ("库存中心服务正忙", ErrorKind::Unavailable, "stock service is busy"),
    ("数据存储服务正在维护中", ErrorKind::Unavailable, "stock service is in maintenance"),
    ("数据存储服务正忙", ErrorKind::Unavailable, "stock service is busy"),
    ("远程服务调用超时", ErrorKind::Unavailable, "service behind the channel timed out"),
    ("请将查询时间间隔缩短", THREE_MINUTES, "window is too large for the channel just now"),
    ("获取单个商品异常", ErrorKind::Rejected, "listing cannot be read"),
    ("没有找到SKUID", ErrorKind::Rejected, "listing has no such SKU"),
    ("没有找到宝贝对应的SKU", ErrorKind::Rejected, "listing has no such SKU"),
    ("SKU不存在", ErrorKind::Rejected, "listing has no such SKU"),
    ("该商品已被删除", ErrorKind::Rejected, "listing is deleted"),
    ("该商品为#", ErrorKind::Rejected, "listing is in a sale whose stock is fixed"),
    ("聚划算", ErrorKind::Rejected, "listing is in a sale whose stock is fixed"),
    ("只能增加库存", ErrorKind::Rejected, "listing is in a sale whose stock can only grow"),
    ("禁止改库存", ErrorKind::Rejected, "stock of a distributed listing is its supplier's"),
    ("不能全量更新", ErrorKind::Rejected, "stock of a presale listing is fixed"),
    ("不支持全量修改", ErrorKind::Rejected, "listing takes no levels for some hours"),
    ("被系统锁定", ErrorKind::Rejected, "listing is locked for some hours"),
    ("发货异常，请稍等后重试", ErrorKind::Unavailable, "shipping service asks to try again"),
    ("调用接口频率太快", THROTTLED, "calls are too fast"),
    ("限流", THROTTLED, "calls are too fast"),
];

/// How long the channel asks to wait after a window that was too large for it.
const THREE_MINUTES: ErrorKind = ErrorKind::Throttled { retry_after: Some(Duration::from_mins(3)) };

/// Last parts of the sub codes of APIs that ship. What is not here follows its `isp.` or `isv.`.
const SHIPPING: &[Row] = &[
    ("B04", ErrorKind::Rejected, "order is shipped or closed already"),
    ("B27", ErrorKind::Rejected, "order is shipped already"),
    ("B01", ErrorKind::Rejected, "channel does not know the order"),
    ("B02", ErrorKind::Rejected, "order may not be shipped in its status"),
    ("B55", ErrorKind::Rejected, "order may not be shipped in its status"),
    ("B56", ErrorKind::Rejected, "channel does not know the carrier"),
    ("B57", ErrorKind::Rejected, "carrier is not for this way of shipping"),
    ("B59", ErrorKind::Rejected, "tracking number is empty"),
    ("B60", ErrorKind::Rejected, "tracking number is wrong or used"),
    ("B98", ErrorKind::Rejected, "order ships in another way: virtual, or paid at the door"),
    ("B101", ErrorKind::Rejected, "shop has no sender address at the channel"),
    ("B109", ErrorKind::Rejected, "carrier's limit is reached"),
    ("B110", ErrorKind::Rejected, "carrier's limit is reached"),
    ("B150", ErrorKind::Unavailable, "shipping service asks to try again"),
    ("S01", ErrorKind::Unavailable, "shipping service failed"),
    ("R98", ErrorKind::Unavailable, "shipping service timed out"),
    ("P03", ErrorKind::Unauthorized, "session is expired"),
    ("CD25", ErrorKind::Rejected, "split shipment without its lines"),
    ("CD29", ErrorKind::Rejected, "split shipment needs two lines, and not all of them"),
];

/// Starts of sub codes; narrow before wide.
const SUB_CODES: &[Row] = &[
    ("accesscontrol.", THROTTLED, "channel's limit is reached"),
    ("isv.access-limited-by-", THROTTLED, "channel's limit is reached"),
    ("isp.call-limited", THROTTLED, "channel's limit is reached"),
    ("isp.system-busy", THROTTLED, "calls are too fast"),
    // Seen when the stock service defends itself: the whole queue must pause.
    ("isp.service-unavailable-tmall", THROTTLED, "stock service defends itself"),
    ("isv.trade-service-rejection", THREE_MINUTES, "window is too large for the channel just now"),
    ("invalid-sessionkey", ErrorKind::Unauthorized, "session is not valid"),
    ("session-", ErrorKind::Unauthorized, "session is not valid"),
    ("sessionkey-", ErrorKind::Unauthorized, "session is of another application"),
    ("isv.invalid-persistent-session", ErrorKind::Unauthorized, "session is not valid"),
    ("isv.permission-", ErrorKind::Unauthorized, "application is not allowed to call this"),
    // Our clock, or a repeat within its second: the next try is signed anew.
    ("isv.timestamp-limit-error", ErrorKind::Unavailable, "timestamp is refused"),
    ("isv.replayattack-", ErrorKind::Unavailable, "timestamp is refused"),
    ("isv.request-replay-error", ErrorKind::Unavailable, "timestamp is refused"),
    ("isv.item-is-delete", ErrorKind::Rejected, "listing is deleted"),
    ("isv.item-not-exist", ErrorKind::Rejected, "channel does not know the listing"),
    (
        "isv.item-update-service-error:FORBIDDEN_QUANTITY_ZERO_ERROR",
        ErrorKind::Rejected,
        "listing may not be sold out; take it off sale instead",
    ),
    ("isv.item-quantity-sku-update", ErrorKind::Rejected, "channel refuses the level"),
    ("isv.item-update-service-error", ErrorKind::Rejected, "channel refuses the listing's change"),
    ("isv.invalid-parameter", ErrorKind::Rejected, "channel refuses a parameter"),
    ("isv.missing-parameter", ErrorKind::Rejected, "channel misses a parameter"),
    ("isp.", ErrorKind::Unavailable, "service behind the channel failed"),
    ("isv.", ErrorKind::Rejected, "channel refuses the call"),
];

type CodeRow = (&'static [i64], ErrorKind, &'static str);

/// Codes of the gateway, for errors whose sub code says nothing.
const CODES: &[CodeRow] = &[
    (&[4, 5, 6, 7, 8], THROTTLED, "channel's limit is reached"),
    (&[24, 25], ErrorKind::Unauthorized, "signature is refused: wrong application secret"),
    (&[26, 27], ErrorKind::Unauthorized, "session is not valid"),
    (&[28, 29], ErrorKind::Unauthorized, "channel does not know the application"),
    // Nobody but a person can help, and until then nothing of the shop may be set aside as wrong.
    (&[11, 12, 13, 42, 53], ErrorKind::Unauthorized, "application or seller is not allowed this"),
    (&[30, 31], ErrorKind::Unavailable, "timestamp is refused: is our clock right?"),
    (
        &[9, 21, 22, 23, 32, 33, 34, 40, 41, 43, 45, 46, 47],
        ErrorKind::Rejected,
        "channel refuses the form of the call",
    ),
    (&[1, 3, 10, 15, 44, 50, 520, 530, 670], ErrorKind::Unavailable, "channel failed"),
];
