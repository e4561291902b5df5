//! The warehouse that keeps a shop's goods: it tells through Qimen what left it, and signs as Qimen does.
//!
//! It knows of a parcel when the shop ships it, and speaks XML and JSON in turn, because warehouses do either. Its calls
//! carry a signed header every third time. Units that leave it are its own books', not the listing's.

use super::books::{Parcel, Shop};
use super::trades::{Trade, china};
use crate::contract::model::{ShopId, Timestamp};
use crate::contract::sign;
use crate::testkit::Delivery;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const CODE: &str = "W001";
const SIGN_LIST: HeaderName = HeaderName::from_static("top-sign-list");
const CALLER: HeaderName = HeaderName::from_static("x-qimen-caller");

/// A shop's warehouse, and what signs its calls.
pub(super) struct Warehouse {
    shop: ShopId,
    app_key: String,
    secret: String,
    serial: u64,
}

/// A parcel that left.
#[derive(Debug)]
pub(super) struct Left {
    pub(super) tid: u64,
    pub(super) parcel: Parcel,
}

impl Warehouse {
    pub(super) fn new(shop: ShopId, app_key: String, secret: String) -> Self {
        Self { shop, app_key, secret, serial: 0 }
    }

    /// Whether it is this shop's.
    pub(super) fn serves(&self, shop: &ShopId) -> bool {
        self.shop == *shop
    }

    /// What it has to say of parcels that left since the last time: the confirmation, and the change of its stock.
    pub(super) fn take(&mut self, shop: &mut Shop, now: Timestamp) -> Vec<Delivery> {
        let left = std::mem::take(&mut shop.left);
        let mut deliveries = Vec::with_capacity(2 * left.len());
        for Left { tid, parcel } in left {
            let Some(trade) = shop.trades.get(&tid) else { continue };
            self.serial += 1;
            let confirmation = self.confirmation(trade, &parcel);
            deliveries.extend(self.call("deliveryorder.confirm", &confirmation, now));
            let change = self.change(trade, &parcel);
            deliveries.extend(self.call("stockchange.report", &change, now));
        }
        deliveries
    }

    fn confirmation(&self, trade: &Trade, parcel: &Parcel) -> Value {
        let is_last = !parcel.is_split;
        let lines = goods(trade, parcel);
        let items: Vec<Value> = lines
            .iter()
            .map(|(_, code, units)| json!({ "itemCode": code, "quantity": units.to_string() }))
            .collect();
        let order_lines: Vec<Value> = (1..)
            .zip(&lines)
            .map(|(number, (oid, code, units))| {
                json!({
                    "orderLineNo": number.to_string(), "orderSourceCode": trade.tid.to_string(),
                    "subSourceCode": oid.to_string(), "itemCode": code, "inventoryType": "ZP",
                    "planQty": units.to_string(), "actualQty": units.to_string(),
                })
            })
            .collect();
        json!({
            "deliveryOrder": {
                "deliveryOrderCode": format!("DO{}", trade.tid),
                "deliveryOrderId": format!("WMS-{}", self.serial),
                "warehouseCode": CODE, "orderType": "JYCK",
                "status": if is_last { "DELIVERED" } else { "PARTDELIVERED" },
                "outBizCode": format!("confirm-{}", self.serial),
                "confirmType": if is_last { "0" } else { "1" },
                "orderConfirmTime": china(parcel.at),
            },
            "packages": { "package": [{
                "logisticsCode": parcel.company_code, "logisticsName": parcel.company_name,
                "expressCode": parcel.out_sid, "packageCode": "P1", "weight": "1.20",
                "items": { "item": items },
            }] },
            "orderLines": { "orderLine": order_lines },
        })
    }

    fn change(&self, trade: &Trade, parcel: &Parcel) -> Value {
        let items: Vec<Value> = goods(trade, parcel)
            .iter()
            .map(|(_, code, units)| {
                json!({
                    "ownerCode": "H1234", "warehouseCode": CODE,
                    "orderCode": format!("DO{}", trade.tid), "orderType": "JYCK",
                    "outBizCode": format!("change-{}", self.serial), "itemCode": code,
                    "inventoryType": "ZP", "quantity": (-units).to_string(),
                    "changeTime": china(parcel.at),
                })
            })
            .collect();
        json!({ "items": { "item": items } })
    }

