//! A channel that pushes messages over a connection we open: Taobao's, as its simulator serves it.

use crate::support::{Channel, Gateway, Setup, eventually, now};
use connectors::testkit::FakeStream;
use std::collections::BTreeSet;

/// Nothing is polled: the watermark begins now and the first window never ends.
fn quick(setup: Setup) -> Setup {
    setup.with("stream.reconnect_ms = 100").with("poll.interval_ms = 60000")
}

fn serve(channel: &Channel, setup: Setup) -> Setup {
    let more = format!("stream_url = \"ws://{}/tmc\"", channel.address);
    channel.serve(quick(setup), "\"stream\"", &more)
}

fn stream(channel: &Channel) -> &dyn FakeStream {
    channel.fake.stream().unwrap()
}

async fn confirmed(channel: &Channel) {
    eventually("every message is confirmed", async || {
        (stream(channel).unconfirmed() == 0).then_some(())
    })
    .await;
}

fn ids(gateway: &[crate::support::Seen]) -> BTreeSet<String> {
    gateway.iter().map(|seen| seen.headers["ce_id"].clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_reaches_kafka_once_although_two_messages_announce_it() {
    let channel = Channel::start("taobao").await;
    let early = channel.order(1);
    let gateway: Gateway = serve(&channel, Setup::new("stream")).start().await;
    let late = channel.order(2);
    let refund = channel.fake.create_refund(&channel.shop.shop, &late, now());
    confirmed(&channel).await;
    let seen = gateway.everything("orders").await;
    let orders: BTreeSet<&str> =
        seen.iter().map(|seen| seen.value["order_id"].as_str().unwrap()).collect();
    assert_eq!(orders, BTreeSet::from([early.as_str(), late.as_str()]));
    assert_eq!(ids(&seen).len(), seen.len(), "an event is there twice: {seen:#?}");
    assert!(seen.iter().all(|seen| seen.headers["origin"] == "stream"), "{seen:#?}");
    let refunds = gateway.everything("refunds").await;
    assert_eq!(refunds.len(), 1, "{refunds:#?}");
    assert_eq!(refunds[0].value["refund_id"].as_str().unwrap(), refund.as_str());
    assert!(gateway.everything("quarantine").await.is_empty());
    gateway.stop().await;
}
