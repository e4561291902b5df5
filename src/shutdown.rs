//! One token that says stop, one tracker that knows what still runs.

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Handed to every room that has a loop.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    token: CancellationToken,
    tracker: TaskTracker,
}

impl Shutdown {
    /// Tells every loop to stop.
    pub fn stop(&self) {
        self.token.cancel();
    }

    /// Ends once [`Shutdown::stop`] was called.
    pub async fn stopped(&self) {
        self.token.cancelled().await;
    }

    /// Whether [`Shutdown::stop`] was called.
    pub fn is_stopped(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Starts a task that [`Shutdown::wait`] waits for.
    pub fn spawn<F>(&self, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.tracker.spawn(task);
    }

    /// Waits until every task has ended.
    pub async fn wait(&self) {
        self.tracker.close();
        self.tracker.wait().await;
    }
}
