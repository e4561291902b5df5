//! What is published while the store is away: how much of it is remembered, and what becomes of the rest.

use super::Settled;
use super::flights::{Boarding, Flights};
use super::record::{Kind, Ready};
use super::road::{BACKLOG, Road};
use crate::bus::{MemoryBus, Record};
use crate::config::{self, Config};
use crate::shutdown::Shutdown;
use crate::store::{Claim, Dedup, Error};
use crate::telemetry::metrics::Metrics;
use async_trait::async_trait;
use connectors::contract::EventId;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;

const BEYOND: usize = 1_000;
const LOOK: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_hours(1);

/// A store that can be away, and that knows what was confirmed, in turn.
#[derive(Debug, Default)]
struct Store {
    is_back: AtomicBool,
    confirmed: Mutex<Vec<EventId>>,
}

#[async_trait]
impl Dedup for Store {
    async fn claim(&self, _: &[EventId], _: u64) -> Result<Vec<Claim>, Error> {
        Err(Error::Late)
    }

    async fn confirm(&self, ids: &[EventId]) -> Result<(), Error> {
        if !self.is_back.load(Ordering::Relaxed) {
            return Err(Error::Late);
        }
        self.confirmed.lock().extend(ids);
        Ok(())
    }

    async fn release(&self, _: &[EventId], _: u64) -> Result<(), Error> {
        Err(Error::Late)
    }
}

fn id(number: usize) -> EventId {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&number.to_le_bytes());
    EventId(id)
}

fn ready(number: usize) -> Ready {
    let (key, payload, headers) = (String::new(), Vec::new(), Vec::new());
    let record = Record { topic: "orders".into(), key, payload, headers };
    Ready { id: id(number), kind: Kind::Order, modified: None, record }
}

#[tokio::test(start_paused = true)]
async fn what_is_to_be_confirmed_later_is_bounded_and_the_oldest_are_dropped() {
    let mut settings: toml::Table = config::DEFAULT.parse().unwrap();
    settings.insert("shops".to_owned(), toml::Value::Array(Vec::new()));
    let Config { intake, .. } = settings.try_into().unwrap();
    let store = Arc::new(Store::default());
    let flights = Arc::new(Flights::new(intake.remember_local));
    let metrics = Arc::new(Metrics::try_new().unwrap());
    let shutdown = Shutdown::default();
    let (queue, jobs) = mpsc::channel(intake.queue.get());
    let road = Road::new(
        &intake,
        Arc::<Store>::clone(&store),
        Arc::new(MemoryBus::default()),
        Arc::clone(&flights),
        Arc::clone(&metrics),
        shutdown.clone(),
    );
    road.open(jobs, queue.downgrade());

    let events = BACKLOG + BEYOND;
    let Boarding::First(landed) = flights.board(id(events - 1)) else { panic!("it is new") };
    for number in 0..events {
        queue.send(ready(number)).await.unwrap();
    }
    assert_eq!(landed.await.unwrap(), Ok(Settled::Published), "without the store");
    let owed = || usize::try_from(metrics.confirm_backlog.get()).unwrap();
    assert_eq!(owed(), BACKLOG);

    store.is_back.store(true, Ordering::Relaxed);
    let paid = async {
        while owed() > 0 {
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(PATIENCE, paid).await.unwrap();
    let expected: Vec<EventId> = (BEYOND..events).map(id).collect();
    assert!(*store.confirmed.lock() == expected, "the newest, each once");
    shutdown.stop();
    drop(queue);
    shutdown.wait().await;
}
