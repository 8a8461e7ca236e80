//! Settling: analysing a trace once it is complete, and storing what is known about it.
//!
//! A trace is due when its root ended and it was left alone for a moment, or when it was left alone
//! for long. One that is written to afterwards is due again, and its run is replaced. Until then it
//! is settled as a running run every so often, so that people can watch; such a run counts nowhere.

use std::{
    collections::BTreeSet,
    panic::{self, AssertUnwindSafe},
    sync::{atomic::Ordering, mpsc},
    time::{Duration, Instant},
};

use arc_analysis::{Analysis, Context, analyse};
use arc_catalog::Catalog;
use arc_model::{ProjectId, Timestamp, Trace, supplement};
use arc_store::{Settled, StoreError, Unsettled};

use crate::{App, AppError, app::lock};

/// Traces settled in one transaction.
const BATCH: u32 = 64;
/// While spans arrive, a batch is followed by a pause of so many times the time it took: senders wait for an answer, and
/// analysis can catch up later.
const GIVE_WAY: u32 = 7;
/// Longest such pause.
const LONGEST_WAY: Duration = Duration::from_secs(1);
/// Longest pause after a failure, in polls.
const LONGEST_PAUSE: u32 = 32;

impl App {
    /// Settles the traces that are due now, and returns how many.
    pub async fn settle_due(&self) -> Result<usize, AppError> {
        let (now, settings) = (self.now(), self.settings());
        let (quiet, idle, seen) = (back(now, settings.quiet), back(now, settings.idle), back(now, settings.watch));
        // A trace that is written to all the time is settled once here, not for ever.
        let (mut settled, mut done) = (0, BTreeSet::new());
        while !self.tasks().is_stopping() {
            let limit = BATCH.saturating_add(self.broken_count());
            let mut due = self.without_broken(self.inner.traces.unsettled(quiet, idle, seen, limit).await?);
            due.retain(|trace| done.insert((trace.project.clone(), trace.trace_id)));
            if due.is_empty() {
                break;
            }
            let begin = Instant::now();
            settled += self.settle_batch(&due).await?;
            self.give_way(begin.elapsed()).await;
        }
        Ok(settled)
    }

    /// Pauses after work that took so long, as long as spans arrive.
    pub(crate) async fn give_way(&self, worked: Duration) {
        if self.inner.arriving.load(Ordering::Relaxed) == 0 {
            return;
        }
        tokio::select! {
            () = self.tasks().stopping() => {}
            () = tokio::time::sleep((worked * GIVE_WAY).min(LONGEST_WAY)) => {}
        }
    }

    /// Settles every trace of a project as it stands, running ones as if they had ended, and returns how many.
    pub async fn settle_all(&self, project: &ProjectId) -> Result<usize, AppError> {
        // As above, and a limit that grows past the traces of other projects.
        let (mut settled, mut seen, mut limit) = (0, BTreeSet::new(), BATCH);
        loop {
            let end = Timestamp::from_nanos(i64::MAX);
            let waiting = self.inner.traces.unsettled(end, end, end, limit).await?;
            let was_all = waiting.len() < limit as usize;
            let mut due = self.without_broken(waiting);
            due.retain(|trace| trace.project == *project && seen.insert(trace.trace_id));
            if due.is_empty() {
                if was_all {
                    return Ok(settled);
                }
                limit = limit.saturating_mul(2);
                continue;
            }
            for batch in due.chunks(BATCH as usize) {
                settled += self.settle_batch(batch).await?;
            }
        }
    }

    /// Starts settling what becomes due and noticing what other processes change, until shutdown.
    /// Starting it again does nothing.
    pub fn run_background(&self) {
        if self.inner.in_background.swap(true, Ordering::Relaxed) {
            return;
        }
        let app = self.clone();
        self.tasks().spawn(async move { app.background_loop().await });
        self.keep_in_background();
    }

    async fn background_loop(&self) {
        let mut failures = 0_u32;
        while !self.tasks().is_stopping() {
            match self.background_step().await {
                Ok(()) => failures = 0,
                Err(error) => {
                    failures = failures.saturating_add(1);
                    let source = std::error::Error::source(&error).map(ToString::to_string);
                    tracing::warn!(source, failures, "settling runs failed and is tried again: {error}");
                }
            }
            let polls = 1_u32.checked_shl(failures).unwrap_or(LONGEST_PAUSE).min(LONGEST_PAUSE);
            tokio::select! {
                () = self.tasks().stopping() => {}
                () = tokio::time::sleep(self.settings().poll.saturating_mul(polls)) => {}
            }
        }
    }

    async fn background_step(&self) -> Result<(), AppError> {
        let settled = self.settle_due().await;
        self.flush_captures().await?;
        self.publish().await?;
        self.watch_reliability().await?;
        self.watch_issues().await?;
        settled.map(drop)
    }

    /// Settles these traces now, as they stand.
    pub(crate) async fn settle_traces(&self, due: Vec<Unsettled>) -> Result<(), AppError> {
        for batch in self.without_broken(due).chunks(BATCH as usize) {
            self.settle_batch(batch).await?;
        }
        Ok(())
    }

