//! From an order of ShopEx 4.8.5 to an order.
//!
//! The shop keeps amounts in yuan with three places and statuses as numbers. It does not state what its total is made of,
//! so the difference between the goods with freight and the total is the adjustment.

use super::super::fields::Fields;
use super::super::normalize::required;
use super::super::parcel::Item;
use super::super::words;
use crate::contract::model::{
    Amounts, Buyer, Line, Minor, Order, OrderStatus, OrderType, Personal, Seller, ShipTo, Shipping,
    Text, Times,
};
use crate::contract::parts::Parts;
use crate::contract::{Error, Result, Sealed};
use smol_str::format_smolstr;
use std::sync::LazyLock;

const KNOWN: &[&str] = &[
    "order_id",
    "status",
    "pay_status",
    "ship_status",
    "last_change_time",
    "createtime",
    "shipping",
    "cost_freight",
    "total_amount",
    "product_info",
    "gift_info",
    "memo",
    "mark_text",
    "member_id",
];
/// Lists of what was bought, and whether it was given.
const LISTS: [(&str, bool); 2] = [("product_info", false), ("gift_info", true)];
/// Names of the merchant's code.
const SKU: [&str; 2] = ["bn", "product_bn"];
/// Parts of names of fields that hold who somebody is.
static PERSONAL: LazyLock<Parts> = LazyLock::new(|| {
    Parts::new(&["ship_", "buyer", "member", "email", "mobile", "tel", "addr", "memo"])
});

/// Reads an order.
pub(in super::super) fn order(record: &Fields<'_>) -> Result<Order> {
    let words = [
        record.required("status")?,
        record.required("pay_status")?,
        record.required("ship_status")?,
    ];
    let is_cod = record.text("payment") == Some("-1");
    let status = status(words, is_cod);
    let lines = lines(record, status)?;
    let amounts = amounts(record, &lines)?;
    let modified = match record.when("last_change_time")? {
        Some(time) => time,
        None => required(record, "last_modify")?,
    };
    Ok(Order {
        channel: Text::new_static(super::super::CHANNEL),
        shop: None,
        order_id: record.order_id("order_id")?,
        order_type: if is_cod { OrderType::CashOnDelivery } else { OrderType::Normal },
        status,
        channel_status: format_smolstr!("{}/{}/{}", words[0], words[1], words[2]),
        times: Times {
            created: required(record, "createtime")?,
            paid: None,
            shipped: None,
            completed: None,
            modified,
        },
        buyer: Buyer {
            open_id: record.text("member_id").filter(|id| *id != "0").map(Text::from),
            nick: record.owned("buyer_name").map(Sealed::new),
            message: record.owned("memo").map(Sealed::new),
        },
        ship_to: ship_to(record),
        currency: Text::new_static("CNY"),
        amounts,
        lines,
        promotions: Vec::new(),
        payments: Vec::new(),
        fees: Vec::new(),
        invoice: None,
        seller: Seller { memo: record.owned("mark_text").map(Sealed::new), flag: None },
        shipping: Shipping {
            method: record.owned("shipping"),
            cash_on_delivery: is_cod,
            holds: Vec::new(),
        },
        distribution: None,
        shipments: Vec::new(),
        extensions: record.rest(|name| KNOWN.contains(&name) || PERSONAL.are_in(name)),
    })
}

/// The numbers of the shop, in the words of the family.
fn status([status, pay, ship]: [&str; 3], is_cod: bool) -> OrderStatus {
    let status = match status {
        "active" => "TRADE_ACTIVE",
        "dead" => "TRADE_CLOSED",
        "finish" => "TRADE_FINISHED",
        _ => return OrderStatus::Unknown,
    };
    let pay = match pay {
        "0" => "PAY_NO",
        "1" => "PAY_FINISH",
        "2" => "PAY_TO_MEDIUM",
        "3" => "PAY_PART",
        "4" => "REFUND_PART",
        "5" => "REFUND_ALL",
        _ => return OrderStatus::Unknown,
    };
    let shipped = match ship {
        "0" => "SHIP_NO",
        "1" => "SHIP_FINISH",
        "2" => "SHIP_PART",
        "3" => "RESHIP_PART",
        "4" => "RESHIP_ALL",
        _ => return OrderStatus::Unknown,
    };
    // Here a dead order is one that was given up, never one that was finished.
    let known = words::order_status(status, pay, shipped, is_cod);
    let was_paid = known == OrderStatus::Completed && status == "TRADE_CLOSED";
    if was_paid { OrderStatus::Closed } else { known }
}

