//! Reading the spool: what agents on this machine wrote down, into the store, while they run.
//!
//! [`App::read_spool`] starts the reader. It looks many times a second for what is new ([`files`]),
//! stores it ([`deliver`]) and only then notes how far it came, so a crash at any moment loses nothing;
//! what is stored twice is stored once, and counts stand beside the position, so they do not double.
//! The spans of a process that died come closed, and its runs settle at once. What became of each
//! process goes into the capture ledger ([`account`]).
//!
//! While the store fails the reader waits and says so once; the spool keeps what is written meanwhile.

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use arc_model::{ProjectId, Timestamp, TraceId};

use crate::{App, AppError, app::lock};

mod account;
mod deliver;
mod files;
mod late;

use account::Account;
use files::{Files, Found};

/// How often the spool is looked at while a process writes to it, and while none does.
const TICK: Duration = Duration::from_millis(50);
const IDLE_TICK: Duration = Duration::from_millis(200);
/// Pauses after a failure: the first, doubled each time, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// Traces looked at for one that should be settled at once.
const AT_ONCE: u32 = 1_000;

/// What the reader is told by whoever starts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpoolSettings {
    /// The directory of the spool; it need not exist yet.
    pub dir: PathBuf,
    /// Addresses of this server: what a process would send here anyway is read here. What it sends
    /// elsewhere is left to it.
    pub own_endpoints: Vec<String>,
}

/// How the reader of the spool fares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpoolStatus {
    /// What it does.
    pub state: SpoolState,
    /// Since when.
    pub since: Timestamp,
    /// Why it waits; `None` while it reads.
    pub why: Option<String>,
    /// Processes that have files in the spool.
    pub processes: u64,
    /// The size of the spool.
    pub bytes: u64,
}

/// What the reader of the spool does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpoolState {
    /// It takes in what is written.
    Reading,
    /// It waits, because the store or the spool fails; nothing is lost meanwhile.
    Waiting,
}

/// Traces that people should see without waiting.
#[derive(Debug, Default)]
struct Urgent {
    /// Runs that began.
    begun: BTreeSet<(ProjectId, TraceId)>,
    /// Runs whose process died.
    died: BTreeSet<(ProjectId, TraceId)>,
}

impl App {
    /// Starts reading the spool, until shutdown.
    pub fn read_spool(&self, settings: SpoolSettings) {
        let app = self.clone();
        app.set_spool_status(SpoolState::Reading, None);
        self.tasks().spawn(async move { app.spool_loop(settings).await });
    }

    /// Returns how the reader of the spool fares; `None` when this program does not read it.
    pub fn spool_status(&self) -> Option<SpoolStatus> {
        lock(&self.inner.spool).clone()
    }

    async fn spool_loop(&self, settings: SpoolSettings) {
        let mut files = Files::new(settings);
        let mut account = Account::default();
        let mut failures = 0_u32;
        while !self.tasks().is_stopping() {
            let looked = self.tasks().compute(move || {
                let found = files.look();
                (files, found)
            });
            let Ok((back, found)) = looked.await else {
                // A defect in the reader: it was reported where it happened, and there is nothing to go on with.
                self.set_spool_status(SpoolState::Waiting, Some("the reader of the spool stopped".to_owned()));
                return;
            };
            files = back;
            let pause = match self.take_in_spool(&mut files, &mut account, found).await {
                Ok(pause) => {
                    failures = 0;
                    self.set_spool_status(SpoolState::Reading, None);
                    pause
                }
                Err(error) => {
                    failures = failures.saturating_add(1);
                    self.spool_failed(&error);
                    FIRST_PAUSE.saturating_mul(1 << failures.saturating_sub(1).min(10)).min(LONGEST_PAUSE)
                }
            };
            tokio::select! {
                () = self.tasks().stopping() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Stores what was found and notes it; returns how long to wait before the next look.
    async fn take_in_spool(
        &self,
        files: &mut Files,
        account: &mut Account,
        found: Found,
    ) -> Result<Duration, AppError> {
        let Found { batches, finished, processes, bytes, failure } = found;
        if let Some(status) = lock(&self.inner.spool).as_mut() {
            (status.processes, status.bytes) = (processes, bytes);
        }
        let (mut urgent, is_news) = (Urgent::default(), !batches.is_empty());
        let mut batches = batches.into_iter();
        while let Some((process, batch)) = batches.next() {
            let stored = self.deliver(&batch).await.and_then(|delivered| {
                files.commit(&process, &batch, &delivered.delivery)?;
                Ok(delivered)
            });
            match stored {
                Ok(delivered) => {
                    urgent.begun.extend(delivered.begun);
                    urgent.died.extend(delivered.died);
                    account.belongs_to(&process, delivered.project);
                }
                Err(error) => {
                    // What was read and not noted is read again.
                    files.rewind(std::iter::once(process).chain(batches.map(|(process, _)| process)));
                    return Err(error);
                }
            }
        }
        if !urgent.begun.is_empty() || !urgent.died.is_empty() {
            self.settle_at_once(&urgent).await?;
        }
        self.note_accounts(files, account, &finished).await?;
        if let Some(error) = failure {
            return Err(error.into());
        }
        Ok(match (is_news, processes) {
            (true, _) => Duration::ZERO,
            (false, 0) => IDLE_TICK,
            (false, _) => TICK,
        })
    }

    /// Settles traces that somebody may be waiting to see, if the store has them among the next ones.
    async fn settle_at_once(&self, urgent: &Urgent) -> Result<(), AppError> {
        let (never, now) = (Timestamp::from_nanos(i64::MIN), self.now());
        for (wanted, ended, seen) in [(&urgent.died, now, never), (&urgent.begun, never, now)] {
            if wanted.is_empty() {
                continue;
            }
            let mut due = self.inner.traces.unsettled(ended, never, seen, AT_ONCE).await?;
            due.retain(|trace| wanted.contains(&(trace.project.clone(), trace.trace_id)));
            self.settle_traces(due).await?;
        }
        Ok(())
    }

    fn spool_failed(&self, error: &AppError) {
        let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
        let why = causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"));
        let was_reading = self.spool_status().is_none_or(|status| status.state == SpoolState::Reading);
        if was_reading {
            tracing::warn!("what agents write stays in the spool for now, and nothing of it is lost: {why}");
        }
        self.set_spool_status(SpoolState::Waiting, Some(why));
    }

    fn set_spool_status(&self, state: SpoolState, why: Option<String>) {
        let mut status = lock(&self.inner.spool);
        let known = status.take();
        if let Some(known) = &known
            && known.state == SpoolState::Waiting
            && state == SpoolState::Reading
        {
            tracing::warn!("the spool is read again");
        }
        let since = known.as_ref().filter(|known| known.state == state).map_or_else(|| self.now(), |known| known.since);
        let (processes, bytes) = known.map_or((0, 0), |known| (known.processes, known.bytes));
        *status = Some(SpoolStatus { state, since, why, processes, bytes });
    }
}
