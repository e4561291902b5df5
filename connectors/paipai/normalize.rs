//! From a deal to an order.

use super::wire::{Record, UNSET, needed};
use super::{CHANNEL, amounts, words};
use crate::contract::model::{
    Buyer, Extensions, Hold, Invoice, Line, Minor, Order, OrderId, OrderStatus, OrderType, Payment,
    Personal, Promotion, Seller, ShipTo, Shipment, Shipping, Text, Times, Timestamp,
};
use crate::contract::{Error, Result, Sealed};

/// Names of a deal's list of items: in the detail, and in some lists.
const ITEMS: [&str; 2] = ["itemList", "itemListNew"];
/// How names of fields begin that hold who somebody is: accounts, addresses, free text of buyers.
const PERSONAL: [&str; 5] = ["buyer", "receiver", "account", "invoice", "leaveWord"];

/// Whether a canonical field holds a field of a deal, or it says what another says in words.
fn is_known(name: &str) -> bool {
    matches!(
        name,
        "errorCode"
            | "errorMessage"
            | "dealCode"
            | "dealState"
            | "dealPayType"
            | "tenpayCode"
            | "freight"
            | "dealPayFeeTotal"
            | "couponFee"
            | "buyerRecvRefund"
            | "createTime"
            | "payTime"
            | "dealEndTime"
            | "sellerConsignmentTime"
            | "lastUpdateTime"
            | "lastUpStringTime"
            | "dealNote"
            | "hasInvoice"
            | "invoiceTitle"
            | "invoiceContent"
            | "transportType"
            | "wuliuCompany"
            | "wuliuCode"
            | "dealDesc"
            | "sellerUin"
            | "dealStateDesc"
            | "dealTypeDesc"
            | "dealPayTypeDesc"
            | "dealRateStateDesc"
            | "transportTypeDesc"
            | "totalCash"
    )
}

/// Whether a canonical field holds a field of an item; `availableAction` is what may be done
/// just now and says nothing of its own.
fn is_known_of_an_item(name: &str) -> bool {
    matches!(
        name,
        "availableAction"
            | "dealSubCode"
            | "itemCode"
            | "skuId"
            | "stockLocalCode"
            | "stockAttr"
            | "itemName"
            | "itemDealPrice"
            | "itemAdjustPrice"
            | "itemDiscountFee"
            | "itemDealCount"
            | "refundState"
            | "refundStateDesc"
            | "itemDealState"
            | "itemDealStateDesc"
    )
}

/// Reads a deal of a seller.
pub(super) fn order(deal: &Record, uin: &str) -> Result<Order> {
    let code = needed(deal.id("dealCode")?, "dealCode")?;
    if deal.id("sellerUin")?.is_some_and(|seller| seller != uin) {
        return Err(Error::malformed("the deal is another seller's").at("sellerUin"));
    }
    let state = needed(deal.word("dealState")?, "dealState")?;
    let is_cod = is_cash_on_delivery(deal)?;
    let paid = deal.time("payTime")?;
    let shipped = deal.time("sellerConsignmentTime")?;
    let status = words::order_status(state, paid.is_some(), shipped.is_some());
    // What is paid at the door is paid when the deal is done.
    let is_paid = if is_cod { status == OrderStatus::Completed } else { paid.is_some() };
    let lines = lines(deal)?;
    let amounts = amounts::of_deal(deal, &lines, is_paid)?;
    let mut extensions = rest(deal, is_known);
    if amounts.freight == Minor::ZERO
        && let Some(freight) = deal.fen("freight")?.filter(|freight| *freight != Minor::ZERO)
    {
        // The seller bears it.
        extensions.insert("freight".to_owned(), freight.0.to_string().into());
    }
    let order = Order {
        channel: Text::new_static(CHANNEL),
        shop: None,
        order_id: OrderId::try_new(code).map_err(|error| error.at("dealCode"))?,
        order_type: if is_cod { OrderType::CashOnDelivery } else { OrderType::Normal },
        status,
        channel_status: state.into(),
        times: Times {
            created: needed(deal.time("createTime")?, "createTime")?,
            paid,
            shipped,
            completed: deal.time("dealEndTime")?,
            modified: modified(deal)?,
        },
        buyer: Buyer {
            open_id: None,
            nick: deal.text("buyerName")?.map(Sealed::new),
            message: deal.text("buyerRemark")?.map(Sealed::new),
        },
        ship_to: ship_to(deal)?,
        currency: Text::new_static("CNY"),
        amounts,
        lines,
        promotions: promotions(deal)?,
        payments: payments(deal, is_paid)?,
        fees: Vec::new(),
        invoice: invoice(deal)?,
        seller: Seller {
            memo: deal.text("dealNote")?.map(Sealed::new),
            flag: deal.word("dealNoteType")?.and_then(words::flag),
        },
        shipping: Shipping {
            method: deal.text("transportType")?,
            cash_on_delivery: is_cod,
            holds: words::is_held(status)
                .then(|| Hold { reason: state.into() })
                .into_iter()
                .collect(),
        },
        distribution: None,
        shipments: shipments(deal, shipped)?,
        extensions,
    };
    order.check()?;
    Ok(order)
}