/// The SKUs of an order, to ship them.
pub(super) fn items(record: &Fields<'_>) -> Result<Vec<Item>> {
    let mut items = Vec::new();
    for (name, is_gift) in LISTS {
        for (index, item) in record.list(name, "item")?.iter().enumerate() {
            let within = |error: Error| error.within(&format!("{name}[{index}]"));
            items.push(Item {
                line_id: line_id(item).map_err(within)?,
                bn: item.first(&SKU).unwrap_or_default().to_owned(),
                name: item.owned("product_name").unwrap_or_default(),
                is_gift,
                ordered: item.units_required("product_number").map_err(within)?,
                sent: item.units("sendnum").map_err(within)?,
            });
        }
    }
    Ok(items)
}

/// Lines have no numbers of their own; a SKU comes once.
fn line_id(item: &Fields<'_>) -> Result<Text> {
    let id = item.text("product_id").or_else(|| item.first(&SKU));
    id.map(Text::from).ok_or_else(|| Error::malformed("missing field").at("product_id"))
}

fn lines(record: &Fields<'_>, status: OrderStatus) -> Result<Vec<Line>> {
    const KNOWN: &[&str] =
        &["bn", "product_bn", "product_id", "product_name", "product_price", "product_number"];
    let mut lines = Vec::new();
    for (name, is_gift) in LISTS {
        for (index, item) in record.list(name, "item")?.iter().enumerate() {
            let within = |error: Error| error.within(&format!("{name}[{index}]"));
            let bn = item.first(&SKU).map(Text::from);
            let quantity = item.units_required("product_number").map_err(within)?;
            let sent = item.units("sendnum").map_err(within)?;
            let price = item.yuan_or_zero("product_price").map_err(within)?;
            let payable = price.checked_mul(i64::from(quantity));
            let too_large = || within(Error::malformed("amounts are too large to add up"));
            lines.push(Line {
                line_id: line_id(item).map_err(within)?,
                product_id: item.owned("product_id"),
                sku_id: bn.clone(),
                merchant_sku: bn,
                title: item.owned("product_name").unwrap_or_default(),
                properties: None,
                quantity,
                unit_price: price,
                discount: Minor::ZERO,
                adjustment: Minor::ZERO,
                payable: payable.ok_or_else(too_large)?,
                purchase_payable: None,
                status: Some(words::line_status(status, "", quantity, sent)),
                channel_status: None,
                refund_status: None,
                refund_id: None,
                gift: is_gift,
                extensions: item.rest(|name| KNOWN.contains(&name)),
            });
        }
    }
    Ok(lines)
}

fn amounts(record: &Fields<'_>, lines: &[Line]) -> Result<Amounts> {
    let too_large = || Error::malformed("amounts are too large to add up");
    let goods = Minor::checked_sum(lines.iter().map(|line| line.payable)).ok_or_else(too_large)?;
    let freight = record.yuan_or_zero("cost_freight")?;
    let payable = record.yuan_required("total_amount")?;
    let parts = goods.checked_add(freight).ok_or_else(too_large)?;
    let paid = match record.yuan("payed")? {
        Some(paid) => paid,
        // The column may be missing; a paid order has paid its total.
        None if record.text("pay_status") == Some("1") => payable,
        None => Minor::ZERO,
    };
    let adjustment = payable.checked_sub(parts).ok_or_else(too_large)?;
    Ok(Amounts { goods, freight, adjustment, payable, paid, ..Amounts::default() })
}

/// The region comes as `province/city/district`.
fn ship_to(record: &Fields<'_>) -> ShipTo {
    let personal = |name| record.text(name).map(Personal::plain_or_masked);
    let mut region = record.text("ship_area").unwrap_or_default().split('/');
    let mut part = || region.next().filter(|part| !part.is_empty()).map(Text::from);
    ShipTo {
        name: personal("ship_name"),
        mobile: personal("ship_mobile"),
        phone: personal("ship_tel"),
        country: None,
        province: part(),
        city: part(),
        district: part(),
        town: None,
        address: personal("ship_addr"),
        zip: record.owned("ship_zip"),
        oaid: None,
    }
}
