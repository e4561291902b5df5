//! A small language for the tests: services, a gateway with topics of its own, a partner that signs, a topic that is
//! read to a condition.
//!
//! Nothing here sleeps for a fixed time and hopes: [`eventually`] asks until a condition holds or a deadline is over.

mod channel;
mod contract;
mod gateway;
mod partner;
mod process;
mod proxy;
mod tampered;
mod timed;
mod topic;

pub(crate) use channel::{Channel, Erp, now};
pub(crate) use contract::{wrong_record, wrong_value};
pub(crate) use gateway::{Gateway, SECRET, Setup};
pub(crate) use partner::{Answer, Partner, exchange, now_secs, order, parse};
pub(crate) use process::{Process, run};
pub(crate) use proxy::Proxy;
pub(crate) use tampered::{Fate, Tampered};
pub(crate) use timed::{Timed, busiest_second};
pub(crate) use topic::{RawRecord, Seen, Topic};

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::time::Instant;

const PATIENCE: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(20);

/// Asks until the condition gives something.
pub(crate) async fn eventually<T>(what: &str, mut condition: impl AsyncFnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = condition().await {
            return found;
        }
        assert!(Instant::now() < end, "never within {PATIENCE:?}: {what}");
        tokio::time::sleep(LOOK).await;
    }
}

/// A task that ends with its test's runtime.
#[expect(clippy::disallowed_methods, reason = "a test has no shutdown to wait for its tasks")]
pub(crate) fn spawn<T: Send + 'static>(
    task: impl Future<Output = T> + Send + 'static,
) -> tokio::task::JoinHandle<T> {
    tokio::spawn(task)
}

/// A name that no other test, and no earlier run on the same services, has.
pub(crate) fn unique(prefix: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let random = getrandom::u32().unwrap();
    format!("{prefix}-{}-{count}-{random:08x}", std::process::id())
}

/// Where the services are; `tests/services.sh run -- cargo test` starts them.
pub(crate) fn redis_url() -> String {
    service("REDIS_URL")
}

/// Broker list of the real Kafka.
pub(crate) fn kafka() -> String {
    service("KAFKA_BOOTSTRAP")
}

#[expect(clippy::disallowed_methods, reason = "this is how services.sh tells where it put them")]
fn service(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set: run `make test`, or tests/services.sh run -- cargo test")
    })
}
