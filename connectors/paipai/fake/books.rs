//! A seller's books: listings, deals and their refunds.

use crate::testkit::FakeShop;
use std::collections::BTreeMap;

/// A SKU; one without an id is its listing's only one.
pub(super) struct Sku {
    pub(super) item: &'static str,
    pub(super) id: Option<&'static str>,
    pub(super) code: &'static str,
    pub(super) attr: &'static str,
    pub(super) name: &'static str,
    pub(super) price: i64,
    pub(super) count: u32,
}

const fn sku(
    item: &'static str,
    id: Option<&'static str>,
    code: &'static str,
    attr: &'static str,
    price: i64,
) -> Sku {
    let name = if id.is_some() { "蓝色T恤 夏装" } else { "白色袜子 \"三双\"" };
    Sku { item, id, code, attr, name, price, count: 100 }
}

fn catalogue() -> Vec<Sku> {
    vec![
        sku(
            "7C44F63200000000007C39A9064A181E",
            Some("9071234567"),
            "BN-001-RED-M",
            "尺码:M|颜色:红色",
            5900,
        ),
        sku(
            "7C44F63200000000007C39A9064A181E",
            Some("9071234568"),
            "BN-001-RED-L",
            "尺码:L|颜色:红色",
            5900,
        ),
        sku(
            "7C44F63200000000007C39A9064A181E",
            Some("9071234569"),
            "BN-001-BLUE-M",
            "尺码:M|颜色:蓝色",
            6100,
        ),
        sku("7C44F63200000000007C39A9064A1820", None, "BN-002", "", 990),
        sku("7C44F63200000000007C39A9064A1822", Some("9071234580"), "BN-003-S", "尺码:S", 12_800),
        sku("7C44F63200000000007C39A9064A1822", Some("9071234581"), "BN-003-M", "尺码:M", 12_800),
    ]
}

/// A line of a deal.
pub(super) struct Line {
    pub(super) sub: String,
    pub(super) sku: usize,
    pub(super) count: i64,
    pub(super) adjust: i64,
    /// As the wire says it: what comes off, or a negative amount.
    pub(super) discount: i64,
    pub(super) refund_state: &'static str,
}

/// A deal. Times are seconds since 1970; 0 is not yet.
pub(super) struct Deal {
    pub(super) seed: u64,
    pub(super) state: &'static str,
    pub(super) is_cod: bool,
    pub(super) created: i64,
    pub(super) paid: i64,
    pub(super) shipped: i64,
    pub(super) ended: i64,
    pub(super) updated: i64,
    pub(super) lines: Vec<Line>,
    pub(super) freight: i64,
    pub(super) coupon: i64,
    pub(super) total: i64,
    pub(super) note: String,
    pub(super) carrier: String,
    pub(super) number: String,
    pub(super) refunds: Vec<Refund>,
    edits: u32,
}

/// A refund of a line.
pub(super) struct Refund {
    pub(super) id: String,
    pub(super) sub: String,
    pub(super) state: &'static str,
    pub(super) is_return: bool,
    pub(super) amount: i64,
    pub(super) asked: i64,
    pub(super) updated: i64,
}

/// A seller.
pub(super) struct Shop {
    pub(super) config: FakeShop,
    pub(super) skus: Vec<Sku>,
    pub(super) deals: BTreeMap<String, Deal>,
    /// Shipments that were refused one after the other, and until when none is taken.
    pub(super) refused: u32,
    pub(super) punished_until: i64,
    made: u64,
}

impl Shop {
    pub(super) fn new(config: FakeShop) -> Self {
        let (skus, deals) = (catalogue(), BTreeMap::new());
        Self { config, skus, deals, refused: 0, punished_until: 0, made: 0 }
    }