/// When a deal last changed. One of the channel's own clients knows it under another name.
pub(super) fn modified(deal: &Record) -> Result<Timestamp> {
    let time = match deal.time("lastUpdateTime")? {
        Some(time) => Some(time),
        None => deal.time("lastUpStringTime")?,
    };
    needed(time, "lastUpdateTime")
}

/// Whether a deal is paid at the door: by how it is paid, by its number at the carrier, or by its state.
pub(super) fn is_cash_on_delivery(deal: &Record) -> Result<bool> {
    let state = deal.word("dealState")?.unwrap_or_default();
    Ok(deal.word("dealPayType")? == Some("DEAL_BIZ_FLAG_HDFK")
        || deal.id("ppCodId")?.is_some()
        || state.starts_with("STATE_COD_"))
}

fn lines(deal: &Record) -> Result<Vec<Line>> {
    let [name, other] = ITEMS;
    let name = if deal.has(other) && !deal.has(name) { other } else { name };
    let items = deal.records(name)?;
    if items.is_empty() {
        return Err(Error::malformed("a deal has at least one item").at(name));
    }
    let read =
        |(index, item)| line(item).map_err(|error| error.within(&format!("{name}[{index}]")));
    items.iter().enumerate().map(read).collect()
}

/// The ids and units of a deal's lines.
pub(super) fn units(deal: &Record) -> Result<Vec<(Text, u32)>> {
    Ok(lines(deal)?.into_iter().map(|line| (line.line_id, line.quantity)).collect())
}

fn line(item: &Record) -> Result<Line> {
    let amounts = amounts::of_line(item)?;
    let product_id = item.id("itemCode")?.map(Text::from);
    let sku_id = item.id("skuId")?.map(Text::from);
    let mut extensions = rest(item, is_known_of_an_item);
    let listing_code = item.text("itemLocalCode")?;
    // A listing without variants has one code, its own.
    let merchant_sku = match item.text("stockLocalCode")? {
        Some(code) => Some(code),
        None => {
            let own = listing_code.filter(|_| sku_id.is_none());
            if own.is_some() {
                extensions.remove("itemLocalCode");
            }
            own
        }
    };
    let word = item.word("itemDealState")?;
    let refund = item.word("refundState")?.unwrap_or_default();
    if !refund.is_empty() {
        extensions.insert("refundState".to_owned(), refund.into());
    }
    Ok(Line {
        line_id: needed(item.id("dealSubCode")?, "dealSubCode")?.into(),
        product_id,
        sku_id,
        merchant_sku,
        title: item.text("itemName")?.unwrap_or_default(),
        properties: item.text("stockAttr")?,
        quantity: amounts.quantity,
        unit_price: amounts.unit_price,
        discount: amounts.discount,
        adjustment: amounts.adjustment,
        payable: amounts.payable,
        purchase_payable: None,
        status: word.map(|word| words::order_status(word, true, false)),
        channel_status: word.map(Text::from),
        refund_status: (!refund.is_empty()).then(|| words::refund_status(refund, false)),
        refund_id: None,
        gift: false,
        extensions,
    })
}

