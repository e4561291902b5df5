//! A simulated channel: how it trades, fails and calls a gateway.

use crate::support::{eventually, exchange, now, run, spawn, unique};
use channel_gateway::courier::{Counts, Courier, Pauses};
use channel_gateway::shutdown::Shutdown;
use connectors::contract::model::ShopId;
use connectors::contract::sign;
use connectors::testkit::{Fake, FakeShop};
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

const SECRET: &str = "whsec_Y2hhbm5lbC1nYXRld2F5LXRlc3Qtc2VjcmV0LTAwMDE=";
const QUICK: Pauses =
    Pauses { first: Duration::from_millis(5), longest: Duration::from_millis(50) };

fn partner() -> Arc<dyn Fake> {
    let shop = FakeShop {
        shop: ShopId::try_new("s1").unwrap(),
        app_key: "1".to_owned(),
        secret: SECRET.to_owned(),
        token: "token".to_owned(),
    };
    (connectors::find("partner").unwrap().fake)(vec![shop])
}

fn orders(fake: &dyn Fake, count: u64) {
    for seed in 0..count {
        fake.create_order(&ShopId::try_new("s1").unwrap(), seed, now());
    }
}

/// Starts carrying to an address.
fn carry(fake: &Arc<dyn Fake>, address: SocketAddr, pauses: Pauses) -> (Arc<Courier>, Shutdown) {
    let target = format!("http://{address}");
    let courier = Courier::try_new(Arc::clone(fake), &target, pauses).unwrap();
    let (courier, shutdown) = (Arc::new(courier), Shutdown::default());
    shutdown.spawn(Arc::clone(&courier).run(shutdown.clone()));
    (courier, shutdown)
}

/// The binary, with what it says on standard output.
struct Running {
    child: Child,
    lines: tokio::io::Lines<BufReader<tokio::process::ChildStdout>>,
}

impl Running {
    fn start(args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_channel-gateway"))
            .args(args)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// Reads until a line begins so, and gives the rest of it.
    async fn line(&mut self, start: &str) -> String {
        loop {
            let next = tokio::time::timeout(Duration::from_secs(20), self.lines.next_line()).await;
            let line = next.expect("it says something").unwrap().expect("it ended");
            if let Some(rest) = line.strip_prefix(start) {
                return rest.to_owned();
            }
        }
    }

    async fn terminate(&mut self) {
        let id = self.child.id().expect("still running").to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().await.unwrap().success());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_wait_for_a_gateway_that_comes_late_and_all_arrive() {
    let fake = partner();
    orders(&*fake, 40);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let (courier, shutdown) = carry(&fake, address, QUICK);
    eventually("attempts fail", async || (courier.counts().failed > 40).then_some(())).await;
    assert_eq!((courier.counts().done, courier.counts().waiting), (0, 40));
    let config = std::env::temp_dir().join(format!("{}.toml", unique("late")));
    let text = format!(
        "listen.address = \"{address}\"\nadmin.address = \"127.0.0.1:0\"\n[[shops]]\nchannel = \"partner\"\nid = \"s1\"\n\
         enable = [\"webhooks\"]\nwebhook_secrets = [\"dev:{SECRET}\"]\n"
    );
    std::fs::write(&config, text).unwrap();
    let gateway = Running::start(&["run", "--dev", "--config", config.to_str().unwrap()]);
    let settled = async || (courier.counts().waiting == 0).then(|| courier.counts());
    assert_eq!(eventually("all are taken", settled).await.done, 40);
    shutdown.stop();
    shutdown.wait().await;
    drop(gateway);
    std::fs::remove_file(&config).unwrap();
}

/// Answers each request as the next of the answers says, cuts the connection at an empty one, and keeps the heads.
async fn answering(answers: &[&'static str]) -> (SocketAddr, tokio::task::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answers = answers.to_vec();
    let heads = spawn(async move {
        let mut heads = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut bytes = Vec::new();
            let head = loop {
                stream.read_buf(&mut bytes).await.unwrap();
                let text = String::from_utf8_lossy(&bytes).into_owned();
                let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
                if body.len() >= length.unwrap().parse().unwrap() {
                    break head.to_owned();
                }
            };
            heads.push(head);
            let end = "content-length: 0\r\nconnection: close\r\n\r\n";
            if !answer.is_empty() {
                stream.write_all(format!("HTTP/1.1 {answer}\r\n{end}").as_bytes()).await.unwrap();
            }
        }
        heads
    });
    (address, heads)
}

/// A header of a request's head.
fn header<'h>(head: &'h str, name: &str) -> &'h str {
    let value = |line: &'h str| line.strip_prefix(name)?.strip_prefix(": ");
    head.lines().find_map(value).unwrap_or_else(|| panic!("{name} in {head}"))
}

