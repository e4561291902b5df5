//! From a trade to an order.

use super::list::List;
use super::scalars::{Id, Switch, Text, When};
use super::wire::{PromotionDetail, Raw, SubOrder, Trade, items, object};
use super::{amounts, rest, settlement, words};
use crate::contract::model::{
    self, Buyer, Distribution, Extensions, Hold, Invoice, Line, Minor, Order, OrderId, OrderStatus,
    OrderType, Payment, Personal, PersonalForm, Promotion, Seller, ShipTo, Shipment, Shipping,
    Times, Timestamp,
};
use crate::contract::{Error, Rest, Result, Sealed, WithRest};
use serde_json::Value;

/// Reads a trade.
pub(super) fn order(raw: Raw<'_>) -> Result<Order> {
    trade::<Raw<'_>>(object(raw)?)
}

/// Normalizes a trade.
pub(super) fn trade<'a, S: List<'a, SubOrder<'a>>>(
    read: WithRest<'a, Trade<'a, S>>,
) -> Result<Order> {
    let WithRest { known: mut trade, rest } = read;
    let mut extensions = rest::kept(rest)?;
    let Lines { lines, shipments, is_shared } = lines(trade.orders.take())?;
    let shipping_type = text(trade.shipping_type.as_ref());
    let kind = text(trade.kind.as_ref()).unwrap_or_default();
    let order_type = words::order_type(kind, shipping_type.unwrap_or_default());
    let holds = holds(&trade);
    let status = status(&trade, !holds.is_empty());
    let mut amounts = amounts::of_trade(&trade, &lines, is_shared, order_type, status)?;
    amounts.received = settlement::received(&mut extensions);
    let fees = settlement::fees(&mut extensions);
    if !kind.is_empty() {
        extensions.insert("type".to_owned(), kind.into());
    }
    if let Some(step) = text(trade.step_trade_status.as_ref()) {
        extensions.insert("step_trade_status".to_owned(), step.into());
    }
    if let Some(fee) = trade.step_paid_fee {
        extensions.insert("step_paid_fee".to_owned(), fee.0.to_decimal().into());
    }
    let mut paid = at(trade.pay_time);
    if order_type == OrderType::CashOnDelivery
        && let Some(accepted) = paid.take()
    {
        // For what is paid at the door this is when the carrier took the order.
        extensions.insert("pay_time".to_owned(), accepted.to_string().into());
    }
    let mut promotions = promotions(&trade, &mut extensions)?;
    promotions.extend(settlement::subsidy(&mut extensions));
    Ok(Order {
        channel: model::Text::new_static(super::CHANNEL),
        shop: None,
        order_id: OrderId::try_new(trade.tid.0).map_err(|error| error.at("tid"))?,
        order_type,
        status,
        channel_status: (*trade.status.0).into(),
        times: Times {
            created: required(trade.created, "created")?,
            paid,
            shipped: at(trade.consign_time),
            completed: at(trade.end_time),
            modified: required(trade.modified, "modified")?,
        },
        buyer: Buyer {
            open_id: owned(trade.buyer_open_uid.as_ref()),
            nick: owned(trade.buyer_nick.as_ref()).map(Sealed::new),
            message: owned(trade.buyer_message.as_ref()).map(Sealed::new),
        },
        ship_to: ship_to(&trade),
        currency: model::Text::new_static("CNY"),
        payments: payments(&trade, amounts.paid),
        fees,
        amounts,
        shipments,
        lines,
        promotions,
        invoice: invoice(&trade),
        seller: Seller {
            memo: owned(trade.seller_memo.as_ref()).map(Sealed::new),
            flag: trade.seller_flag.and_then(|flag| u8::try_from(flag.0).ok()),
        },
        shipping: Shipping {
            method: owned(trade.shipping_type.as_ref()),
            cash_on_delivery: order_type == OrderType::CashOnDelivery,
            holds,
        },
        distribution: distribution(&trade, order_type),
        extensions,
    })
}

/// The supplier stands behind a trade that has a purchase order. Its number and the distributor are told where the answer
/// has them, as messages about such trades do; the purchase order names the trade in any case.
fn distribution<S>(trade: &Trade<'_, S>, order_type: OrderType) -> Option<Distribution> {
    let purchase_order_id = id(trade.fenxiao_id);
    let distributor = owned(trade.distributor_username.as_ref());
    let is_distributed = is_on(trade.is_daixiao)
        || order_type == OrderType::Distribution
        || purchase_order_id.is_some()
        || distributor.is_some();
    is_distributed.then_some(Distribution {
        distributor,
        purchase_order_id,
        ..Distribution::default()
    })
}

