//! What forbids shipping, which lines it concerns, and which saying counts.

use super::facts::{Held, of_order, of_refund};
use super::{Holds, hashed};
use crate::shutdown::Shutdown;
use crate::store::{MemoryStore, Notes};
use crate::telemetry::metrics::Metrics;
use connectors::contract::Event;
use connectors::contract::model::{Order, Refund, WaybillLine};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// Two lines, nothing held.
fn order(second: u32, change: impl FnOnce(&mut Value)) -> Order {
    let line = |id: &str| {
        json!({"line_id": id, "title": "thing", "quantity": 1, "unit_price": 100, "payable": 100,
               "status": "awaiting_shipment"})
    };
    let mut order = json!({
        "order_id": "1", "status": "awaiting_shipment", "channel_status": "WAIT",
        "times": {"created": "2026-11-11T00:00:00+08:00",
                  "modified": format!("2026-11-11T00:00:{second:02}+08:00")},
        "currency": "CNY", "amounts": {"goods": 200, "payable": 200}, "lines": [line("a"), line("b")],
    });
    change(&mut order);
    serde_json::from_value(order).unwrap()
}

fn refund(id: &str, second: u32, status: &str, line: Option<&str>) -> Refund {
    serde_json::from_value(json!({
        "refund_id": id, "order_id": "1", "line_id": line, "status": status, "channel_status": "x",
        "kind": "money_only", "currency": "CNY", "amount": 100,
        "created": "2026-11-11T00:00:00+08:00",
        "modified": format!("2026-11-11T00:00:{second:02}+08:00"),
    }))
    .unwrap()
}

/// The word against shipping a line, or the whole order.
fn against(held: &Held, line: &str) -> Option<String> {
    let lines = [WaybillLine { line_id: line.to_owned(), quantity: 1 }];
    let lines = if line.is_empty() { &[] } else { &lines[..] };
    held.against(lines).map(|reason| reason.word.clone())
}

#[test]
fn what_forbids_shipping_and_which_lines() {
    let of = |change: &dyn Fn(&mut Value)| of_order(&order(1, change));
    assert!(of(&|_| {}).is_free());
    let held = of(&|order| order["shipping"] = json!({"holds": [{"reason": "top_hold"}]}));
    assert_eq!(against(&held, "a").as_deref(), Some("top_hold"));
    let named = of(&|order| order["shipping"] = json!({"holds": [{"reason": "张小样 asked"}]}));
    assert_eq!(against(&named, "").as_deref(), Some("the channel forbids shipping it"));
    let by_status = of(&|order| order["status"] = json!("on_hold"));
    assert_eq!(against(&by_status, "").as_deref(), Some("WAIT"));
    for (status, is_held) in [
        ("none", false),
        ("requested", true),
        ("awaiting_return", true),
        ("returning", true),
        ("refused", false),
        ("closed", false),
        ("succeeded", false),
        ("unknown", false),
    ] {
        let held = of(&|order| order["lines"][0]["refund_status"] = json!(status));
        assert_eq!(against(&held, "").is_some(), is_held, "{status}");
        assert_eq!(against(&held, "a").is_some(), is_held, "{status}");
        assert_eq!(against(&held, "b"), None, "{status}: it is about another line");
        let held = of_refund(&refund("r", 1, status, Some("a")));
        assert_eq!(against(&held, "a").is_some(), is_held, "{status}");
        assert_eq!(against(&held, "b"), None, "{status}");
        assert_eq!(against(&of_refund(&refund("r", 1, status, None)), "b").is_some(), is_held);
    }
    // What is on its way back has left; the rest of the order may follow.
    let returned = of(&|order| {
        order["lines"][0]["refund_status"] = json!("returning");
        order["lines"][0]["status"] = json!("shipped");
    });
    assert!(returned.is_free());
}

