//! Keeping: what is searched, what is deleted on request or for its age or size, and what was removed.
//!
//! Three things happen in the background ([`App::run_background`]): text of settled runs is made searchable, runs go
//! that retention does not keep, and storage is compacted after runs were deleted. Each works in small steps, between
//! which whoever ingests has its turn. What retention removed is logged, and kept as a [`Removed`] per project.
//!
//! Of several servers on one store, one at a time deletes and compacts: the one that has the lease ([`TURN`]).

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use arc_model::{ProjectId, Timestamp, TraceId};
use arc_store::{Compacted, Deleted, Page, SearchHit, SearchQuery, Selection, Storage, StoreError, WorkId};
use serde::{Deserialize, Serialize};

use crate::{App, AppError, otlp_span::random_ids};

/// What is kept; everything, unless something else is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retention {
    /// How old a run may get.
    pub max_age: Option<Duration>,
    /// How many bytes the store may take; the oldest runs go first.
    pub max_bytes: Option<u64>,
}

/// What retention removed from a project, over all time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Removed {
    /// Runs.
    pub runs: u64,
    /// Their spans.
    pub spans: u64,
    /// When it last removed something.
    pub last_at: Option<Timestamp>,
}

/// Runs deleted in one step.
const DELETE_STEP: u32 = 100;

/// Runs indexed in one step.
const INDEX_STEP: u32 = 16;

/// How long to wait when nothing waits to be indexed.
const INDEX_PAUSE: Duration = Duration::from_secs(1);

/// How long to leave the writer to others between two steps.
const STEP_PAUSE: Duration = Duration::from_millis(20);

/// How often retention looks.
const RETENTION_PAUSE: Duration = Duration::from_mins(1);

/// How often deleted bodies are removed from storage, at most: it reads all records.
const COMPACT_PAUSE: Duration = Duration::from_mins(10);

/// Most rounds of deleting and compacting until the store is small enough, or the next look.
const SIZE_ROUNDS: u32 = 10;

/// The lease on deleting and compacting in the background.
const TURN: WorkId = WorkId(*b"arc-eval keeping");

/// How long a server has its turn without asking again; so long nothing is deleted when it dies.
const TURN_TIME: Duration = Duration::from_mins(3);

/// How often it asks again while it works.
const TURN_RENEWED: Duration = Duration::from_mins(1);

/// The registry's note with what retention removed.
const NOTE: &str = "retention";

impl App {
    /// Deletes the runs of a selection, and returns what went. Their bodies are removed from storage by
    /// [`App::compact`].
    pub async fn delete(&self, project: &ProjectId, selection: &Selection) -> Result<Deleted, AppError> {
        let mut all = Deleted::default();
        loop {
            let deleted = self.inner.traces.delete(project, selection, DELETE_STEP).await?;
            all.runs += deleted.runs;
            all.spans += deleted.spans;
            if deleted.runs < u64::from(DELETE_STEP) {
                break;
            }
            tokio::time::sleep(STEP_PAUSE).await;
        }
        if all.runs > 0 {
            self.forget_deleted(project, selection).await?;
        }
        Ok(all)
    }

    /// Returns how many runs a selection names.
    pub async fn count_runs(&self, project: &ProjectId, selection: &Selection) -> Result<u64, AppError> {
        Ok(self.inner.traces.count(project, selection).await?)
    }

    /// Deletes a run; returns whether there was one.
    pub async fn delete_run(&self, project: &ProjectId, id: TraceId) -> Result<bool, AppError> {
        Ok(self.delete(project, &Selection::Runs(vec![id])).await?.runs > 0)
    }

    /// Removes from storage what only deleted runs referred to.
    pub async fn compact(&self) -> Result<Compacted, AppError> {
        let compacted = self.inner.traces.compact().await?;
        let unreadable = compacted.unreadable;
        // It finds the same damage each time it has something to do.
        if unreadable > 0 && self.inner.unreadable.swap(unreadable, Ordering::Relaxed) != unreadable {
            tracing::warn!(
                records = unreadable,
                "compacting found {unreadable} records that cannot be read and left them: unless another program deleted \
                 at the same time, the stored data is damaged and these runs cannot be shown; restore a backup, or delete them"
            );
        }
        Ok(compacted)
    }

    /// Gives free room back to the disk; whoever writes may wait meanwhile.
    pub async fn vacuum(&self) -> Result<(), AppError> {
        Ok(self.inner.traces.vacuum().await?)
    }