    /// A deal of one or two lines. Discounts and freight come in every way that the channel may say them.
    pub(super) fn create(&mut self, seed: u64, now: i64) -> String {
        self.made += 1;
        let number = 363_110_207 + self.made * 10;
        let day: String = super::china(now).chars().take(10).filter(char::is_ascii_digit).collect();
        let code = format!("{}-{day}-{number}", self.config.shop);
        let mut lines = Vec::new();
        for index in 0..=seed % 2 {
            let count = i64::from(seed.is_multiple_of(3)) + 1;
            let sku = pick(seed.wrapping_add(index * 3), self.skus.len());
            let discount = match seed % 5 {
                2 => 100,
                3 => -100,
                _ => 0,
            };
            let adjust = if seed.is_multiple_of(4) { -80 } else { 0 };
            let sub = (number + index).to_string();
            lines.push(Line { sub, sku, count, adjust, discount, refund_state: "" });
        }
        let price = |line: &Line| self.skus.get(line.sku).map_or(0, |sku| sku.price);
        let owed: i64 = lines
            .iter()
            .map(|line| price(line) * line.count + line.adjust - line.discount.abs())
            .sum();
        let (freight, coupon) =
            (if seed % 6 < 4 { 1000 } else { 0 }, if seed % 10 == 7 { 150 } else { 0 });
        // One copy of the channel's documents in ERPs has the freight in the total, another has not.
        let total = owed - coupon + if seed % 4 == 3 { 0 } else { freight };
        let is_cod = seed % 9 == 8;
        let state = if is_cod { "STATE_COD_WAIT_SHIP" } else { "DS_WAIT_SELLER_DELIVERY" };
        let deal = Deal {
            seed,
            state,
            is_cod,
            created: now,
            paid: if is_cod { 0 } else { now },
            shipped: 0,
            ended: 0,
            updated: now,
            lines,
            freight,
            coupon,
            total,
            note: String::new(),
            carrier: String::new(),
            number: String::new(),
            refunds: Vec::new(),
            edits: 0,
        };
        self.deals.insert(code.clone(), deal);
        code
    }

    /// The seller writes a note, or the deal goes on in its life. One that has ended is left as it is: what the channel lets
    /// happen to it then is not known.
    pub(super) fn edit(&mut self, code: &str, now: i64) {
        let Some(deal) = self.deals.get_mut(code).filter(|deal| deal.ended == 0) else { return };
        deal.edits += 1;
        deal.note = format!("备注第{}次", deal.edits);
        deal.updated = now;
        deal.state = match deal.state {
            "STATE_COD_WAIT_SHIP" => "STATE_COD_SHIP_OK",
            "STATE_COD_SHIP_OK" => "STATE_COD_SIGN",
            "STATE_COD_SIGN" => "STATE_COD_SUCESS",
            "DS_WAIT_BUYER_RECEIVE" => "DS_DEAL_END_NORMAL",
            state => state,
        };
        if deal.state == "STATE_COD_SHIP_OK" {
            (deal.shipped, deal.carrier, deal.number) =
                (now, "宅急送".to_owned(), format!("ZJS{}", deal.created));
        }
        if matches!(deal.state, "STATE_COD_SUCESS" | "DS_DEAL_END_NORMAL") {
            deal.ended = now;
        }
    }

    /// The buyer asks for the money of the first line. Gives the deal's id and the refund's behind it.
    pub(super) fn refund(&mut self, code: &str, now: i64) -> String {
        let Some(deal) = self.deals.get_mut(code) else { return "0".to_owned() };
        let own = format!("{}{}", deal.created, deal.refunds.len());
        let is_return = deal.shipped != 0;
        let state =
            if is_return { "DS_REFUND_WAIT_BUYER_DELIVERY" } else { "DS_REFUND_WAIT_SELLER_AGREE" };
        let Some(line) = deal.lines.first_mut() else { return "0".to_owned() };
        line.refund_state = state;
        let sub = line.sub.clone();
        let amount = self.skus.get(line.sku).map_or(0, |sku| sku.price);
        let refund =
            Refund { id: own.clone(), sub, state, is_return, amount, asked: now, updated: now };
        deal.refunds.push(refund);
        deal.updated = now;
        format!("{code}-{own}")
    }
}

fn pick(seed: u64, among: usize) -> usize {
    usize::try_from(seed).unwrap_or(0).checked_rem(among).unwrap_or(0)
}
