//! The tasks that append, with group commit.
//!
//! Batches that wait together share a transaction, so that the round trips and the disk flush are
//! paid once for all of them. Each gets its own answer, after the commit. A batch that cannot be
//! stored fails alone: the others of its group are tried again one by one.

use std::{
    ops::Range,
    sync::{Arc, PoisonError},
};

use arc_store::{Appended, StoreError};
use deadpool_postgres::Pool;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio_postgres::Config;

use super::{
    append::{self, Batch},
    compact,
    error::{no_connection, unavailable, while_trying},
};

/// Transactions under way at once: while one waits for the disk, the next is sent.
const WRITERS: usize = 2;

/// Most batches in one transaction.
const GROUP: usize = 64;

/// Most batches that wait; beyond that, callers wait to hand theirs in.
const QUEUE: usize = 256;

/// Numbers a program takes at once; the increment of the sequence.
const BLOCK: i64 = 65_536;

/// Hands batches to the writing tasks; they end when this is dropped and the queue is empty.
pub(super) struct Writer {
    queue: mpsc::Sender<Job>,
}

struct Job {
    batch: Batch,
    /// The round of compacting in which it was packed.
    round: i64,
    reply: oneshot::Sender<Result<Option<Stored>, StoreError>>,
}

/// A batch that is committed, and the number of its first segment.
pub(super) struct Stored {
    pub(super) appended: Appended,
    pub(super) batch: Batch,
    pub(super) first: i64,
}

impl Writer {
    pub(super) fn start(pool: &Pool, place: &Arc<Config>) -> Self {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let shared = Arc::new(Shared {
            pool: pool.clone(),
            place: Arc::clone(place),
            jobs: Mutex::new(jobs),
            free: std::sync::Mutex::new(0..0),
        });
        for _ in 0..WRITERS {
            let shared = Arc::clone(&shared);
            #[expect(
                clippy::disallowed_methods,
                reason = "it ends with the store; what is not committed is not acknowledged"
            )]
            tokio::spawn(async move { shared.run().await });
        }
        Self { queue }
    }

    /// Stores a batch and returns once it is durable; `None` if it was packed before the current round of compacting.
    pub(super) async fn append(&self, batch: Batch, round: i64) -> Result<Option<Stored>, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.queue.send(Job { batch, round, reply }).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }
}

fn stopped() -> StoreError {
    unavailable("write", "the writing task has stopped")
}

/// What the writing tasks share.
struct Shared {
    pool: Pool,
    place: Arc<Config>,
    jobs: Mutex<mpsc::Receiver<Job>>,
    /// Segment numbers of this program that are not used yet.
    free: std::sync::Mutex<Range<i64>>,
}

impl Shared {
    async fn run(&self) {
        loop {
            let group = {
                let mut jobs = self.jobs.lock().await;
                let Some(first) = jobs.recv().await else { return };
                let mut group = vec![first];
                while group.len() < GROUP {
                    let Ok(job) = jobs.try_recv() else { break };
                    group.push(job);
                }
                group
            };
            self.store(group).await;
        }
    }

    /// Stores batches and answers for each.
    async fn store(&self, group: Vec<Job>) {
        match self.commit(&group).await {
            Ok(stored) => answer(group, stored),
            // None of them would fare better alone.
            Err(error) if group.len() == 1 || matches!(error, StoreError::Unavailable { .. }) => {
                refuse(group, &error);
            }
            Err(_) => {
                for job in group {
                    let alone = vec![job];
                    match self.commit(&alone).await {
                        Ok(stored) => answer(alone, stored),
                        Err(error) => refuse(alone, &error),
                    }
                }
            }
        }
    }

    /// Stores batches in one transaction; returns what became of each, and its first number. Those of an earlier
    /// round of compacting are left out.
    async fn commit(&self, group: &[Job]) -> Result<Vec<Option<(Appended, i64)>>, StoreError> {
        let mut db = self.pool.get().await.map_err(no_connection(&self.place))?;
        let mut batches = Vec::with_capacity(group.len());
        for job in group {
            batches.push((&job.batch, self.numbers(&db, job.batch.segments()).await?));
        }
        let failed = while_trying("commit a write");
        let tx = db.transaction().await.map_err(&failed)?;
        let round = compact::hold_round(&tx).await?;
        let is_current: Vec<bool> = group.iter().map(|job| job.round == round).collect();
        let mut current = is_current.iter();
        batches.retain(|_| current.next() == Some(&true));
        let appended = if batches.is_empty() { Vec::new() } else { append::insert(&tx, &batches).await? };
        tx.commit().await.map_err(failed)?;
        let mut stored = appended.into_iter().zip(batches.into_iter().map(|(_, first)| first));
        Ok(is_current.into_iter().map(|is_current| is_current.then(|| stored.next()).flatten()).collect())
    }

    /// Takes so many segment numbers that follow each other, and returns the first.
    async fn numbers(&self, db: &deadpool_postgres::Client, count: usize) -> Result<i64, StoreError> {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        if count > BLOCK {
            return Err(StoreError::Invalid("a batch of spans is larger than 4 GiB; append it in parts".to_owned()));
        }
        loop {
            {
                let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
                if free.end - free.start >= count {
                    let first = free.start;
                    free.start += count;
                    return Ok(first);
                }
            }
            let block = db.query_one("SELECT nextval('segment_blocks')", &[]).await.and_then(|row| row.try_get(0));
            let block: i64 = block.map_err(while_trying("number segments"))?;
            *self.free.lock().unwrap_or_else(PoisonError::into_inner) = block..block + BLOCK;
        }
    }
}

fn answer(group: Vec<Job>, stored: Vec<Option<(Appended, i64)>>) {
    for (Job { batch, reply, .. }, stored) in group.into_iter().zip(stored) {
        // A caller who stopped waiting does not want the answer.
        let _ = reply.send(Ok(stored.map(|(appended, first)| Stored { appended, batch, first })));
    }
}

fn refuse(group: Vec<Job>, error: &StoreError) {
    for job in group {
        // As above.
        let _ = job.reply.send(Err(error.repeated()));
    }
}
