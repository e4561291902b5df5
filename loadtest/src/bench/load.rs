//! The generator: connections that send orders and write down what became of them, all on one thread.

use super::arrivals::{Random, Schedule, Turns};
use super::client::Client;
use super::orders::Orders;
use super::process::{Cpu, Meters};
use anyhow::Context;
use hdrhistogram::Histogram;
use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::Instant;

/// An answer that takes longer than this ends the run.
const LONGEST_ANSWER: Duration = Duration::from_mins(1);
const OK: u16 = 200;

/// What to send, how and for how long.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) address: SocketAddr,
    pub(super) connections: usize,
    /// Orders a second in an open loop; none is a closed loop.
    pub(super) per_second: Option<u64>,
    /// Time under load before anything is measured.
    pub(super) warm: Duration,
    pub(super) time: Duration,
    /// Exact repeats among 1000 deliveries.
    pub(super) repeats: u64,
    pub(super) seed: u64,
}

/// What became of it.
#[derive(Debug)]
pub(super) struct Outcome {
    /// Measured time.
    pub(super) time: Duration,
    /// Deliveries answered 200 within it.
    pub(super) answered_in_time: u64,
    /// Latencies of the deliveries that were due within it, in microseconds.
    pub(super) latency: Histogram<u64>,
    pub(super) cpu: Cpu,
    /// Orders, by number: whether one was answered 200 at least once. All of the run, the warm-up included.
    pub(super) orders: Vec<bool>,
    /// Deliveries of the whole run that were answered otherwise.
    pub(super) refused: u64,
}

struct Books {
    latency: Histogram<u64>,
    orders: Vec<bool>,
    answered: u64,
    refused: u64,
}

struct Shared {
    orders: Arc<Orders>,
    turns: Turns,
    /// Deliveries that are due from then on, and until then, are measured.
    from: Instant,
    until: Instant,
    repeats: u64,
    random: RefCell<Random>,
    next: Cell<u64>,
    books: RefCell<Books>,
}

/// Runs the load on a thread of its own.
pub(super) async fn run(
    plan: Plan,
    orders: Arc<Orders>,
    meters: Option<Meters>,
) -> anyhow::Result<Outcome> {
    let thread = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let load = drive(&plan, orders, meters.as_ref());
        runtime.block_on(LocalSet::new().run_until(load))
    });
    thread.await?
}

async fn drive(
    plan: &Plan,
    orders: Arc<Orders>,
    meters: Option<&Meters>,
) -> anyhow::Result<Outcome> {
    let mut clients = Vec::with_capacity(plan.connections);
    for _ in 0..plan.connections {
        clients.push(Client::connect(plan.address).await.context("cannot connect")?);
    }
    let read = || meters.map_or(Ok(Cpu::default()), Meters::read);
    let shared = Rc::new(Shared::new(plan, orders)?);
    let mut connections = JoinSet::new();
    for client in clients {
        connections.spawn_local(converse(Rc::clone(&shared), client));
    }
    let watch = async {
        tokio::time::sleep_until(shared.from).await;
        let (began, before, cpu) = (Instant::now(), shared.books.borrow().answered, read()?);
        tokio::time::sleep_until(shared.until).await;
        let (time, after) = (began.elapsed(), shared.books.borrow().answered);
        let cpu = read()?.since(cpu);
        shared.turns.stop();
        anyhow::Ok((time, after.saturating_sub(before), cpu))
    };
    let longest = plan.warm + plan.time + LONGEST_ANSWER;
    let finish = async {
        while let Some(ended) = connections.join_next().await {
            ended??;
        }
        anyhow::Ok(())
    };
    let both = async { tokio::try_join!(watch, finish) };
    let ((time, answered_in_time, cpu), ()) =
        tokio::time::timeout(longest, both).await.context("some deliveries had no answer")??;
    let books = shared.books.replace(Books::try_new()?);
    Ok(Outcome {
        time,
        answered_in_time,
        latency: books.latency,
        cpu,
        orders: books.orders,
        refused: books.refused,
    })
}

async fn converse(shared: Rc<Shared>, mut client: Client) -> anyhow::Result<()> {
    let mut request = shared.orders.request();
    let mut last = None;
    while let Some(due) = shared.turns.next().await {
        let number = shared.choose(last);
        shared.orders.fill(&mut request, number);
        let status = client.exchange(&request).await?;
        shared.write_down(number, due, status);
        last = if status == OK { Some(number) } else { last };
    }
    Ok(())
}

impl Shared {
    fn new(plan: &Plan, orders: Arc<Orders>) -> anyhow::Result<Self> {
        let mut random = Random(plan.seed);
        let start = Instant::now();
        let turns = match plan.per_second {
            None => Turns::Closed { stopped: Cell::new(false) },
            Some(rate) => {
                let time = plan.warm + plan.time;
                let schedule = Schedule::new(start, time, rate, plan.connections, &mut random);
                let schedule = Arc::new(schedule);
                let pacer = Arc::clone(&schedule);
                tokio::task::spawn_blocking(move || pacer.pace());
                Turns::Open { schedule, taken: Cell::new(0) }
            }
        };
        Ok(Self {
            orders,
            turns,
            from: start + plan.warm,
            until: start + plan.warm + plan.time,
            repeats: plan.repeats,
            random: RefCell::new(random),
            next: Cell::new(0),
            books: RefCell::new(Books::try_new()?),
        })
    }

    /// A new order, or now and then the last one that this connection had answered.
    fn choose(&self, last: Option<u64>) -> u64 {
        if let Some(last) = last
            && self.random.borrow_mut().below(1000) < self.repeats
        {
            return last;
        }
        let number = self.next.get();
        self.next.set(number + 1);
        self.books.borrow_mut().orders.push(false);
        number
    }

    fn write_down(&self, number: u64, due: Instant, status: u16) {
        let mut books = self.books.borrow_mut();
        if status != OK {
            books.refused += 1;
            return;
        }
        books.answered += 1;
        if let Some(answered) = usize::try_from(number).ok().and_then(|at| books.orders.get_mut(at))
        {
            *answered = true;
        }
        if self.from <= due && due < self.until {
            let micros = u64::try_from(due.elapsed().as_micros()).unwrap_or(u64::MAX);
            books.latency.saturating_record(micros);
        }
    }
}

impl Books {
    fn try_new() -> anyhow::Result<Self> {
        let highest = u64::try_from(LONGEST_ANSWER.as_micros())?;
        let latency = Histogram::new_with_bounds(1, highest, 3)?;
        Ok(Self { latency, orders: Vec::new(), answered: 0, refused: 0 })
    }
}
