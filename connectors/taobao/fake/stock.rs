//! What the shops offer, and the stock APIs.

use super::answers::{Answer, Refusal, choose, put};
use super::books::Shop;
use super::call::Call;
use super::trades::{china, yuan};
use crate::contract::model::Timestamp;
use serde_json::{Value, json};

/// Most SKUs in one `taobao.skus.quantity.update`.
const SKUS_LIMIT: usize = 20;

/// A listing.
#[derive(Debug, Clone)]
pub(super) struct Listing {
    pub(super) num_iid: u64,
    pub(super) outer_id: String,
    pub(super) title: String,
    pub(super) price: i64,
    /// Stock of a listing without SKUs.
    pub(super) quantity: u32,
    pub(super) skus: Vec<Sku>,
}

/// A variant of a listing.
#[derive(Debug, Clone)]
pub(super) struct Sku {
    pub(super) id: u64,
    pub(super) outer_id: String,
    pub(super) properties: String,
    pub(super) price: i64,
    pub(super) quantity: u32,
}

/// The catalogue a shop starts with: six listings, four of them with two to four SKUs.
pub(super) fn catalogue(shop: u64) -> Vec<Listing> {
    let shapes: [(&str, i64, &[&str]); 6] = [
        ("测试长袖T恤", 8800, &["颜色:白色;尺码:M", "颜色:白色;尺码:L", "颜色:黑色;尺码:L"]),
        ("测试木梳", 3800, &[]),
        ("测试保温杯", 12007, &["颜色:红色", "颜色:蓝色"]),
        ("测试帆布鞋", 19900, &["尺码:38", "尺码:39", "尺码:40", "尺码:41"]),
        ("测试台灯", 25950, &["套餐种类:官方标配", "套餐种类:套餐一"]),
        ("测试充值卡", 4990, &[]),
    ];
    (0..)
        .zip(shapes)
        .map(|(index, (title, price, variants))| {
            let num_iid = 600_000_000_000 + shop * 1000 + index;
            let outer_id = format!("ITEM-{}", index + 1);
            let skus = (0..).zip(variants).map(|(variant, properties)| Sku {
                id: 4_000_000_000_000 + shop * 100_000 + index * 100 + variant,
                outer_id: format!("{outer_id}-{}", variant + 1),
                properties: (*properties).to_owned(),
                price: price + 500 * i64::try_from(variant).unwrap_or(0),
                quantity: 100,
            });
            let skus = skus.collect();
            Listing { num_iid, outer_id, title: title.to_owned(), price, quantity: 100, skus }
        })
        .collect()
}

impl Listing {
    /// Units of all its SKUs.
    pub(super) fn total(&self) -> u32 {
        if self.skus.is_empty() {
            return self.quantity;
        }
        self.skus.iter().fold(0, |sum, sku| sum.saturating_add(sku.quantity))
    }

    fn to_json(&self, now: i64) -> Value {
        json!({
            "iid": self.num_iid.to_string(), "num_iid": self.num_iid,
            "num": self.total(), "modified": china(now),
        })
    }
}

impl Sku {
    fn to_json(&self, now: i64) -> Value {
        json!({ "sku_id": self.id, "quantity": self.quantity, "modified": china(now) })
    }
}

fn no_item() -> Refusal {
    Refusal::new(530, "Remote service error").because(
        "isv.item-not-exist:invalid-numIid-or-iid",
        "传入的商品数字id或iid不合法，或商品不存在",
    )
}

fn no_sku() -> Refusal {
    Refusal::new(530, "Remote service error")
        .because("isv.invalid-parameter:sku-properties", "没有找到宝贝对应的SKU")
}

/// `type`: whether a quantity is a level (1, the default) or a change (2).
fn is_change(call: &Call) -> Result<bool, Refusal> {
    match call.get("type") {
        None | Some("1") => Ok(false),
        Some("2") => Ok(true),
        Some(_) => Err(Refusal::invalid("type")),
    }
}

/// The level that a quantity means. A change that leaves less than nothing is `None`.
fn level(old: u32, quantity: i64, is_change: bool) -> Result<Option<u32>, Refusal> {
    let level = if is_change { i64::from(old).saturating_add(quantity) } else { quantity };
    match u32::try_from(level) {
        Ok(level) => Ok(Some(level)),
        Err(_) if is_change && level < 0 => Ok(None),
        Err(_) => Err(Refusal::invalid("quantity")),
    }
}

