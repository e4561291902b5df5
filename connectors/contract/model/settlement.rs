//! Settlements: what a finance team compares, one snapshot an order; the event that goes to `settlements.v1`.

use super::{Fee, Minor, Order, OrderId, OrderStatus, Payment, Promotion, ShopId, Text, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the channel says of the money of an order that is over or has given money back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settlement {
    /// Channel.
    #[serde(default)]
    pub channel: Text,
    /// Shop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shop: Option<ShopId>,
    /// Order.
    pub order_id: OrderId,
    /// Its canonical status.
    pub status: OrderStatus,
    /// Currency of every amount, ISO 4217.
    pub currency: Text,
    /// What the buyer owed.
    pub payable: Minor,
    /// What the buyer paid.
    pub paid: Minor,
    /// What went back to the buyer.
    pub refunded: Minor,
    /// What the seller was paid out, where the channel states it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received: Option<Minor>,
    /// What the distributor paid the seller, where the order came through one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purchase_amount: Option<Minor>,
    /// All discounts; positive.
    pub discount: Minor,
    /// Discounts by name and by who bears them, as far as the channel names them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub discounts: Vec<Promotion>,
    /// Freight that the buyer paid.
    pub freight: Minor,
    /// Tax on top.
    pub tax: Minor,
    /// Service fees, where the channel states them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fees: Vec<Fee>,
    /// How it was paid.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub payments: Vec<Payment>,
    /// When it was paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paid_at: Option<Timestamp>,
    /// When it was over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Timestamp>,
    /// Modification time of the order: the version of this snapshot.
    pub modified: Timestamp,
}

impl Settlement {
    /// The settlement that an order snapshot states: once money was paid and the order is over, or money went back.
    pub fn of_order(order: &Order) -> Option<Self> {
        let is_over = matches!(order.status, OrderStatus::Completed | OrderStatus::Closed);
        let amounts = &order.amounts;
        if amounts.refunded == Minor::ZERO && !(is_over && amounts.paid != Minor::ZERO) {
            return None;
        }
        let distribution = order.distribution.as_ref();
        Some(Self {
            channel: order.channel.clone(),
            shop: order.shop.clone(),
            order_id: order.order_id.clone(),
            status: order.status,
            currency: order.currency.clone(),
            payable: amounts.payable,
            paid: amounts.paid,
            refunded: amounts.refunded,
            received: amounts.received,
            purchase_amount: distribution.and_then(|distribution| distribution.purchase_amount),
            discount: amounts.discount,
            discounts: order.promotions.clone(),
            freight: amounts.freight,
            tax: amounts.tax,
            fees: order.fees.clone(),
            payments: order.payments.clone(),
            paid_at: order.times.paid,
            completed_at: order.times.completed,
            modified: order.times.modified,
        })
    }
}
