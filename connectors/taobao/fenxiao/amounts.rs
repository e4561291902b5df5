//! Money between supplier and distributor.
//!
//! ```text
//! part:   total_fee = price * num - discount;   distributor_payment = total_fee + a change of its price
//! order:  total_fee = sum of (price * num - discount) + a change of the order - a discount of the order
//! order:  distributor_payment is what was paid, postage included
//! ```
//!
//! The change and the discount of the order are documented and stand in no field. So what lies between the parts and the
//! order's `total_fee` counts only where another figure of the channel says the same: the changes of the parts, or what
//! the distributor paid.

use super::super::normalize::at;
use super::wire::PurchaseOrder;
use crate::contract::model::{Amounts, Line, Minor, OrderStatus};
use crate::contract::{Error, Result};

pub(super) fn too_large() -> Error {
    Error::malformed("amounts are too large to add up")
}

/// Amounts of the order.
pub(super) fn of_order<S>(
    order: &PurchaseOrder<'_, S>,
    lines: &[Line],
    status: OrderStatus,
) -> Result<Amounts> {
    let goods = sum(lines, |line| line.unit_price.checked_mul(i64::from(line.quantity)));
    let goods = goods.ok_or_else(too_large)?;
    let total = order.total_fee.0;
    let freight = order.post_fee.map_or(Minor::ZERO, |fee| fee.0);
    let payable = total.checked_add(freight).ok_or_else(too_large)?;
    check_total(order, lines, payable)?;
    let (discount, adjustment) = split(goods.checked_sub(total).ok_or_else(too_large)?)?;
    let was_paid = at(order.pay_time).is_some();
    let paid = match status {
        OrderStatus::AwaitingPayment | OrderStatus::PartlyPaid | OrderStatus::Cancelled => {
            Minor::ZERO
        }
        OrderStatus::Closed | OrderStatus::Unknown if !was_paid => Minor::ZERO,
        OrderStatus::OnHold
        | OrderStatus::AwaitingShipment
        | OrderStatus::PartlyShipped
        | OrderStatus::Shipped
        | OrderStatus::Delivered
        | OrderStatus::Completed
        | OrderStatus::Closed
        | OrderStatus::Unknown => order.distributor_payment.map_or(payable, |fee| fee.0),
    };
    Ok(Amounts { goods, discount, freight, adjustment, payable, paid, ..Amounts::default() })
}

/// The sum of an amount of every line; none where a line has none, or where it is too large.
fn sum(lines: &[Line], amount: impl Fn(&Line) -> Option<Minor>) -> Option<Minor> {
    lines.iter().try_fold(Minor::ZERO, |sum, line| sum.checked_add(amount(line)?))
}

/// Refuses a total that the parts do not make and that no other figure supports.
fn check_total<S>(order: &PurchaseOrder<'_, S>, lines: &[Line], payable: Minor) -> Result<()> {
    let owed = sum(lines, |line| Some(line.payable)).ok_or_else(too_large)?;
    let after_changes = sum(lines, |line| line.purchase_payable);
    let total = order.total_fee.0;
    let is_paid = order.distributor_payment.is_some_and(|fee| fee.0 == payable);
    if total == owed || after_changes == Some(total) || is_paid {
        return Ok(());
    }
    let text = "not what the parts make, and no other figure says the same";
    Err(Error::malformed(text).at("total_fee"))
}

/// A reduction as discount, a rise as adjustment.
fn split(less: Minor) -> Result<(Minor, Minor)> {
    if less < Minor::ZERO {
        return Ok((Minor::ZERO, Minor::ZERO.checked_sub(less).ok_or_else(too_large)?));
    }
    Ok((less, Minor::ZERO))
}