/// `taobao.item.quantity.update`
pub(super) fn update_item(shop: &mut Shop, call: &Call, now: Timestamp) -> Answer {
    let now = now.unix_ms() / 1000;
    let num_iid = call.id("num_iid")?;
    let quantity = call.number("quantity")?.ok_or_else(|| Refusal::missing("quantity"))?;
    let is_change = is_change(call)?;
    let sku_id: Option<u64> = call.number("sku_id")?;
    let outer_id = call.get("outer_id");
    let listing = shop.listing(num_iid).ok_or_else(no_item)?;
    let wanted = |sku: &&mut Sku| match sku_id {
        Some(sku_id) => sku.id == sku_id,
        None => Some(sku.outer_id.as_str()) == outer_id,
    };
    let (stock, sku_id) = if listing.skus.is_empty() && sku_id.is_none() {
        (&mut listing.quantity, None)
    } else {
        let sku = listing.skus.iter_mut().find(wanted).ok_or_else(no_sku)?;
        (&mut sku.quantity, Some(sku.id))
    };
    *stock = level(*stock, quantity, is_change)?.ok_or_else(|| Refusal::invalid("quantity"))?;
    let mut item = listing.to_json(now);
    let updated: Vec<Value> = listing
        .skus
        .iter()
        .filter(|sku| Some(sku.id) == sku_id)
        .map(|sku| sku.to_json(now))
        .collect();
    if let (Some(item), false) = (item.as_object_mut(), updated.is_empty()) {
        item.insert("skus".into(), json!({ "sku": updated }));
    }
    Ok(json!({ "item": item }))
}

/// `taobao.skus.quantity.update`: all of the SKUs, or none of them.
pub(super) fn update_skus(shop: &mut Shop, call: &Call, now: Timestamp) -> Answer {
    let now = now.unix_ms() / 1000;
    let num_iid = call.id("num_iid")?;
    let is_change = is_change(call)?;
    let by_sku_id = call.get("skuid_quantities").is_some();
    let argument = if by_sku_id { "skuid_quantities" } else { "outerid_quantities" };
    let mut wanted = Vec::new();
    for pair in call.required(argument)?.split(';').filter(|pair| !pair.is_empty()) {
        let (id, quantity) = pair.rsplit_once(':').ok_or_else(|| Refusal::invalid(argument))?;
        let quantity: i64 = quantity.parse().map_err(|_| Refusal::invalid(argument))?;
        wanted.push((id.trim(), quantity));
    }
    if wanted.len() > SKUS_LIMIT {
        return Err(Refusal::invalid(argument));
    }
    let listing = shop.listing(num_iid).ok_or_else(no_item)?;
    let mut skus = listing.skus.clone();
    let mut updated = Vec::new();
    for (id, quantity) in wanted {
        let mut is_known = false;
        for sku in &mut skus {
            if (by_sku_id && sku.id.to_string() == id) || (!by_sku_id && sku.outer_id == id) {
                is_known = true;
                // A change beyond the stock empties it here, unlike in the API for one item.
                sku.quantity = level(sku.quantity, quantity, is_change)?.unwrap_or(0);
                updated.push(sku.to_json(now));
            }
        }
        if !is_known {
            return Err(no_sku());
        }
    }
    listing.skus = skus;
    let mut item = listing.to_json(now);
    if let Some(item) = item.as_object_mut() {
        item.insert("skus".into(), json!({ "sku": updated }));
    }
    Ok(json!({ "item": item }))
}

/// `taobao.item.seller.get`: a listing with its SKUs.
pub(super) fn read_item(shop: &mut Shop, call: &Call, now: Timestamp) -> Answer {
    let num_iid = call.id("num_iid")?;
    let nick = shop.nick.clone();
    let listing = shop.listing(num_iid).ok_or_else(no_item)?;
    let mut item = listing.to_json(now.unix_ms() / 1000);
    put(&mut item, "title", Some(listing.title.clone()));
    put(&mut item, "nick", Some(nick));
    put(&mut item, "price", Some(yuan(listing.price)));
    put(&mut item, "outer_id", Some(listing.outer_id.clone()));
    let skus: Vec<Value> = listing
        .skus
        .iter()
        .map(|sku| {
            json!({
                "sku_id": sku.id, "outer_id": sku.outer_id, "quantity": sku.quantity,
                "price": yuan(sku.price), "properties_name": sku.properties,
            })
        })
        .collect();
    if let (Some(item), false) = (item.as_object_mut(), skus.is_empty()) {
        item.insert("skus".into(), json!({ "sku": skus }));
    }
    // What is called `skus` in the answer is asked for as `sku`.
    let asked =
        call.list("fields").into_iter().filter_map(|field| match field.strip_prefix("sku") {
            Some(rest) if rest.is_empty() || rest.starts_with('.') => Some(["skus", rest].concat()),
            Some(rest) if rest.starts_with('s') => None,
            _ => Some(field.to_owned()),
        });
    let asked: Vec<String> = asked.collect();
    let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
    Ok(json!({ "item": choose(item, &asked) }))
}
