//! Orders that must not ship now.

use super::{ENABLE, TELL, command, outcome, parcel, partner, results};
use crate::support::{Channel, Erp, Fate, Setup, now, order};
use connectors::contract::model::OrderId;
use serde_json::{Value, json};

const EARLIER: &str = "2026-11-12T10:00:00+08:00";
const LATER: &str = "2026-11-12T11:00:00+08:00";

/// The partner's event of an order whose line has a refund.
fn with_refund(id: &OrderId, modified: &str, status: &str) -> Value {
    let mut event = order(id.as_str(), modified);
    event["data"]["lines"][0]["refund_status"] = json!(status);
    event
}

fn assert_held(result: &Value, why: &str) {
    assert_eq!(outcome(result), "refused", "{result:#}");
    assert_eq!(result["error"]["kind"], "rejected");
    assert_eq!(result["tries"], 0);
    let message = result["error"]["message"].as_str().unwrap();
    assert!(message.contains("held") && message.contains(why), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_order_is_refused_without_a_call_and_ships_by_force_or_when_it_is_settled() {
    let (channel, hand, gateway, erp) = partner("held", &[]).await;
    let sender = gateway.partner("s1");
    let (risky, refunding) = (channel.order(1), channel.order(2));
    let mut event = order(risky.as_str(), EARLIER);
    event["data"]["shipping"] = json!({"holds": [{"reason": "risk_check"}]});
    assert_eq!(sender.send(&event).await.status, 200);
    assert_eq!(sender.send(&with_refund(&refunding, EARLIER, "requested")).await.status, 200);
    command(&erp, &parcel(&risky, "SF1")).await;
    command(&erp, &parcel(&refunding, "SF2")).await;
    let seen = results(&gateway, 2).await;
    assert_held(&seen["SF1"], "risk_check");
    assert_held(&seen["SF2"], "a refund is open");
    assert!(hand.asked(&[""]).is_empty(), "no call was spent");

    let mut forced = parcel(&risky, "SF1");
    forced["force"] = json!(true);
    command(&erp, &forced).await;
    assert_eq!(outcome(&results(&gateway, 3).await["SF1"]), "ok");

    assert_eq!(sender.send(&with_refund(&refunding, LATER, "closed")).await.status, 200);
    command(&erp, &parcel(&refunding, "SF2")).await;
    assert_eq!(outcome(&results(&gateway, 4).await["SF2"]), "ok");
    assert_eq!(hand.asked(&[TELL]).len(), 2);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_process_knows_that_an_order_is_held() {
    let (channel, hand, first, erp) = partner("held-again", &[]).await;
    let id = channel.order(1);
    let event = with_refund(&id, EARLIER, "requested");
    assert_eq!(first.partner("s1").send(&event).await.status, 200);
    let setup = first.setup.clone();
    first.stop().await;
    let second = setup.start().await;
    command(&erp, &parcel(&id, "SF1")).await;
    assert_held(&results(&second, 1).await["SF1"], "a refund is open");
    // What was said before the hold does not lift it.
    let event = with_refund(&id, "2026-11-12T09:00:00+08:00", "none");
    assert_eq!(second.partner("s1").send(&event).await.status, 200);
    command(&erp, &parcel(&id, "SF1")).await;
    assert_held(&results(&second, 2).await["SF1"], "a refund is open");
    assert!(hand.asked(&[TELL]).is_empty());
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_an_order_can_be_read_the_channel_says_whether_it_is_still_held() {
    let (channel, hand) = Channel::start_tampered("taobao").await;
    let enable = ENABLE.replace("\"webhooks\"", "\"orders\", \"refunds\"");
    let setup = Setup::new("reread").polls_quickly().with("push.tries = 1");
    let gateway = channel.serve(setup, &enable, "").start().await;
    let id = channel.order(1);
    let refund = channel.fake.create_refund(&channel.shop.shop, &id, now());
    let mut refunds = gateway.topic("refunds");
    refunds
        .until_such("the refund", |seen| {
            seen.iter().any(|it| it.headers["ce_subject"] == refund.as_str())
        })
        .await;
    let erp = Erp::new(&gateway.setup);
    let mut parcel = parcel(&id, "SF1234567890123");
    parcel["channel"] = json!("taobao");
    command(&erp, &parcel).await;
    assert_held(&results(&gateway, 1).await["SF1234567890123"], "a refund is open");
    assert!(hand.asked(&[".send"]).is_empty(), "no writing call was spent");
    // What cannot be asked is not taken for settled.
    let is_asked = |call: &str| call.contains("taobao.trade.fullinfo.get");
    hand.rule(move |call| if is_asked(call) { Fate::Away } else { Fate::Answered });
    command(&erp, &parcel).await;
    assert_held(&results(&gateway, 2).await["SF1234567890123"], "cannot be asked");
    assert!(hand.asked(&[".send"]).is_empty());
    // Nobody tells the gateway that it is settled; it asks.
    hand.rule(|call| {
        if call.contains("taobao.trade.fullinfo.get") || call.contains("taobao.refund.get") {
            Fate::Changed("WAIT_SELLER_AGREE", "CLOSED")
        } else {
            Fate::Answered
        }
    });
    command(&erp, &parcel).await;
    assert_eq!(outcome(&results(&gateway, 3).await["SF1234567890123"]), "ok");
    assert_eq!(channel.numbers(&id), ["SF1234567890123"]);
    gateway.stop().await;
}