    /// Returns how much is stored, over all projects.
    pub async fn storage(&self) -> Result<Storage, AppError> {
        Ok(self.inner.traces.storage().await?)
    }

    /// Returns spans that contain every word of a query, newest run first.
    pub async fn search(&self, project: &ProjectId, query: &SearchQuery) -> Result<Page<SearchHit>, AppError> {
        if !self.settings().search {
            let what = "searching is switched off here; set `search = \"on\"` in arc-eval.toml, or ARC_EVAL_SEARCH=on";
            return Err(AppError::Invalid(what.to_owned()));
        }
        Ok(self.inner.traces.search(project, query).await?)
    }

    /// Makes the text of every run that waits searchable, and returns of how many.
    pub async fn index_all(&self) -> Result<u64, AppError> {
        let mut all = 0;
        loop {
            let indexed = self.index_some().await?;
            all += indexed;
            if indexed < u64::from(INDEX_STEP) {
                return Ok(all);
            }
        }
    }

    /// Returns what retention removed from a project so far.
    pub async fn removed(&self, project: &ProjectId) -> Result<Removed, AppError> {
        let note = self.inner.registry.note(project, NOTE).await?;
        Ok(note.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
    }

    /// Removes what retention does not keep, once, and returns what went.
    pub async fn retain(&self) -> Result<Deleted, AppError> {
        let mut all = Deleted::default();
        let Retention { max_age, max_bytes } = self.settings().retention;
        if let Some(age) = max_age {
            let age_nanos = i64::try_from(age.as_nanos()).unwrap_or(i64::MAX);
            let before = self.now().plus_nanos(age_nanos.saturating_neg());
            add(&mut all, self.remove_before(before, "they are older than retention_max_age").await?);
        }
        if let Some(bytes) = max_bytes {
            add(&mut all, self.shrink_to(bytes).await?);
        }
        Ok(all)
    }

    async fn remove_before(&self, before: Timestamp, why: &str) -> Result<Deleted, AppError> {
        let mut all = Deleted::default();
        for project in self.inner.registry.projects().await? {
            let project = project.id;
            let deleted = self.delete(&project, &Selection::Before(before)).await?;
            if deleted.runs == 0 {
                continue;
            }
            tracing::info!(
                project.id = %project, runs = deleted.runs, spans = deleted.spans, before = %before,
                "removed {} runs of project {project} that began before {before}: {why}", deleted.runs
            );
            let mut removed = self.removed(&project).await?;
            removed.runs += deleted.runs;
            removed.spans += deleted.spans;
            removed.last_at = Some(self.now());
            let text = serde_json::to_string(&removed).unwrap_or_default();
            self.inner.registry.put_note(&project, NOTE, &text).await?;
            add(&mut all, deleted);
        }
        Ok(all)
    }

    /// Removes the oldest runs until the store takes no more than so many bytes.
    async fn shrink_to(&self, max_bytes: u64) -> Result<Deleted, AppError> {
        let mut all = Deleted::default();
        for _ in 0..SIZE_ROUNDS {
            let used = self.inner.traces.used_bytes().await?;
            if used <= max_bytes || self.tasks().is_stopping() {
                break;
            }
            // What was deleted before may only have to be compacted.
            if self.compact().await? != Compacted::default() {
                continue;
            }
            let Some(before) = self.oldest_part(used - max_bytes, used).await? else { break };
            let deleted = self.remove_before(before, "the store is larger than retention_max_size").await?;
            self.compact().await?;
            if deleted.runs == 0 {
                break;
            }
            add(&mut all, deleted);
            // Where room comes free later (another program may still refer to it), deleting more would be too much.
            if self.inner.traces.used_bytes().await? >= used {
                break;
            }
        }
        Ok(all)
    }

    /// Returns the time before which about that part of all runs began, of any project; at least one did.
    async fn oldest_part(&self, over: u64, used: u64) -> Result<Option<Timestamp>, AppError> {
        let projects = self.inner.registry.projects().await?;
        let count = async |before: Timestamp| -> Result<u64, AppError> {
            let mut all = 0;
            for project in &projects {
                all += self.count_runs(&project.id, &Selection::Before(before)).await?;
            }
            Ok(all)
        };
        let Some(oldest) = self.inner.traces.storage().await?.oldest_at else { return Ok(None) };
        let (mut low, mut high) = (oldest.as_nanos(), self.now().as_nanos().max(oldest.as_nanos()).saturating_add(1));
        let runs = count(Timestamp::from_nanos(high)).await?;
        if runs == 0 {
            return Ok(None);
        }
        let wanted = u64::try_from(u128::from(runs) * u128::from(over) / u128::from(used.max(1))).unwrap_or(runs);
        let wanted = wanted.max(runs / 100).clamp(1, runs);
        // The earliest time before which enough runs began, to a second.
        while high - low > 1_000_000_000 {
            let middle = low + (high - low) / 2;
            if count(Timestamp::from_nanos(middle)).await? >= wanted {
                high = middle;
            } else {
                low = middle;
            }
        }
        Ok(Some(Timestamp::from_nanos(high)))
    }

    /// Starts what this file says happens in the background.
    pub(crate) fn keep_in_background(&self) {
        if self.settings().search {
            let app = self.clone();
            self.tasks().spawn(async move { app.index_loop().await });
        }
        let app = self.clone();
        self.tasks().spawn(async move { app.retention_loop().await });
    }

    /// Makes the text of some runs that wait searchable, and returns how many wait no longer.
    async fn index_some(&self) -> Result<u64, StoreError> {
        let indexed = self.inner.traces.index_text(INDEX_STEP).await?;
        for (project, trace) in indexed.unreadable {
            tracing::warn!(
                trace.id = %trace, project.id = %project,
                "the text of run {trace} of project {project} cannot be searched: the stored data of the run is damaged"
            );
        }
        Ok(indexed.runs)
    }

    async fn index_loop(&self) {
        while !self.tasks().is_stopping() {
            let begin = Instant::now();
            let pause = match self.index_some().await {
                Ok(indexed) if indexed >= u64::from(INDEX_STEP) => STEP_PAUSE,
                Ok(_) => INDEX_PAUSE,
                Err(StoreError::Unsupported(_)) => return,
                Err(error) => {
                    let source = std::error::Error::source(&error).map(ToString::to_string);
                    tracing::warn!(source, "making text searchable failed and is tried again: {error}");
                    INDEX_PAUSE * 30
                }
            };
            self.give_way(begin.elapsed()).await;
            self.pause(pause).await;
        }
    }

    async fn retention_loop(&self) {
        let program = format!("keeping {}", random_ids(self.now()).0);
        let mut since_compacting = COMPACT_PAUSE;
        while !self.tasks().is_stopping() {
            let done = match self.takes_turn(&program).await {
                Ok(true) => {
                    let done = self.keep_once(&program, &mut since_compacting).await;
                    // Each server keeps to its own settings, so none keeps the turn. If this fails, they wait until it is over.
                    let _ = self.inner.registry.lease(&program, &[TURN], Duration::ZERO).await;
                    done
                }
                other => other.map(drop),
            };
            match done {
                Err(AppError::Store(StoreError::Unsupported(what))) => {
                    if self.settings().retention != Retention::default() {
                        tracing::warn!("this store does not support {what}, so retention removes nothing");
                    }
                    return;
                }
                Err(error) => {
                    let source = std::error::Error::source(&error).map(ToString::to_string);
                    tracing::warn!(source, "removing what is not kept failed and is tried again: {error}");
                }
                Ok(()) => {}
            }
            self.pause(RETENTION_PAUSE).await;
            since_compacting += RETENTION_PAUSE;
        }
    }

    /// Deletes and compacts what is due, and keeps the turn as long as that takes.
    async fn keep_once(&self, program: &str, since_compacting: &mut Duration) -> Result<(), AppError> {
        let keep = async {
            self.retain().await?;
            if *since_compacting >= COMPACT_PAUSE {
                self.compact().await?;
                *since_compacting = Duration::ZERO;
            }
            Ok(())
        };
        let renew = async {
            loop {
                tokio::time::sleep(TURN_RENEWED).await;
                // If it fails, another server may begin beside this one: that does work twice and loses nothing.
                let _ = self.takes_turn(program).await;
            }
        };
        tokio::select! {
            done = keep => done,
            () = renew => Ok(()),
        }
    }

    /// Returns whether it is this server's turn. A registry without leases is one server's.
    async fn takes_turn(&self, program: &str) -> Result<bool, AppError> {
        match self.inner.registry.lease(program, &[TURN], TURN_TIME).await {
            Ok(given) => Ok(given == [true]),
            Err(StoreError::Unsupported(_)) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }

    async fn pause(&self, time: Duration) {
        tokio::select! {
            () = self.tasks().stopping() => {}
            () = tokio::time::sleep(time) => {}
        }
    }
}

fn add(all: &mut Deleted, more: Deleted) {
    all.runs += more.runs;
    all.spans += more.spans;
}
