//! The one thread that writes, with group commit.
//!
//! Jobs that wait together share a transaction, so that a disk flush is paid once for all of them.
//! Each runs in a savepoint and gets its own answer, after the commit. The transaction begins with
//! the write lock, so that a second process waits instead of failing half-way.

use std::{
    mem,
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
};

use arc_store::StoreError;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::{checkpoint::Checkpointer, error::while_trying, place::explain_open};

/// Work that is no transaction.
type Alone = Box<dyn FnOnce(&Connection) + Send>;

/// What the thread does next.
enum Task {
    Job(Box<dyn Job>),
    Alone(Alone),
}

/// Most jobs in one transaction.
const GROUP: usize = 64;

/// Most jobs that wait; beyond that, callers wait to hand theirs in.
const QUEUE: usize = 256;

/// Hands jobs to the writing thread; the thread ends when this is dropped and the queue is empty.
pub(super) struct Writer {
    queue: Option<mpsc::Sender<Task>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread; without `checkpointer` the log is copied within commits, or there is none.
    pub(super) fn start(
        connection: Arc<Mutex<Connection>>,
        checkpointer: Option<Checkpointer>,
    ) -> Result<Self, StoreError> {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("arc-store-writer".to_owned())
            .spawn(move || run(&connection, jobs, checkpointer.as_ref()))
            .map_err(|source| StoreError::Unavailable { attempted: "start the writer", source: Box::new(source) })?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    /// Runs `work` in a transaction and returns its answer once it is durable. If it fails, nothing
    /// of it is stored.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Pending { work: Some(work), result: None, reply });
        let Some(queue) = &self.queue else { return Err(stopped()) };
        queue.send(Task::Job(job)).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }

    /// Runs `work` outside of any transaction, between those of others, who wait.
    pub(super) async fn alone<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let work: Alone = Box::new(move |connection| {
            // A caller who stopped waiting does not want the answer.
            let _ = reply.send(work(connection).map_err(|error| explain_open(error, connection)));
        });
        let Some(queue) = &self.queue else { return Err(stopped()) };
        queue.send(Task::Alone(work)).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            // A panic there was reported when it happened.
            let _ = thread.join();
        }
    }
}

fn stopped() -> StoreError {
    StoreError::Unavailable { attempted: "write", source: "the writing thread has stopped".into() }
}

/// A job whose types are forgotten.
trait Job: Send {
    /// Does the work; returns whether to keep it.
    fn run(&mut self, connection: &Connection) -> bool;

    /// Answers the caller; `failure` is why the transaction did not come about.
    fn answer(self: Box<Self>, failure: Option<&str>);
}

struct Pending<F, T> {
    work: Option<F>,
    result: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T: Send, F: FnOnce(&Connection) -> Result<T, StoreError> + Send> Job for Pending<F, T> {
    fn run(&mut self, connection: &Connection) -> bool {
        self.result = self.work.take().map(|work| work(connection).map_err(|error| explain_open(error, connection)));
        matches!(self.result, Some(Ok(_)))
    }

    fn answer(self: Box<Self>, failure: Option<&str>) {
        let result = match (self.result, failure) {
            (Some(Err(error)), _) => Err(error),
            (_, Some(why)) => Err(StoreError::Unavailable { attempted: "commit a write", source: why.into() }),
            (Some(ok), None) => ok,
            (None, None) => Err(stopped()),
        };
        // A caller who stopped waiting does not want the answer.
        let _ = self.reply.send(result);
    }
}

fn run(connection: &Mutex<Connection>, mut tasks: mpsc::Receiver<Task>, checkpointer: Option<&Checkpointer>) {
    let mut next = None;
    while let Some(task) = next.take().or_else(|| tasks.blocking_recv()) {
        let first = match task {
            Task::Job(job) => job,
            Task::Alone(work) => {
                work(&connection.lock().unwrap_or_else(PoisonError::into_inner));
                continue;
            }
        };
        let mut group = vec![first];
        while group.len() < GROUP {
            match tasks.try_recv() {
                Ok(Task::Job(job)) => group.push(job),
                Ok(alone) => {
                    next = Some(alone);
                    break;
                }
                Err(_) => break,
            }
        }
        let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
        let failure = commit(&connection, &mut group).err().map(|error| chain(&explain_open(error, &connection)));
        drop(connection);
        if let Some(checkpointer) = checkpointer {
            checkpointer.committed();
        }
        for job in mem::take(&mut group) {
            job.answer(failure.as_deref());
        }
    }
}

fn commit(connection: &Connection, group: &mut [Box<dyn Job>]) -> Result<(), StoreError> {
    let failed = while_trying("commit a write");
    connection.execute_batch("BEGIN IMMEDIATE").map_err(&failed)?;
    let done = group.iter_mut().try_for_each(|job| {
        connection.execute_batch("SAVEPOINT job")?;
        if !job.run(connection) {
            connection.execute_batch("ROLLBACK TO job")?;
        }
        connection.execute_batch("RELEASE job")
    });
    // A full disk ends the transaction by itself: then the savepoint is gone, and this fails.
    let done = done.and_then(|()| connection.execute_batch("COMMIT"));
    if done.is_err() && !connection.is_autocommit() {
        connection.execute_batch("ROLLBACK").map_err(&failed)?;
    }
    done.map_err(failed)
}

/// Returns an error with its causes, for callers who each need one of their own.
fn chain(error: &StoreError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
