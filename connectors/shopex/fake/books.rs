//! What a shop keeps: orders, products, deliveries, refunds, and which tasks it has seen.

use super::people::PEOPLE;
use crate::contract::model::ShopId;
use crate::testkit::FakeShop;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Something to push.
#[derive(Debug)]
pub(super) enum News {
    Added(String),
    Updated(String),
    Refund(String),
    /// The outcome of a call that was answered with `running`: message, data.
    Outcome {
        msg_id: String,
        tid: String,
    },
}

/// A shop. Times are seconds since 1970; amounts are fen.
pub(super) struct Shop {
    pub(super) id: ShopId,
    pub(super) node: String,
    pub(super) token: String,
    pub(super) orders: BTreeMap<String, Order>,
    pub(super) products: Vec<Product>,
    pub(super) deliveries: Vec<Delivery>,
    pub(super) refunds: BTreeMap<String, Refund>,
    pub(super) tasks: BTreeSet<String>,
    pub(super) news: VecDeque<News>,
    pub(super) messages: u64,
    /// ECShop: the second in which a SKU's level was last written.
    pub(super) stamps: BTreeMap<String, i64>,
    pub(super) is_ecshop: bool,
    serial: u64,
}

/// An order.
pub(super) struct Order {
    pub(super) created: i64,
    pub(super) modified: i64,
    pub(super) status: &'static str,
    pub(super) pay: u8,
    pub(super) ship: u8,
    pub(super) is_cod: bool,
    pub(super) objects: Vec<Object>,
    pub(super) freight: i64,
    pub(super) discount: i64,
    pub(super) change: i64,
    pub(super) memo: String,
    pub(super) message: &'static str,
    pub(super) person: usize,
    pub(super) moves: u32,
}

/// An object of an order: a product, or several in a package.
pub(super) struct Object {
    pub(super) id: u64,
    pub(super) kind: &'static str,
    pub(super) items: Vec<Item>,
}

/// An item of an object.
#[derive(Clone)]
pub(super) struct Item {
    pub(super) product: usize,
    pub(super) price: i64,
    pub(super) reduced: i64,
    pub(super) num: u32,
    pub(super) sent: u32,
}

/// A product, with what buyers have reserved of it.
pub(super) struct Product {
    pub(super) bn: &'static str,
    pub(super) name: &'static str,
    pub(super) goods_id: u64,
    pub(super) product_id: u64,
    pub(super) price: i64,
    pub(super) store: u32,
    pub(super) reserved: u32,
}

/// A delivery in the shop's books.
pub(super) struct Delivery {
    pub(super) bn: String,
    pub(super) tid: String,
    pub(super) carrier: String,
    pub(super) number: String,
    pub(super) items: Vec<(String, u32)>,
    pub(super) is_done: bool,
}

/// A refund.
pub(super) struct Refund {
    pub(super) tid: String,
    pub(super) oid: u64,
    pub(super) amount: i64,
    pub(super) status: &'static str,
    pub(super) created: i64,
    pub(super) modified: i64,
}

const PRODUCTS: [(&str, &str, i64); 6] = [
    ("BN-001-L", "蓝色T恤", 5_900),
    ("BN-002", "白色袜子", 990),
    ("BN-003-R", "红色围巾", 12_950),
    ("BN-004", "帆布包", 8_800),
    ("BN-005", "棒球帽", 4_505),
    ("BN-006", "明信片", 300),
];

impl Shop {
    /// A shop with its first catalogue.
    pub(super) fn new(config: FakeShop) -> Self {
        let product = |(index, (bn, name, price)): (u64, &(&'static str, &'static str, i64))| {
            let goods_id = 1 + index / 2;
            Product {
                bn,
                name,
                goods_id,
                product_id: index + 1,
                price: *price,
                store: 102,
                reserved: 2,
            }
        };
        Self {
            id: config.shop,
            node: config.app_key,
            token: config.secret,
            orders: BTreeMap::new(),
            products: (0..).zip(&PRODUCTS).map(product).collect(),
            deliveries: Vec::new(),
            refunds: BTreeMap::new(),
            tasks: BTreeSet::new(),
            news: VecDeque::new(),
            messages: 0,
            stamps: BTreeMap::new(),
            is_ecshop: false,
            serial: 0,
        }
    }

    /// The same as an ECShop shop, which reserves nothing.
    pub(super) fn new_ecshop(config: FakeShop) -> Self {
        let mut shop = Self { is_ecshop: true, ..Self::new(config) };
        for product in &mut shop.products {
            product.reserved = 0;
        }
        shop
    }

