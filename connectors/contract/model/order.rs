//! Orders: the snapshot that goes to `orders.v1`.

use super::{Minor, OrderId, ShipTo, ShopId, Text, Timestamp};
use crate::contract::Sealed;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Facts of the channel that no canonical field holds, by the channel's own names. Sorted, so that equal content has
/// equal bytes.
pub type Extensions = BTreeMap<String, serde_json::Value>;

/// An order as the channel states it now. Every event is the whole snapshot; `modified` is its version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// Channel.
    #[serde(default)]
    pub channel: Text,
    /// Shop. Where a body does not say it, the gateway fills in the shop whose key signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shop: Option<ShopId>,
    /// Order id at the channel.
    pub order_id: OrderId,
    /// What sort of sale it is.
    #[serde(rename = "type", default)]
    pub order_type: OrderType,
    /// Canonical status.
    pub status: OrderStatus,
    /// The channel's own word.
    pub channel_status: Text,
    /// When things happened.
    pub times: Times,
    /// Who bought.
    #[serde(default)]
    pub buyer: Buyer,
    /// Where it goes.
    #[serde(default)]
    pub ship_to: ShipTo,
    /// Currency of every amount, ISO 4217.
    pub currency: Text,
    /// Amounts of the whole order.
    pub amounts: Amounts,
    /// What was bought.
    pub lines: Vec<Line>,
    /// Discounts by name, for whoever must explain them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub promotions: Vec<Promotion>,
    /// How it was paid.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub payments: Vec<Payment>,
    /// What the channel or others keep for their services, where the channel states it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fees: Vec<Fee>,
    /// Invoice asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoice: Option<Invoice>,
    /// What the seller noted.
    #[serde(default)]
    pub seller: Seller,
    /// How it ships, and what forbids shipping it now.
    #[serde(default)]
    pub shipping: Shipping,
    /// Set when the order came through a distributor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distribution: Option<Distribution>,
    /// Shipments that the channel already knows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shipments: Vec<Shipment>,
    /// What no field above can hold.
    #[serde(default, skip_serializing_if = "Extensions::is_empty")]
    pub extensions: Extensions,
}

/// What sort of sale an order is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrderType {
    /// Paid at once, shipped by the seller.
    #[default]
    Normal,
    /// Deposit first, rest later.
    Presale,
    /// Paid at the door.
    CashOnDelivery,
    /// Came through a distributor.
    Distribution,
    /// Nothing to ship.
    Virtual,
    /// The channel's word is not known here; see `extensions`.
    Unknown,
}

/// Canonical status of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrderStatus {
    /// Waiting for the buyer's money.
    AwaitingPayment,
    /// Paid in part: a deposit.
    PartlyPaid,
    /// Paid, but the channel forbids shipping it yet.
    OnHold,
    /// To be shipped.
    AwaitingShipment,
    /// Some lines are shipped.
    PartlyShipped,
    /// All lines are shipped.
    Shipped,
    /// Arrived, not yet settled.
    Delivered,
    /// Settled.
    Completed,
    /// Ended before payment.
    Cancelled,
    /// Ended after payment, by refund.
    Closed,
    /// The channel's word is not known here; see `channel_status`.
    Unknown,
}

/// Canonical status of a line. The words are those of the order.
pub type LineStatus = OrderStatus;

/// Canonical status of a refund, also of a line's newest refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RefundStatus {
    /// Nobody asked for one.
    None,
    /// The buyer asked.
    Requested,
    /// The seller agreed and waits for the goods.
    AwaitingReturn,
    /// The goods are on their way back.
    Returning,
    /// The seller refused.
    Refused,
    /// Withdrawn or lapsed.
    Closed,
    /// The money went back.
    Succeeded,
    /// The channel's word is not known here.
    Unknown,
}

/// When things happened, with the channel's offset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Times {
    /// Placed.
    pub created: Timestamp,
    /// Paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paid: Option<Timestamp>,
    /// Shipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shipped: Option<Timestamp>,
    /// Completed or closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed: Option<Timestamp>,
    /// Last changed: the version of this snapshot.
    pub modified: Timestamp,
}

/// Who bought.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Buyer {
    /// Opaque id that stays the same for this application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_id: Option<Text>,
    /// Nick name; may be masked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nick: Option<Sealed<String>>,
    /// What the buyer wrote to the seller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Sealed<String>>,
}

/// Amounts of an order. `payable = goods - discount + adjustment + freight + tax`, to the minor unit, where the channel
/// states its parts; an order that breaks this is quarantined.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Amounts {
    /// Sum of unit price times quantity.
    pub goods: Minor,
    /// All discounts, of lines and of the order; positive.
    #[serde(default)]
    pub discount: Minor,
    /// Freight.
    #[serde(default)]
    pub freight: Minor,
    /// Tax on top.
    #[serde(default)]
    pub tax: Minor,
    /// Change by the seller's hand; negative lowers the price.
    #[serde(default)]
    pub adjustment: Minor,
    /// What the buyer owes in all.
    pub payable: Minor,
    /// What the buyer has paid.
    #[serde(default)]
    pub paid: Minor,
    /// What went back.
    #[serde(default)]
    pub refunded: Minor,
    /// What the seller has been paid out, where the channel states it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received: Option<Minor>,
}

