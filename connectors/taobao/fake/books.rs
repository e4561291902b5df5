//! What the shops have: trades, refunds, listings and parcels, and what buyers do to them.

use super::answers::put;
use super::fenxiao;
use super::stock::{Listing, catalogue};
use super::trades::{BUYER_NICK, Dice, Trade, china, yuan};
use super::warehouse::Left;
use crate::contract::model::ShopId;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Ids in the order of a time: seconds since 1970, then id.
pub(super) type Index = BTreeSet<(i64, u64)>;

/// A shop. Times are seconds since 1970: TOP's times have no fractions.
#[derive(Debug)]
pub(super) struct Shop {
    pub(super) id: ShopId,
    pub(super) nick: String,
    pub(super) trades: HashMap<u64, Trade>,
    pub(super) modified: Index,
    pub(super) created: Index,
    pub(super) refunds: BTreeMap<u64, Refund>,
    pub(super) refunds_modified: Index,
    pub(super) listings: Vec<Listing>,
    pub(super) parcels: BTreeMap<u64, Vec<Parcel>>,
    /// Buyer of each waybill number: it may carry several trades of one buyer, never of two.
    pub(super) numbers: HashMap<String, u64>,
    /// Parcels that the warehouse has not told of yet.
    pub(super) left: Vec<Left>,
    /// Whether its orders come from distributors.
    pub(super) is_supplier: bool,
    index: u64,
    serial: u64,
}

/// A parcel reported to the channel.
#[derive(Debug, Clone)]
pub(super) struct Parcel {
    pub(super) company_code: String,
    pub(super) company_name: &'static str,
    pub(super) out_sid: String,
    pub(super) oids: Vec<u64>,
    pub(super) is_split: bool,
    pub(super) at: i64,
}

/// A refund.
#[derive(Debug)]
pub(super) struct Refund {
    pub(super) id: u64,
    pub(super) tid: u64,
    pub(super) oid: u64,
    pub(super) status: &'static str,
    pub(super) created: i64,
    pub(super) modified: i64,
    pub(super) amount: i64,
    pub(super) has_good_return: bool,
}

impl Shop {
    /// A shop with its first catalogue; `index` keeps the ids of shops apart.
    pub(super) fn new(id: ShopId, index: u64) -> Self {
        Self {
            nick: format!("测试旗舰店{}", index + 1),
            id,
            trades: HashMap::new(),
            modified: Index::new(),
            created: Index::new(),
            refunds: BTreeMap::new(),
            refunds_modified: Index::new(),
            listings: catalogue(index),
            parcels: BTreeMap::new(),
            numbers: HashMap::new(),
            left: Vec::new(),
            is_supplier: false,
            index,
            serial: 0,
        }
    }

    /// A listing by its id.
    pub(super) fn listing(&mut self, num_iid: u64) -> Option<&mut Listing> {
        self.listings.iter_mut().find(|listing| listing.num_iid == num_iid)
    }

    /// Notes that a trade changed.
    pub(super) fn touch(&mut self, tid: u64, now: i64) {
        let Some(trade) = self.trades.get_mut(&tid) else { return };
        self.modified.remove(&(trade.modified, tid));
        trade.modified = trade.modified.max(now);
        self.modified.insert((trade.modified, tid));
    }

    /// A buyer places and pays an order. Trade ids have 18 or 19 digits; four of them are for the sub-orders.
    pub(super) fn create_order(&mut self, seed: u64, now: i64) -> u64 {
        self.serial += 1;
        let (base, share) = if Dice(seed).below(2) == 0 {
            (100_000_000_000_000_000, 100_000_000_000_000)
        } else {
            (2_000_000_000_000_000_000, 1_000_000_000_000_000)
        };
        let tid = base + self.index * share + self.serial * 10_000 + Dice(!seed).below(999) * 10;
        let mut trade = Trade::new(tid, &self.listings, seed, now);
        if self.is_supplier {
            fenxiao::as_purchase(&mut trade, now);
        }
        self.modified.insert((now, tid));
        self.created.insert((now, tid));
        self.trades.insert(tid, trade);
        tid
    }

