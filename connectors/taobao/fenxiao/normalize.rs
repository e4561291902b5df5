//! From a purchase order to an order, and from its refund to a refund.
//!
//! Amounts are between supplier and distributor: a line's price is what the supplier asks, `payable` what the distributor
//! owes with postage. What the consumer pays the distributor is in `extensions`. How sums are made is told in `amounts`.

use super::super::list::List;
use super::super::normalize::{at, id, owned, required, text};
use super::super::wire::{Raw, object};
use super::super::{rest, words};
use super::CHANNEL;
use super::amounts::{self, too_large};
use super::wire::{self, PART, Part, PurchaseOrder, Receiver, items};
use crate::contract::model::{
    self, Buyer, Distribution, Hold, Line, LineStatus, Minor, Order, OrderId, OrderStatus,
    OrderType, Payment, Personal, PersonalForm, Refund, RefundId, RefundKind, RefundPhase,
    RefundStatus, Seller, ShipTo, Shipment, Shipping, Times,
};
use crate::contract::{Error, Result, Sealed, WithRest};
use smol_str::format_smolstr;

/// Reads a purchase order.
pub(super) fn order(raw: Raw<'_>) -> Result<Order> {
    purchase_order::<Raw<'_>>(object(raw)?)
}

/// Normalizes a purchase order.
pub(super) fn purchase_order<'a, S: List<'a, Part<'a>>>(
    read: WithRest<'a, PurchaseOrder<'a, S>>,
) -> Result<Order> {
    let WithRest { known: mut order, rest } = read;
    let extensions = rest::kept(rest)?;
    let order_id = OrderId::try_new(order.fenxiao_id.0).map_err(|error| error.at("fenxiao_id"))?;
    let status = order_status(&order.status.0);
    let lines = lines(order.sub_purchase_orders.take())?;
    let amounts = amounts::of_order(&order, &lines, status)?;
    let is_held = status == OrderStatus::OnHold;
    Ok(Order {
        channel: model::Text::new_static(CHANNEL),
        shop: None,
        order_id,
        order_type: OrderType::Distribution,
        status,
        channel_status: (*order.status.0).into(),
        times: Times {
            created: required(order.created, "created")?,
            paid: at(order.pay_time),
            shipped: at(order.consign_time),
            completed: at(order.end_time),
            modified: required(order.modified, "modified")?,
        },
        buyer: Buyer {
            open_id: None,
            nick: None,
            message: owned(order.memo.as_ref()).map(Sealed::new),
        },
        ship_to: order.receiver.as_ref().map(ship_to).unwrap_or_default(),
        currency: model::Text::new_static("CNY"),
        payments: payments(&order, amounts.paid),
        fees: Vec::new(),
        amounts,
        shipments: shipments(&order, &lines),
        lines,
        promotions: Vec::new(),
        invoice: None,
        seller: Seller {
            memo: owned(order.supplier_memo.as_ref()).map(Sealed::new),
            flag: order.supplier_flag.and_then(|flag| u8::try_from(flag.0).ok()),
        },
        shipping: Shipping {
            method: owned(order.shipping.as_ref()),
            cash_on_delivery: false,
            holds: is_held.then(|| Hold { reason: (*order.status.0).into() }).into_iter().collect(),
        },
        distribution: Some(Distribution {
            distributor: owned(order.distributor_username.as_ref()),
            purchase_order_id: Some(order.fenxiao_id.0.into()),
            consumer_order_id: id(order.tc_order_id),
            purchase_amount: order.distributor_payment.map(|fee| fee.0),
        }),
        extensions,
    })
}

