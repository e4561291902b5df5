//! From a refund of the channel to a canonical one.

use super::normalize::{at, id, owned, required, text};
use super::wire::{self, Raw, object};
use super::{rest, words};
use crate::contract::model::{self, OrderId, Refund, RefundId, Timestamp};
use crate::contract::{Result, WithRest};

/// Reads a refund.
///
/// Its version is `modified`; a reply without it has `refund_version`, which is that moment in milliseconds; the oldest
/// have neither, and then only `created` is known.
pub(super) fn refund(raw: Raw<'_>) -> Result<Refund> {
    let WithRest { known: wire, rest } = object::<WithRest<'_, wire::Refund<'_>>>(raw)?;
    let mut extensions = rest::kept(rest)?;
    let created = required(wire.created, "created")?;
    let version = wire.refund_version.filter(|version| version.0 > 0);
    if let Some(version) = version {
        // What agreeing and refusing ask for.
        extensions.insert("refund_version".to_owned(), version.0.into());
    }
    let dispute = text(wire.dispute_type.as_ref());
    if let Some(dispute) = dispute {
        extensions.insert("dispute_type".to_owned(), dispute.into());
    }
    let in_china = |version: super::scalars::Whole| {
        Timestamp::from_unix_ms(version.0).in_offset(Timestamp::CHINA_OFFSET_SECS)
    };
    let order_status = text(wire.order_status.as_ref());
    if let Some(word) = order_status {
        extensions.insert("order_status".to_owned(), word.into());
    }
    Ok(Refund {
        channel: model::Text::new_static(super::CHANNEL),
        shop: None,
        refund_id: RefundId::try_new(wire.refund_id.0).map_err(|error| error.at("refund_id"))?,
        order_id: OrderId::try_new(wire.tid.0).map_err(|error| error.at("tid"))?,
        line_id: id(wire.oid),
        status: words::refund_status(&wire.status.0),
        kind: words::refund_kind(dispute, wire.has_good_return.map(|goods| goods.0)),
        phase: text(wire.refund_phase.as_ref()).and_then(words::refund_phase),
        channel_status: (*wire.status.0).into(),
        currency: model::Text::new_static("CNY"),
        amount: wire.refund_fee.0,
        quantity: wire.num.map(|units| units.0),
        reason: owned(wire.reason.as_ref()),
        line_status: order_status.map(words::order_status),
        return_carrier: owned(wire.company_name.as_ref()),
        return_number: owned(wire.sid.as_ref()),
        created,
        modified: at(wire.modified).or_else(|| version.map(in_china)).unwrap_or(created),
        extensions,
    })
}

/// The id of a refund that could not be read, for the quarantine.
pub(super) fn id_of(raw: Raw<'_>) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Named<'a> {
        #[serde(borrow)]
        refund_id: super::scalars::Id<'a>,
    }
    object::<Named<'_>>(raw).map(|named| named.refund_id.0.to_owned()).ok()
}