    /// Somebody changes a trade: pays the rest, confirms receipt, or else memo, flag and address in turn.
    pub(super) fn edit_order(&mut self, tid: u64, now: i64) {
        let Some(trade) = self.trades.get_mut(&tid) else { return };
        match trade.status {
            "WAIT_BUYER_PAY" => {
                trade.advance("WAIT_SELLER_SEND_GOODS");
                trade.paid = Some(now);
            }
            "WAIT_BUYER_CONFIRM_GOODS" => {
                trade.advance("TRADE_FINISHED");
                trade.ended = Some(now);
                for line in &mut trade.lines {
                    line.ended = Some(now);
                }
            }
            _ if trade.memo.is_empty() => "加急".clone_into(&mut trade.memo),
            _ if trade.flag == 0 => trade.flag = 1,
            _ => {
                trade.moves += 1;
                trade.receiver += 1;
                trade.flag = 0;
            }
        }
        self.touch(tid, now);
    }

    /// A buyer asks for money back for the first line without a refund; where all have one, the seller agrees to the
    /// first that still waits for it. None where the shop does not have the trade.
    pub(super) fn create_refund(&mut self, tid: u64, now: i64) -> Option<u64> {
        self.serial += 1;
        let trade = self.trades.get_mut(&tid)?;
        let is_shipped = trade.consigned.is_some();
        let id = if let Some(line) = trade.lines.iter_mut().find(|line| line.refund.is_none()) {
            let id = 26_000_000_000_000_000 + self.index * 10_000_000_000_000 + self.serial;
            line.refund = Some((id, "WAIT_SELLER_AGREE"));
            let refund = Refund {
                id,
                tid,
                oid: line.oid,
                status: "WAIT_SELLER_AGREE",
                created: now,
                modified: now,
                amount: line.total() - line.mjz,
                has_good_return: is_shipped,
            };
            self.refunds.insert(id, refund);
            id
        } else {
            let waiting = |line: &&mut super::trades::Line| {
                line.refund.is_some_and(|(_, status)| status == "WAIT_SELLER_AGREE")
            };
            let first = trade.lines.first().and_then(|line| line.refund).map(|(id, _)| id);
            let line = trade.lines.iter_mut().find(waiting);
            let id = line.as_ref().and_then(|line| line.refund).map(|(id, _)| id).or(first)?;
            if let Some(line) = line {
                line.refund = Some((id, "WAIT_BUYER_RETURN_GOODS"));
            }
            let refund = self.refunds.get_mut(&id)?;
            self.refunds_modified.remove(&(refund.modified, id));
            refund.status = "WAIT_BUYER_RETURN_GOODS";
            refund.modified = refund.modified.max(now);
            id
        };
        let modified = self.refunds.get(&id).map_or(now, |refund| refund.modified);
        self.refunds_modified.insert((modified, id));
        self.touch(tid, now);
        Some(id)
    }

    /// A refund's JSON.
    pub(super) fn refund_json(&self, refund: &Refund) -> Option<Value> {
        let trade = self.trades.get(&refund.tid)?;
        let line = trade.lines.iter().find(|line| line.oid == refund.oid)?;
        let is_shipped = refund.has_good_return;
        let mut body = json!({
            "refund_id": refund.id.to_string(), "tid": refund.tid, "oid": refund.oid,
            "status": refund.status, "order_status": line.status,
            "seller_nick": self.nick, "buyer_nick": BUYER_NICK,
            "created": china(refund.created), "modified": china(refund.modified),
            "refund_fee": yuan(refund.amount), "payment": "0.00", "total_fee": yuan(refund.amount),
            "price": yuan(line.price), "num": line.num, "num_iid": line.num_iid,
            "title": line.title, "reason": "七天无理由", "desc": "正在测试",
            "has_good_return": is_shipped, "advance_status": 0, "cs_status": 1,
            "good_status": if is_shipped { "BUYER_RECEIVED" } else { "BUYER_NOT_RECEIVED" },
            "dispute_type": if is_shipped { "REFUND_AND_RETURN" } else { "REFUND" },
            "refund_phase": if trade.ended.is_some() { "aftersale" } else { "onsale" },
            "refund_version": refund.modified.saturating_mul(1000),
            "operation_contraint": "null", "attribute": ";newRefund:rp2;payMode:alipay;",
            "refund_remind_timeout": {
                "exist_timeout": true, "remind_type": 1,
                "timeout": china(refund.modified + 3 * 86_400),
            },
        });
        let sku = line.sku.as_ref();
        put(&mut body, "sku", sku.map(|sku| format!("{}|{}", sku.id, sku.properties)));
        put(&mut body, "outer_id", Some(sku.map_or(&line.outer_iid, |sku| &sku.outer_id).clone()));
        Some(body)
    }
}
