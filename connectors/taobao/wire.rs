//! TOP's JSON as it stands. Nothing is computed here.
//!
//! A reply is an object with one value, named after the method; asked with `simplify=true`, the name is left out. A list
//! is an object with one array in it, `{"trades":{"trade":[..]}}`, or with one object where there is one item, or, when
//! simplified, the array alone; an empty list is absent.

use super::envelope::{inside, is_inside};
use super::list::Listed;
use super::scalars::{Id, Switch, Text, When, Whole, Yuan};
use crate::contract::{Error, Result, parse_json, parse_json_text};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// One object of the body, unread.
pub(super) type Raw<'a> = &'a RawValue;

/// Reads the inside of a reply.
pub(super) fn reply<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T> {
    if let Some(inside) = inside(body) {
        return Ok(inside);
    }
    let fields: BTreeMap<String, Raw<'a>> = parse_json(body)?;
    match fields.iter().find(|(name, _)| is_inside(name)) {
        Some((name, inner)) => object(inner).map_err(|error| error.within(name)),
        None => parse_json(body),
    }
}

/// Reads one object.
pub(super) fn object<'a, T: Deserialize<'a>>(raw: Raw<'a>) -> Result<T> {
    parse_json_text(raw.get())
}

/// The items of a list; `item` is the channel's name of one.
pub(super) fn items<'a>(list: Option<Raw<'a>>, item: &str) -> Result<Vec<Raw<'a>>> {
    let Some(list) = list else { return Ok(Vec::new()) };
    match list.get().as_bytes().first() {
        Some(b'[') => object(list),
        Some(b'{') => {
            let fields: BTreeMap<String, Raw<'a>> = object(list)?;
            match fields.get(item) {
                Some(inner) if inner.get().starts_with('[') => object(inner),
                Some(inner) if inner.get() == "null" => Ok(Vec::new()),
                Some(inner) if inner.get().starts_with('{') && fields.len() == 1 => Ok(vec![inner]),
                _ if fields.is_empty() => Ok(Vec::new()),
                _ => Ok(vec![list]),
            }
        }
        _ if matches!(list.get(), "\"\"" | "null") => Ok(Vec::new()),
        _ => Err(Error::malformed("expected a list")),
    }
}

/// The inside of a list of trades.
#[derive(Deserialize)]
pub(super) struct Trades<'a> {
    pub(super) total_results: Option<u64>,
    #[serde(borrow)]
    pub(super) trades: Option<Raw<'a>>,
}

/// The inside of a list of refunds.
#[derive(Deserialize)]
pub(super) struct Refunds<'a> {
    pub(super) total_results: Option<u64>,
    #[serde(borrow)]
    pub(super) refunds: Option<Raw<'a>>,
}

/// The inside of `taobao.trade.fullinfo.get`.
#[derive(Deserialize)]
pub(super) struct FullInfo<T> {
    pub(super) trade: T,
}

/// The inside of `taobao.refund.get`.
#[derive(Deserialize)]
pub(super) struct OneRefund<'a> {
    #[serde(borrow)]
    pub(super) refund: Raw<'a>,
}

/// What a list says of a trade.
#[derive(Deserialize)]
pub(super) struct TradeChanged<'a> {
    #[serde(borrow)]
    pub(super) tid: Id<'a>,
    pub(super) modified: When,
}

/// A trade, as far as the canonical order has a place for it. Its sub-orders are read with it or left as they stand.
#[derive(Deserialize)]
pub(super) struct Trade<'a, S = Raw<'a>> {
    #[serde(borrow)]
    pub(super) tid: Id<'a>,
    /// The same as text; known, so that it is not kept a second time.
    #[expect(dead_code, reason = "the number says the same")]
    tid_str: Option<Text<'a>>,
    pub(super) status: Text<'a>,
    #[serde(rename = "type")]
    pub(super) kind: Option<Text<'a>>,
    pub(super) created: When,
    pub(super) modified: When,
    pub(super) pay_time: Option<When>,
    pub(super) consign_time: Option<When>,
    pub(super) end_time: Option<When>,
    pub(super) buyer_open_uid: Option<Text<'a>>,
    pub(super) buyer_nick: Option<Text<'a>>,
    pub(super) buyer_message: Option<Text<'a>>,
    pub(super) payment: Yuan,
    pub(super) total_fee: Option<Yuan>,
    pub(super) discount_fee: Option<Yuan>,
    pub(super) adjust_fee: Option<Yuan>,
    pub(super) post_fee: Option<Yuan>,
    pub(super) alipay_no: Option<Text<'a>>,
    pub(super) shipping_type: Option<Text<'a>>,
    pub(super) step_trade_status: Option<Text<'a>>,
    pub(super) step_paid_fee: Option<Yuan>,
    pub(super) receiver_name: Option<Text<'a>>,
    pub(super) receiver_mobile: Option<Text<'a>>,
    pub(super) receiver_phone: Option<Text<'a>>,
    pub(super) receiver_country: Option<Text<'a>>,
    pub(super) receiver_state: Option<Text<'a>>,
    pub(super) receiver_city: Option<Text<'a>>,
    pub(super) receiver_district: Option<Text<'a>>,
    pub(super) receiver_town: Option<Text<'a>>,
    pub(super) receiver_address: Option<Text<'a>>,
    pub(super) receiver_zip: Option<Text<'a>>,
    pub(super) oaid: Option<Text<'a>>,
    pub(super) seller_memo: Option<Text<'a>>,
    pub(super) seller_flag: Option<Whole>,
    pub(super) invoice_name: Option<Text<'a>>,
    pub(super) invoice_kind: Option<Text<'a>>,
    pub(super) top_hold: Option<Switch>,
    pub(super) team_buy_hold: Option<Switch>,
    pub(super) share_group_hold: Option<Switch>,
    pub(super) ofp_hold: Option<Switch>,
    pub(super) forbid_consign: Option<Switch>,
    pub(super) delay_create_delivery: Option<Switch>,
    pub(super) is_daixiao: Option<Switch>,
    pub(super) fenxiao_id: Option<Id<'a>>,
    pub(super) distributor_username: Option<Text<'a>>,
    pub(super) orders: Option<S>,
    pub(super) promotion_details: Option<Raw<'a>>,
}

