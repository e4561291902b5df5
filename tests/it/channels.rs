//! Every channel of the registry, from an order placed there to its stock level and its waybill back there.

use crate::support::{Channel, Erp, Gateway, Seen, Setup, now};
use channel_gateway::courier::{Courier, Pauses};
use channel_gateway::shutdown::Shutdown;
use connectors::contract::model::{Order, OrderId, OrderStatus, OrderType, ShopId};
use connectors::contract::{Capability, Entry, ShopSetup};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const ORDERS: u64 = 12;

/// The words of `enable` for everything that a channel's connector can do.
fn offered(entry: &Entry) -> String {
    let shop = ShopId::try_new("s1").unwrap();
    let connector = (entry.build)(ShopSetup { shop, settings: json!({}) }).unwrap();
    let has = Capability::ALL.into_iter().filter(|capability| connector.has(*capability));
    has.map(|capability| format!("\"{}\"", capability.as_str())).collect::<Vec<_>>().join(", ")
}

/// A gateway that does all that the channel can, and somebody who carries the channel's webhooks to it.
async fn serve(channel: &Channel, entry: &Entry, carrying: &Shutdown) -> Gateway {
    let setup = Setup::new(channel.name).polls_quickly();
    let stream = channel.fake.stream().map_or_else(String::new, |stream| {
        format!("stream_url = \"ws://{}{}\"", channel.address, stream.path())
    });
    let gateway = channel.serve(setup, &offered(entry), &stream).start().await;
    let pauses = Pauses { first: Duration::from_millis(20), longest: Duration::from_millis(200) };
    let target = format!("http://{}", gateway.address());
    let courier = Courier::try_new(Arc::clone(&channel.fake), &target, pauses).unwrap();
    carrying.spawn(Arc::new(courier).run(carrying.clone()));
    gateway
}

/// Orders that an ERP would ship, as it read them.
fn ready_to_ship(seen: &[Seen], touched: &[&OrderId]) -> Vec<Order> {
    let mut newest: BTreeMap<OrderId, Order> = BTreeMap::new();
    for record in seen {
        let order: Order = serde_json::from_value(record.value.clone()).unwrap();
        match newest.get(&order.order_id) {
            Some(known) if known.times.modified >= order.times.modified => {}
            _ => drop(newest.insert(order.order_id.clone(), order)),
        }
    }
    let is_ready = |order: &Order| {
        order.status == OrderStatus::AwaitingShipment
            && order.order_type != OrderType::Virtual
            && order.shipping.holds.is_empty()
            && !order.shipping.cash_on_delivery
            && !touched.contains(&&order.order_id)
    };
    newest.into_values().filter(is_ready).collect()
}

/// Commands a level for each SKU and a parcel for each order; returns what the channel must show in the end.
async fn command(
    channel: &Channel,
    gateway: &Gateway,
    orders: &[Order],
) -> (BTreeMap<String, u32>, BTreeMap<OrderId, String>) {
    let (erp, shop) = (Erp::new(&gateway.setup), channel.shop.shop.as_str());
    let (mut levels, mut numbers) = (BTreeMap::new(), BTreeMap::new());
    for (index, order) in (0_u32..).zip(orders) {
        let number = format!("SF{}", 1_000_000_000_000_u64 + u64::from(index));
        let waybill = json!({
            "channel": channel.name, "shop": shop, "order_id": order.order_id,
            "carrier": "SF", "number": number,
        });
        erp.command("waybill_commands", order.order_id.as_str(), &waybill).await;
        numbers.insert(order.order_id.clone(), number);
        for line in &order.lines {
            let Some(sku) = line.sku_id.as_ref().or(line.product_id.as_ref()) else { continue };
            if levels.contains_key(sku) {
                continue;
            }
            let available = 40 + index;
            let mut stock = json!({
                "channel": channel.name, "shop": shop, "sku_id": sku,
                "available": available, "version": 1,
            });
            if let Some(product) = &line.product_id {
                stock["product_id"] = json!(product);
            }
            erp.command("stock_commands", sku, &stock).await;
            levels.insert(sku.clone(), available);
        }
    }
    (levels, numbers)
}

/// An order is placed, edited, refunded; everything is in Kafka once per version; stock and waybills are back.
async fn trade(entry: &'static Entry) {
    let channel = Channel::start(entry.channel).await;
    let (carrying, shop) = (Shutdown::default(), channel.shop.shop.clone());
    let gateway = serve(&channel, entry, &carrying).await;
    let (mut orders, mut refunds) = (gateway.topic("orders"), gateway.topic("refunds"));
    let what = |what: &str| format!("{}: every {what} in its newest version", channel.name);
    let placed: Vec<OrderId> = (0..ORDERS).map(|seed| channel.order(seed)).collect();
    orders.until_equal(&what("order"), || channel.fake.orders(&shop)).await;
    let touched: Vec<&OrderId> = placed.iter().step_by(3).collect();
    for order in &touched {
        channel.fake.edit_order(&shop, order, now());
    }
    let refunded = channel.fake.create_refund(&shop, touched[1], now());
    orders.until_equal(&what("edited order"), || channel.fake.orders(&shop)).await;
    refunds.until_equal(&what("refund"), || channel.fake.refunds(&shop)).await;
    assert!(channel.fake.refunds(&shop).contains_key(&refunded), "{}", channel.name);
    for record in orders.seen.iter().chain(&refunds.seen) {
        assert_eq!(record.value["channel"], channel.name);
        assert_eq!(record.value["shop"], shop.as_str());
    }

    let ready = ready_to_ship(&orders.seen, &touched);
    assert!(ready.len() > 2, "{}: {} orders can be shipped", channel.name, ready.len());
    let (levels, numbers) = command(&channel, &gateway, &ready).await;
    let mut results = gateway.topic("push_results");
    for result in results.until(levels.len() + numbers.len()).await {
        assert_eq!(result.value["outcome"], "ok", "{}: {result:#?}", channel.name);
    }
    for (sku, available) in &levels {
        assert_eq!(channel.level(sku), Some(*available), "{}: {sku}", channel.name);
    }
    for (order, number) in &numbers {
        assert_eq!(channel.numbers(order), [number.as_str()], "{}: {order}", channel.name);
    }
    // Shipping changed the orders; that is news too.
    orders.until_equal(&what("shipped order"), || channel.fake.orders(&shop)).await;
    let quarantined = gateway.everything("quarantine").await;
    assert!(quarantined.is_empty(), "{}: {quarantined:#?}", channel.name);
    carrying.stop();
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_channel_carries_orders_in_and_stock_and_waybills_back() {
    let trades = connectors::REGISTRY.iter().map(trade);
    futures_util::future::join_all(trades).await;
}
