//! The distribution platform's JSON as it stands. Nothing is computed here.
//!
//! Newer documents of the channel name a purchase order `top_dp_order_do` and its part `sub_order_detail`; whether its
//! answers changed with them is not confirmed, so both names are read.

use super::super::list::{Items, Listed};
use super::super::scalars::{Id, Text, When, Whole, Yuan};
use super::super::wire::{Raw, object};
use crate::contract::{Error, Result};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Names of one purchase order in a list, and of one part of it.
pub(in crate::taobao) const ORDER: [&str; 2] = ["purchase_order", "top_dp_order_do"];
pub(in crate::taobao) const PART: [&str; 2] = ["sub_purchase_order", "sub_order_detail"];

/// The items of a list; `names` are those that the channel has for one.
pub(in crate::taobao) fn items<'a>(list: Option<Raw<'a>>, names: &[&str]) -> Result<Vec<Raw<'a>>> {
    let Some(list) = list.filter(|list| !matches!(list.get(), "null" | "\"\"")) else {
        return Ok(Vec::new());
    };
    if list.get().starts_with('[') {
        return object(list);
    }
    let fields: BTreeMap<String, Raw<'a>> = object(list)?;
    let Some(inner) = names.iter().find_map(|name| fields.get(*name)) else {
        return if fields.is_empty() { Ok(Vec::new()) } else { Err(no_list()) };
    };
    match inner.get().as_bytes().first() {
        Some(b'[') => object(inner),
        Some(b'{') => Ok(vec![inner]),
        _ if inner.get() == "null" => Ok(Vec::new()),
        _ => Err(no_list()),
    }
}

fn no_list() -> Error {
    Error::malformed("expected a list")
}

/// The inside of `taobao.fenxiao.orders.get`.
#[derive(Deserialize)]
pub(super) struct Orders<'a> {
    pub(super) total_results: Option<Whole>,
    #[serde(borrow)]
    pub(super) purchase_orders: Option<Raw<'a>>,
}

/// The same, read in one go.
#[derive(Deserialize)]
pub(super) struct Read<'a> {
    #[serde(borrow)]
    pub(super) purchase_orders: Items<'a, PurchaseOrder<'a, Items<'a, Part<'a>>>>,
}

/// A purchase order. Its parts are read with it or left as they stand.
#[derive(Deserialize)]
pub(super) struct PurchaseOrder<'a, S = Raw<'a>> {
    #[serde(borrow)]
    pub(super) fenxiao_id: Id<'a>,
    pub(super) tc_order_id: Option<Id<'a>>,
    /// Obsolete.
    #[expect(dead_code, reason = "known, so that it is not kept")]
    id: Option<Whole>,
    pub(super) status: Text<'a>,
    pub(super) distributor_username: Option<Text<'a>>,
    pub(super) created: When,
    pub(super) modified: When,
    pub(super) pay_time: Option<When>,
    pub(super) consign_time: Option<When>,
    pub(super) end_time: Option<When>,
    pub(super) total_fee: Yuan,
    pub(super) post_fee: Option<Yuan>,
    pub(super) distributor_payment: Option<Yuan>,
    pub(super) alipay_no: Option<Text<'a>>,
    pub(super) memo: Option<Text<'a>>,
    pub(super) supplier_memo: Option<Text<'a>>,
    pub(super) supplier_flag: Option<Whole>,
    pub(super) shipping: Option<Text<'a>>,
    pub(super) logistics_company_name: Option<Text<'a>>,
    pub(super) logistics_id: Option<Text<'a>>,
    pub(super) receiver: Option<Receiver<'a>>,
    pub(super) sub_purchase_orders: Option<S>,
    /// What people wrote to each other.
    #[expect(dead_code, reason = "known, so that it is not kept")]
    order_messages: Option<Raw<'a>>,
}

impl<S> Listed for PurchaseOrder<'_, S> {
    const NAMES: &'static [&'static str] = &ORDER;
}

