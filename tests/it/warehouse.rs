//! A warehouse that calls: from a parcel that left to its record, and what it is told.

use crate::support::{Channel, Erp, Gateway, Setup, exchange, now};
use connectors::contract::sign;
use connectors::testkit::Delivery;
use http::{HeaderName, HeaderValue};
use serde_json::json;
use std::collections::BTreeSet;

const ENABLED: &str = "\"waybills\", \"webhooks\"";

/// A delivery as it goes over the wire.
fn wire(delivery: &Delivery) -> Vec<u8> {
    let line = |(name, value): (&HeaderName, &HeaderValue)| {
        format!("{name}: {}\r\n", value.to_str().unwrap())
    };
    let headers: String = delivery.headers.iter().map(line).collect();
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n",
        delivery.path,
        delivery.body.len()
    );
    [head.as_bytes(), &delivery.body].concat()
}

/// A call of another method with the body of a delivery, rightly signed.
fn saying(method: &str, delivery: &Delivery, channel: &Channel) -> Vec<u8> {
    let time = now().to_china();
    let secret = &channel.shop.secret;
    let mut text = format!("{secret}formatxmlmethod{method}timestamp{time}").into_bytes();
    text.extend_from_slice(&delivery.body);
    text.extend_from_slice(secret.as_bytes());
    let sign = sign::upper_hex(&sign::md5(&[&text]));
    let time = time.replace(' ', "%20");
    let query = format!("format=xml&method={method}&timestamp={time}&sign={sign}");
    let path = format!("/v1/{}/{}?{query}", channel.name, channel.shop.shop);
    wire(&Delivery { path, headers: delivery.headers.clone(), ..delivery.clone() })
}

/// Ships what can be shipped, as an ERP does, and gives what the warehouse has to say then.
async fn ship(channel: &Channel, gateway: &Gateway) -> Vec<Delivery> {
    let erp = Erp::new(&gateway.setup);
    let orders: Vec<_> = (10..16).map(|seed| channel.order(seed)).collect();
    for (number, order) in orders.iter().enumerate() {
        let waybill = json!({"channel": "taobao", "shop": "s1", "order_id": order,
            "carrier": "SF", "number": format!("SF100000000000{number}")});
        erp.command("waybill_commands", order.as_str(), &waybill).await;
    }
    let mut results = gateway.topic("push_results");
    let results = results.until(orders.len()).await;
    let done = results.iter().filter(|result| result.value["outcome"] == "ok").count();
    assert!(done > 1, "{results:#?}");
    let deliveries = channel.fake.take_deliveries(now());
    assert_eq!(deliveries.len(), 2 * done, "of each parcel that it left, and what is there now");
    deliveries
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_warehouse_says_is_in_kafka_once_however_often_it_says_so() {
    let channel = Channel::start("taobao").await;
    let gateway = channel.serve(Setup::new("warehouse"), ENABLED, "").start().await;
    let deliveries = ship(&channel, &gateway).await;
    for _ in 0..2 {
        for delivery in &deliveries {
            let again = channel.fake.sign_again(delivery, now());
            let answer = exchange(gateway.address(), &wire(&again)).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            assert!(answer.body.contains("success"), "{answer:?}");
        }
    }
    let shipments = gateway.everything("shipments").await;
    assert_eq!(shipments.len(), deliveries.len() / 2, "{shipments:#?}");
    for record in &shipments {
        let order = record.value["order_id"].as_str().unwrap();
        assert_eq!(record.key, format!("taobao:s1:{order}"));
        assert_eq!(record.value["carrier"], "SF");
        assert_eq!(record.value["source"], "warehouse");
        let order = connectors::contract::model::OrderId::try_new(order).unwrap();
        assert_eq!(channel.numbers(&order), [record.value["number"].as_str().unwrap()]);
    }
    let stock = gateway.everything("stock_observations").await;
    let ids: BTreeSet<_> = stock.iter().map(|record| &record.headers["ce_id"]).collect();
    assert!(ids.len() == stock.len() && stock.len() >= shipments.len(), "{stock:#?}");
    assert!(stock.iter().all(|record| record.value["change"].as_i64().unwrap() < 0));
    assert!(gateway.everything("quarantine").await.is_empty());
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warehouse_never_hears_success_of_what_was_not_taken() {
    let channel = Channel::start("taobao").await;
    let gateway = channel.serve(Setup::new("not-taken"), ENABLED, "").start().await;
    let deliveries = ship(&channel, &gateway).await;
    let first = &deliveries[0];
    let body = [&first.body[..], b" "].concat().into();
    let forged = Delivery { body, ..first.clone() };
    let answer = exchange(gateway.address(), &wire(&forged)).await;
    assert!(answer.body.contains("sign-check-failure"), "{answer:?}");
    assert!(gateway.everything("quarantine").await.is_empty(), "what is not signed is not kept");
    // Known, and nothing that an event is made of: kept for a person, and said so.
    for _ in 0..2 {
        let returned = saying("returnorder.confirm", first, &channel);
        let answer = exchange(gateway.address(), &returned).await;
        assert_eq!(answer.status, 200);
        assert!(answer.body.contains("<flag>failure</flag>"), "{answer:?}");
        assert!(answer.body.contains("isv.unsupported-method"), "{answer:?}");
    }
    assert_eq!(gateway.everything("quarantine").await.len(), 1);
    assert!(gateway.everything("shipments").await.is_empty());
    gateway.stop().await;
}
