//! Work in the background, tracked so that shutdown can wait for it.

use std::future::Future;

use tokio::task::JoinHandle;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The tasks of an application.
#[derive(Debug, Clone, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Tasks {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Runs a task. One that does not end by itself must watch [`Tasks::stopping`].
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tracker.spawn(task);
    }

    /// Begins a task whose result somebody waits for.
    pub(crate) fn begin<T: Send + 'static>(&self, task: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        self.tracker.spawn(task)
    }

    /// Begins a computation where it does not hold up other tasks.
    pub fn compute<T: Send + 'static>(&self, computation: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        self.tracker.spawn_blocking(computation)
    }

    /// Returns when shutdown was asked for.
    pub async fn stopping(&self) {
        self.stop.cancelled().await;
    }

    /// Returns whether shutdown was asked for.
    pub fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Asks every task to stop, without waiting for them.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    pub(crate) async fn shutdown(&self) {
        self.stop();
        self.tracker.close();
        self.tracker.wait().await;
    }
}
