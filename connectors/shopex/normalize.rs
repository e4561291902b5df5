//! From a trade, as the matrix knows it, to an order.
//!
//! A trade holds objects (`orders.order`), and an object holds the items that make it: one, or several in a package. A
//! line is an item, because items are what is shipped and what stock is kept of.

use super::fields::Fields;
use super::{amounts, words};
use crate::contract::model::{
    Amounts, Buyer, Invoice, Line, Minor, Order, OrderStatus, OrderType, Payment, Personal,
    Promotion, Seller, ShipTo, Shipment, Shipping, Text, Times, Timestamp,
};
use crate::contract::parts::Parts;
use crate::contract::{Error, Result, Sealed};
use smol_str::format_smolstr;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Parts of names of fields that hold who somebody is.
static PERSONAL: LazyLock<Parts> = LazyLock::new(|| {
    Parts::new(&[
        "buyer_",
        "receiver_",
        "email",
        "mobile",
        "phone",
        "address",
        "account",
        "memo",
        "nick",
    ])
});
/// Names that would be taken for personal and are not.
const NOT_PERSONAL: [&str; 2] = ["buyer_obtain_point_fee", "receiver_time"];

/// Whether the order holds a field, or it says what another says.
fn is_known(name: &str) -> bool {
    matches!(
        name,
        "tid"
            | "created"
            | "modified"
            | "lastmodify"
            | "status"
            | "pay_status"
            | "ship_status"
            | "total_goods_fee"
            | "total_trade_fee"
            | "payed_fee"
            | "currency"
            | "shipping_type"
            | "shipping_fee"
            | "invoice_title"
            | "is_cod"
            | "orders"
            | "payment_lists"
            | "promotion_details"
            | "trade_memo"
            | "title"
            | "logistics_no"
            | "logistics_company"
            | "company_name"
    )
}

/// Whether a field belongs to the call that brought a trade and not to the trade.
fn is_of_the_call(name: &str) -> bool {
    matches!(
        name,
        "node_type"
            | "from_api_v"
            | "to_api_v"
            | "from_node_id"
            | "to_node_id"
            | "app_id"
            | "method"
            | "date"
            | "callback_url"
            | "callback_type"
            | "callback_type_id"
            | "format"
            | "v"
            | "task"
            | "sign"
            | "certi_id"
            | "msg_id"
            | "real_time"
            | "refresh_time"
            | "timestamp"
            | "from_type"
            | "_id"
            | "node_id"
    )
}

/// Whether an item's field is one that its line holds.
fn is_known_of_an_item(name: &str) -> bool {
    matches!(
        name,
        "iid"
            | "bn"
            | "name"
            | "sku_properties"
            | "num"
            | "price"
            | "sale_price"
            | "discount_fee"
            | "total_item_fee"
            | "item_status"
    )
}