impl Amounts {
    /// What the parts make: goods - discount + adjustment + freight + tax. None where that is too large.
    pub fn of_parts(&self) -> Option<Minor> {
        let raises = [self.goods, self.adjustment, self.freight, self.tax];
        Minor::checked_sum(raises)?.checked_sub(self.discount)
    }
}

/// One line of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Line id at the channel.
    pub line_id: Text,
    /// Listing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product_id: Option<Text>,
    /// The channel's SKU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sku_id: Option<Text>,
    /// The merchant's own SKU code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merchant_sku: Option<Text>,
    /// Title.
    pub title: Text,
    /// Variant, in the channel's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub properties: Option<Text>,
    /// Units.
    pub quantity: u32,
    /// Price of one unit before discounts.
    pub unit_price: Minor,
    /// Discounts of this line, its share of the order's discounts included; positive.
    #[serde(default)]
    pub discount: Minor,
    /// Change by the seller's hand.
    #[serde(default)]
    pub adjustment: Minor,
    /// What the buyer owes for this line, without freight: `unit_price * quantity - discount + adjustment`.
    pub payable: Minor,
    /// What the distributor pays for this line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purchase_payable: Option<Minor>,
    /// Status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<LineStatus>,
    /// The channel's own word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel_status: Option<Text>,
    /// Newest refund of this line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund_status: Option<RefundStatus>,
    /// Its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund_id: Option<Text>,
    /// A gift: costs nothing, must be shipped.
    #[serde(default)]
    pub gift: bool,
    /// What no field above can hold.
    #[serde(default, skip_serializing_if = "Extensions::is_empty")]
    pub extensions: Extensions,
}

/// A discount by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Promotion {
    /// Id at the channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Text>,
    /// Name.
    pub name: Text,
    /// What it took off.
    pub discount: Minor,
    /// Who pays for it, where the channel says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payer: Option<Payer>,
    /// Line it belongs to; none means the whole order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line_id: Option<Text>,
    /// Words that explain it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Text>,
}

/// Who bears a discount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Payer {
    /// The merchant.
    Seller,
    /// The channel.
    Channel,
    /// The distributor.
    Distributor,
    /// Somebody else, for example a bank.
    Other,
}

/// Money kept for a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fee {
    /// The channel's name of it, for example `commission_fee`.
    pub name: Text,
    /// How much.
    pub amount: Minor,
}

/// One payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Payment {
    /// Way of paying, for example `alipay`.
    pub method: Text,
    /// Number at the payment service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<Text>,
    /// Amount, where the channel states it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Minor>,
}

/// Invoice asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Invoice {
    /// Title on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<Sealed<String>>,
    /// Sort of invoice, in the channel's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Text>,
}

/// What the seller noted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Seller {
    /// Free text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memo: Option<Sealed<String>>,
    /// Coloured flag, by number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flag: Option<u8>,
}

/// How an order ships.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Shipping {
    /// Way of shipping, in the channel's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<Text>,
    /// Paid at the door.
    #[serde(default)]
    pub cash_on_delivery: bool,
    /// Reasons not to ship now. Empty means that it may ship.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holds: Vec<Hold>,
}

/// A reason not to ship now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// The channel's name of it.
    pub reason: Text,
}

/// Where an order came through a distributor.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Distribution {
    /// Distributor, by the channel's name or id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distributor: Option<Text>,
    /// Purchase order at the distribution platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purchase_order_id: Option<Text>,
    /// The consumer's own order at the channel, where this event is the purchase order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consumer_order_id: Option<Text>,
    /// What the distributor pays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purchase_amount: Option<Minor>,
}

/// A shipment that the channel already knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Shipment {
    /// Carrier, in the channel's words.
    pub carrier: Text,
    /// Tracking number.
    pub number: Text,
    /// Lines in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub line_ids: Vec<Text>,
    /// When it left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
}

impl Order {
    /// Checks what must hold for every order: at least one line, and sums that agree to the minor unit.
    pub fn check(&self) -> crate::contract::Result<()> {
        use crate::contract::Error;
        if self.lines.is_empty() {
            return Err(Error::malformed("an order has at least one line").at("lines"));
        }
        for (index, line) in self.lines.iter().enumerate() {
            let expected = line
                .unit_price
                .checked_mul(i64::from(line.quantity))
                .and_then(|gross| gross.checked_sub(line.discount))
                .and_then(|net| net.checked_add(line.adjustment));
            if expected != Some(line.payable) {
                return Err(Error::malformed(
                    "payable is not unit_price * quantity - discount + adjustment",
                )
                .at(format!("lines[{index}].payable")));
            }
        }
        let amounts = &self.amounts;
        if amounts.of_parts() != Some(amounts.payable) {
            let text = "payable is not goods - discount + adjustment + freight + tax";
            return Err(Error::malformed(text).at("amounts.payable"));
        }
        let goods = Minor::checked_sum(
            self.lines
                .iter()
                .filter_map(|line| line.unit_price.checked_mul(i64::from(line.quantity))),
        );
        if goods != Some(amounts.goods) {
            return Err(Error::malformed("goods is not the sum of the lines").at("amounts.goods"));
        }
        Ok(())
    }
}
