//! The generator: closed loop (each connection sends when its answer is there) and open loop (on a schedule).
//!
//! It runs on one thread, so its own share of the machine is known and bounded. In the open loop a latency counts from
//! the moment at which the order was due, whoever was late; how late the generator itself was is kept apart.

use super::bodies::Bodies;
use super::client::Client;
use super::histogram::Histogram;
use super::process::cpu;
use anyhow::ensure;
use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::Instant;

/// A duplicate repeats the order that was new so many orders ago: recent, and answered long since.
const DUPLICATE_OF: usize = 1024;

/// When orders are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// When the connection's last answer is there.
    Closed,
    /// At even distances, so many in a second, whatever became of the ones before.
    Open(u64),
}

/// One run's load.
#[derive(Debug, Clone)]
pub(super) struct Load {
    pub(super) address: SocketAddr,
    pub(super) connections: usize,
    pub(super) pace: Pace,
    /// Sent, but not measured.
    pub(super) warm: Duration,
    pub(super) measured: Duration,
    /// Every so manieth delivery is a duplicate; 0 for none.
    pub(super) duplicate_every: u64,
    /// Whose CPU time is taken: server, Redis, Kafka.
    pub(super) pids: [Vec<u32>; 3],
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    /// Deliveries sent and answered 200, duplicates among them, and those answered otherwise.
    pub(super) sent: u64,
    pub(super) accepted: u64,
    pub(super) refused: u64,
    /// Orders made, by index; whether one of its deliveries was answered 200.
    pub(super) orders: Vec<bool>,
    /// Answered 200 while it was measured, and for how long that was.
    pub(super) measured: u64,
    pub(super) time: Duration,
    /// CPU time while it was measured: server, Redis, Kafka, generator.
    pub(super) cpu: [Duration; 4],
    pub(super) latency: Histogram,
    /// Open loop: how late the generator sent where a connection was free.
    pub(super) late: Histogram,
}

struct Shared {
    load: Load,
    bodies: Bodies,
    start: Instant,
    end: Instant,
    measuring: Cell<bool>,
    seen: RefCell<Seen>,
}

/// Drives a server; returns what was seen and the bodies that were sent. Blocks: call it where blocking is allowed.
pub(super) fn drive(load: Load, bodies: Bodies) -> anyhow::Result<(Seen, Bodies)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async move {
        let mut clients = Vec::with_capacity(load.connections);
        for _ in 0..load.connections {
            clients.push(Client::connect(load.address).await?);
        }
        let start = Instant::now();
        let end = start + load.warm + load.measured;
        let (measuring, seen) = (Cell::new(false), RefCell::default());
        let shared = Rc::new(Shared { load, bodies, start, end, measuring, seen });
        let mut workers = JoinSet::new();
        for client in clients {
            workers.spawn_local(work(client, Rc::clone(&shared)));
        }
        workers.spawn_local(measure(Rc::clone(&shared)));
        while let Some(ended) = workers.join_next().await {
            ended??;
        }
        let shared = Rc::into_inner(shared).ok_or_else(|| anyhow::anyhow!("a worker is left"))?;
        Ok((shared.seen.into_inner(), shared.bodies))
    })
}

async fn work(mut client: Client, shared: Rc<Shared>) -> anyhow::Result<()> {
    let mut request = Vec::new();
    loop {
        if Instant::now() >= shared.end {
            return Ok(());
        }
        let due = shared.due();
        if due.is_some_and(|due| due >= shared.end) {
            return Ok(());
        }
        let order = shared.next()?;
        shared.bodies.write(order, &mut request)?;
        let from = match due {
            None => Instant::now(),
            Some(due) => {
                shared.wait_until(due).await;
                due
            }
        };
        let status = client.exchange(&request).await?;
        let mut seen = shared.seen.borrow_mut();
        if status != 200 {
            seen.refused += 1;
            continue;
        }
        seen.accepted += 1;
        if let Some(answered) = seen.orders.get_mut(order) {
            *answered = true;
        }
        if shared.measuring.get() {
            seen.latency.record(micros(from.elapsed()));
        }
    }
}

impl Shared {
    /// When the next delivery is due; none in the closed loop.
    fn due(&self) -> Option<Instant> {
        match self.load.pace {
            Pace::Closed => None,
            Pace::Open(per_second) => {
                let sent = self.seen.borrow().sent;
                Some(self.start + Duration::from_nanos(sent * 1_000_000_000 / per_second))
            }
        }
    }

    /// The order of the next delivery.
    fn next(&self) -> anyhow::Result<usize> {
        let mut seen = self.seen.borrow_mut();
        let number = seen.sent;
        seen.sent += 1;
        let (made, every) = (seen.orders.len(), self.load.duplicate_every);
        if every > 0 && number.is_multiple_of(every) && made >= DUPLICATE_OF {
            return Ok(made - DUPLICATE_OF);
        }
        ensure!(
            made < self.bodies.len(),
            "the server was faster than the orders that were prepared"
        );
        seen.orders.push(false);
        Ok(made)
    }

    async fn wait_until(&self, due: Instant) {
        if Instant::now() < due {
            tokio::time::sleep_until(due).await;
            if self.measuring.get() {
                self.seen.borrow_mut().late.record(micros(due.elapsed()));
            }
        }
    }

    fn cpu(&self) -> anyhow::Result<[Duration; 4]> {
        let sum = |pids: &[u32]| pids.iter().map(|pid| cpu(*pid)).sum::<anyhow::Result<Duration>>();
        let [server, redis, kafka] = &self.load.pids;
        Ok([sum(server)?, sum(redis)?, sum(kafka)?, cpu(std::process::id())?])
    }
}

/// Takes CPU times and counts at both ends of the measured time.
async fn measure(shared: Rc<Shared>) -> anyhow::Result<()> {
    tokio::time::sleep_until(shared.start + shared.load.warm).await;
    let (began, before, accepted) = (Instant::now(), shared.cpu()?, shared.seen.borrow().accepted);
    shared.measuring.set(true);
    tokio::time::sleep_until(shared.end).await;
    shared.measuring.set(false);
    let after = shared.cpu()?;
    let mut seen = shared.seen.borrow_mut();
    seen.time = began.elapsed();
    seen.measured = seen.accepted - accepted;
    for ((used, after), before) in seen.cpu.iter_mut().zip(after).zip(before) {
        *used = after.saturating_sub(before);
    }
    Ok(())
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
