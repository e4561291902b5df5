//! The main job on the embedded default, with a ledger at its end that must balance.
//!
//! Fake channels with several shops make orders, edits and refunds; some are delivered twice at once, some late and out
//! of order; channels that do not call are polled. A small ERP consumes the orders and answers with stock and waybills.
//! Everything runs in this process, so that nothing is left when it is killed.

mod books;
mod courier;
mod erp;
mod fleet;
mod ledger;
mod screen;

use anyhow::{Context, ensure};
use books::Books;
use channel_gateway::app::App;
use channel_gateway::clock::{Clock, SystemClock};
use channel_gateway::config;
use channel_gateway::output::{complain, line};
use channel_gateway::shutdown::Shutdown;
use channel_gateway::telemetry;
use courier::Courier;
use fleet::Fleet;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How long the ledger may take to balance once nothing is sold any more.
const SETTLE: Duration = Duration::from_mins(1);
const LOOK: Duration = Duration::from_millis(500);

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Seconds of selling
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Shops on each channel
    #[arg(long, default_value_t = 3)]
    shops: u32,
    /// New orders in a second, for each shop
    #[arg(long, default_value_t = 8)]
    orders_per_second: u32,
    /// Decides what is in the orders
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let shutdown = Shutdown::default();
    let done = play(&args, &shutdown).await;
    shutdown.stop();
    shutdown.wait().await;
    done
}

async fn play(args: &Args, shutdown: &Shutdown) -> anyhow::Result<()> {
    let fleet = Fleet::start(args.shops, shutdown).await?;
    let (plan, problems) = config::plan(true, Some(&fleet.config()));
    let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
    let plan = plan.with_context(|| said.join("\n"))?;
    telemetry::start(&plan.config.telemetry);
    let topics = plan.config.kafka.topics.clone();
    let app = App::start(plan).await?;
    line(format_args!(
        "gateway on http://{}, operators on http://{}/metrics\nwatch it: kcat -b {} -t {} -C -f '%k\\n  %h\\n  %s\\n'\n",
        app.address(),
        app.admin(),
        app.bootstrap(),
        topics.orders
    ));
    let books = Arc::new(Books::default());
    let erp = Shutdown::default();
    erp::start(app.bootstrap(), &topics, &books, &erp)?;
    let courier = Arc::new(Courier::new(app.address()));
    let balanced = tokio::select! {
        balanced = trade(args, &fleet, &courier, &books, shutdown) => balanced,
        _ = tokio::signal::ctrl_c() => false,
    };
    screen::clear();
    line(ledger::of(&fleet, &books, app.metrics()));
    // Clients of the embedded broker end before it does.
    erp.stop();
    erp.wait().await;
    app.stop().await;
    ensure!(balanced, "the ledger does not balance");
    Ok(())
}

async fn trade(
    args: &Args,
    fleet: &Fleet,
    courier: &Arc<Courier>,
    books: &Books,
    shutdown: &Shutdown,
) -> bool {
    sell(args, fleet, courier, books, shutdown).await;
    settle(fleet, courier, books, shutdown).await
}

/// One round is a tenth of a second or less: orders in every shop, now and then an edit or a refund.
async fn sell(
    args: &Args,
    fleet: &Fleet,
    courier: &Arc<Courier>,
    books: &Books,
    shutdown: &Shutdown,
) {
    let end = Instant::now() + Duration::from_secs(args.seconds);
    let mut turns = tokio::time::interval(Duration::from_secs(1) / args.orders_per_second.max(1));
    let mut seed = args.seed.wrapping_mul(1_000_003);
    while Instant::now() < end {
        turns.tick().await;
        fleet.trade(seed, SystemClock.now());
        seed = seed.wrapping_add(1);
        courier.carry(fleet, shutdown);
        let left = end.saturating_duration_since(Instant::now());
        screen::show(format_args!("selling, {:>2} s left: {}", left.as_secs(), books.summary()));
    }
}

/// Waits until everything that was made is where it belongs.
async fn settle(fleet: &Fleet, courier: &Arc<Courier>, books: &Books, shutdown: &Shutdown) -> bool {
    let end = Instant::now() + SETTLE;
    loop {
        courier.carry(fleet, shutdown);
        let open = ledger::open_items(fleet, books) + courier.under_way();
        if open == 0 {
            return true;
        }
        if Instant::now() > end {
            complain(format_args!("{open} items are still open after {} s", SETTLE.as_secs()));
            return false;
        }
        screen::show(format_args!("settling, {open} open: {}", books.summary()));
        tokio::time::sleep(LOOK).await;
    }
}