    /// Analyses traces, on all processors, and stores the runs in one transaction.
    async fn settle_batch(&self, due: &[Unsettled]) -> Result<usize, AppError> {
        let mut settled = Vec::with_capacity(due.len());
        let share = due.len().div_ceil(self.settings().parallel.max(1)).max(1);
        let mut begun = Vec::new();
        for few in due.chunks(share) {
            let (app, own) = (self.clone(), few.to_vec());
            begun.push((few, self.tasks().begin(async move { app.analyse_each(own).await })));
        }
        for (few, analyses) in begun {
            for (trace, analysis) in few.iter().zip(analyses.await.map_err(AppError::Interrupted)??) {
                match analysis {
                    Ok(mut analysis) => {
                        self.beside_baseline(&trace.project, &mut analysis).await?;
                        let Analysis { run, findings, costs } = analysis;
                        let (project, mark) = (trace.project.clone(), trace.mark);
                        settled.push(Settled { project, mark, run, findings, costs });
                    }
                    Err(why) => self.set_aside(trace, &why).await?,
                }
            }
        }
        let count = self.store_settled(due, &settled).await?;
        self.publish().await?;
        Ok(count)
    }

    /// Stores runs in one transaction, or one by one where damaged data keeps them from it, and
    /// returns how many were stored.
    async fn store_settled(&self, due: &[Unsettled], settled: &[Settled]) -> Result<usize, AppError> {
        let (traces, now) = (&self.inner.traces, self.now());
        match traces.settle(settled, now).await {
            Ok(()) => return Ok(settled.len()),
            Err(StoreError::Corrupt { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        let mut stored = 0;
        for one in settled {
            match traces.settle(std::slice::from_ref(one), now).await {
                Ok(()) => stored += 1,
                Err(error @ StoreError::Corrupt { .. }) => {
                    let is_it = |trace: &&Unsettled| trace.trace_id == one.run.trace_id && trace.project == one.project;
                    if let Some(trace) = due.iter().find(is_it) {
                        self.set_aside(trace, &error).await?;
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(stored)
    }

    /// Reads and analyses traces one after the other, on one thread; of each that cannot be, it is said why.
    async fn analyse_each(&self, due: Vec<Unsettled>) -> Result<Vec<Result<Analysis, String>>, AppError> {
        let (say, said) = mpsc::channel();
        let (checks, catalog) = (self.checks_in_force(), self.inner.catalog);
        let ids = due.iter().map(|trace| (trace.project.clone(), trace.trace_id)).collect();
        let visit = move |place: usize, trace: Result<Option<Trace>, StoreError>| {
            let Some(due) = due.get(place) else { return };
            let context = Context {
                received_at: due.received_at,
                agent: None,
                is_running: due.is_running,
                checks: checks.clone(),
            };
            let analysed = match trace {
                Ok(Some(trace)) => Ok(analysed(trace, &context, catalog)),
                Ok(None) => Ok(Err("its spans are gone".to_owned())),
                Err(error @ StoreError::Corrupt { .. }) => Ok(Err(error.to_string())),
                Err(error) => Err(error),
            };
            // Nobody listens any more only when the application ends.
            let _ = say.send(analysed);
        };
        self.inner.traces.visit_traces(ids, Box::new(visit)).await?;
        Ok(said.into_iter().collect::<Result<_, StoreError>>()?)
    }

    /// Leaves a trace alone until it is written to again, instead of failing on it for ever.
    async fn set_aside(&self, due: &Unsettled, why: &(dyn std::fmt::Display + Sync)) -> Result<(), AppError> {
        self.inner.traces.set_aside(due).await?;
        tracing::error!(
            trace.id = %due.trace_id, project.id = %due.project,
            "a trace could not be analysed and stays without a run until it changes: {why}"
        );
        lock(&self.inner.broken).insert((due.project.clone(), due.trace_id, due.mark));
        Ok(())
    }

    fn broken_count(&self) -> u32 {
        u32::try_from(lock(&self.inner.broken).len()).unwrap_or(u32::MAX)
    }

    fn without_broken(&self, mut due: Vec<Unsettled>) -> Vec<Unsettled> {
        let broken = lock(&self.inner.broken);
        due.retain(|trace| !broken.contains(&(trace.project.clone(), trace.trace_id, trace.mark)));
        due
    }
}

fn back(from: Timestamp, by: Duration) -> Timestamp {
    from.plus_nanos(i64::try_from(by.as_nanos()).map_or(i64::MIN, std::ops::Neg::neg))
}

/// Analyses a trace; a mistake of ours there keeps no other trace from its run.
fn analysed(trace: Trace, context: &Context, catalog: &Catalog) -> Result<Analysis, String> {
    let trace = supplement::whole(trace);
    panic::catch_unwind(AssertUnwindSafe(|| analyse(&trace, context, catalog)))
        .map_err(|_| "the analysis broke off; this is a bug of arc-eval".to_owned())
}