/// The address is one line, its parts apart by blanks: province, city, perhaps a district, the rest.
fn ship_to(deal: &Record) -> Result<ShipTo> {
    let personal = |name| Ok::<_, Error>(deal.cleaned(name)?.map(Personal::plain_or_masked));
    let address = deal.cleaned("receiverAddress")?.unwrap_or_default();
    let mut words = address.split_whitespace();
    let (province, city, district, rest) = match (words.next(), words.next(), words.next()) {
        (Some(province), Some(city), Some(third)) => {
            let mut rest = String::with_capacity(address.len());
            let is_district = third.ends_with(['区', '县', '市', '旗']);
            let after = words.next();
            let district = Some(third).filter(|_| is_district && after.is_some());
            let first = if district.is_some() { after } else { Some(third) };
            let second = if district.is_some() { None } else { after };
            for word in first.into_iter().chain(second).chain(words) {
                if !rest.is_empty() {
                    rest.push(' ');
                }
                rest.push_str(word);
            }
            (Some(province), Some(city), district, rest)
        }
        // Not the shape that is known: all of it is the address.
        _ => (None, None, None, address.to_string()),
    };
    Ok(ShipTo {
        name: personal("receiverName")?,
        mobile: personal("receiverMobile")?,
        phone: personal("receiverPhone")?,
        country: None,
        province: province.map(Text::from),
        city: city.map(Text::from),
        district: district.map(Text::from),
        town: None,
        address: (!rest.is_empty()).then(|| Personal::plain_or_masked(rest)),
        zip: deal.text("receiverPostcode")?,
        oaid: None,
    })
}

fn promotions(deal: &Record) -> Result<Vec<Promotion>> {
    let coupon = deal.fen("couponFee")?.filter(|fee| *fee != Minor::ZERO);
    let promotion = |fee: Minor| Promotion {
        id: None,
        name: Text::new_static("couponFee"),
        discount: Minor(fee.0.saturating_abs()),
        payer: None,
        line_id: None,
        description: None,
    };
    Ok(coupon.map(promotion).into_iter().collect())
}

fn payments(deal: &Record, is_paid: bool) -> Result<Vec<Payment>> {
    let method = deal.cleaned("dealPayType")?;
    let (number, amount) = (deal.id("tenpayCode")?, deal.fen("totalCash")?);
    if !is_paid {
        return Ok(Vec::new());
    }
    let method = method.map_or(Text::new_static("UNKNOW"), Text::from);
    Ok(vec![Payment { method, number: number.map(Text::from), amount }])
}

fn invoice(deal: &Record) -> Result<Option<Invoice>> {
    let title = deal.text("invoiceTitle")?.map(Sealed::new);
    let kind = deal.text("invoiceContent")?;
    let is_asked = deal.word("hasInvoice")? == Some("1") || title.is_some();
    Ok(is_asked.then_some(Invoice { title, kind }))
}

fn shipments(deal: &Record, at: Option<Timestamp>) -> Result<Vec<Shipment>> {
    let Some(number) = deal.text("wuliuCode")? else { return Ok(Vec::new()) };
    let carrier = deal.text("wuliuCompany")?.unwrap_or_default();
    Ok(vec![Shipment { carrier, number, line_ids: Vec::new(), at }])
}

/// What no canonical field holds, as text: neither empty, nor 0, nor a time that is not yet, nor personal.
pub(super) fn rest(record: &Record, is_known: fn(&str) -> bool) -> Extensions {
    let is_personal = |name: &str| PERSONAL.iter().any(|start| name.starts_with(start));
    let texts = record.texts(|name| !is_known(name) && !is_personal(name));
    let said = texts.filter(|(_, text)| !matches!(&**text, "0" | UNSET));
    said.map(|(name, text)| (name.to_owned(), text.into_owned().into())).collect()
}