/// What members of the family say differently in the same fields.
#[derive(Debug)]
pub(super) struct Dialect {
    /// Channel of the orders.
    pub(super) channel: &'static str,
    /// The three words of an order's state, and whether it is paid at the door.
    pub(super) status: fn(&str, &str, &str, bool) -> OrderStatus,
    /// The amounts of a trade.
    pub(super) amounts: fn(&Fields<'_>) -> Result<Amounts>,
}

/// How ECStore speaks, and the hub for it.
pub(super) const FAMILY: Dialect =
    Dialect { channel: super::CHANNEL, status: words::order_status, amounts: amounts::of_trade };

/// Reads a trade.
pub(super) fn order(trade: &Fields<'_>, dialect: &Dialect) -> Result<Order> {
    let modified = match trade.when("lastmodify")? {
        Some(time) => time,
        None => required(trade, "modified")?,
    };
    let is_cod = trade.switch("is_cod")?;
    let words =
        [trade.required("status")?, trade.required("pay_status")?, trade.required("ship_status")?];
    let status = (dialect.status)(words[0], words[1], words[2], is_cod);
    if let Some(currency) = trade.text("currency")
        && currency != "CNY"
    {
        // The shop keeps its figures in its own currency and converts the total alone.
        let text = "an order in another currency than the shop's";
        return Err(Error::malformed(text).at("currency"));
    }
    let (lines, shipped) = lines(trade, status)?;
    let (payments, paid) = payments(trade)?;
    let order_type = if is_cod { OrderType::CashOnDelivery } else { OrderType::Normal };
    Ok(Order {
        channel: Text::new_static(dialect.channel),
        shop: None,
        order_id: trade.order_id("tid")?,
        order_type,
        status,
        channel_status: words.join("/").into(),
        times: Times {
            created: required(trade, "created")?,
            paid: trade.when("pay_time")?.or(paid),
            shipped,
            completed: None,
            modified,
        },
        buyer: Buyer {
            open_id: trade.owned("buyer_id"),
            nick: trade.owned("buyer_uname").map(Sealed::new),
            message: trade.owned("buyer_memo").map(Sealed::new),
        },
        ship_to: ship_to(trade),
        currency: Text::new_static("CNY"),
        amounts: (dialect.amounts)(trade)?,
        lines,
        promotions: promotions(trade)?,
        payments,
        fees: Vec::new(),
        invoice: trade
            .owned("invoice_title")
            .map(|title| Invoice { title: Some(Sealed::new(title)), kind: None }),
        seller: Seller { memo: trade.owned("trade_memo").map(Sealed::new), flag: None },
        shipping: Shipping {
            method: trade.owned("shipping_type"),
            cash_on_delivery: is_cod,
            holds: Vec::new(),
        },
        distribution: None,
        shipments: shipments(trade),
        extensions: trade.rest(|name| is_known(name) || is_of_the_call(name) || is_personal(name)),
    })
}

/// Reads a trade whose sums hold.
pub(super) fn checked(trade: &Fields<'_>, dialect: &Dialect) -> Result<Order> {
    let order = order(trade, dialect)?;
    order.check()?;
    amounts::check_reductions(trade, &order.lines)?;
    Ok(order)
}

pub(super) fn required(record: &Fields<'_>, name: &str) -> Result<Timestamp> {
    let missing = || Error::malformed("expected a time like 2026-11-11 00:00:09").at(name);
    record.when(name)?.ok_or_else(missing)
}

fn is_personal(name: &str) -> bool {
    PERSONAL.are_in(name) && !NOT_PERSONAL.contains(&name)
}

/// Lines, and when the last object of the order was shipped where the shop says it.
fn lines(trade: &Fields<'_>, status: OrderStatus) -> Result<(Vec<Line>, Option<Timestamp>)> {
    let mut lines: Vec<Line> = Vec::new();
    let mut ids = LineIds::default();
    let mut shipped = None;
    for (index, object) in trade.list("orders", "order")?.iter().enumerate() {
        let within = |error: Error| error.within(&format!("orders[{index}]"));
        shipped = shipped.max(object.when("consign_time").map_err(within)?);
        let items = object_items(object).map_err(within)?;
        for (at, item) in items.iter().enumerate() {
            let within = |error: Error| within(error.within(&format!("order_items[{at}]")));
            let mut line = line(object, item, at, status).map_err(within)?;
            line.line_id = ids.own(line.line_id);
            lines.push(line);
        }
    }
    Ok((lines, shipped))
}

/// Items of an object.
pub(super) fn object_items<'o>(object: &'o Fields<'_>) -> Result<Vec<Fields<'o>>> {
    let items = object.list("order_items", "item")?;
    if items.is_empty() {
        return Err(Error::malformed("missing field").at("order_items"));
    }
    Ok(items)
}

/// Id of an item. The shop numbers objects only: the first item has the object's id, the others a SKU behind it.
pub(super) fn line_id(object: &Fields<'_>, item: &Fields<'_>, at: usize) -> Result<Text> {
    // Shops of the same family that number nothing.
    let Some(oid) = object.text("oid") else { return Ok(item.required("bn")?.into()) };
    if at == 0 {
        return Ok(oid.into());
    }
    let sku = item.first(&["sku_id", "bn"]).unwrap_or_default();
    Ok(format_smolstr!("{oid}-{sku}"))
}

/// Keeps the ids of an order's lines apart. Shops that number no lines name them by their SKU, which an order may hold
/// twice: bought, and as a gift.
#[derive(Default)]
pub(super) struct LineIds(BTreeMap<Text, u32>);

impl LineIds {
    /// The id, or the id with a number behind it where it was there before.
    pub(super) fn own(&mut self, id: Text) -> Text {
        let times = self.0.entry(id.clone()).or_default();
        *times += 1;
        if *times == 1 { id } else { format_smolstr!("{id}#{times}") }
    }
}

fn line(object: &Fields<'_>, item: &Fields<'_>, at: usize, status: OrderStatus) -> Result<Line> {
    let quantity = item.units_required("num")?;
    let sent = item.units("sendnum")?;
    let amounts = amounts::of_item(item, quantity)?;
    let word = item.text("item_status").unwrap_or_default();
    let is_gift =
        item.text("item_type") == Some("gift") || (at == 0 && object.text("type") == Some("gift"));
    let mut extensions = item.rest(|name| is_known_of_an_item(name) || is_personal(name));
    if let Some(kind) = object.text("type").filter(|kind| *kind != "goods") {
        extensions.insert("object_type".to_owned(), kind.into());
        extensions
            .extend(object.text("title").map(|name| ("object_title".to_owned(), name.into())));
    }
    let bn: Option<Text> = item.owned("bn");
    Ok(Line {
        line_id: line_id(object, item, at)?,
        product_id: item.owned("iid"),
        sku_id: bn.clone(),
        merchant_sku: bn,
        title: item.owned("name").unwrap_or_default(),
        properties: item.owned("sku_properties"),
        quantity,
        unit_price: amounts.unit_price,
        discount: amounts.discount,
        adjustment: amounts.adjustment,
        payable: amounts.payable,
        purchase_payable: None,
        status: Some(words::line_status(status, word, quantity, sent)),
        channel_status: Some(word).filter(|word| !word.is_empty()).map(Text::from),
        refund_status: None,
        refund_id: None,
        gift: is_gift,
        extensions,
    })
}

fn ship_to(trade: &Fields<'_>) -> ShipTo {
    let personal = |name| trade.text(name).map(Personal::plain_or_masked);
    ShipTo {
        name: personal("receiver_name"),
        mobile: personal("receiver_mobile"),
        phone: personal("receiver_phone"),
        country: None,
        province: trade.owned("receiver_state"),
        city: trade.owned("receiver_city"),
        district: trade.owned("receiver_district"),
        town: None,
        address: personal("receiver_address"),
        zip: trade.owned("receiver_zip"),
        oaid: None,
    }
}

/// Payments that went through, and when the last of them did. Accounts stay where they are.
fn payments(trade: &Fields<'_>) -> Result<(Vec<Payment>, Option<Timestamp>)> {
    let mut payments = Vec::new();
    let mut paid = None;
    for (index, payment) in trade.list("payment_lists", "payment_list")?.iter().enumerate() {
        let within = |error: Error| error.within(&format!("payment_lists[{index}]"));
        if payment.text("status").is_some_and(|status| status != "SUCC") {
            continue;
        }
        paid = paid.max(payment.when("t_end").map_err(within)?);
        let method = payment.first(&["payment_code", "payment_name", "pay_type"]);
        payments.push(Payment {
            method: method.unwrap_or_default().into(),
            number: payment.owned("outer_no"),
            amount: payment.yuan("pay_fee").map_err(within)?,
        });
    }
    Ok((payments, paid))
}

fn promotions(trade: &Fields<'_>) -> Result<Vec<Promotion>> {
    let mut promotions = Vec::new();
    for (index, detail) in trade.list("promotion_details", "promotion_detail")?.iter().enumerate() {
        let within = |error: Error| error.within(&format!("promotion_details[{index}]"));
        let discount = detail.yuan_or_zero("promotion_fee").map_err(within)?;
        let name: Text = detail.owned("promotion_name").unwrap_or_default();
        if name.is_empty() && discount == Minor::ZERO {
            // How ECShop says that there is none.
            continue;
        }
        promotions.push(Promotion {
            id: detail.owned("promotion_id"),
            name,
            discount,
            payer: None,
            line_id: None,
            description: None,
        });
    }
    Ok(promotions)
}

/// Parcels, where the shop's kind says them: several numbers stand in one text.
pub(super) fn shipments(trade: &Fields<'_>) -> Vec<Shipment> {
    let carrier = trade.first(&["logistics_company", "company_name"]).unwrap_or_default();
    let numbers = trade.text("logistics_no").unwrap_or_default();
    let numbers = numbers.split("<br>").flat_map(|part| part.split(',')).map(str::trim);
    let parcel = |number: &str| Shipment {
        carrier: carrier.into(),
        number: number.into(),
        line_ids: Vec::new(),
        at: None,
    };
    numbers.filter(|number| !number.is_empty()).map(parcel).collect()
}