/// What the sub-orders say.
#[derive(Default)]
struct Lines {
    lines: Vec<Line>,
    shipments: Vec<Shipment>,
    /// Whether they share a discount of the whole trade.
    is_shared: bool,
}

fn lines<'a>(orders: Option<impl List<'a, SubOrder<'a>>>) -> Result<Lines> {
    let mut of = Lines::default();
    let Some(orders) = orders else { return Ok(of) };
    let items = |raw| items(raw, "order");
    of.lines = orders.each("orders", items, |read| {
        let sub = read.known;
        let line = line(&sub, read.rest)?;
        of.is_shared |= sub.part_mjz_discount.is_some_and(|share| share.0 != Minor::ZERO);
        ship(&mut of.shipments, &sub, &line.line_id);
        Ok(line)
    })?;
    Ok(of)
}

fn line(sub: &SubOrder<'_>, rest: Rest<'_>) -> Result<Line> {
    let amounts = amounts::of_line(sub)?;
    let mut extensions = rest::kept(rest)?;
    let outer_iid = text(sub.outer_iid.as_ref());
    if let Some(code) = outer_iid {
        extensions.insert("outer_iid".to_owned(), code.into());
    }
    let sku_id: Option<model::Text> = id(sub.sku_id);
    // A listing without variants has one code, its own.
    let merchant_sku =
        text(sub.outer_sku_id.as_ref()).or_else(|| outer_iid.filter(|_| sku_id.is_none()));
    let word = text(sub.status.as_ref());
    let refund = text(sub.refund_status.as_ref());
    if let Some(refund) = refund.filter(|refund| *refund != "NO_REFUND") {
        extensions.insert("refund_status".to_owned(), refund.into());
    }
    if sub.oid.0.is_empty() {
        return Err(Error::malformed("expected an id, as a whole number or as text").at("oid"));
    }
    Ok(Line {
        line_id: sub.oid.0.into(),
        product_id: id(sub.num_iid),
        sku_id,
        merchant_sku: merchant_sku.map(Into::into),
        title: owned(sub.title.as_ref()).unwrap_or_default(),
        properties: owned(sub.sku_properties_name.as_ref()),
        quantity: u32::try_from(sub.num.0)
            .map_err(|_| Error::malformed("expected a number of units").at("num"))?,
        unit_price: sub.price.0,
        discount: amounts.discount,
        adjustment: amounts.adjustment,
        payable: amounts.payable,
        purchase_payable: None,
        status: word.map(words::order_status),
        channel_status: word.map(Into::into),
        refund_status: refund.map(words::refund_status),
        refund_id: id(sub.refund_id),
        gift: is_on(sub.is_free_gift),
        extensions,
    })
}

/// A paid order that the channel forbids to ship is on hold, also where its status says otherwise.
fn status<S>(trade: &Trade<'_, S>, is_held: bool) -> OrderStatus {
    let has_deposit = text(trade.step_trade_status.as_ref()) == Some("FRONT_PAID_FINAL_NOPAID");
    let status = words::order_status(&trade.status.0);
    if status == OrderStatus::AwaitingPayment && has_deposit {
        OrderStatus::PartlyPaid
    } else if status == OrderStatus::AwaitingShipment && is_held {
        OrderStatus::OnHold
    } else {
        status
    }
}

fn holds<S>(trade: &Trade<'_, S>) -> Vec<Hold> {
    let switches = [
        ("top_hold", trade.top_hold),
        ("team_buy_hold", trade.team_buy_hold),
        ("share_group_hold", trade.share_group_hold),
        ("ofp_hold", trade.ofp_hold),
        ("forbid_consign", trade.forbid_consign),
        ("delay_create_delivery", trade.delay_create_delivery),
    ];
    let by_status = (trade.status.0 == "PAID_FORBID_CONSIGN").then_some("PAID_FORBID_CONSIGN");
    let by_switch = switches.into_iter().filter(|(_, on)| is_on(*on)).map(|(name, _)| name);
    by_status
        .into_iter()
        .chain(by_switch)
        .map(|reason| Hold { reason: model::Text::new_static(reason) })
        .collect()
}