/// A sub-order.
#[derive(Deserialize)]
pub(super) struct SubOrder<'a> {
    #[serde(borrow)]
    pub(super) oid: Id<'a>,
    /// The same as text; known, so that it is not kept a second time.
    #[expect(dead_code, reason = "the number says the same")]
    oid_str: Option<Text<'a>>,
    pub(super) num_iid: Option<Id<'a>>,
    pub(super) sku_id: Option<Id<'a>>,
    pub(super) outer_iid: Option<Text<'a>>,
    pub(super) outer_sku_id: Option<Text<'a>>,
    pub(super) title: Option<Text<'a>>,
    pub(super) sku_properties_name: Option<Text<'a>>,
    pub(super) num: Whole,
    pub(super) price: Yuan,
    pub(super) total_fee: Yuan,
    pub(super) discount_fee: Option<Yuan>,
    pub(super) adjust_fee: Option<Yuan>,
    pub(super) part_mjz_discount: Option<Yuan>,
    pub(super) status: Option<Text<'a>>,
    pub(super) refund_status: Option<Text<'a>>,
    pub(super) refund_id: Option<Id<'a>>,
    pub(super) consign_time: Option<When>,
    pub(super) logistics_company: Option<Text<'a>>,
    pub(super) invoice_no: Option<Text<'a>>,
    pub(super) is_free_gift: Option<Switch>,
}

impl Listed for SubOrder<'_> {
    const NAMES: &'static [&'static str] = &["order"];
}

/// A discount.
#[derive(Deserialize)]
pub(super) struct PromotionDetail<'a> {
    #[serde(borrow)]
    pub(super) id: Option<Id<'a>>,
    pub(super) promotion_id: Option<Text<'a>>,
    pub(super) promotion_name: Option<Text<'a>>,
    pub(super) promotion_desc: Option<Text<'a>>,
    pub(super) discount_fee: Option<Yuan>,
}

impl Listed for PromotionDetail<'_> {
    const NAMES: &'static [&'static str] = &["promotion_detail"];
}

/// A refund.
#[derive(Deserialize)]
pub(super) struct Refund<'a> {
    #[serde(borrow)]
    pub(super) refund_id: Id<'a>,
    pub(super) tid: Id<'a>,
    pub(super) oid: Option<Id<'a>>,
    pub(super) status: Text<'a>,
    pub(super) created: When,
    pub(super) modified: Option<When>,
    pub(super) refund_version: Option<Whole>,
    pub(super) refund_fee: Yuan,
    pub(super) num: Option<Whole>,
    pub(super) reason: Option<Text<'a>>,
    pub(super) dispute_type: Option<Text<'a>>,
    pub(super) has_good_return: Option<Switch>,
    pub(super) refund_phase: Option<Text<'a>>,
    pub(super) order_status: Option<Text<'a>>,
    pub(super) company_name: Option<Text<'a>>,
    pub(super) sid: Option<Text<'a>>,
}

/// The inside of the stock APIs: the listing as it is now.
#[derive(Deserialize)]
pub(super) struct ItemShown<'a> {
    #[serde(borrow)]
    pub(super) item: Option<Item<'a>>,
}

/// A listing.
#[derive(Deserialize)]
pub(super) struct Item<'a> {
    pub(super) num: Option<Whole>,
    #[serde(borrow)]
    pub(super) skus: Option<Raw<'a>>,
}

/// A SKU of a listing.
#[derive(Deserialize)]
pub(super) struct Sku<'a> {
    #[serde(borrow)]
    pub(super) sku_id: Id<'a>,
    pub(super) quantity: Whole,
}

/// The inside of the APIs that ship.
#[derive(Deserialize)]
pub(super) struct Sent {
    pub(super) shipping: Option<IsSuccess>,
    pub(super) result: Option<Success>,
}

/// What an API that ships says.
#[derive(Deserialize)]
pub(super) struct IsSuccess {
    pub(super) is_success: Switch,
}

/// What a newer API that ships says.
#[derive(Deserialize)]
pub(super) struct Success {
    pub(super) success: Switch,
}

/// The inside of `taobao.logistics.orders.get`.
#[derive(Deserialize)]
pub(super) struct Shippings<'a> {
    #[serde(borrow)]
    pub(super) shippings: Option<Raw<'a>>,
}

/// A shipment.
#[derive(Deserialize)]
pub(super) struct ShippingRecord<'a> {
    #[serde(borrow)]
    pub(super) out_sid: Option<Text<'a>>,
    pub(super) company_name: Option<Text<'a>>,
}

/// The inside of `taobao.top.auth.token.refresh`: JSON inside JSON.
#[derive(Deserialize)]
pub(super) struct Renewed<'a> {
    #[serde(borrow)]
    pub(super) token_result: Text<'a>,
}

/// A token as the channel gives it. Times in seconds from now and in milliseconds since 1970.
#[derive(Deserialize)]
pub(super) struct TokenResult {
    pub(super) access_token: Option<String>,
    pub(super) refresh_token: Option<String>,
    pub(super) expires_in: Option<Whole>,
    pub(super) expire_time: Option<Whole>,
    pub(super) error: Option<String>,
}
