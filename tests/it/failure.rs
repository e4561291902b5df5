//! What happens when something is away, slow, or killed: nothing is lost, and nothing is answered before it is true.

use crate::support::{
    Answer, Gateway, Process, Proxy, Setup, Topic, eventually, exchange, kafka, order, redis_url,
    spawn,
};
use rdkafka::mocking::MockCluster;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::Instant;

const MODIFIED: &str = "2026-11-11T00:00:09+08:00";

/// Accepts connections and never answers.
async fn silent() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            spawn(async move {
                std::future::pending::<()>().await;
                drop(stream);
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_that_does_not_answer_is_a_503_within_the_deadline_and_never_a_success() {
    let setup = Setup::new("kafka-away").kafka(silent().await).with("intake.deadline_ms = 1500");
    let gateway = setup.with("kafka.create_partitions = 0").partner("s1").start().await;
    let began = Instant::now();
    let answer = gateway.partner("s1").send(&order("1", MODIFIED)).await;
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(answer.has_header("retry-after: "), "{answer:?}");
    assert!(began.elapsed() >= Duration::from_millis(1500));
    let refused = &gateway.app.metrics().refused;
    assert_eq!(refused.with_label_values(&["partner", "deadline"]).get(), 1);
    let began = Instant::now();
    gateway.stop().await;
    assert!(began.elapsed() <= Duration::from_secs(30), "the end waits for nobody");
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_away_publishes_and_says_so_or_refuses_as_the_config_says() {
    let gone = format!("redis://{}", silent().await);
    let open = Setup::new("open").redis(&gone).with("store.timeout_ms = 50").partner("s1");
    let open = open.start().await;
    let partner = open.partner("s1");
    assert_eq!(partner.send(&order("1", MODIFIED)).await.status, 200);
    assert_eq!(partner.send(&order("1", MODIFIED)).await.status, 200);
    let seen = open.everything("orders").await;
    assert_eq!(seen.len(), 1, "this process remembers what it published: {seen:#?}");
    assert_eq!(seen[0].headers["dedup"], "bypassed");
    assert_eq!(open.app.metrics().bypassed.get(), 1);
    open.stop().await;

    let closed = Setup::new("closed")
        .redis(&gone)
        .with("store.timeout_ms = 50")
        .with("intake.store_away = \"closed\"")
        .partner("s1")
        .start()
        .await;
    let answer = closed.partner("s1").send(&order("1", MODIFIED)).await;
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(answer.has_header("retry-after: "));
    assert!(closed.everything("orders").await.is_empty());
    closed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_published_without_redis_is_confirmed_when_redis_is_back() {
    let target = redis_url();
    let proxy = Proxy::to(target.trim_start_matches("redis://")).await;
    let setup = Setup::new("back").with("store.timeout_ms = 100").partner("s1");
    let first = setup.clone().redis(format!("redis://{}", proxy.address)).start().await;
    assert_eq!(first.partner("s1").send(&order("0", MODIFIED)).await.status, 200);
    proxy.hold();
    assert_eq!(first.partner("s1").send(&order("1", MODIFIED)).await.status, 200);
    let metrics = first.app.metrics();
    eventually("a confirm is owed", async || (metrics.confirm_backlog.get() == 1).then_some(()))
        .await;
    proxy.release();
    eventually("it is paid", async || (metrics.confirm_backlog.get() == 0).then_some(())).await;
    // Another process knows it now.
    let second = setup.start().await;
    assert_eq!(second.partner("s1").send(&order("1", MODIFIED)).await.status, 200);
    assert_eq!(second.everything("orders").await.len(), 2);
    first.stop().await;
    second.stop().await;
}

async fn until_accepted(gateway: &Gateway, id: &str) {
    let partner = gateway.partner("s1");
    eventually("a redelivery is accepted", async || {
        let status = partner.send(&order(id, MODIFIED)).await.status;
        assert!(status == 200 || status == 503, "{status}");
        (status == 200).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_claim_and_publish_nothing_is_lost_and_nothing_is_there_twice() {
    let setup = Setup::new("kill-claim")
        .with("intake.deadline_ms = 1500")
        .with("intake.lease_ms = 2000")
        .partner("s1");
    // Kafka never answers this process, so it stands between claim and publish when it dies.
    let victim = setup.clone().kafka(silent().await).with("kafka.create_partitions = 0");
    let victim = Process::start(&victim).await;
    let partner = victim.partner("s1");
    let sending = spawn(async move { partner.send(&order("1", MODIFIED)).await.status });
    let mut redis = redis().await;
    let pattern = format!("{}:e:*", setup.name);
    eventually("the claim is there", async || holds(&mut redis, &pattern, "P:").await).await;
    victim.kill().await;
    assert!(sending.await.is_err(), "a killed process answers nothing");

    let heir = setup.start().await;
    until_accepted(&heir, "1").await;
    let seen = heir.everything("orders").await;
    assert_eq!(seen.len(), 1, "{seen:#?}");
    heir.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_publish_and_confirm_nothing_is_lost_and_a_second_copy_has_the_same_id() {
    let target = redis_url();
    // `SET key 1 EX life` is the confirm: it never arrives, nor does anything after it.
    let proxy = Proxy::holding_before(target.trim_start_matches("redis://"), b"$2\r\nEX\r\n").await;
    let setup = Setup::new("kill-confirm")
        .with("store.timeout_ms = 3000")
        .with("intake.lease_ms = 4500")
        .partner("s1");
    let victim = Process::start(&setup.clone().redis(format!("redis://{}", proxy.address))).await;
    victim.ready().await;
    let partner = victim.partner("s1");
    let mut redis = redis().await;
    let pattern = format!("{}:e:*", setup.name);
    let sending = spawn(async move { partner.send(&order("1", MODIFIED)).await.status });
    proxy.holds().await;
    assert!(holds(&mut redis, &pattern, "P:").await.is_some(), "claimed, and not confirmed");
    assert_eq!(setup.everything("orders").await.len(), 1, "published");
    victim.kill().await;
    assert!(sending.await.is_err(), "a killed process answers nothing");

    let heir = setup.start().await;
    until_accepted(&heir, "1").await;
    let seen = heir.everything("orders").await;
    let ids: BTreeSet<&String> = seen.iter().map(|seen| &seen.headers["ce_id"]).collect();
    assert_eq!(ids.len(), 1, "{seen:#?}");
    assert_eq!(seen.len(), 2, "the copy that was not confirmed, and the redelivery: {seen:#?}");
    heir.stop().await;
}

async fn redis() -> redis::aio::MultiplexedConnection {
    let client = redis::Client::open(redis_url()).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

/// Whether a key that fits the pattern holds a value that begins so.
async fn holds(
    connection: &mut redis::aio::MultiplexedConnection,
    pattern: &str,
    start: &str,
) -> Option<()> {
    let keys: Vec<Vec<u8>> = redis::cmd("KEYS").arg(pattern).query_async(connection).await.unwrap();
    let key = keys.first()?;
    let value: Option<String> = redis::cmd("GET").arg(key).query_async(connection).await.unwrap();
    value?.starts_with(start).then_some(())
}

/// Keys and values that a gateway keeps in Redis.
async fn stored(connection: &mut redis::aio::MultiplexedConnection, prefix: &str) -> Vec<Vec<u8>> {
    let pattern = format!("{prefix}:*");
    let keys: Vec<Vec<u8>> = redis::cmd("KEYS").arg(pattern).query_async(connection).await.unwrap();
    let mut stored = Vec::new();
    for key in keys {
        let get = redis::cmd("GET").arg(&key).query_async(connection).await;
        let value: Option<Vec<u8>> = get.expect("texts are all that is there");
        stored.extend(value.map(|value| [key, value].concat()));
    }
    stored
}

#[tokio::test(flavor = "multi_thread")]
async fn told_to_end_it_finishes_what_it_accepted_and_nobody_else_knows_a_receiver() {
    let setup = Setup::new("drain").partner("s1");
    let process = Process::start(&setup).await;
    process.ready().await;
    let partner = process.partner("s1");
    let bad = partner.send_bytes(b"{\"data\":{\"ship_to\":{\"name\":\"13800000000\"}}}").await;
    assert!((400..500).contains(&bad.status), "{bad:?}");
    let sending: Vec<_> = (0..200)
        .map(|number| {
            let partner = partner.clone();
            spawn(async move { partner.try_send(&order(&number.to_string(), MODIFIED)).await })
        })
        .collect();
    let mut topic = setup.topic("orders");
    topic.until(20).await;
    let metrics = process.admin("/metrics").await.body;
    assert!(metrics.contains("partner"), "{metrics}");
    let (success, log) = process.terminate().await;
    assert!(success, "{log}");
    let stored = stored(&mut redis().await, &setup.name).await;
    assert!(stored.len() >= 20, "{stored:?}");
    let mut accepted = 0;
    for answer in sending {
        accepted += usize::from(answer.await.unwrap() == Some(200));
    }
    let published = setup.everything("orders").await.len();
    assert!(published >= accepted, "{published} records for {accepted} accepted orders");
    assert!(accepted >= 20, "{accepted}");
    for secret in [
        "13800000000",
        "李无名",
        "无名路",
        "invented-buyer",
        "please ring",
        "Y2hhbm5lbC1nYXRld2F5LXRlc3",
    ] {
        assert!(!log.contains(secret), "{secret} is in the log");
        assert!(!metrics.contains(secret), "{secret} is in the metrics");
        let holds = |bytes: &Vec<u8>| bytes.windows(secret.len()).any(|it| it == secret.as_bytes());
        assert!(!stored.iter().any(holds), "{secret} is in Redis");
    }
    assert!(log.contains("stopped"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_names_what_is_missing() {
    let setup = Setup::new("ready").kafka(silent().await).with("kafka.create_partitions = 0");
    let process = Process::start(&setup.partner("s1")).await;
    let answer = process.admin("/readyz").await;
    assert_eq!(answer.status, 503);
    let said = answer.json();
    assert_eq!((&said["kafka"], &said["store"]), (&"missing".into(), &"ok".into()), "{said}");
    assert_eq!(process.admin("/livez").await.status, 200);
    let metrics = process.admin("/metrics").await;
    assert!(metrics.body.contains("gateway_http_connections"), "{}", metrics.body);
    let (success, _) = process.terminate().await;
    assert!(success);
}

async fn readiness(admin: SocketAddr) -> Answer {
    let request = b"GET /readyz HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n";
    exchange(admin, request).await
}

#[tokio::test(flavor = "multi_thread")]
async fn it_starts_while_kafka_and_redis_are_away_and_is_ready_when_they_come() {
    let setup = Setup::new("late").partner("s1");
    // The topics are there from before.
    setup.clone().start().await.stop().await;
    let redis = Proxy::to(redis_url().trim_start_matches("redis://")).await;
    let broker = Proxy::to(&kafka()).await;
    redis.hold();
    broker.hold();
    let gateway = setup
        .redis(format!("redis://{}", redis.address))
        .kafka(broker.address.to_string())
        .with("kafka.create_partitions = 0")
        .with("store.timeout_ms = 100")
        .with("intake.deadline_ms = 500")
        .start()
        .await;
    let admin = gateway.app.admin();
    let answer = readiness(admin).await;
    let said = answer.json();
    assert_eq!(answer.status, 503, "{said}");
    assert_eq!((&said["kafka"], &said["store"]), (&"missing".into(), &"missing".into()), "{said}");
    assert_eq!(gateway.partner("s1").send(&order("1", MODIFIED)).await.status, 503);
    redis.release();
    broker.release();
    eventually("it is ready", async || (readiness(admin).await.status == 200).then_some(())).await;
    until_accepted(&gateway, "1").await;
    assert_eq!(gateway.everything("orders").await.len(), 1);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_it_ends_it_says_so_to_whoever_asks_whether_it_is_ready() {
    let setup = Setup::new("ending").kafka(silent().await).with("kafka.create_partitions = 0");
    let gateway = setup.with("intake.deadline_ms = 2000").partner("s1").start().await;
    let (admin, partner) = (gateway.app.admin(), gateway.partner("s1"));
    assert_eq!(readiness(admin).await.json()["shutting_down"], false);
    let metrics = gateway.app.metrics();
    // A delivery that Kafka does not acknowledge holds the end up.
    let held = spawn(async move { partner.send(&order("1", MODIFIED)).await.status });
    eventually("it is under way", async || (metrics.http_in_flight.get() == 1).then_some(())).await;
    let asking = async {
        let answer = eventually("it says so", async || {
            let answer = readiness(admin).await;
            (answer.json()["shutting_down"] == true).then_some(answer)
        })
        .await;
        assert!(!held.is_finished(), "it says so while it still works");
        (answer, readiness(admin).await)
    };
    let ((first, second), ()) = tokio::join!(asking, gateway.stop());
    assert_eq!((first.status, second.status), (503, 503));
    assert_eq!(second.json()["shutting_down"], true);
    assert_eq!(held.await.unwrap(), 503);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_producer_that_kafka_declared_dead_is_replaced_and_what_it_lost_is_sent_again() {
    let cluster = MockCluster::new(1).unwrap();
    let setup = Setup::new("dead").kafka(cluster.bootstrap_servers()).partner("s1");
    let orders = setup.topic_name("orders");
    cluster.create_topic(&orders, 1, 1).unwrap();
    let gateway = setup.with("kafka.create_partitions = 0").start().await;
    let partner = gateway.partner("s1");
    assert_eq!(partner.send(&order("1", MODIFIED)).await.status, 200);
    // The broker has lost count: after this librdkafka lets this producer send nothing any more.
    let lost_count = RDKafkaRespErr::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER;
    cluster.request_errors(RDKafkaApiKey::Produce, &[lost_count]);
    assert_eq!(partner.send(&order("2", MODIFIED)).await.status, 503);
    until_accepted(&gateway, "2").await;
    assert_eq!(partner.send(&order("3", MODIFIED)).await.status, 200);
    let mut topic = Topic::read(&cluster.bootstrap_servers(), &orders);
    let seen = topic.until(3).await.iter().map(|seen| seen.headers["ce_subject"].as_str());
    assert_eq!(seen.collect::<Vec<_>>(), ["1", "2", "3"]);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_success_that_librdkafka_only_concludes_is_no_acknowledgement() {
    let cluster = MockCluster::new(1).unwrap();
    let setup = Setup::new("concluded").kafka(cluster.bootstrap_servers()).partner("s1");
    let orders = setup.topic_name("orders");
    cluster.create_topic(&orders, 1, 1).unwrap();
    let alone = setup.with("kafka.create_partitions = 0").with("intake.deadline_ms = 10000");
    let gateway = alone.with("kafka.properties.\"batch.num.messages\" = \"1\"").start().await;
    let partner = gateway.partner("s1");
    // Two requests are under way at once; the broker leads the partition only from the second on, and takes that. Of the
    // first librdkafka then reports success, as if its answer had been lost.
    cluster.broker_round_trip_time(1, Duration::from_secs(1)).unwrap();
    let not_leader = RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION;
    cluster.request_errors(RDKafkaApiKey::Produce, &[not_leader]);
    let (one, two) = (order("1", MODIFIED), order("2", MODIFIED));
    let (one, two) = tokio::join!(partner.send(&one), partner.send(&two));
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 503]);
    let failures = &gateway.app.metrics().publish_failures;
    assert_eq!(failures.with_label_values(&["unplaced"]).get(), 1);
    cluster.broker_round_trip_time(1, Duration::ZERO).unwrap();
    until_accepted(&gateway, "1").await;
    until_accepted(&gateway, "2").await;
    let mut topic = Topic::read(&cluster.bootstrap_servers(), &orders);
    let seen = topic.until(2).await.iter().map(|seen| seen.headers["ce_subject"].as_str());
    assert_eq!(seen.collect::<BTreeSet<_>>(), BTreeSet::from(["1", "2"]));
    gateway.stop().await;
}
