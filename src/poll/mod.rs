//! Fetches what was not pushed: one loop for each shop and feed.
//!
//! The watermark W of a feed says: everything the channel modified up to W is in Kafka. It moves to the end of a window
//! only when every record of the window is acknowledged, so a crash at any point reads the window again and the dedup
//! makes that free. Webhooks are a hint; this is the truth.
//!
//! Some channels list orders by the time they were placed only. There a third loop re-reads the orders that may still
//! change, and the shop's orders are complete as far as both loops are.

mod book;
mod feed;
mod open;
mod poller;
mod seen;
mod watermark;
mod window;

use crate::clock::Clock;
use crate::config;
use crate::intake::Intake;
use crate::shops::Shops;
use crate::shutdown::Shutdown;
use crate::store::Kv;
use crate::telemetry::metrics::Metrics;
use book::Book;
use connectors::contract::Capability;
use feed::Feed;
use open::OpenPoller;
use poller::Poller;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// What polling works with.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Takes what was read.
    pub intake: Intake,
    /// Keeps watermarks.
    pub store: Arc<dyn Kv>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Counters.
    pub metrics: Arc<Metrics>,
}

/// Starts a loop for every feed that is enabled.
pub fn start(settings: &config::Poll, shops: &Shops, parts: &Parts, shutdown: &Shutdown) {
    // Shared, because there may be thousands of loops that mostly wait.
    let (settings, parts) = (Arc::new(settings.clone()), Arc::new(parts.clone()));
    let turns = Arc::new(Semaphore::new(settings.shops_parallel.get()));
    for shop in shops.iter() {
        let lists_open = shop.connector.orders().is_some_and(|orders| orders.open().is_some());
        let book = (lists_open && shop.does(Capability::Orders))
            .then(|| Arc::new(Book::new(Arc::clone(&parts.store), shop.channel, &shop.id)));
        if let Some(book) = &book {
            let (shop, turns, book) = (Arc::clone(shop), Arc::clone(&turns), Arc::clone(book));
            let poller =
                OpenPoller::new(Arc::clone(&settings), shop, Arc::clone(&parts), turns, book);
            spawn(shutdown, poller.run());
        }
        for feed in Feed::ALL {
            if shop.does(feed.capability()) {
                let poller = Poller::new(
                    Arc::clone(&settings),
                    Arc::clone(shop),
                    feed,
                    Arc::clone(&parts),
                    Arc::clone(&turns),
                    book.clone(),
                );
                spawn(shutdown, poller.run());
            }
        }
    }
}

/// Runs a loop until the gateway goes down. Dropping it anywhere loses nothing.
fn spawn(shutdown: &Shutdown, run: impl Future<Output = ()> + Send + 'static) {
    let stop = shutdown.clone();
    let run = Box::pin(run);
    shutdown.spawn(async move {
        tokio::select! {
            () = run => {}
            () = stop.stopped() => {}
        }
    });
}