    fn call(&self, method: &str, request: &Value, now: Timestamp) -> Option<Delivery> {
        let is_json = self.serial.is_multiple_of(2);
        let (format, kind, body) = if is_json {
            let body = json!({ "request": request }).to_string();
            ("json", HeaderValue::from_static("application/json;charset=utf-8"), body)
        } else {
            let mut body = "<?xml version=\"1.0\" encoding=\"utf-8\"?>".to_owned();
            write(&mut body, "request", request);
            ("xml", HeaderValue::from_static("text/xml;charset=utf-8"), body)
        };
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, kind);
        if self.serial.is_multiple_of(3) {
            headers.insert(SIGN_LIST, HeaderValue::from_static("x-qimen-caller"));
            headers.insert(CALLER, HeaderValue::from_static("wms%20one"));
        }
        let params = [
            ("method", method),
            ("format", format),
            ("app_key", &self.app_key),
            ("v", "2.0"),
            ("sign_method", "md5"),
            ("customerId", "c测1"),
            ("remark", ""),
        ];
        let params = params.map(|(name, value)| (name.to_owned(), value.to_owned()));
        self.signed(params.into(), headers, body.into(), now)
    }

    /// The same call, signed at another time.
    pub(super) fn again(&self, delivery: &Delivery, now: Timestamp) -> Option<Delivery> {
        let query = delivery.path.split_once('?').map_or("", |(_, query)| query);
        let params = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        self.signed(params, delivery.headers.clone(), delivery.body.clone(), now)
    }

    /// MD5 between two secrets, over names and values in the order of names, and the body behind them.
    fn signed(
        &self,
        mut params: BTreeMap<String, String>,
        headers: HeaderMap,
        body: Bytes,
        now: Timestamp,
    ) -> Option<Delivery> {
        params.remove("sign");
        params.insert("timestamp".to_owned(), now.to_china());
        let mut all = params.clone();
        if headers.contains_key(SIGN_LIST) {
            all.insert(CALLER.as_str().to_owned(), "wms one".to_owned());
        }
        let mut text = self.secret.clone();
        for (name, value) in &all {
            text.push_str(name);
            text.push_str(value);
        }
        text.push_str(std::str::from_utf8(&body).ok()?);
        text.push_str(&self.secret);
        let sign = hex::encode_upper(sign::md5(&[text.as_bytes()]));
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(&params).append_pair("sign", &sign);
        let path = format!("/v1/taobao/{}?{}", self.shop, query.finish());
        Some(Delivery { shop: self.shop.clone(), path, headers, body })
    }
}

/// Whether an answer says that the call was taken. Qimen reads the flag.
pub(super) fn is_taken(answer: &Response<Bytes>) -> bool {
    if !answer.status().is_success() {
        return false;
    }
    match serde_json::from_slice::<Value>(answer.body()) {
        Ok(body) => body.pointer("/response/flag").is_some_and(|flag| flag == "success"),
        Err(_) => String::from_utf8_lossy(answer.body()).contains("<flag>success</flag>"),
    }
}

/// Sub-order, item code and units of what is in a parcel.
fn goods<'t>(trade: &'t Trade, parcel: &Parcel) -> Vec<(u64, &'t str, i64)> {
    let lines = trade.lines.iter().filter(|line| parcel.oids.contains(&line.oid));
    let code = |line: &'t super::trades::Line| {
        line.sku.as_ref().map_or(line.outer_iid.as_str(), |sku| sku.outer_id.as_str())
    };
    lines.map(|line| (line.oid, code(line), line.num)).collect()
}

/// An element with what is in it; items of a list are elements of its name.
fn write(out: &mut String, name: &str, value: &Value) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| write(out, name, item)),
        Value::Object(fields) => {
            out.extend(["<", name, ">"]);
            fields.iter().for_each(|(name, value)| write(out, name, value));
            out.extend(["</", name, ">"]);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            let text =
                value.as_str().unwrap_or_default().replace('&', "&amp;").replace('<', "&lt;");
            out.extend(["<", name, ">", &text, "</", name, ">"]);
        }
    }
}
