//! One order that is over, with its parcels and its money: a record of the order, one of each parcel, one of the
//! settlement, which belong together and come once.

use crate::support::{Gateway, Partner, Seen, Setup, order};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const ID: &str = "17999999999999999999";
const KEY: &str = "partner:s1:17999999999999999999";
const MODIFIED: &str = "2026-11-12T09:00:00+08:00";
const LATER: &str = "2026-11-12T10:00:00+08:00";

/// Arrived, paid, and something of it given back.
fn completed(modified: &str) -> Value {
    let mut event = order(ID, modified);
    let data = &mut event["data"];
    data["status"] = json!("completed");
    data["channel_status"] = json!("finished");
    data["times"]["paid"] = json!("2026-11-11T00:00:05+08:00");
    data["times"]["completed"] = json!(MODIFIED);
    data["amounts"]["refunded"] = json!(300);
    data["amounts"]["received"] = json!(2550);
    data["promotions"] = json!([{"name": "invented discount", "discount": 100, "payer": "seller"}]);
    data["fees"] = json!([{"name": "commission_fee", "amount": 50}]);
    data["payments"] = json!([{"method": "alipay", "number": "2026111122001", "amount": 2900}]);
    data["shipments"] = json!([parcel("SF0000000000001"), parcel("SF0000000000002")]);
    event
}

fn parcel(number: &str) -> Value {
    json!({"carrier": "SF", "number": number, "line_ids": ["1"], "at": "2026-11-11T15:00:00+08:00"})
}

struct Facts {
    orders: Vec<Seen>,
    shipments: Vec<Seen>,
    settlements: Vec<Seen>,
}

impl Facts {
    /// Everything that the topics hold now.
    async fn of(gateway: &Gateway) -> Self {
        Self {
            orders: gateway.everything("orders").await,
            shipments: gateway.everything("shipments").await,
            settlements: gateway.everything("settlements").await,
        }
    }

    fn all(&self) -> impl Iterator<Item = &Seen> {
        self.orders.iter().chain(&self.shipments).chain(&self.settlements)
    }

    fn counts(&self) -> [usize; 3] {
        [self.orders.len(), self.shipments.len(), self.settlements.len()]
    }

    fn numbers(&self) -> BTreeSet<&str> {
        self.shipments.iter().map(|record| record.value["number"].as_str().unwrap()).collect()
    }
}

async fn accepted(partner: &Partner, event: &Value) {
    let answer = partner.send(event).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_its_parcels_and_its_money_are_records_of_one_key_that_name_each_other() {
    let gateway = Setup::new("facts").partner("s1").start().await;
    accepted(&gateway.partner("s1"), &completed(MODIFIED)).await;
    let facts = Facts::of(&gateway).await;
    assert_eq!(facts.counts(), [1, 2, 1]);
    for record in facts.all() {
        assert_eq!(record.key, KEY);
        assert_eq!(record.headers["ce_source"], "/channels/partner/shops/s1");
        assert_eq!(record.headers["ce_subject"], ID);
        assert_eq!(record.headers["origin"], "webhook");
        assert_eq!(record.value["channel"], "partner");
        assert_eq!(record.value["shop"], "s1");
        assert_eq!(record.value["order_id"], ID);
    }
    let ids: BTreeSet<&str> = facts.all().map(|record| &*record.headers["ce_id"]).collect();
    assert_eq!(ids.len(), 4, "each is an event of its own");

    let (order, settlement) = (&facts.orders[0], &facts.settlements[0]);
    assert_eq!(settlement.headers["version"], order.headers["version"]);
    assert_eq!(settlement.headers["ce_time"], order.headers["ce_time"]);
    for part in ["payable", "paid", "refunded", "received", "discount", "freight", "tax"] {
        assert_eq!(settlement.value[part], order.value["amounts"][part], "{part}");
    }
    assert_eq!(settlement.value["discounts"], order.value["promotions"]);
    for part in ["status", "currency", "fees", "payments"] {
        assert_eq!(settlement.value[part], order.value[part], "{part}");
    }
    assert_eq!(settlement.value["completed_at"], MODIFIED);

    assert_eq!(facts.numbers(), BTreeSet::from(["SF0000000000001", "SF0000000000002"]));
    for shipment in &facts.shipments {
        assert_eq!(shipment.value["carrier"], "SF");
        assert_eq!(shipment.value["source"], "channel");
        assert_eq!(shipment.value["lines"], json!([{"line_id": "1", "quantity": 2}]));
        assert_eq!(shipment.headers["ce_time"], "2026-11-11T15:00:00+08:00");
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_version_seen_again_adds_nothing_also_at_another_instance_and_after_a_restart() {
    let setup = Setup::new("again").partner("s1");
    let (first, second) = (setup.clone().start().await, setup.clone().start().await);
    let event = completed(MODIFIED);
    for gateway in [&first, &second, &first] {
        accepted(&gateway.partner("s1"), &event).await;
    }
    assert_eq!(Facts::of(&first).await.counts(), [1, 2, 1]);
    first.stop().await;
    second.stop().await;
    let third = setup.start().await;
    accepted(&third.partner("s1"), &event).await;
    assert_eq!(Facts::of(&third).await.counts(), [1, 2, 1]);
    third.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_version_brings_its_settlement_and_only_the_parcel_that_is_new() {
    let gateway = Setup::new("later").partner("s1").start().await;
    let partner = gateway.partner("s1");
    accepted(&partner, &completed(MODIFIED)).await;
    let mut later = completed(LATER);
    later["data"]["amounts"]["refunded"] = json!(900);
    later["data"]["shipments"].as_array_mut().unwrap().push(parcel("SF0000000000003"));
    accepted(&partner, &later).await;
    let facts = Facts::of(&gateway).await;
    assert_eq!(facts.counts(), [2, 3, 2]);
    assert_eq!(facts.numbers().len(), 3);
    let refunded: Vec<_> =
        facts.settlements.iter().map(|record| &record.value["refunded"]).collect();
    assert_eq!(refunded, [300, 900], "in the order of their versions: one key is one partition");
    assert!(facts.all().all(|record| record.key == KEY));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_waits_to_be_shipped_has_neither_parcel_nor_settlement() {
    let gateway = Setup::new("early").partner("s1").start().await;
    accepted(&gateway.partner("s1"), &order(ID, MODIFIED)).await;
    assert_eq!(Facts::of(&gateway).await.counts(), [1, 0, 0]);
    gateway.stop().await;
}