/// Where it goes.
#[derive(Deserialize)]
pub(super) struct Receiver<'a> {
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
    pub(super) address: Option<Text<'a>>,
    pub(super) zip: Option<Text<'a>>,
    pub(super) phone: Option<Text<'a>>,
    pub(super) mobile_phone: Option<Text<'a>>,
    pub(super) state: Option<Text<'a>>,
    pub(super) city: Option<Text<'a>>,
    pub(super) district: Option<Text<'a>>,
    pub(super) oaid: Option<Text<'a>>,
}

/// A part of a purchase order. Three of its other fields, `tc_discount_fee`, `tc_adjust_fee` and `discount_fee`, are in fen
/// and between distributor and consumer; they stay among the extensions, with their unit in their names.
#[derive(Deserialize)]
pub(super) struct Part<'a> {
    #[serde(borrow)]
    pub(super) fenxiao_id: Id<'a>,
    pub(super) item_id: Option<Id<'a>>,
    pub(super) item_outer_id: Option<Text<'a>>,
    pub(super) sku_id: Option<Id<'a>>,
    pub(super) sku_outer_id: Option<Text<'a>>,
    pub(super) sku_properties: Option<Text<'a>>,
    pub(super) title: Option<Text<'a>>,
    pub(super) num: Whole,
    pub(super) price: Yuan,
    pub(super) total_fee: Yuan,
    pub(super) distributor_payment: Option<Yuan>,
    pub(super) refund_fee: Option<Yuan>,
    pub(super) status: Option<Text<'a>>,
    pub(super) tc_discount_fee: Option<Whole>,
    pub(super) tc_adjust_fee: Option<Whole>,
    pub(super) discount_fee: Option<Whole>,
}

impl Listed for Part<'_> {
    const NAMES: &'static [&'static str] = &PART;
}

/// The inside of `taobao.fenxiao.refund.query`.
#[derive(Deserialize)]
pub(super) struct Refunds<'a> {
    pub(super) total_results: Option<Whole>,
    #[serde(borrow)]
    pub(super) refund_list: Option<Raw<'a>>,
}

/// The inside of `taobao.fenxiao.refund.get`.
#[derive(Deserialize)]
pub(super) struct OneRefund<'a> {
    #[serde(borrow)]
    pub(super) refund_detail: Raw<'a>,
}

/// A refund.
#[derive(Deserialize)]
pub(super) struct Refund<'a> {
    #[serde(borrow)]
    pub(super) refund_id: Id<'a>,
    pub(super) purchase_order_id: Id<'a>,
    pub(super) sub_order_id: Option<Id<'a>>,
    pub(super) refund_status: Whole,
    pub(super) refund_flow_type: Option<Whole>,
    pub(super) refund_create_time: When,
    pub(super) modified: When,
    pub(super) refund_fee: Yuan,
    pub(super) refund_reason: Option<Text<'a>>,
}

/// The inside of `taobao.fenxiao.products.get`.
#[derive(Deserialize)]
pub(super) struct Products<'a> {
    #[serde(borrow)]
    pub(super) products: Option<Raw<'a>>,
}

/// A product, with its SKUs.
#[derive(Deserialize)]
pub(super) struct Product<'a> {
    #[serde(borrow)]
    pub(super) pid: Id<'a>,
    /// Units of all its SKUs, or of itself where it has none.
    pub(super) quantity: Option<Whole>,
    pub(super) skus: Option<Raw<'a>>,
}

/// A SKU, which writing names by its properties.
#[derive(Deserialize)]
pub(super) struct Sku<'a> {
    #[serde(borrow)]
    pub(super) id: Id<'a>,
    pub(super) quantity: Option<Whole>,
    pub(super) properties: Text<'a>,
}

/// The inside of `taobao.fenxiao.product.quantity.update`.
#[derive(Deserialize)]
pub(super) struct Updated {
    pub(super) result: super::super::scalars::Switch,
}
