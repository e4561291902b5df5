//! A small ERP: consumes orders as the contract tells it to (upsert by version), ships what may ship, and states new
//! stock levels.

use super::books::{Books, Key};
use anyhow::Context;
use channel_gateway::config::Topics;
use channel_gateway::push::{Outcome, PushResult, StockCommand, WaybillCommand};
use channel_gateway::shutdown::Shutdown;
use connectors::contract::model::{Order, OrderStatus, OrderType, Refund, WaybillAction};
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::message::{Headers, Message, OwnedMessage};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{ClientConfig, util::Timeout};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

/// Partitions of the embedded broker's topics.
const PARTITIONS: u64 = 4;

struct Erp {
    consumer: StreamConsumer,
    producer: FutureProducer,
    topics: Topics,
    books: Arc<Books>,
}

pub(super) fn start(
    bootstrap: &str,
    topics: &Topics,
    books: &Arc<Books>,
    shutdown: &Shutdown,
) -> anyhow::Result<()> {
    let consumer: StreamConsumer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("group.id", "demo-erp")
        .set("auto.offset.reset", "earliest")
        .create()?;
    consumer.subscribe(&[
        &topics.orders,
        &topics.refunds,
        &topics.push_results,
        &topics.push_dlq,
    ])?;
    let producer: FutureProducer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("acks", "all")
        .set("linger.ms", "0")
        .create()?;
    let erp = Erp { consumer, producer, topics: topics.clone(), books: Arc::clone(books) };
    let stop = shutdown.clone();
    shutdown.spawn(async move {
        tokio::select! {
            () = erp.run() => {}
            () = stop.stopped() => {}
        }
    });
    Ok(())
}

impl Erp {
    async fn run(&self) {
        loop {
            let message = match self.consumer.recv().await {
                Ok(message) => message.detach(),
                Err(error) => {
                    tracing::warn!(%error, "erp");
                    continue;
                }
            };
            if let Err(error) = self.take(&message).await {
                tracing::error!(%error, topic = message.topic(), "erp");
            }
        }
    }

    async fn take(&self, message: &OwnedMessage) -> anyhow::Result<()> {
        let payload = message.payload().context("a record without a value")?;
        let topic = message.topic();
        if topic == self.topics.orders {
            let order: Order = serde_json::from_slice(payload)?;
            return self.order(order, &header(message, "ce_id")?).await;
        }
        if topic == self.topics.refunds {
            let refund: Refund = serde_json::from_slice(payload)?;
            let shop = refund.shop.context("a refund without a shop")?.to_string();
            let key = (refund.channel.to_string(), shop, refund.refund_id.to_string());
            let mut state = self.books.state.lock();
            if state.note(&key.0, &header(message, "ce_id")?) {
                let newest = state.refunds.entry(key).or_insert(i64::MIN);
                *newest = refund.modified.unix_ms().max(*newest);
            }
            return Ok(());
        }
        if topic == self.topics.push_results {
            self.result(serde_json::from_slice(payload)?);
            return Ok(());
        }
        self.books.state.lock().dead += 1;
        Ok(())
    }

    async fn order(&self, order: Order, event: &str) -> anyhow::Result<()> {
        let shop = order.shop.clone().context("an order without a shop")?.to_string();
        let key: Key = (order.channel.to_string(), shop, order.order_id.to_string());
        let (waybill, stock) = {
            let mut state = self.books.state.lock();
            if !state.note(&key.0, event) {
                return Ok(());
            }
            let version = order.times.modified.unix_ms();
            let newest = state.orders.entry(key.clone()).or_insert(i64::MIN);
            *newest = version.max(*newest);
            // Nothing of a virtual order is given to a carrier.
            let ready = order.status == OrderStatus::AwaitingShipment
                && order.order_type != OrderType::Virtual
                && order.shipping.holds.is_empty()
                && !state.waybills.contains_key(&key);
            if !ready {
                return Ok(());
            }
            let number = format!("SF{:013}", 1_000_000_000_000 + state.waybills.len());
            state.waybills.insert(key.clone(), number.clone());
            let mut stock = Vec::new();
            for line in &order.lines {
                let Some(sku) = line.sku_id.clone().or_else(|| line.product_id.clone()) else {
                    continue;
                };
                let sku = String::from(sku);
                let sku_key = (key.0.clone(), key.1.clone(), sku.clone());
                let (available, version) = state.sell(sku_key, line.quantity);
                stock.push(StockCommand {
                    channel: key.0.clone().into(),
                    shop: key.1.clone().into(),
                    sku_id: sku,
                    product_id: line.product_id.clone().map(Into::into),
                    available,
                    version,
                });
            }
            state.commanded += 1 + stock.len();
            let waybill = WaybillCommand {
                channel: key.0.clone(),
                shop: key.1.clone(),
                order_id: order.order_id.clone(),
                action: WaybillAction::Ship,
                carrier: "SF".to_owned(),
                number,
                lines: Vec::new(),
                ship_by: None,
                force: false,
            };
            (waybill, stock)
        };
        let object = waybill.order_id.to_string();
        // All at once, in their order: an ERP that waits for each acknowledgement falls behind its orders.
        let levels = stock
            .iter()
            .map(|level| self.send(&self.topics.stock_commands, &key, &level.sku_id, level));
        let parcel = self.send(&self.topics.waybill_commands, &key, &object, &waybill);
        futures_util::try_join!(parcel, futures_util::future::try_join_all(levels))?;
        Ok(())
    }

    /// All commands of a shop go to one partition, so that one instance of a gateway owns the shop.
    async fn send(
        &self,
        topic: &str,
        shop: &Key,
        object: &str,
        command: &impl serde::Serialize,
    ) -> anyhow::Result<()> {
        let mut hasher = DefaultHasher::new();
        (&shop.0, &shop.1).hash(&mut hasher);
        let partition = i32::try_from(hasher.finish() % PARTITIONS)?;
        let key = format!("{}:{}:{object}", shop.0, shop.1);
        let payload = serde_json::to_vec(command)?;
        let record = FutureRecord::to(topic).key(&key).payload(&payload).partition(partition);
        let sent = self.producer.send(record, Timeout::After(Duration::from_secs(10))).await;
        sent.map(drop).map_err(|(error, _)| error.into())
    }

    fn result(&self, result: PushResult) {
        let mut state = self.books.state.lock();
        if !state.results.insert(result.push_id) {
            return;
        }
        let words = result.error.map_or_else(String::new, |reason| {
            let code = reason.channel_code.unwrap_or_default();
            format!("{} {code}", reason.message)
        });
        match result.outcome {
            Outcome::Ok | Outcome::Superseded => {}
            Outcome::Refused | Outcome::Conflict => {
                state.refused.insert((result.channel, result.shop, result.object_id), words);
            }
            Outcome::Unknown => state.unknown += 1,
        }
    }
}

fn header(message: &OwnedMessage, name: &str) -> anyhow::Result<String> {
    let headers = message.headers().context("a record without headers")?;
    let found = headers.iter().find(|header| header.key == name).and_then(|header| header.value);
    Ok(std::str::from_utf8(found.with_context(|| format!("no header {name}"))?)?.to_owned())
}
