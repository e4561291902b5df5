//! Trades as buyers make them: content from a seed, sums as TOP's own, and their JSON.
//!
//! Sums, as the channel's replies show them: a line's `total_fee` is price times number plus `adjust_fee` minus
//! `discount_fee`; `divide_order_fee` is that minus its share of the trade-level discount (`part_mjz_discount`); the
//! trade's `payment` is the sum of these plus `post_fee`. A line's `payment` is its `total_fee`, except in a trade of
//! one line, where it is the trade's `payment`.

use super::answers::put;
use super::receivers;
use super::stock::{Listing, Sku};
use crate::contract::model::{Minor, Timestamp};
use crate::contract::sign;
use serde_json::{Value, json};

/// The nick of every buyer: TOP masks it.
pub(super) const BUYER_NICK: &str = "t**";

/// Fields that only `taobao.trade.fullinfo.get` gives.
pub(super) const FULLINFO_ONLY: [&str; 3] = ["buyer_message", "promotion_details", "seller_memo"];

/// A trade.
#[derive(Debug, Clone)]
pub(super) struct Trade {
    pub(super) tid: u64,
    pub(super) kind: &'static str,
    pub(super) status: &'static str,
    pub(super) shipping_type: &'static str,
    pub(super) created: i64,
    pub(super) paid: Option<i64>,
    pub(super) consigned: Option<i64>,
    pub(super) ended: Option<i64>,
    pub(super) modified: i64,
    pub(super) buyer: u64,
    pub(super) message: Option<&'static str>,
    pub(super) memo: String,
    pub(super) flag: u8,
    pub(super) receiver: usize,
    pub(super) moves: u64,
    pub(super) post_fee: i64,
    pub(super) lines: Vec<Line>,
}

/// A sub-order. Amounts in fen, times in seconds since 1970.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) oid: u64,
    pub(super) num_iid: u64,
    pub(super) sku: Option<Sku>,
    pub(super) outer_iid: String,
    pub(super) title: String,
    pub(super) num: i64,
    pub(super) price: i64,
    pub(super) discount: i64,
    pub(super) adjust: i64,
    pub(super) mjz: i64,
    pub(super) status: &'static str,
    pub(super) refund: Option<(u64, &'static str)>,
    pub(super) consigned: Option<i64>,
    pub(super) ended: Option<i64>,
    /// Name of the carrier and waybill number.
    pub(super) parcel: Option<(&'static str, String)>,
}

/// Numbers out of a seed (`SplitMix64`): equal seeds give equal trades on every machine.
#[derive(Debug)]
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `limit - 1`.
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.roll().checked_rem(limit).unwrap_or(0)
    }

    fn amount(&mut self, limit: i64) -> i64 {
        i64::try_from(self.below(limit.max(1).unsigned_abs())).unwrap_or(0)
    }

    pub(super) fn one_of<'t, T>(&mut self, choices: &'t [T]) -> Option<&'t T> {
        let index = self.below(u64::try_from(choices.len()).unwrap_or(1));
        choices.get(usize::try_from(index).unwrap_or(0))
    }
}

impl Line {
    fn new(oid: u64, listing: &Listing, dice: &mut Dice) -> Self {
        let sku = dice.one_of(&listing.skus).cloned();
        let price = sku.as_ref().map_or(listing.price, |sku| sku.price);
        let num = 1 + dice.amount(3);
        let discount = if dice.below(3) == 0 { dice.amount(price * num / 4) } else { 0 };
        let adjust = if dice.below(6) == 0 { -dice.amount(price / 10) } else { 0 };
        Self {
            oid,
            num_iid: listing.num_iid,
            sku,
            outer_iid: listing.outer_id.clone(),
            title: listing.title.clone(),
            num,
            price,
            discount,
            adjust,
            mjz: 0,
            status: "WAIT_SELLER_SEND_GOODS",
            refund: None,
            consigned: None,
            ended: None,
            parcel: None,
        }
    }

    /// What the line costs before the trade-level discount.
    pub(super) fn total(&self) -> i64 {
        self.price * self.num + self.adjust - self.discount
    }

