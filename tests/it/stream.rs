//! A channel that pushes messages over a connection we open: Taobao's, as its simulator serves it.

use crate::support::{Channel, Gateway, SECRET, Seen, Setup, eventually, now};
use bytes::Bytes;
use channel_gateway::shutdown::Shutdown;
use channel_gateway::simulate;
use connectors::contract::model::{OrderId, ShopId};
use connectors::testkit::{FakeShop, FakeStream, Faults};
use futures_util::{SinkExt, StreamExt};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

/// Nothing is polled here: what is in Kafka came by the stream.
const ENABLE: &str = "\"stream\"";

fn quick(setup: Setup) -> Setup {
    setup.with("stream.reconnect_ms = 50")
}

fn serve(channel: &Channel, setup: Setup) -> Setup {
    beside(channel, quick(setup))
}

/// One more shop.
fn beside(channel: &Channel, setup: Setup) -> Setup {
    channel.serve(setup, ENABLE, &format!("stream_url = \"ws://{}/tmc\"", channel.address))
}

fn stream(channel: &Channel) -> &dyn FakeStream {
    channel.fake.stream().unwrap()
}

async fn until_confirmed(channel: &Channel) {
    eventually("every message is confirmed", async || {
        (stream(channel).unconfirmed() == 0).then_some(())
    })
    .await;
}

fn outcome(gateway: &Gateway, outcome: &str) -> u64 {
    gateway.app.metrics().stream_messages.with_label_values(&["taobao", outcome]).get()
}

fn connects(gateway: &Gateway, outcome: &str) -> u64 {
    gateway.app.metrics().stream_connects.with_label_values(&["taobao", outcome]).get()
}

/// The orders in records, each of which is there once.
fn orders(seen: &[Seen]) -> BTreeSet<String> {
    let ids: BTreeSet<&String> = seen.iter().map(|seen| &seen.headers["ce_id"]).collect();
    assert_eq!(ids.len(), seen.len(), "an event is there twice: {seen:#?}");
    seen.iter().map(|seen| seen.headers["ce_subject"].clone()).collect()
}

