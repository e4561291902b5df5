//! A fake channel on a socket, and the ERP's side of the command topics.

use super::{Setup, Tampered, Timed, kafka, wrong_value};
use channel_gateway::clock::{Clock, SystemClock};
use channel_gateway::shutdown::Shutdown;
use channel_gateway::simulate;
use connectors::contract::model::{OrderId, ShopId, Timestamp};
use connectors::testkit::{Fake, FakeShop};
use rdkafka::ClientConfig;
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);

/// The partition that the key decides.
const ANY: i32 = -1;

/// A channel of the registry with one shop, on a socket of its own.
pub(crate) struct Channel {
    pub(crate) name: &'static str,
    pub(crate) fake: Arc<dyn Fake>,
    pub(crate) shop: FakeShop,
    pub(crate) address: SocketAddr,
    /// When calls came, where a test holds a limit against them.
    pub(crate) timed: Option<Arc<Timed>>,
}

impl Channel {
    pub(crate) async fn start(name: &'static str) -> Self {
        Self::open(name, |_| None).await.0
    }

    /// The same, and it remembers when calls come.
    pub(crate) async fn timed(name: &'static str) -> Self {
        Self::open(name, |fake| Some(Timed::new(fake))).await.0
    }

    /// The same, and there it is always this time.
    pub(crate) async fn timed_at(name: &'static str, now: Timestamp) -> Self {
        Self::open(name, |fake| Some(Timed::at(fake, now))).await.0
    }

    /// The same, with a hand on its answers.
    pub(crate) async fn start_tampered(name: &'static str) -> (Self, Arc<Tampered>) {
        Self::open(name, |_| None).await
    }

    async fn open(
        name: &'static str,
        time: impl FnOnce(Arc<dyn Fake>) -> Option<Arc<Timed>>,
    ) -> (Self, Arc<Tampered>) {
        let shop = FakeShop {
            shop: ShopId::try_new("s1").unwrap(),
            app_key: "12345678".to_owned(),
            secret: super::SECRET.to_owned(),
            token: "test-token".to_owned(),
        };
        let tampered = Tampered::new((connectors::find(name).unwrap().fake)(vec![shop.clone()]));
        let mut fake: Arc<dyn Fake> = Arc::<Tampered>::clone(&tampered);
        let timed = time(Arc::clone(&fake));
        if let Some(timed) = &timed {
            fake = Arc::<Timed>::clone(timed);
        }
        let local = "127.0.0.1:0".parse().unwrap();
        // Ends with the test's runtime.
        let address =
            simulate::serve(Arc::clone(&fake), local, &Shutdown::default()).await.unwrap();
        (Self { name, fake, shop, address, timed }, tampered)
    }

    /// A gateway that serves the channel's shop.
    pub(crate) fn serve(&self, setup: Setup, enable: &str, more: &str) -> Setup {
        self.serve_at(setup, self.address, enable, more)
    }

    /// The same, where the channel is to be found elsewhere.
    pub(crate) fn serve_at(
        &self,
        setup: Setup,
        address: SocketAddr,
        enable: &str,
        more: &str,
    ) -> Setup {
        let FakeShop { shop, app_key, secret, token } = &self.shop;
        setup.shop(&format!(
            "channel = \"{}\"\nid = \"{shop}\"\nenable = [{enable}]\nbase_url = \"http://{address}/api\"\n\
             app_key = \"{app_key}\"\napp_secret = \"dev:{secret}\"\ntoken = \"dev:{token}\"\n\
             refresh_token = \"dev:{token}-refresh\"\nwebhook_secrets = [\"dev:{secret}\"]\n{more}",
            self.name
        ))
    }

    pub(crate) fn order(&self, seed: u64) -> OrderId {
        self.fake.create_order(&self.shop.shop, seed, now())
    }

    /// Tracking numbers that the channel knows of an order.
    pub(crate) fn numbers(&self, order: &OrderId) -> Vec<String> {
        let shipments = self.fake.shipments(&self.shop.shop);
        shipments.get(order).into_iter().flatten().map(|(_, number)| number.clone()).collect()
    }

    pub(crate) fn level(&self, sku: &str) -> Option<u32> {
        self.fake.stock(&self.shop.shop).get(sku).copied()
    }
}

pub(crate) fn now() -> Timestamp {
    SystemClock.now()
}

/// Publishes commands as an ERP does.
pub(crate) struct Erp {
    producer: FutureProducer,
    setup: Setup,
}

impl Erp {
    pub(crate) fn new(setup: &Setup) -> Self {
        let producer = ClientConfig::new()
            .set("bootstrap.servers", kafka())
            .set("topic.metadata.refresh.interval.ms", "500")
            .set("message.max.bytes", "2000000")
            .create()
            .unwrap();
        Self { producer, setup: setup.clone() }
    }

    /// A command that the contract allows; anything else is sent [`Self::raw`].
    pub(crate) async fn command(&self, topic: &str, key: &str, command: &Value) {
        assert!(wrong_value(topic, command).is_empty(), "{:#?}", wrong_value(topic, command));
        self.raw(topic, key, command.to_string().as_bytes()).await;
    }

    /// A command in whatever partition its key belongs to, so that several gateways share a shop's work.
    pub(crate) async fn spread(&self, topic: &str, key: &str, command: &Value) {
        let payload = command.to_string();
        self.record(topic, ANY, Some(key.as_bytes()), Some(payload.as_bytes())).await;
    }

    /// Everything goes to partition 0: one shop's commands are in one partition.
    pub(crate) async fn raw(&self, topic: &str, key: &str, payload: &[u8]) {
        self.record(topic, 0, Some(key.as_bytes()), Some(payload)).await;
    }

    /// Two records at the offsets 0 and 2 of an empty partition. What stands at 1 and 3 is nothing that a consumer sees.
    pub(crate) fn record_with_gaps(&self, topic: &str, partition: i32) {
        let topic = self.setup.topic_name(topic);
        let producer: FutureProducer = ClientConfig::new()
            .set("bootstrap.servers", kafka())
            .set("transactional.id", &topic)
            .create()
            .unwrap();
        producer.init_transactions(PATIENCE).unwrap();
        for _ in 0..2 {
            let record = FutureRecord::to(&topic).key("k").payload("<html>").partition(partition);
            producer.begin_transaction().unwrap();
            drop(producer.send_result(record).unwrap());
            producer.commit_transaction(PATIENCE).unwrap();
        }
    }

    /// Anything at all; returns where it lies, as a push id.
    pub(crate) async fn record(
        &self,
        topic: &str,
        partition: i32,
        key: Option<&[u8]>,
        payload: Option<&[u8]>,
    ) -> String {
        let topic = self.setup.topic_name(topic);
        let mut record = FutureRecord::<[u8], [u8]>::to(&topic).partition(partition);
        record.key = key;
        record.payload = payload;
        let sent = self.producer.send(record, PATIENCE).await;
        let lies = sent.map_err(|(error, _)| error).unwrap();
        format!("{topic}/{}/{}", lies.partition, lies.offset)
    }
}
