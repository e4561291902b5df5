//! Invents what the fake partner sells and who buys it, from a seed and nothing else. No person in it is real.

use crate::contract::Sealed;
use crate::contract::model::{
    Amounts, Buyer, Line, Minor, Order, OrderId, OrderStatus, OrderType, Payment, Personal,
    PersonalForm, Promotion, Refund, RefundId, RefundKind, RefundStatus, Seller, ShipTo, Shipping,
    ShopId, Text, Times, Timestamp,
};
use smol_str::{ToSmolStr, format_smolstr};
use std::collections::BTreeMap;
use std::time::Duration;

const SKUS: u64 = 64;
const NAMES: [&str; 5] = ["张小样", "李示例", "王测试", "赵样本", "孙假名"];
const CITIES: [(&str, &str, &str); 4] = [
    ("浙江省", "杭州市", "西湖区"),
    ("广东省", "深圳市", "南山区"),
    ("上海", "上海市", "徐汇区"),
    ("四川省", "成都市", "武侯区"),
];
const GOODS: [(&str, &str); 4] = [
    ("纯棉短袖 T恤", "颜色:白;尺码:M"),
    ("保温杯 500ml", "颜色:蓝"),
    ("无线耳机", "颜色:黑"),
    ("帆布鞋", "颜色:米;尺码:42"),
];

/// Numbers from a seed: splitmix64, whose step is a bijection, so that two seeds never share an order id.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.roll() % limit.max(1)
    }

    fn pick<T: Copy>(&mut self, from: &[T], otherwise: T) -> T {
        let index = self.below(from.len() as u64);
        from.iter().copied().nth(usize::try_from(index).unwrap_or(0)).unwrap_or(otherwise)
    }

    fn money(&mut self, from: u32, to: u32) -> Minor {
        let spread = u64::from(to.saturating_sub(from)) + 1;
        Minor(i64::from(from) + i64::try_from(self.below(spread)).unwrap_or(0))
    }
}

fn sku_id(index: u64) -> String {
    format!("{}", 18_000_000_000_000_000_000 + index)
}

/// Everything the partner sells, ten units of each.
pub(super) fn catalogue() -> BTreeMap<String, u32> {
    (0..SKUS).map(|index| (sku_id(index), 10)).collect()
}

/// An order placed and paid at `now`: 1 to 3 lines, sometimes a discount, a gift or freight.
pub(super) fn order(shop: &ShopId, seed: u64, now: Timestamp) -> Order {
    let of_shop = shop.as_str().bytes().fold(0, |hash: u64, byte| {
        hash.wrapping_mul(0x0100_0000_01B3).wrapping_add(u64::from(byte))
    });
    let mut dice = Dice(seed ^ of_shop);
    let order_id = dice.roll();
    let count = 1 + dice.below(3);
    let lines: Vec<Line> =
        (0..count).map(|index| line(&mut dice, order_id.wrapping_add(index))).collect();
    let sum =
        |part: fn(&Line) -> Minor| Minor::checked_sum(lines.iter().map(part)).unwrap_or_default();
    let goods = sum(|line| Minor(line.unit_price.0 * i64::from(line.quantity)));
    let discount = sum(|line| line.discount);
    let freight = if dice.below(2) == 0 { Minor::ZERO } else { dice.money(500, 1500) };
    let payable = Minor(goods.0 - discount.0 + freight.0);
    let promotions = (discount > Minor::ZERO)
        .then(|| Promotion {
            id: Some(format_smolstr!("promo-{}", dice.below(100))),
            name: Text::new_static("满减"),
            discount,
            payer: None,
            line_id: None,
            description: None,
        })
        .into_iter()
        .collect();
    let payment = Payment {
        method: Text::new_static("alipay"),
        number: Some(dice.roll().to_smolstr()),
        amount: Some(payable),
    };
    Order {
        channel: Text::default(),
        shop: Some(shop.clone()),
        order_id: order_id_of(order_id),
        order_type: OrderType::Distribution,
        status: OrderStatus::AwaitingShipment,
        channel_status: Text::new_static("paid"),
        times: Times {
            created: now.minus(Duration::from_secs(30)),
            paid: Some(now.minus(Duration::from_secs(5))),
            shipped: None,
            completed: None,
            modified: now,
        },
        buyer: buyer(&mut dice),
        ship_to: ship_to(&mut dice),
        currency: Text::new_static("CNY"),
        amounts: Amounts { goods, discount, freight, payable, paid: payable, ..Amounts::default() },
        lines,
        promotions,
        payments: vec![payment],
        fees: Vec::new(),
        invoice: None,
        seller: Seller::default(),
        shipping: Shipping { method: Some(Text::new_static("express")), ..Shipping::default() },
        distribution: None,
        shipments: Vec::new(),
        extensions: BTreeMap::new(),
    }
}

