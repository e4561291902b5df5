//! What reading one order of each channel costs: verifying, decoding and normalizing what its fake sends, against
//! `serde_json` alone on the same body into typed structs.
//!
//! A channel that can be polled is measured by the answer that holds one order, from its bytes to the canonical order; one
//! that only calls, by its delivery. Rounds of both take turns on one thread, and the figure is the median of the rounds.

use anyhow::{Context, ensure};
use async_trait::async_trait;
use channel_gateway::output::line;
use connectors::contract::model::{OrderId, ShopId, Timestamp};
use connectors::contract::{
    ApiReply, ApiRequest, ChannelApi, Connector, Credentials, Entry, Error, Event, Key, RawWebhook,
    Secret, Session, ShopSetup, Token,
};
use connectors::testkit::{Fake, FakeApi, FakeShop};
use futures_util::FutureExt;
use http::Method;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// First of the orders that are made; the fakes decide by it what is in them.
const SEEDS: std::ops::Range<u64> = 0..200;
const START_MS: i64 = 1_794_326_430_000;
const SECRET: &str = "whsec_Y2hhbm5lbC1nYXRld2F5LWJlbmNoLXNlY3JldC0wMDE=";

/// Measures what reading one order of each channel costs, against `serde_json` alone
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Rounds of each; the median of them counts
    #[arg(long, default_value_t = 15)]
    rounds: usize,
    /// Times that every body is read in a round
    #[arg(long, default_value_t = 20)]
    times: usize,
}

/// One order as it comes in.
enum Body {
    Delivery(RawWebhook),
    Answer(OrderId, ApiReply),
}

impl Body {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Delivery(raw) => &raw.body,
            Self::Answer(_, reply) => &reply.body,
        }
    }
}

/// A channel, and the orders that its fake sent.
struct Bench {
    entry: &'static Entry,
    connector: Arc<dyn Connector>,
    fake: Arc<dyn Fake>,
    shop: FakeShop,
    bodies: Vec<Body>,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    ensure!(args.rounds > 0 && args.times > 0, "--rounds and --times are at least 1");
    line(format_args!("channel   orders  bytes  read µs  serde_json µs  ratio"));
    // Off the runtime: nothing here waits for anything, and nothing else may run on this thread.
    tokio::task::spawn_blocking(move || {
        connectors::REGISTRY.iter().try_for_each(|entry| measure(entry, &args))
    })
    .await?
}

