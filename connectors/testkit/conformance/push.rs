//! Stock and waybills: said twice is said once, and a lost answer is no lost shipment.

use super::lab::Lab;
use super::{Subject, fail, must, must_fail};
use crate::contract::model::{
    Order, OrderId, OrderStatus, OrderType, StockLevel, Waybill, WaybillAction,
};
use crate::contract::{ErrorKind, Result, StockReader, StockSink, WaybillSink};
use crate::testkit::Faults;

/// Calls of which one loses its answer; a sink that needs several calls still gets through.
const LOSE_EVERY: u32 = 3;
const TRIES: u32 = 12;
const NUMBER: &str = "SF1000000000001";
const OTHER_NUMBER: &str = "SF1000000000002";

pub(super) async fn check(subject: &Subject) {
    let lab = Lab::new(subject);
    if let Some(sink) = lab.connector.stock() {
        stock(&lab, sink).await;
    }
    let lab = Lab::new(subject);
    if let Some(sink) = lab.connector.waybills() {
        waybills(&lab, sink).await;
    }
}

/// Levels of SKUs that the fake sells, as orders name them.
pub(super) async fn sellable(lab: &Lab<'_>) -> Vec<StockLevel> {
    let known = lab.fake.stock(lab.shop());
    let mut levels: Vec<StockLevel> = Vec::new();
    for seed in 1..=8 {
        let (_, order) = lab.new_order(seed).await;
        for line in order.map(|order| order.lines).unwrap_or_default() {
            let Some(sku_id) = line.sku_id.or_else(|| line.product_id.clone()) else { continue };
            let sku_id = String::from(sku_id);
            let is_new = levels.iter().all(|level| level.sku_id != sku_id);
            if is_new && (known.is_empty() || known.contains_key(&sku_id)) {
                levels.push(StockLevel {
                    sku_id,
                    product_id: line.product_id.map(Into::into),
                    available: 7,
                });
            }
        }
    }
    assert!(!levels.is_empty(), "the fake's orders name no SKU that the fake sells");
    levels
}

async fn stock(lab: &Lab<'_>, sink: &dyn StockSink) {
    assert!(sink.max_batch() > 0, "a batch has room for nothing");
    let all = sellable(lab).await;
    for level in &all {
        sets(lab, sink, std::slice::from_ref(level)).await;
    }
    let Some(first) = all.first() else { return };
    let together = |level: &&StockLevel| sink.batch_key(level) == sink.batch_key(first);
    let mut batch: Vec<_> = all.iter().filter(together).take(sink.max_batch()).cloned().collect();
    for (level, available) in batch.iter_mut().zip([0, 3, 40, 500].into_iter().cycle()) {
        level.available = available;
    }
    sets(lab, sink, &batch).await;
    sets(lab, sink, &batch).await;
    if let Some(reader) = sink.reader() {
        reads_back(lab, reader, &batch).await;
    }
    an_unknown_sku_fails_alone(lab, sink, first).await;
    for level in &mut batch {
        level.available += 1;
    }
    lab.fake.set_faults(Faults { lost_answer_every: LOSE_EVERY, ..Faults::default() });
    for _ in 0..TRIES {
        drop(sink.set(&lab.session(), &batch).await);
    }
    lab.fake.set_faults(Faults::default());
    sets(lab, sink, &batch).await;
}

async fn sets(lab: &Lab<'_>, sink: &dyn StockSink, levels: &[StockLevel]) {
    let outcomes = must(sink.set(&lab.session(), levels).await, "setting stock");
    assert!(outcomes.len() == levels.len(), "a level has no outcome of its own");
    let shown = lab.fake.stock(lab.shop());
    for (level, outcome) in levels.iter().zip(outcomes) {
        must(outcome, "setting a level");
        let shown = shown.get(&level.sku_id).copied();
        assert!(
            shown == Some(level.available),
            "set {} and the channel has {shown:?}",
            level.available
        );
    }
}

/// What is read is what the channel has, whatever was told; a SKU that it does not know has no level.
async fn reads_back(lab: &Lab<'_>, reader: &dyn StockReader, batch: &[StockLevel]) {
    assert!(reader.max_batch() > 0, "a call reads nothing");
    let shown = lab.fake.stock(lab.shop());
    let Some(first) = batch.first() else { return };
    let unknown = StockLevel { sku_id: "999999999999".to_owned(), ..first.clone() };
    let mut asked = vec![unknown];
    asked.extend(batch.iter().map(|level| StockLevel { available: 77_777, ..level.clone() }));
    for part in asked.chunks(reader.max_batch()) {
        let read = must(reader.levels(&lab.session(), part).await, "reading levels");
        let had: Vec<_> = part.iter().map(|level| shown.get(&level.sku_id).copied()).collect();
        assert!(read == had, "the channel has {had:?}, and read was {read:?}");
    }
}