    fn to_json(&self, shipping_type: &str, payment: i64) -> Value {
        let mut line = json!({
            "oid": self.oid, "oid_str": self.oid.to_string(),
            "num_iid": self.num_iid, "outer_iid": self.outer_iid, "title": self.title,
            "cid": 50_000_436, "pic_path": "https://img.example.com/1.jpg",
            "num": self.num, "price": yuan(self.price),
            "total_fee": yuan(self.total()), "payment": yuan(payment),
            "discount_fee": yuan(self.discount), "adjust_fee": yuan(self.adjust),
            "part_mjz_discount": yuan(self.mjz), "divide_order_fee": yuan(self.total() - self.mjz),
            "status": self.status,
            "refund_status": self.refund.map_or("NO_REFUND", |(_, status)| status),
            "shipping_type": shipping_type, "snapshot_url": format!("o:{}_1", self.oid),
            "seller_type": "B", "order_from": "TAOBAO", "is_oversold": false, "is_daixiao": false,
            "buyer_rate": false, "seller_rate": false,
        });
        if let Some(sku) = &self.sku {
            put(&mut line, "sku_id", Some(sku.id.to_string()));
            put(&mut line, "outer_sku_id", Some(sku.outer_id.clone()));
            put(&mut line, "sku_properties_name", Some(sku.properties.clone()));
        }
        put(&mut line, "refund_id", self.refund.map(|(id, _)| id.to_string()));
        put(&mut line, "consign_time", self.consigned.map(china));
        put(&mut line, "end_time", self.ended.map(china));
        if let Some((carrier, number)) = &self.parcel {
            put(&mut line, "logistics_company", Some((*carrier).to_owned()));
            put(&mut line, "invoice_no", Some(number.clone()));
        }
        line
    }
}

impl Trade {
    /// What a buyer with this seed buys at `now` (seconds since 1970) from this catalogue.
    pub(super) fn new(tid: u64, catalogue: &[Listing], seed: u64, now: i64) -> Self {
        let mut dice = Dice(seed);
        let (kind, shipping_type) = match dice.below(20) {
            0 | 1 => ("step", "express"),
            2 => ("cod", "express"),
            3 => ("fixed", "virtual"),
            4..=8 => ("fixed", "free"),
            _ => ("fixed", "express"),
        };
        let count = 1 + dice.below(3);
        let oid = |index| if count == 1 { tid } else { tid + 1 + index };
        let mut lines: Vec<Line> = (0..count)
            .filter_map(|index| Some(Line::new(oid(index), dice.one_of(catalogue)?, &mut dice)))
            .collect();
        if dice.below(3) == 0 {
            let goods: i64 = lines.iter().map(Line::total).sum();
            share(dice.amount(goods / 10), goods, &mut lines);
        }
        let awaits_final = kind == "step" && dice.below(2) == 0;
        let status = if awaits_final { "WAIT_BUYER_PAY" } else { "WAIT_SELLER_SEND_GOODS" };
        for line in &mut lines {
            line.status = status;
        }
        let messages = ["请尽快发货", "周末送货，谢谢 & 辛苦了", "要发票 <抬头待告知>"];
        Self {
            tid,
            kind,
            status,
            shipping_type,
            created: now,
            paid: (kind != "cod" && !awaits_final).then_some(now),
            consigned: None,
            ended: None,
            modified: now,
            buyer: dice.below(1_000_000),
            message: (dice.below(4) == 0).then(|| dice.one_of(&messages).copied()).flatten(),
            memo: String::new(),
            flag: 0,
            receiver: usize::try_from(dice.below(5)).unwrap_or(0),
            moves: 0,
            post_fee: if shipping_type == "express" { 600 + 100 * dice.amount(7) } else { 0 },
            lines,
        }
    }

    /// What the buyer pays, with postage.
    pub(super) fn payment(&self) -> i64 {
        self.post_fee + self.lines.iter().map(|line| line.total() - line.mjz).sum::<i64>()
    }

    /// True for goods that no carrier carries.
    pub(super) fn is_virtual(&self) -> bool {
        self.shipping_type == "virtual"
    }

    /// True for a trade of the buyer with this nick or open id.
    pub(super) fn is_of(&self, buyer: &str) -> bool {
        buyer == BUYER_NICK || buyer == self.open_uid()
    }

    fn open_uid(&self) -> String {
        format!("AAE{}", digest("buyer", self.buyer))
    }

    /// Moves trade and lines to a status.
    pub(super) fn advance(&mut self, status: &'static str) {
        self.status = status;
        for line in &mut self.lines {
            line.status = status;
        }
    }