    /// A buyer places and pays an order, or will pay it at the door.
    pub(super) fn create_order(&mut self, seed: u64, now: i64) -> String {
        self.serial += 1;
        let tid = (20_260_000_000_000 + self.serial).to_string();
        let mut dice = Dice(seed);
        let count = 1 + dice.below(3);
        let mut items: Vec<Item> = Vec::new();
        for at in 0..count {
            let product = (dice.below(6) + at) % self.products.len();
            if items.iter().any(|item| item.product == product) {
                continue;
            }
            let price = self.products.get(product).map_or(0, |product| product.price);
            let reduced = if dice.below(3) == 0 { price / 10 } else { 0 };
            let num = u32::try_from(1 + dice.below(3)).unwrap_or(1);
            items.push(Item { product, price, reduced, num, sent: 0 });
        }
        let mut id = 10 * self.serial;
        let mut object = |kind, items| {
            id += 1;
            Object { id, kind, items }
        };
        let objects = if items.len() > 1 && dice.below(4) == 0 {
            vec![object("pkg", items)]
        } else {
            items.into_iter().map(|item| object("goods", vec![item])).collect()
        };
        let is_cod = seed % 6 == 5;
        let order = Order {
            created: now,
            modified: now,
            status: "active",
            pay: u8::from(!is_cod),
            ship: 0,
            is_cod,
            objects,
            freight: if dice.below(2) == 0 { 1_000 } else { 0 },
            discount: if dice.below(3) == 0 { 50 } else { 0 },
            change: if dice.below(5) == 0 { -20 } else { 0 },
            memo: String::new(),
            message: if dice.below(2) == 0 { "请尽快发货 \"谢谢\"" } else { "" },
            person: dice.below(PEOPLE.len()),
            moves: 0,
        };
        self.orders.insert(tid.clone(), order);
        self.news.push_back(News::Added(tid.clone()));
        tid
    }

    /// Somebody changes an order: finishes it, or else memo and address in turn.
    pub(super) fn edit_order(&mut self, tid: &str, now: i64) {
        let Some(order) = self.orders.get_mut(tid) else { return };
        if order.ship == 1 && order.status == "active" {
            order.status = "finish";
        } else if order.memo.is_empty() {
            "加急".clone_into(&mut order.memo);
        } else {
            order.person = (order.person + 1) % PEOPLE.len();
            order.moves += 1;
        }
        self.touch(tid, now);
        self.news.push_back(News::Updated(tid.to_owned()));
    }

    /// The buyer asks for the money of the first object back; asked again, the seller gives it.
    pub(super) fn create_refund(&mut self, tid: &str, now: i64) -> String {
        let Some(order) = self.orders.get(tid) else { return String::new() };
        let id = format!("9{tid}");
        let first = order.objects.first();
        let amount = first.map_or(0, |object| object.items.iter().map(Item::total).sum());
        let oid = first.map_or(0, |object| object.id);
        let refund = Refund {
            tid: tid.to_owned(),
            oid,
            amount,
            status: "APPLY",
            created: now,
            modified: now,
        };
        let refund = self
            .refunds
            .entry(id.clone())
            .and_modify(|refund| {
                refund.status = "SUCC";
                refund.modified = refund.modified.max(now);
            })
            .or_insert(refund);
        let is_paid_back = refund.status == "SUCC";
        if let Some(order) = self.orders.get_mut(tid).filter(|_| is_paid_back) {
            order.pay = 4;
        }
        self.touch(tid, now);
        self.news.push_back(News::Refund(id.clone()));
        self.news.push_back(News::Updated(tid.to_owned()));
        id
    }

    /// Notes that an order changed.
    pub(super) fn touch(&mut self, tid: &str, now: i64) {
        if let Some(order) = self.orders.get_mut(tid) {
            order.modified = order.modified.max(now);
        }
    }

    /// A product by the merchant's code.
    pub(super) fn product(&mut self, bn: &str) -> Option<&mut Product> {
        self.products.iter_mut().find(|product| product.bn == bn)
    }

    /// Units of a SKU that an order has left to ship; none where it does not have the SKU.
    pub(super) fn open(&self, tid: &str, bn: &str) -> Option<u32> {
        let order = self.orders.get(tid)?;
        let items = order.objects.iter().flat_map(|object| &object.items);
        let of_sku =
            |item: &&Item| self.products.get(item.product).is_some_and(|product| product.bn == bn);
        let left: Vec<u32> = items.filter(of_sku).map(|item| item.num - item.sent).collect();
        (!left.is_empty()).then(|| left.iter().sum())
    }

    /// Ships what a delivery holds. Units beyond what is left stay where they are.
    pub(super) fn ship(&mut self, bn: &str, now: i64) {
        let Some(delivery) = self.deliveries.iter_mut().find(|delivery| delivery.bn == bn) else {
            return;
        };
        delivery.is_done = true;
        let (tid, parts) = (delivery.tid.clone(), delivery.items.clone());
        let Some(order) = self.orders.get_mut(&tid) else { return };
        for (sku, mut units) in parts {
            for item in order.objects.iter_mut().flat_map(|object| &mut object.items) {
                if self.products.get(item.product).is_some_and(|product| product.bn == sku) {
                    let moved = units.min(item.num - item.sent);
                    item.sent += moved;
                    units -= moved;
                }
            }
        }
        let items = || order.objects.iter().flat_map(|object| &object.items);
        order.ship = if items().all(|item| item.sent == item.num) { 1 } else { 2 };
        self.touch(&tid, now);
        self.news.push_back(News::Updated(tid));
    }
}

impl Item {
    /// What the line costs.
    pub(super) fn total(&self) -> i64 {
        (self.price - self.reduced) * i64::from(self.num)
    }
}

impl Order {
    /// Every item.
    pub(super) fn items(&self) -> impl Iterator<Item = &Item> {
        self.objects.iter().flat_map(|object| &object.items)
    }

    /// What the order costs.
    pub(super) fn total(&self) -> i64 {
        let goods: i64 = self.items().map(Item::total).sum();
        goods - self.discount + self.change + self.freight
    }
}

/// The same throws for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % limit.max(1)
    }
}