fn order_status(word: &str) -> OrderStatus {
    match word {
        "WAIT_BUYER_PAY" | "WAIT_SELLER_CONFIRM_PAY" | "TRADE_FOR_PAY" => {
            OrderStatus::AwaitingPayment
        }
        "PAID_FORBID_CONSIGN" => OrderStatus::OnHold,
        "WAIT_SELLER_SEND_GOODS" => OrderStatus::AwaitingShipment,
        // Split settlement: who has been paid already, and who has not.
        "WAIT_BUYER_CONFIRM_GOODS" | "WAIT_BUYER_CONFIRM_GOODS_ACOUNTED" => OrderStatus::Shipped,
        "PAY_ACOUNTED_GOODS_CONFIRM" | "PAY_WAIT_ACOUNT_GOODS_CONFIRM" => OrderStatus::Delivered,
        "TRADE_FINISHED" => OrderStatus::Completed,
        "TRADE_CLOSED" => OrderStatus::Closed,
        _ => OrderStatus::Unknown,
    }
}

/// A line says the same words, and some of its own.
fn line_status(word: &str) -> LineStatus {
    match word {
        "WAIT_SELLER_CONFIRM" => OrderStatus::AwaitingPayment,
        // Refunds are events of their own; the line waits or is over.
        "TRADE_REFUNDED" => OrderStatus::Closed,
        "TRADE_REFUNDING" => OrderStatus::OnHold,
        word => order_status(word),
    }
}

fn lines<'a>(parts: Option<impl List<'a, Part<'a>>>) -> Result<Vec<Line>> {
    let Some(parts) = parts else { return Ok(Vec::new()) };
    parts.each("sub_purchase_orders", |raw| items(raw, &PART), line)
}

fn line(read: WithRest<'_, Part<'_>>) -> Result<Line> {
    let WithRest { known: part, rest } = read;
    let mut extensions = rest::kept(rest)?;
    let fen = [
        ("tc_discount_fee_fen", part.tc_discount_fee),
        ("tc_adjust_fee_fen", part.tc_adjust_fee),
        ("discount_fee_fen", part.discount_fee),
    ];
    for (name, amount) in fen {
        if let Some(amount) = amount {
            extensions.insert(name.to_owned(), amount.0.into());
        }
    }
    if let Some(fee) = part.refund_fee {
        extensions.insert("refund_fee".to_owned(), fee.0.to_decimal().into());
    }
    if part.fenxiao_id.0.is_empty() {
        return Err(
            Error::malformed("expected an id, as a whole number or as text").at("fenxiao_id")
        );
    }
    let quantity = u32::try_from(part.num.0)
        .map_err(|_| Error::malformed("expected a number of units").at("num"))?;
    let gross = part.price.0.checked_mul(i64::from(quantity)).ok_or_else(too_large)?;
    // Documented as `price * num` less a discount: more than that is no figure of the channel.
    let discount = gross.checked_sub(part.total_fee.0).ok_or_else(too_large)?;
    if discount < Minor::ZERO {
        return Err(Error::malformed("expected at most price * num").at("total_fee"));
    }
    let sku_id: Option<model::Text> = id(part.sku_id);
    let item_code = text(part.item_outer_id.as_ref());
    let merchant_sku =
        text(part.sku_outer_id.as_ref()).or_else(|| item_code.filter(|_| sku_id.is_none()));
    let word = text(part.status.as_ref());
    Ok(Line {
        line_id: part.fenxiao_id.0.into(),
        product_id: id(part.item_id),
        sku_id,
        merchant_sku: merchant_sku.map(Into::into),
        title: owned(part.title.as_ref()).unwrap_or_default(),
        properties: owned(part.sku_properties.as_ref()),
        quantity,
        unit_price: part.price.0,
        discount,
        adjustment: Minor::ZERO,
        payable: part.total_fee.0,
        purchase_payable: part.distributor_payment.map(|fee| fee.0),
        status: word.map(line_status),
        channel_status: word.map(Into::into),
        refund_status: None,
        refund_id: None,
        gift: false,
        extensions,
    })
}