fn ship_to<S>(trade: &Trade<'_, S>) -> ShipTo {
    let personal = |field: &Option<Text<'_>>| {
        text(field.as_ref()).map(|text| Personal::new(words::personal_form(text), text))
    };
    let (mut city, mut district) =
        (owned(trade.receiver_city.as_ref()), owned(trade.receiver_district.as_ref()));
    if city.is_none() {
        // A county that its province governs directly has no city and stands in its place.
        city = district.take();
    }
    ShipTo {
        name: personal(&trade.receiver_name),
        mobile: personal(&trade.receiver_mobile),
        phone: personal(&trade.receiver_phone),
        country: owned(trade.receiver_country.as_ref()),
        province: owned(trade.receiver_state.as_ref()),
        city,
        district,
        town: owned(trade.receiver_town.as_ref()),
        address: personal(&trade.receiver_address),
        zip: owned(trade.receiver_zip.as_ref()),
        oaid: text(trade.oaid.as_ref()).map(|id| Personal::new(PersonalForm::Token, id)),
    }
}

/// Discounts by name. A discount of the whole trade bears its id, one of a line the line's.
fn promotions<S>(trade: &Trade<'_, S>, extensions: &mut Extensions) -> Result<Vec<Promotion>> {
    let path = "promotion_details";
    let Some(list) = trade.promotion_details else { return Ok(Vec::new()) };
    let mut others = Vec::new();
    let items = |raw| items(raw, "promotion_detail");
    let promotions = list.each(path, items, |read: WithRest<'_, PromotionDetail<'_>>| {
        let detail = read.known;
        let mut other = rest::kept(read.rest)?;
        let id: Option<model::Text> = owned(detail.promotion_id.as_ref());
        if !other.is_empty() {
            other.extend(id.as_ref().map(|id| ("promotion_id".to_owned(), id.as_str().into())));
            others.push(Value::Object(other.into_iter().collect()));
        }
        Ok(Promotion {
            id,
            name: owned(detail.promotion_name.as_ref()).unwrap_or_default(),
            discount: detail.discount_fee.map_or(Minor::ZERO, |fee| fee.0),
            payer: None,
            line_id: detail.id.filter(|id| *id != trade.tid).map(|id| id.0.into()),
            description: owned(detail.promotion_desc.as_ref()),
        })
    })?;
    if !others.is_empty() {
        extensions.insert(path.to_owned(), Value::Array(others));
    }
    Ok(promotions)
}

fn payments<S>(trade: &Trade<'_, S>, paid: Minor) -> Vec<Payment> {
    let number = owned(trade.alipay_no.as_ref()).filter(|_| paid != Minor::ZERO);
    let payment = |number| Payment {
        method: model::Text::new_static("alipay"),
        number: Some(number),
        amount: Some(paid),
    };
    number.map(payment).into_iter().collect()
}

fn invoice<S>(trade: &Trade<'_, S>) -> Option<Invoice> {
    let title = owned(trade.invoice_name.as_ref()).map(Sealed::new);
    let kind = owned(trade.invoice_kind.as_ref());
    (title.is_some() || kind.is_some()).then_some(Invoice { title, kind })
}

/// Adds what a sub-order says of its parcel.
fn ship(shipments: &mut Vec<Shipment>, sub: &SubOrder<'_>, line_id: &model::Text) {
    let Some(number) = text(sub.invoice_no.as_ref()) else { return };
    let carrier = text(sub.logistics_company.as_ref()).unwrap_or_default();
    let same = |parcel: &&mut Shipment| parcel.number == number && parcel.carrier == carrier;
    if let Some(parcel) = shipments.iter_mut().find(same) {
        parcel.line_ids.push(line_id.clone());
        return;
    }
    shipments.push(Shipment {
        carrier: carrier.into(),
        number: number.into(),
        line_ids: vec![line_id.clone()],
        at: at(sub.consign_time),
    });
}

/// An id, where there is one: in number fields 0 is none.
pub(super) fn id<T: for<'t> From<&'t str>>(field: Option<Id<'_>>) -> Option<T> {
    field.filter(|id| !matches!(id.0, "" | "0")).map(|id| T::from(id.0))
}

/// Text, where there is any.
pub(super) fn text<'t>(field: Option<&'t Text<'_>>) -> Option<&'t str> {
    field.map(|text| &*text.0).filter(|text| !text.is_empty())
}

/// Text, where there is any, to keep.
pub(super) fn owned<T: for<'t> From<&'t str>>(field: Option<&Text<'_>>) -> Option<T> {
    text(field).map(T::from)
}

/// A time, where there is one.
pub(super) fn at(field: Option<When>) -> Option<Timestamp> {
    field.and_then(|time| time.0)
}

/// A time that must be there.
pub(super) fn required(field: When, name: &str) -> Result<Timestamp> {
    field.0.ok_or_else(|| Error::malformed("expected a time like 2026-11-11 00:00:09").at(name))
}

fn is_on(switch: Option<Switch>) -> bool {
    switch.is_some_and(|switch| switch.0)
}