fn named<'o>(orders: impl IntoIterator<Item = &'o OrderId>) -> BTreeSet<String> {
    orders.into_iter().map(ToString::to_string).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_reaches_kafka_once_although_two_messages_announce_it() {
    let channel = Channel::start("taobao").await;
    let early = channel.order(1);
    let gateway = serve(&channel, Setup::new("stream")).start().await;
    let late = channel.order(2);
    let refund = channel.fake.create_refund(&channel.shop.shop, &late, now());
    until_confirmed(&channel).await;
    let seen = gateway.everything("orders").await;
    assert_eq!(orders(&seen), named([&early, &late]));
    assert!(seen.iter().all(|seen| seen.headers["origin"] == "stream"), "{seen:#?}");
    let refunds = gateway.everything("refunds").await;
    assert_eq!(orders(&refunds), BTreeSet::from([refund.to_string()]));
    assert!(gateway.everything("quarantine").await.is_empty());
    assert_eq!(outcome(&gateway, "accepted"), 5);
    assert_eq!(stream(&channel).confirmed(), 5);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_confirmed_before_kafka_has_it_and_what_is_under_way_is_bounded() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = listener.local_addr().unwrap().to_string();
    let channel = Channel::start("taobao").await;
    let setup = Setup::new("unacknowledged");
    let away = setup.clone().kafka(silent).with("kafka.create_partitions = 0");
    let away = away.with("stream.in_flight = 3").with("stream.deadline_ms = 2000");
    let first = serve(&channel, away).start().await;
    let made: Vec<OrderId> = (0..20).map(|seed| channel.order(seed)).collect();
    let metrics = first.app.metrics();
    let under_way = metrics.stream_in_flight.with_label_values(&["taobao", "12345678", "default"]);
    eventually("as much is under way as may be", async || {
        assert!(under_way.get() <= 3, "{}", under_way.get());
        (under_way.get() == 3).then_some(())
    })
    .await;
    let read = metrics.api_calls.with_label_values(&["taobao", "taobao.trade.fullinfo.get", "ok"]);
    eventually("an order was read", async || (read.get() > 0).then_some(())).await;
    eventually("the channel hears that a message must come again", async || {
        assert!(under_way.get() <= 3, "{}", under_way.get());
        (stream(&channel).failed() > 0).then_some(())
    })
    .await;
    assert_eq!(stream(&channel).confirmed(), 0);
    first.stop().await;
    assert_eq!(stream(&channel).confirmed(), 0, "a message was confirmed that is not in Kafka");

    let second = serve(&channel, setup).start().await;
    until_confirmed(&channel).await;
    assert_eq!(orders(&second.everything("orders").await), named(&made));
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_connection_is_opened_again_and_what_was_not_confirmed_comes_again_and_counts_once() {
    let channel = Channel::start("taobao").await;
    channel.fake.set_faults(Faults { lost_answer_every: 3, ..Faults::default() });
    let gateway = serve(&channel, Setup::new("cut")).start().await;
    let mut made = Vec::new();
    for seed in 0..30 {
        made.push(channel.order(seed));
        if seed == 10 {
            eventually("the stream is open", async || (connects(&gateway, "ok") > 0).then_some(()))
                .await;
            stream(&channel).cut();
        }
    }
    eventually("confirms were lost", async || (connects(&gateway, "ok") > 3).then_some(())).await;
    channel.fake.set_faults(Faults::default());
    until_confirmed(&channel).await;
    assert!(stream(&channel).sent() > 60, "nothing came again");
    assert_eq!(orders(&gateway.everything("orders").await), named(&made));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seller_who_withdraws_the_authorization_pauses_the_shop() {
    let channel = Channel::start("taobao").await;
    let gateway = serve(&channel, Setup::new("withdrawn")).start().await;
    channel.order(1);
    until_confirmed(&channel).await;
    let metrics = gateway.app.metrics();
    let paused = metrics.paused_shops.with_label_values(&["taobao", "s1"]);
    assert_eq!(paused.get(), 0);
    channel.fake.withdraw(&channel.shop.shop, now());
    eventually("the shop is paused", async || (paused.get() == 1).then_some(())).await;
    until_confirmed(&channel).await;
    let calls = channel.fake.calls();
    let order = channel.order(2);
    eventually("what cannot be read is not confirmed", async || {
        (stream(&channel).failed() == 2).then_some(())
    })
    .await;
    assert_eq!(channel.fake.calls(), calls, "a paused shop is not called for");
    assert_eq!(stream(&channel).unconfirmed(), 2);
    assert!(!orders(&gateway.everything("orders").await).contains(order.as_str()));
    gateway.stop().await;
}

/// Two shops of one application, on one socket.
async fn two_shops() -> (Channel, Channel) {
    let shop = |number: u32| FakeShop {
        shop: ShopId::try_new(&format!("s{number}")).unwrap(),
        app_key: "12345678".to_owned(),
        secret: SECRET.to_owned(),
        token: format!("token-{number}"),
    };
    let shops = [shop(1), shop(2)];
    let fake = (connectors::find("taobao").unwrap().fake)(shops.to_vec());
    let local = "127.0.0.1:0".parse().unwrap();
    let address = simulate::serve(Arc::clone(&fake), local, &Shutdown::default()).await.unwrap();
    let [one, other] = shops.map(|shop| Channel {
        name: "taobao",
        fake: Arc::clone(&fake),
        shop,
        address,
        timed: None,
    });
    (one, other)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_connection_serves_all_shops_of_an_application() {
    let (one, other) = two_shops().await;
    let setup = beside(&other, serve(&one, Setup::new("shared")));
    let gateway = setup.start().await;
    let mut expected = BTreeMap::new();
    for seed in 0..5 {
        expected.insert(one.order(seed).to_string(), "s1");
        expected.insert(other.order(seed).to_string(), "s2");
    }
    until_confirmed(&one).await;
    let seen = gateway.everything("orders").await;
    let of = |seen: &Seen| (seen.headers["ce_subject"].clone(), seen.value["shop"].clone());
    let found: BTreeMap<String, serde_json::Value> = seen.iter().map(of).collect();
    let expected = expected.into_iter().map(|(order, shop)| (order, shop.into())).collect();
    assert_eq!(found, expected);
    assert_eq!(connects(&gateway, "ok"), 1);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_a_seller_that_no_shop_is_is_never_confirmed() {
    let (one, other) = two_shops().await;
    let gateway = serve(&one, Setup::new("stranger")).start().await;
    let known = one.order(1);
    other.order(2);
    eventually("the rest is confirmed", async || {
        (stream(&one).unconfirmed() == 2 && stream(&one).failed() == 2).then_some(())
    })
    .await;
    assert_eq!(outcome(&gateway, "unknown_shop"), 2);
    assert_eq!(orders(&gateway.everything("orders").await), named([&known]));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_secret_and_an_address_that_may_not_be_called_open_nothing() {
    let channel = Channel::start("taobao").await;
    channel.order(1);
    let mut wrong =
        Channel { shop: channel.shop.clone(), fake: Arc::clone(&channel.fake), ..channel };
    wrong.shop.secret = "another".to_owned();
    let refused = serve(&wrong, Setup::new("refused")).start().await;
    eventually("the channel refuses", async || {
        (connects(&refused, "unauthorized") > 1).then_some(())
    })
    .await;
    assert_eq!(connects(&refused, "ok"), 0);
    refused.stop().await;
    let setup = Setup::new("guarded").with("egress.allow_networks = []");
    let guarded = serve(&wrong, setup.with("egress.allow_plain_http = true")).start().await;
    eventually("the guard refuses", async || (connects(&guarded, "rejected") > 1).then_some(()))
        .await;
    guarded.stop().await;
    assert_eq!(stream(&wrong).sent(), 0);
}

/// A WebSocket that is opened by hand, as no library of a client does it for us here.
async fn by_hand(channel: &Channel) -> WebSocketStream<TcpStream> {
    let mut socket = TcpStream::connect(channel.address).await.unwrap();
    let request = "GET /tmc HTTP/1.1\r\nhost: localhost\r\nconnection: Upgrade\r\n\
                   upgrade: websocket\r\nsec-websocket-version: 13\r\n\
                   sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    assert!(head.starts_with("http/1.1 101 "), "{head}");
    // The answer that RFC 6455 gives for its own example key.
    assert!(head.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="), "{head}");
    WebSocketStream::from_raw_socket(socket, Role::Client, None).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_simulated_stream_answers_no_ping_and_lets_nobody_in_without_a_signature() {
    let channel = Channel::start("taobao").await;
    let mut socket = by_hand(&channel).await;
    socket.send(Message::Ping(Bytes::from_static(b"?"))).await.unwrap();
    socket.send(Message::Binary(Bytes::from_static(&[2, 0, 0, 0]))).await.unwrap();
    let Some(Ok(Message::Binary(refusal))) = socket.next().await else {
        panic!("a refusal comes first, and no pong before it");
    };
    assert_eq!(&refusal[..8], &[2, 1, 2, 0, 0x91, 1, 0, 0], "a status of 401");
    assert!(matches!(socket.next().await, Some(Ok(Message::Close(_)))));
    let open = by_hand(&channel).await;
    drop(open);
    // Bytes that no client may send end the connection, and nothing else.
    let mut odd = TcpStream::connect(channel.address).await.unwrap();
    odd.write_all(b"GET /tmc HTTP/1.1\r\nhost: localhost\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n")
        .await
        .unwrap();
    let mut answer = [0; 12];
    odd.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 400");
}

#[tokio::test(flavor = "multi_thread")]
async fn told_to_end_it_confirms_what_is_under_way() {
    let channel = Channel::start("taobao").await;
    let gateway = serve(&channel, Setup::new("stream-end")).start().await;
    let made: Vec<OrderId> = (0..40).map(|seed| channel.order(seed)).collect();
    eventually("some are confirmed", async || (stream(&channel).confirmed() > 0).then_some(()))
        .await;
    let setup = gateway.setup.clone();
    gateway.stop().await;
    let confirmed = stream(&channel).confirmed();
    let published = orders(&setup.everything("orders").await);
    assert!(published.is_subset(&named(&made)));
    assert!(confirmed <= 2 * published.len() as u64, "{confirmed} of {}", published.len());
    let heir = setup.start().await;
    until_confirmed(&channel).await;
    assert_eq!(orders(&heir.everything("orders").await), named(&made));
    heir.stop().await;
}
