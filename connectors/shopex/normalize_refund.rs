//! From what a shop pushes about money and goods that go back, to a refund.

use super::fields::Fields;
use super::normalize::{Dialect, required};
use super::words;
use crate::contract::Result;
use crate::contract::model::{Minor, Refund, RefundId, RefundKind, RefundStatus, Text, Timestamp};

/// Fields that go into the event besides those that have a place of their own.
const KEPT: &[&str] = &[
    "refund_type",
    "pay_type",
    "payment_type",
    "payment_id",
    "good_status",
    "cs_status",
    "t_sent",
    "t_received",
    "currency_fee",
    "paycost",
    "title",
    "aftersale_items",
];

/// A refund: `store.trade.refund.add`.
pub(super) fn refund(record: &Fields<'_>, dialect: &Dialect) -> Result<Refund> {
    let created = match record.when("created")? {
        Some(time) => time,
        None => required(record, "t_begin")?,
    };
    let modified = match record.when("modified")? {
        Some(time) => time,
        None => record.when("t_received")?.or(record.when("t_sent")?).unwrap_or(created),
    };
    let word = record.required("status")?;
    let returns = record.switch("has_good_return")?;
    let kind = if returns { RefundKind::ReturnGoods } else { RefundKind::MoneyOnly };
    let mut refund =
        of_record(record, dialect, "refund_id", words::refund_status(word), kind, modified)?;
    refund.created = created;
    refund.amount = record.yuan_required("refund_fee")?;
    Ok(refund)
}

/// An application to give goods back: `store.trade.aftersale.add`. It names goods and no money.
pub(super) fn aftersale(record: &Fields<'_>, dialect: &Dialect) -> Result<Refund> {
    let created = required(record, "created")?;
    let modified = record.when("modified")?.unwrap_or(created);
    let status = RefundStatus::Requested;
    let mut refund =
        of_record(record, dialect, "aftersale_id", status, RefundKind::ReturnGoods, modified)?;
    refund.created = created;
    let mut units = 0;
    for item in record.list("aftersale_items", "aftersale_item")? {
        units += i64::from(item.units("number")?);
    }
    refund.quantity = Some(units).filter(|units| *units > 0);
    refund.extensions.insert("amount_is_stated".to_owned(), false.into());
    Ok(refund)
}

fn of_record(
    record: &Fields<'_>,
    dialect: &Dialect,
    id: &str,
    status: RefundStatus,
    kind: RefundKind,
    modified: Timestamp,
) -> Result<Refund> {
    Ok(Refund {
        channel: Text::new_static(dialect.channel),
        shop: None,
        refund_id: RefundId::try_new(record.required(id)?).map_err(|error| error.at(id))?,
        order_id: record.order_id("tid")?,
        line_id: record.owned("oid"),
        status,
        channel_status: record.owned("status").unwrap_or_default(),
        kind,
        phase: None,
        currency: Text::new_static("CNY"),
        amount: Minor::ZERO,
        quantity: None,
        reason: record.owned("reason"),
        line_status: None,
        return_carrier: record.owned("logistics_company"),
        return_number: record.owned("logistics_no"),
        created: modified,
        modified,
        extensions: record.rest(|name| !KEPT.contains(&name)),
    })
}