fn payments<S>(order: &PurchaseOrder<'_, S>, paid: Minor) -> Vec<Payment> {
    let number = owned(order.alipay_no.as_ref()).filter(|_| paid != Minor::ZERO);
    let payment = |number| Payment {
        method: model::Text::new_static("alipay"),
        number: Some(number),
        amount: Some(paid),
    };
    number.map(payment).into_iter().collect()
}

/// A purchase order has one parcel.
fn shipments<S>(order: &PurchaseOrder<'_, S>, lines: &[Line]) -> Vec<Shipment> {
    let Some(number) = owned(order.logistics_id.as_ref()) else { return Vec::new() };
    vec![Shipment {
        carrier: owned(order.logistics_company_name.as_ref()).unwrap_or_default(),
        number,
        line_ids: lines.iter().map(|line| line.line_id.clone()).collect(),
        at: at(order.consign_time),
    }]
}

fn ship_to(receiver: &Receiver<'_>) -> ShipTo {
    let personal = |field: &Option<super::super::scalars::Text<'_>>| {
        text(field.as_ref()).map(|text| Personal::new(words::personal_form(text), text))
    };
    ShipTo {
        name: personal(&receiver.name),
        mobile: personal(&receiver.mobile_phone),
        phone: personal(&receiver.phone),
        country: None,
        province: owned(receiver.state.as_ref()),
        city: owned(receiver.city.as_ref()),
        district: owned(receiver.district.as_ref()),
        town: None,
        address: personal(&receiver.address),
        zip: owned(receiver.zip.as_ref()),
        oaid: text(receiver.oaid.as_ref()).map(|id| Personal::new(PersonalForm::Token, id)),
    }
}

/// Reads a refund of a part of a purchase order.
pub(super) fn refund(raw: Raw<'_>) -> Result<Refund> {
    let WithRest { known: wire, rest } = object::<WithRest<'_, wire::Refund<'_>>>(raw)?;
    let extensions = rest::kept(rest)?;
    let (kind, phase) = match wire.refund_flow_type.map(|flow| flow.0) {
        Some(1 | 4) => (RefundKind::MoneyOnly, Some(RefundPhase::OnSale)),
        Some(2 | 5) => (RefundKind::ReturnGoods, Some(RefundPhase::OnSale)),
        Some(3) => (RefundKind::MoneyOnly, Some(RefundPhase::AfterSale)),
        Some(6) => (RefundKind::ReturnGoods, Some(RefundPhase::AfterSale)),
        Some(_) | None => (RefundKind::Unknown, None),
    };
    let order_id = OrderId::try_new(wire.purchase_order_id.0);
    Ok(Refund {
        channel: model::Text::new_static(CHANNEL),
        shop: None,
        refund_id: RefundId::try_new(wire.refund_id.0).map_err(|error| error.at("refund_id"))?,
        order_id: order_id.map_err(|error| error.at("purchase_order_id"))?,
        line_id: id(wire.sub_order_id),
        status: refund_status(wire.refund_status.0),
        kind,
        phase,
        channel_status: format_smolstr!("{}", wire.refund_status.0),
        currency: model::Text::new_static("CNY"),
        amount: wire.refund_fee.0,
        quantity: None,
        reason: owned(wire.refund_reason.as_ref()),
        line_status: None,
        return_carrier: None,
        return_number: None,
        created: required(wire.refund_create_time, "refund_create_time")?,
        modified: required(wire.modified, "modified")?,
        extensions,
    })
}

fn refund_status(code: i64) -> RefundStatus {
    match code {
        // Agreed, and the money is on its way: nobody has it yet.
        1 | 12 => RefundStatus::Requested,
        2 => RefundStatus::AwaitingReturn,
        3 => RefundStatus::Returning,
        4 => RefundStatus::Closed,
        5 => RefundStatus::Succeeded,
        6 | 10 => RefundStatus::Refused,
        9 => RefundStatus::None,
        _ => RefundStatus::Unknown,
    }
}
