//! The task that appends, with group commit.
//!
//! Batches that wait together are looked up, packed and inserted together, so that the round trips and the flush to
//! the disk are paid once for all of them; ClickHouse takes few large inserts much better than many small ones. One
//! group follows the other, so what became of each span is told exactly, as far as this program is concerned.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use arc_model::ProjectId;
use arc_store::{Appended, StoreError};
use clickhouse::{Client, Row};
use serde::Deserialize;
use tokio::sync::{mpsc, oneshot};

use super::{
    append::{self, Batch, Ready},
    compact,
    error::{unavailable, while_trying},
    rounds::Rounds,
};
use crate::remote::compute;

/// Records after which a group is closed.
const GROUP: usize = 65_536;

/// Most batches that wait; beyond that, callers wait to hand theirs in.
const QUEUE: usize = 1024;

/// Numbers of segments a program takes at once.
const BLOCK: i64 = 1 << 18;

/// Hands batches to the writing task; it ends when this is dropped and the queue is empty.
pub(super) struct Writer {
    queue: mpsc::Sender<Job>,
}

struct Job {
    batch: Batch,
    reply: oneshot::Sender<Result<Appended, StoreError>>,
}

type Reply = oneshot::Sender<Result<Appended, StoreError>>;

impl Writer {
    pub(super) fn start(db: Client, rounds: Arc<Rounds>) -> Self {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let task = Task { db, rounds, free: 0..0 };
        #[expect(
            clippy::disallowed_methods,
            reason = "it ends with the store; what is not stored is not acknowledged"
        )]
        tokio::spawn(task.run(jobs));
        Self { queue }
    }

    /// Stores a batch and returns once it is durable.
    pub(super) async fn append(&self, batch: Batch) -> Result<Appended, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.queue.send(Job { batch, reply }).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }
}

fn stopped() -> StoreError {
    unavailable("write", "the writing task has stopped")
}

struct Task {
    db: Client,
    rounds: Arc<Rounds>,
    /// Numbers of segments that are not used yet.
    free: Range<i64>,
}

impl Task {
    async fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        while let Some(first) = jobs.recv().await {
            let mut records = first.batch.len();
            let mut group = vec![first];
            while records < GROUP {
                let Ok(job) = jobs.try_recv() else { break };
                records += job.batch.len();
                group.push(job);
            }
            self.store(group).await;
        }
    }

    /// Stores batches and answers for each.
    async fn store(&mut self, group: Vec<Job>) {
        // A packed segment belongs to one project.
        let mut projects: BTreeMap<ProjectId, (Vec<Batch>, Vec<Reply>)> = BTreeMap::new();
        for Job { batch, reply } in group {
            let (batches, replies) = projects.entry(batch.project.clone()).or_default();
            batches.push(batch);
            replies.push(reply);
        }
        let (batches, replies): (Vec<_>, Vec<_>) = projects.into_values().unzip();
        match self.commit(batches).await {
            Ok(appended) => {
                for (reply, appended) in replies.into_iter().flatten().zip(appended) {
                    // A caller who stopped waiting does not want the answer.
                    let _ = reply.send(Ok(appended));
                }
            }
            Err(error) => {
                for reply in replies.into_iter().flatten() {
                    // As above.
                    let _ = reply.send(Err(error.repeated()));
                }
            }
        }
    }

    async fn commit(&mut self, projects: Vec<Vec<Batch>>) -> Result<Vec<Appended>, StoreError> {
        let rounds = Arc::clone(&self.rounds);
        let held = rounds.hold().await;
        let mut all: Vec<(Ready, i64)> = Vec::with_capacity(projects.len());
        for batches in projects {
            let known = append::known(&self.db, &batches).await?;
            let window = Arc::clone(&rounds.window);
            let ready = compute("append spans", move || append::pack(&batches, known, &window)).await?;
            let first = self.numbers(ready.packed.segments.len()).await?;
            all.push((ready, first));
        }
        if let Err(error) = append::insert(&self.db, &all).await {
            drop(held);
            self.free = 0..0;
            rounds.disown().await;
            self.suspect(&all).await;
            return Err(error);
        }
        let mut appended = Vec::new();
        for (ready, first) in all {
            appended.extend(ready.appended);
            rounds.window.remember_in(held.round(), ready.packed.bodies(first));
        }
        Ok(appended)
    }

    /// Has compacting look at segments that perhaps nothing refers to, if the store can be reached.
    async fn suspect(&self, all: &[(Ready, i64)]) {
        for (ready, first) in all {
            let segments = (*first..).take(ready.packed.segments.len()).collect();
            // Where that fails too, they stay: room that is lost, and what they hold is held by what is sent again.
            let _ = compact::suspect(&self.db, ready.project.as_str(), &segments).await;
        }
    }

    /// Takes so many numbers that follow each other, and returns the first.
    async fn numbers(&mut self, count: usize) -> Result<i64, StoreError> {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        if count > BLOCK {
            return Err(StoreError::Invalid("a batch of spans is too large; append it in parts".to_owned()));
        }
        while self.free.end - self.free.start < count {
            self.free = block(&self.db).await?;
            self.rounds.own(self.free.clone());
        }
        let first = self.free.start;
        self.free.start += count;
        Ok(first)
    }
}

#[derive(Row, Deserialize)]
struct Number {
    number: u64,
}

/// Returns numbers that no other program has: of 2⁴⁴ blocks one at random in which nothing is stored.
async fn block(db: &Client) -> Result<Range<i64>, StoreError> {
    let failed = while_trying("number segments");
    loop {
        let drawn = "SELECT bitShiftRight(rand64(), 20) AS number";
        let Number { number } = db.query_raw(drawn).fetch_one().await.map_err(&failed)?;
        let start = i64::try_from(number).unwrap_or(0) * BLOCK;
        let end = start + BLOCK;
        let used = format!("SELECT count() AS number FROM segments WHERE id >= {start} AND id < {end}");
        let Number { number } = db.query_raw(&used).fetch_one().await.map_err(&failed)?;
        if number == 0 {
            return Ok(start..end);
        }
    }
}
