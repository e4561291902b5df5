//! From a refund of a deal to a refund.

use super::wire::{Record, needed};
use super::{CHANNEL, normalize, words};
use crate::contract::model::{OrderId, Refund, RefundId, RefundKind, Text, Timestamp};
use crate::contract::{Error, Result};

/// The refund's id is the deal's and its own: one is found only by the other.
pub(super) fn id(deal: &str, own: &str) -> Result<RefundId> {
    RefundId::try_new(&format!("{deal}-{own}")).map_err(|error| error.at("tradeRefundId"))
}

/// The deal's and the refund's own part of an id.
pub(super) fn parts(id: &RefundId) -> Result<(&str, &str)> {
    id.as_str().rsplit_once('-').ok_or_else(|| {
        Error::new(crate::contract::ErrorKind::Rejected, "a refund is named by its deal and itself")
    })
}

/// The refunds of a deal, as list and detail have them: under its items.
pub(super) fn of_deal(deal: &Record) -> Result<Vec<Record>> {
    let mut refunds = Vec::new();
    for (index, item) in deal.records("itemList")?.iter().enumerate() {
        let within = |error: Error| error.within(&format!("itemList[{index}]"));
        refunds.extend(item.records("refundInfoList").map_err(within)?);
    }
    Ok(refunds)
}

/// The id and the modification time of a refund.
pub(super) fn named(deal: &str, refund: &Record) -> Result<(RefundId, Timestamp)> {
    let own = needed(refund.id("tradeRefundId")?, "tradeRefundId")?;
    Ok((id(deal, own)?, needed(refund.time("lastUpdateTime")?, "lastUpdateTime")?))
}

/// Reads a refund of a deal.
pub(super) fn refund(deal: &str, refund: &Record) -> Result<Refund> {
    let (refund_id, modified) = named(deal, refund)?;
    let state = needed(refund.word("refundState")?, "refundState")?;
    let was_refused = refund.time("sellerRefuseTime")?.is_some();
    let kind = match refund.word("refundReqitemFlag")? {
        Some("1") => RefundKind::ReturnGoods,
        Some("0") => RefundKind::MoneyOnly,
        _ => RefundKind::Unknown,
    };
    Ok(Refund {
        channel: Text::new_static(CHANNEL),
        shop: None,
        refund_id,
        order_id: OrderId::try_new(deal).map_err(|error| error.at("dealCode"))?,
        line_id: refund.id("dealSubCode")?.map(Text::from),
        status: words::refund_status(state, was_refused),
        channel_status: state.into(),
        kind,
        phase: None,
        currency: Text::new_static("CNY"),
        amount: needed(refund.fen("refundToBuyer")?, "refundToBuyer")?,
        quantity: refund.whole("refundToBuyerNum")?.filter(|units| *units != 0),
        reason: refund.text("refundReasonDesc")?,
        line_status: None,
        return_carrier: None,
        return_number: None,
        created: needed(refund.time("refundReqTime")?, "refundReqTime")?,
        modified,
        extensions: extensions(refund),
    })
}

/// Whether a canonical field holds a field of a refund.
fn is_known(name: &str) -> bool {
    matches!(
        name,
        "dealSubCode"
            | "tradeRefundId"
            | "refundReqTime"
            | "refundState"
            | "refundStateDesc"
            | "refundReqitemFlag"
            | "refundToBuyer"
            | "refundToBuyerNum"
            | "refundReasonDesc"
            | "lastUpdateTime"
            | "sellerRefundAddr"
            | "sellerUin"
    )
}

/// What the buyer sent back and by whom is one free text, so it is kept as it is said.
fn extensions(refund: &Record) -> crate::contract::model::Extensions {
    let mut kept = normalize::rest(refund, is_known);
    if let Ok(Some(way)) = refund.cleaned("buyerConsignmentWuliu") {
        kept.insert("buyerConsignmentWuliu".to_owned(), way.into());
    }
    kept
}