#[test]
fn a_later_saying_counts_and_of_two_at_once_the_one_that_forbids() {
    let free = |second| of_order(&order(second, |_| {}));
    let held = |second| of_order(&order(second, |order| order["status"] = json!("on_hold")));
    for (one, other, is_free) in [
        (held(1), free(2), true),
        (free(1), held(2), false),
        (held(2), free(1), false),
        (held(1), free(1), false),
    ] {
        assert_eq!(one.clone().merged(other.clone()).is_free(), is_free);
        assert_eq!(other.merged(one).is_free(), is_free);
    }
    // Each refund speaks for itself.
    let open = of_refund(&refund("1", 1, "requested", None));
    let both = open.merged(of_refund(&refund("2", 2, "requested", None)));
    let one_closed = both.merged(of_refund(&refund("2", 3, "closed", None)));
    assert_eq!(one_closed.open_refunds().collect::<Vec<_>>(), ["1"]);
    assert!(!one_closed.clone().merged(free(9)).is_free(), "an order does not settle its refunds");
    assert!(one_closed.merged(of_refund(&refund("1", 3, "refused", None))).is_free());
}

fn saying() -> impl Strategy<Value = Held> {
    let statuses = prop::sample::select(vec!["requested", "closed"]);
    (0_u32..4, 0_u32..4, statuses).prop_map(|(what, second, status)| match what {
        0 => of_order(&order(second, |_| {})),
        1 => of_order(&order(second, |order| order["status"] = json!("on_hold"))),
        what => of_refund(&refund(&what.to_string(), second, status, None)),
    })
}

proptest! {
    /// Two processes that heard the same in another order know the same.
    #[test]
    fn the_order_of_sayings_does_not_matter(
        sayings in prop::collection::vec(saying(), 0..8),
        seed in any::<u64>(),
    ) {
        let all = |sayings: &[Held]| {
            sayings.iter().cloned().fold(Held::default(), Held::merged)
        };
        let mut shuffled = sayings.clone();
        let count = shuffled.len().max(1);
        shuffled.rotate_left(usize::try_from(seed % count as u64).unwrap());
        shuffled.reverse();
        prop_assert_eq!(all(&sayings), all(&shuffled));
        let (one, other) = sayings.split_at(sayings.len() / 2);
        prop_assert_eq!(all(one).merged(all(other)), all(&sayings));
        prop_assert_eq!(all(&sayings).merged(all(&sayings)), all(&sayings));
    }
}

fn holds(store: &Arc<MemoryStore>, shutdown: &Shutdown) -> Arc<Holds> {
    let metrics = Arc::new(Metrics::try_new().unwrap());
    let store = Arc::<MemoryStore>::clone(store);
    let notes = Notes::new(store, "hold", Duration::from_mins(1), Arc::clone(&metrics));
    Holds::start(notes, metrics, shutdown)
}

#[tokio::test]
async fn another_process_hears_of_it_and_what_is_stored_names_nobody() {
    let store = Arc::new(MemoryStore::new(Duration::from_secs(1)));
    let shutdown = Shutdown::default();
    let one = holds(&store, &shutdown);
    let event = Event::Refund(Box::new(refund("r", 1, "requested", Some("a"))));
    one.see("c", "s", &event);
    one.see("c", "s", &Event::Order(Box::new(order(1, |_| {}))));
    assert!(!one.find("c", "s", "1").await.unwrap().is_free(), "known at once");
    assert!(one.find("c", "other", "1").await.is_none());
    drop(one);
    // Ends once everything is written.
    shutdown.wait().await;
    let shutdown = Shutdown::default();
    let other = holds(&store, &shutdown);
    assert!(!other.find("c", "s", "1").await.unwrap().is_free());
    other.see("c", "s", &Event::Refund(Box::new(refund("r", 2, "closed", Some("a")))));
    assert!(other.find("c", "s", "1").await.unwrap().is_free());
    let key = format!("hold:{}", hashed("c:s:1"));
    let value = crate::store::Kv::get(&*store, &key).await.unwrap().unwrap();
    let value: Value = serde_json::from_slice(&value).unwrap();
    assert!(value["refunds"]["r"]["at"].is_i64(), "{value}");
}
