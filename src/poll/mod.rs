//! Fetches what was not pushed: one loop for each shop and feed.
//!
//! The watermark W of a feed says: everything the channel modified up to W is in Kafka. It moves to the end of a window
//! only when every record of the window is acknowledged, so a crash at any point reads the window again and the dedup
//! makes that free. Webhooks are a hint; this is the truth.

mod feed;
mod poller;
mod watermark;
mod window;

use crate::clock::Clock;
use crate::config;
use crate::intake::Intake;
use crate::shops::Shops;
use crate::shutdown::Shutdown;
use crate::store::Kv;
use crate::telemetry::metrics::Metrics;
use feed::Feed;
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
    let turns = Arc::new(Semaphore::new(settings.shops_parallel.get()));
    for shop in shops.iter() {
        for feed in Feed::ALL {
            if shop.does(feed.capability()) {
                let poller = poller::Poller::new(
                    settings.clone(),
                    Arc::clone(shop),
                    feed,
                    parts.clone(),
                    Arc::clone(&turns),
                );
                let stop = shutdown.clone();
                shutdown.spawn(async move {
                    tokio::select! {
                        () = poller.run() => {}
                        () = stop.stopped() => {}
                    }
                });
            }
        }
    }
}