fn line(dice: &mut Dice, line_id: u64) -> Line {
    let (title, properties) = dice.pick(&GOODS, ("商品", ""));
    let sku = dice.below(SKUS);
    let quantity = u32::try_from(1 + dice.below(4)).unwrap_or(1);
    let gift = dice.below(10) == 0;
    let unit_price = if gift { Minor::ZERO } else { dice.money(100, 99_999) };
    let gross = unit_price.0 * i64::from(quantity);
    let discount = if dice.below(3) == 0 { Minor(gross / 10) } else { Minor::ZERO };
    Line {
        line_id: line_id.to_smolstr(),
        product_id: Some(format_smolstr!("P{}", sku / 4)),
        sku_id: Some(sku_id(sku).into()),
        merchant_sku: Some(format_smolstr!("M-{sku:04}")),
        title: Text::new_static(title),
        properties: Some(Text::new_static(properties)),
        quantity,
        unit_price,
        discount,
        adjustment: Minor::ZERO,
        payable: Minor(gross - discount.0),
        purchase_payable: None,
        status: Some(OrderStatus::AwaitingShipment),
        channel_status: Some(Text::new_static("paid")),
        refund_status: None,
        refund_id: None,
        gift,
        extensions: BTreeMap::new(),
    }
}

fn buyer(dice: &mut Dice) -> Buyer {
    Buyer {
        open_id: Some(format_smolstr!("ou_{:016x}", dice.roll())),
        nick: Some(Sealed::new(format!("buyer_{}", dice.below(1000)))),
        message: (dice.below(4) == 0).then(|| Sealed::new("请尽快发货".to_owned())),
    }
}

fn ship_to(dice: &mut Dice) -> ShipTo {
    let plain = |value: String| Some(Personal::new(PersonalForm::Plain, value));
    let (province, city, district) = dice.pick(&CITIES, ("浙江省", "杭州市", "西湖区"));
    ShipTo {
        name: plain(dice.pick(&NAMES, "某人").to_owned()),
        // 100 opens no mobile number, so nobody can be called by it.
        mobile: plain(format!("100{:08}", dice.below(100_000_000))),
        province: Some(Text::new_static(province)),
        city: Some(Text::new_static(city)),
        district: Some(Text::new_static(district)),
        address: plain(format!("示例路 {} 号", 1 + dice.below(999))),
        zip: Some(Text::new_static("000000")),
        ..ShipTo::default()
    }
}

/// Changes the seller's memo, and the time of the last change to a later one.
pub(super) fn edit(order: &mut Order, now: Timestamp) {
    let earliest = order.times.modified.plus(Duration::from_millis(1));
    order.times.modified = now.max(earliest);
    let flag = order.seller.flag.unwrap_or(0);
    order.seller.flag = Some(flag.wrapping_add(1) % 6);
    order.seller.memo = Some(Sealed::new(format!("改于 {}", order.times.modified)));
}

/// A refund of the first line, asked for before shipping.
pub(super) fn refund(order_id: &OrderId, order: Option<&Order>, now: Timestamp) -> Refund {
    let line = order.and_then(|order| order.lines.first());
    Refund {
        channel: Text::default(),
        shop: order.and_then(|order| order.shop.clone()),
        refund_id: refund_id_of(order_id),
        order_id: order_id.clone(),
        line_id: line.map(|line| line.line_id.clone()),
        status: RefundStatus::Requested,
        channel_status: Text::new_static("requested"),
        kind: RefundKind::MoneyOnly,
        phase: None,
        currency: Text::new_static("CNY"),
        amount: line.map(|line| line.payable).unwrap_or_default(),
        quantity: line.map(|line| i64::from(line.quantity)),
        reason: Some(Text::new_static("不想要了")),
        line_status: line.and_then(|line| line.status),
        return_carrier: None,
        return_number: None,
        created: now,
        modified: now,
        extensions: BTreeMap::new(),
    }
}

#[expect(clippy::expect_used, reason = "digits always make an id")]
fn order_id_of(number: u64) -> OrderId {
    OrderId::try_new(&number.to_string()).expect("digits make an id")
}

#[expect(clippy::expect_used, reason = "an order id is shorter than the longest id by a letter")]
fn refund_id_of(order: &OrderId) -> RefundId {
    let text = format!("R{order}");
    RefundId::try_new(&text).expect("an order id of digits and a letter make an id")
}