#[tokio::test]
async fn what_is_refused_or_not_answered_is_sent_again_with_the_same_id_and_signed_anew() {
    let fake = partner();
    orders(&*fake, 1);
    let answers =
        ["503 Away\r\nretry-after: 1", "401 No", "", "500 Broken", "301 Moved", "202 Taken"];
    let (address, heads) = answering(&answers).await;
    // Longer than a second, so that the pause that is asked for moves the signed time.
    let pauses = Pauses { longest: Duration::from_millis(1100), ..QUICK };
    let (courier, shutdown) = carry(&fake, address, pauses);
    let patience = Duration::from_secs(20);
    let heads =
        tokio::time::timeout(patience, heads).await.expect("every attempt is made").unwrap();
    eventually("it is settled", async || (courier.counts().done == 1).then_some(())).await;
    assert_eq!(courier.counts(), Counts { done: 1, waiting: 0, failed: 5 });
    let headers =
        |name: &str| -> Vec<&str> { heads.iter().map(|head| header(head, name)).collect() };
    let (mut ids, times) = (headers("webhook-id"), headers("webhook-timestamp"));
    ids.dedup();
    assert_eq!((heads.len(), ids.len()), (6, 1), "{heads:?}");
    let times: Vec<u64> = times.into_iter().map(|time| time.parse().unwrap()).collect();
    assert!(times[1] > times[0], "the wait that was asked for, and a new time: {times:?}");
    assert!(heads.iter().all(|head| head.starts_with("POST /v1/partner/s1 HTTP/1.1")));
    shutdown.stop();
    shutdown.wait().await;
}

/// A call for the list of orders, signed by hand.
fn signed(app_key: &str, secret: &str, token: &str) -> String {
    let time = now().to_china();
    let params = [
        ("app_key", app_key),
        ("fields", "tid"),
        ("format", "json"),
        ("method", "taobao.trades.sold.get"),
        ("session", token),
        ("sign_method", "md5"),
        ("timestamp", &time),
        ("v", "2.0"),
    ];
    let text: String = params.iter().flat_map(|(name, value)| [*name, *value]).collect();
    let digest = sign::md5(&[secret.as_bytes(), text.as_bytes(), secret.as_bytes()]);
    let pairs = params.iter().map(|(name, value)| format!("{name}={}&", value.replace(' ', "+")));
    let query = pairs.collect::<String>() + "sign=" + &sign::upper_hex(&digest);
    format!("GET /router/rest?{query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
}

#[tokio::test]
async fn a_simulated_channel_trades_commits_its_faults_and_sums_up_at_the_end() {
    let args = "simulate taobao --port 0 --shops 2 --orders-per-second 200 --edits-per-second 100 \
                --refunds-per-second 50 --faults throttle=2 --seed 7";
    let mut channel = Running::start(&args.split_whitespace().collect::<Vec<_>>());
    let shop = channel.line("shop ").await;
    let words: Vec<&str> = shop.split_whitespace().collect();
    let of = |name: &str| words[words.iter().position(|word| *word == name).unwrap() + 1];
    let address = channel.line("listening on http://").await.parse().unwrap();
    let call = signed(of("app_key"), of("secret"), of("token"));
    let mut answers = Vec::new();
    eventually("an order is listed", async || {
        answers.push(exchange(address, call.as_bytes()).await.body);
        answers.last()?.contains("\"tid\"").then_some(())
    })
    .await;
    answers.push(exchange(address, call.as_bytes()).await.body);
    let is_throttled = |body: &String| body.contains("App Call Limited");
    assert!(answers.iter().any(is_throttled), "every second call is throttled: {answers:?}");
    channel.terminate().await;
    let summary = channel.line("orders ").await;
    let orders: u64 = summary.split(',').next().unwrap().parse().unwrap();
    assert!(orders > 0, "{summary}");
    let calls = format!("; calls taobao.trades.sold.get {}", answers.len());
    for part in [", edits ", ", refunds ", &calls] {
        assert!(summary.contains(part), "{summary}");
    }
    assert!(!summary.contains("deliveries"), "{summary}");
    assert!(channel.child.wait().await.unwrap().success());
}

#[tokio::test]
async fn flags_that_make_no_sense_are_refused_with_the_reason() {
    for (args, said) in [
        ("--faults fire", "no fault `fire`; known: lost-answer=N"),
        ("--faults lost-answer", "`lost-answer` needs a number of calls"),
        ("--orders-per-second many", "expected a number from 0 to 10000"),
        ("--shops 0", "0 is not in 1..=10000"),
        ("--target http://10.0.0.1:8080", "simulated webhooks go to this machine only"),
        ("--target https://127.0.0.1:8080", "expected http://, an address and a port"),
    ] {
        let args = format!("simulate partner --port 0 {args}");
        let (code, _, complaints) = run(&args.split(' ').collect::<Vec<_>>(), &[]).await;
        assert_ne!(code, 0);
        assert!(complaints.contains(said), "{args}: {complaints}");
    }
    let (code, _, complaints) = run(&["simulate", "nobody"], &[]).await;
    assert!(code == 1 && complaints.contains("no channel nobody; known: "), "{complaints}");
}