#[expect(clippy::float_arithmetic, reason = "a ratio of times is no sum of money")]
fn measure(entry: &'static Entry, args: &Args) -> anyhow::Result<()> {
    let bench = Bench::new(entry)?;
    let (mut read, mut parsed) = (Vec::new(), Vec::new());
    for _ in 0..args.rounds {
        read.push(bench.timed(args.times, Bench::read)?);
        parsed.push(bench.timed(args.times, |bench, body| bench.fake.parse(body.bytes()))?);
    }
    let (read, parsed) = (median(read), median(parsed));
    let count = bench.bodies.len();
    let bytes: usize = bench.bodies.iter().map(|body| body.bytes().len()).sum();
    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    line(format_args!(
        "{:<9} {count:>6} {:>6} {:>8.1} {:>14.1} {:>6.2}",
        entry.channel,
        bytes / count,
        micros(read),
        micros(parsed),
        micros(read) / micros(parsed)
    ));
    Ok(())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

impl Bench {
    fn new(entry: &'static Entry) -> anyhow::Result<Self> {
        let shop = FakeShop {
            shop: ShopId::try_new("s1")?,
            app_key: "12345678".to_owned(),
            secret: SECRET.to_owned(),
            token: "bench-token".to_owned(),
        };
        let setup = ShopSetup { shop: shop.shop.clone(), settings: serde_json::json!({}) };
        let connector = (entry.build)(setup).with_context(|| entry.channel)?;
        let fake = (entry.fake)(vec![shop.clone()]);
        let mut bench = Self { entry, connector, fake, shop, bodies: Vec::new() };
        let bodies = bench.made()?;
        // Broken and rare bodies are for the tests; what is compared is what both can read.
        let is_good = |body: &Body| bench.read(body) && bench.fake.parse(body.bytes());
        let bodies: Vec<Body> = bodies.into_iter().filter(is_good).collect();
        ensure!(
            bodies.len() > 20,
            "{}: {} bodies can be read by both",
            entry.channel,
            bodies.len()
        );
        bench.bodies = bodies;
        Ok(bench)
    }

    fn made(&self) -> anyhow::Result<Vec<Body>> {
        let now = start();
        let polled = self.connector.orders().is_some();
        let mut bodies = Vec::new();
        let recorder = Recorder(self.api(now), Mutex::default());
        for seed in SEEDS {
            let id = self.fake.create_order(&self.shop.shop, seed, now);
            if polled {
                self.order(&recorder, &id).with_context(|| self.entry.channel)?;
                let reply = recorder.1.lock().take();
                bodies.extend(reply.map(|reply| Body::Answer(id, reply)));
            }
        }
        if !polled {
            bodies.extend(self.fake.take_deliveries(now).into_iter().map(|delivery| {
                Body::Delivery(RawWebhook {
                    shop: delivery.shop,
                    method: Method::POST,
                    query: String::new(),
                    headers: delivery.headers,
                    body: delivery.body,
                })
            }));
        }
        Ok(bodies)
    }

    fn api(&self, now: Timestamp) -> FakeApi {
        let token = self.entry.needs_token.then(|| Token {
            access: Secret::new(self.shop.token.as_str()),
            refresh: None,
            expires_at: None,
        });
        let credentials = Credentials {
            app_key: self.shop.app_key.clone(),
            app_secret: Secret::new(self.shop.secret.as_str()),
            token,
        };
        FakeApi::new(Arc::clone(&self.connector), Arc::clone(&self.fake), credentials, now)
            .stepping(Duration::from_secs(1))
    }

    /// Reads one order by the connector, over some way out that answers at once.
    fn order(&self, api: &dyn ChannelApi, id: &OrderId) -> connectors::contract::Result<Event> {
        let session =
            Session { shop: &self.shop.shop, api, app_key: &self.shop.app_key, now: start() };
        let Some(orders) = self.connector.orders() else {
            return Err(Error::malformed("the channel lists no orders"));
        };
        let notice = orders.order(&session, id).now_or_never();
        let notice =
            notice.unwrap_or_else(|| Err(Error::malformed("the answer was not there at once")))?;
        Ok(notice.event)
    }

    /// From bytes to the canonical order.
    fn read(&self, body: &Body) -> bool {
        match body {
            Body::Answer(id, reply) => {
                // A new answer each time: what the connector has read of one is kept with it.
                let (status, headers) = (reply.status, reply.headers.clone());
                let reply = ApiReply::new(status, headers, reply.body.clone());
                let replay = Replay(reply, Arc::clone(&self.connector));
                matches!(self.order(&replay, id), Ok(Event::Order(_)))
            }
            Body::Delivery(raw) => {
                let Some(source) = self.connector.webhooks() else { return false };
                let keys = [Key { index: 0, secret: Secret::new(SECRET) }];
                let verified = source.verify(&keys, start(), raw);
                let notices = verified.and_then(|verified| source.decode(&verified));
                notices.is_ok_and(|notices| {
                    notices.iter().all(|notice| matches!(notice.event, Event::Order(_)))
                })
            }
        }
    }

    /// Time for one body.
    fn timed(&self, times: usize, work: impl Fn(&Self, &Body) -> bool) -> anyhow::Result<Duration> {
        let began = Instant::now();
        let mut good = 0;
        for _ in 0..times {
            good += self.bodies.iter().filter(|body| work(self, body)).count();
        }
        let took = began.elapsed();
        ensure!(good == times * self.bodies.len(), "{}: a body was not read", self.entry.channel);
        Ok(took.div_f64(f64::from(u32::try_from(good)?)))
    }
}

fn start() -> Timestamp {
    Timestamp::from_unix_ms(START_MS).in_offset(Timestamp::CHINA_OFFSET_SECS)
}

/// Keeps the last answer of a fake.
#[derive(Debug)]
struct Recorder(FakeApi, Mutex<Option<ApiReply>>);

#[async_trait]
impl ChannelApi for Recorder {
    async fn call(&self, request: ApiRequest) -> connectors::contract::Result<ApiReply> {
        let reply = self.0.call(request).await?;
        *self.1.lock() = Some(reply.clone());
        Ok(reply)
    }
}

/// Gives an answer again, and judges it as the gateway does.
#[derive(Debug)]
struct Replay(ApiReply, Arc<dyn Connector>);

#[async_trait]
impl ChannelApi for Replay {
    async fn call(&self, _: ApiRequest) -> connectors::contract::Result<ApiReply> {
        self.1.classify(&self.0)?;
        Ok(self.0.clone())
    }
}