    /// The whole trade, as `taobao.trade.fullinfo.get` knows it. `oaid` is always in it; lists take it out again.
    pub(super) fn to_json(&self, seller_nick: &str) -> Value {
        let only = if let [line] = self.lines.as_slice() { Some(line) } else { None };
        let payment = self.payment();
        let lines: Vec<Value> = self
            .lines
            .iter()
            .map(|line| {
                line.to_json(
                    self.shipping_type,
                    if only.is_some() { payment } else { line.total() },
                )
            })
            .collect();
        let goods: i64 = self.lines.iter().map(|line| line.price * line.num).sum();
        let is_finished = self.status == "TRADE_FINISHED";
        let mut trade = json!({
            "tid": self.tid, "tid_str": self.tid.to_string(), "sid": self.tid.to_string(),
            "status": self.status, "type": self.kind, "shipping_type": self.shipping_type,
            "seller_nick": seller_nick, "title": seller_nick, "trade_from": "TAOBAO",
            "buyer_nick": BUYER_NICK, "buyer_open_uid": self.open_uid(),
            "payment": yuan(payment), "total_fee": yuan(goods), "post_fee": yuan(self.post_fee),
            "discount_fee": "0.00", "adjust_fee": yuan(only.map_or(0, |line| line.adjust)),
            "received_payment": yuan(if is_finished { payment } else { 0 }),
            "available_confirm_fee": yuan(if is_finished { 0 } else { payment }),
            "has_post_fee": true, "cod_fee": "0.00", "cod_status": "NEW_CREATED", "point_fee": 0,
            "created": china(self.created), "modified": china(self.modified),
            "has_buyer_message": self.message.is_some(), "seller_flag": self.flag,
            "is_part_consign": self.status == "SELLER_CONSIGNED_PART", "is_daixiao": false,
            "buyer_rate": false, "seller_rate": false, "num": only.map_or(0, |line| line.num),
            "promotion_details": { "promotion_detail": self.promotions() },
            "orders": { "order": lines },
        });
        if let Some(line) = only {
            put(&mut trade, "price", Some(yuan(line.price)));
            if let Value::Object(trade) = &mut trade {
                trade.insert("num_iid".into(), json!(line.num_iid));
            }
        }
        put(&mut trade, "pay_time", self.paid.map(china));
        put(&mut trade, "consign_time", self.consigned.map(china));
        put(&mut trade, "end_time", self.ended.map(china));
        put(&mut trade, "buyer_message", self.message.map(str::to_owned));
        put(&mut trade, "seller_memo", (!self.memo.is_empty()).then(|| self.memo.clone()));
        if self.kind == "step" {
            let is_whole = self.paid.is_some();
            let phase = if is_whole { "FRONT_PAID_FINAL_PAID" } else { "FRONT_PAID_FINAL_NOPAID" };
            put(&mut trade, "step_trade_status", Some(phase.to_owned()));
            put(
                &mut trade,
                "step_paid_fee",
                Some(yuan(if is_whole { payment } else { payment / 10 })),
            );
        }
        if !self.is_virtual() {
            receivers::put_receiver(&mut trade, self.receiver);
            put(&mut trade, "lm", (self.moves > 0).then(|| "1".to_owned()));
            let oaid = digest("oaid", self.tid ^ self.moves);
            put(&mut trade, "oaid", Some(format!("1{oaid}")));
        }
        trade
    }

    fn promotions(&self) -> Vec<Value> {
        let promotion = |id: u64, amount: i64, name: &str, tool: &str| {
            json!({
                "id": id, "discount_fee": yuan(amount), "promotion_name": name,
                "promotion_desc": format!("{name}:省{}元", yuan(amount)),
                "promotion_id": format!("{tool}-{id}_1"),
            })
        };
        let shared: i64 = self.lines.iter().map(|line| line.mjz).sum();
        let of_lines = self.lines.iter().filter(|line| line.discount > 0);
        of_lines
            .map(|line| promotion(line.oid, line.discount, "限时打折", "limitdiscount"))
            .chain((shared > 0).then(|| promotion(self.tid, shared, "满就送", "mjs")))
            .collect()
    }
}

fn digest(what: &str, of: u64) -> String {
    hex::encode(sign::md5(&[what.as_bytes(), &of.to_be_bytes()]))
}

/// Shares a trade-level discount by what the lines cost; the last line takes the rest.
fn share(discount: i64, goods: i64, lines: &mut [Line]) {
    let Some((last, others)) = lines.split_last_mut() else { return };
    let mut rest = discount;
    for line in others {
        line.mjz = (discount * line.total()).checked_div(goods).unwrap_or(0);
        rest -= line.mjz;
    }
    last.mjz = rest;
}

/// An amount as TOP writes it.
pub(super) fn yuan(fen: i64) -> String {
    Minor(fen).to_decimal()
}

/// A time as TOP writes it.
pub(super) fn china(seconds: i64) -> String {
    Timestamp::from_unix_ms(seconds.saturating_mul(1000)).to_china()
}