async fn an_unknown_sku_fails_alone(lab: &Lab<'_>, sink: &dyn StockSink, known: &StockLevel) {
    let known = StockLevel { available: known.available + 11, ..known.clone() };
    let unknown = StockLevel { sku_id: "999999999999".to_owned(), ..known.clone() };
    let shared = sink.max_batch() > 1 && sink.batch_key(&known) == sink.batch_key(&unknown);
    let failed = if shared {
        let levels = [unknown, known.clone()];
        let outcomes = must(sink.set(&lab.session(), &levels).await, "setting an unknown SKU");
        let mut outcomes = outcomes.into_iter();
        let (Some(failed), Some(good)) = (outcomes.next(), outcomes.next()) else {
            fail("a level has no outcome of its own")
        };
        must(good, "setting a level beside an unknown SKU");
        let shown = lab.fake.stock(lab.shop()).get(&known.sku_id).copied();
        assert!(shown == Some(known.available), "a level beside an unknown SKU was not set");
        failed
    } else {
        one_level(sink.set(&lab.session(), &[unknown]).await)
    };
    let error = must_fail(failed, "setting an unknown SKU");
    assert!(!error.kind().is_transient(), "an unknown SKU gave {error}, so it is tried forever");
}

/// The outcome of a batch of one.
pub(super) fn one_level(outcomes: Result<Vec<Result<()>>>) -> Result<()> {
    match outcomes?.into_iter().next() {
        Some(outcome) => outcome,
        None => fail("a level has no outcome of its own"),
    }
}

pub(super) fn waybill(order_id: OrderId, number: &str) -> Waybill {
    let (action, lines) = (WaybillAction::Ship, Vec::new());
    Waybill { order_id, action, carrier: "SF".to_owned(), number: number.to_owned(), lines }
}

async fn waybills(lab: &Lab<'_>, sink: &dyn WaybillSink) {
    let (order, _) = lab.new_order(1).await;
    ships_once(lab, sink, &order).await;
    let other = waybill(order.clone(), OTHER_NUMBER);
    let error = must_fail(sink.ship(&lab.session(), &other).await, "shipping with another number");
    assert!(error.kind() == ErrorKind::Conflict, "another number gave {error}, not a conflict");
    shows(lab, sink, &order, NUMBER).await;

    let nowhere = OrderId::try_new("999999999999999999");
    let nowhere = waybill(must(nowhere, "making an id"), NUMBER);
    let error = must_fail(sink.ship(&lab.session(), &nowhere).await, "shipping an unknown order");
    assert!(!error.kind().is_transient(), "an unknown order gave {error}, so it is tried forever");

    for seed in 10..16 {
        let (order, content) = lab.new_order(seed).await;
        if !content.is_none_or(|order| is_shippable(&order)) {
            continue;
        }
        // A number carries the goods of one buyer; a channel may refuse it for another.
        let number = format!("SF10000000001{seed}");
        lab.fake.set_faults(Faults { lost_answer_every: LOSE_EVERY, ..Faults::default() });
        let mut outcome = Ok(());
        for _ in 0..TRIES {
            outcome = sink.ship(&lab.session(), &waybill(order.clone(), &number)).await;
            match &outcome {
                Err(error) if error.kind().is_transient() => {}
                _ => break,
            }
        }
        lab.fake.set_faults(Faults::default());
        must(outcome, "shipping again after lost answers");
        shows(lab, sink, &order, &number).await;
    }
}

/// Ships orders, each whole and with a number of its own, so that somebody may speak of them.
pub(super) async fn ship_some(lab: &Lab<'_>) -> Vec<OrderId> {
    let Some(sink) = lab.connector.waybills() else {
        fail("deliveries speak of goods, and nothing can be shipped")
    };
    let mut shipped = Vec::new();
    for seed in 10..16 {
        let (order, content) = lab.new_order(seed).await;
        if content.is_none_or(|order| is_shippable(&order)) {
            let waybill = waybill(order.clone(), &format!("SF10000000002{seed}"));
            must(sink.ship(&lab.session(), &waybill).await, "shipping");
            shipped.push(order);
        }
    }
    assert!(!shipped.is_empty(), "none of the fake's orders can be shipped");
    shipped
}

/// False for what a channel rightly refuses to ship: goods that no carrier carries, and orders not paid yet.
fn is_shippable(order: &Order) -> bool {
    let waits = matches!(
        order.status,
        OrderStatus::AwaitingPayment | OrderStatus::PartlyPaid | OrderStatus::OnHold
    );
    order.order_type != OrderType::Virtual && !waits
}

async fn ships_once(lab: &Lab<'_>, sink: &dyn WaybillSink, order: &OrderId) {
    let before = must(sink.shipped(&lab.session(), order).await, "asking what is shipped");
    assert!(before.is_empty(), "an order nobody shipped is called shipped");
    let waybill = waybill(order.clone(), NUMBER);
    must(sink.ship(&lab.session(), &waybill).await, "shipping");
    shows(lab, sink, order, NUMBER).await;
    must(sink.ship(&lab.session(), &waybill).await, "shipping again");
    shows(lab, sink, order, NUMBER).await;
}

/// The channel has the one number, and the connector can read it back.
async fn shows(lab: &Lab<'_>, sink: &dyn WaybillSink, order: &OrderId, number: &str) {
    let at_channel = lab.fake.shipments(lab.shop()).remove(order).unwrap_or_default();
    let numbers: Vec<&str> = at_channel.iter().map(|(_, number)| number.as_str()).collect();
    assert!(numbers == [number], "shipped once and the channel has {numbers:?}");
    let read = must(sink.shipped(&lab.session(), order).await, "asking what is shipped");
    let there = read.iter().any(|shipped| shipped.number == number);
    assert!(there || lab.subject.hides_numbers, "`shipped` does not list what was shipped");
}
