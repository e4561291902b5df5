//! A replicated cluster that loses a broker. A program of its own, so that three brokers start when the others are done.

#[cfg(test)]
mod cluster;
/// The small language of the other tests.
#[cfg(test)]
#[path = "../it/support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "this program speaks little of it")]
mod support;

#[cfg(test)]
use {
    cluster::Cluster,
    std::collections::BTreeSet,
    support::{Gateway, Setup, Topic, eventually, order},
};

#[cfg(test)]
const MODIFIED: &str = "2026-11-11T00:00:09+08:00";

/// Sends orders of these numbers side by side; the ids that were answered as success.
#[cfg(test)]
async fn send(gateway: &Gateway, numbers: std::ops::Range<u32>) -> BTreeSet<String> {
    let partner = gateway.partner("s1");
    let sending = numbers.map(|number| {
        let (partner, id) = (&partner, number.to_string());
        async move {
            let status = partner.send(&order(&id, MODIFIED)).await.status;
            assert!(status == 200 || status == 503, "{id}: {status}");
            (status == 200).then_some(id)
        }
    });
    futures_util::future::join_all(sending).await.into_iter().flatten().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_the_leader_has_is_no_success_and_the_leaders_death_loses_nothing() {
    let cluster = Cluster::start().await;
    let setup = Setup::new("replicated").kafka(cluster.bootstrap()).partner("s1");
    let topic = setup.topic_name("orders");
    let setup = setup.with("kafka.create_partitions = 1").with("intake.deadline_ms = 2000");
    let gateway = setup.start().await;
    let all = (0..60).map(|number| number.to_string()).collect::<BTreeSet<_>>();
    let mut accepted = BTreeSet::new();
    eventually("a replicated topic takes orders", async || {
        accepted.extend(send(&gateway, 0..20).await);
        (accepted.len() == 20).then_some(())
    })
    .await;

    let leader = cluster.leader(&topic).await;
    for broker in cluster.others(leader) {
        cluster.signal(broker, "STOP").await;
    }
    let alone = send(&gateway, 20..40).await;
    assert_eq!(alone, BTreeSet::new(), "a success that one broker knows of");
    cluster.signal(leader, "KILL").await;
    for broker in cluster.others(leader) {
        cluster.signal(broker, "CONT").await;
    }
    // What comes while the partition gets its new leader, also by a producer that this leader does not know.
    let other = gateway.setup.clone().start().await;
    eventually("the others go on", async || {
        let (one, two) = tokio::join!(send(&gateway, 20..45), send(&other, 40..60));
        accepted.extend(one);
        accepted.extend(two);
        (accepted == all).then_some(())
    })
    .await;
    assert_ne!(cluster.leader(&topic).await, leader);

    let mut orders = Topic::read(&cluster.bootstrap(), &topic);
    let what = "every order that was answered as success";
    let is_there = |seen: &[support::Seen]| {
        let ids = seen.iter().map(|seen| &seen.headers["ce_subject"]).collect::<BTreeSet<_>>();
        all.iter().all(|id| ids.contains(id))
    };
    orders.until_such(what, is_there).await;
    other.stop().await;
    gateway.stop().await;
    cluster.stop().await;
}
