//! What became of each process, from the accounts beside the spool's files into the registry.
//!
//! The account beside the files is what counts: it is written together with the position. The registry
//! gets copies, absolute, so that writing one twice changes nothing, and it is written before the
//! account is deleted.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use arc_model::{Capture, CaptureKind, CaptureRuns, ProjectId, RejectedUnit, Timestamp};
use arc_spool::{Ledger, Process, ProcessId};

use super::files::Files;
use crate::{App, AppError};

/// How often the account of a process that runs is copied.
const COPY_EVERY: Duration = Duration::from_secs(1);
/// Processes that ended and are still told apart; older ones are counted together.
const KEPT: u32 = 1_000;
/// How many processes end before older ones are looked for.
const FOLD_EVERY: u32 = 100;

/// What is known of the processes beside their accounts.
#[derive(Debug, Default)]
pub(super) struct Account {
    projects: BTreeMap<ProcessId, ProjectId>,
    copied: BTreeMap<ProcessId, (Ledger, Instant)>,
    ended: u32,
}

impl Account {
    /// Notes the project of a process: that of its first spans.
    pub(super) fn belongs_to(&mut self, process: &ProcessId, project: Option<ProjectId>) {
        if let Some(project) = project {
            self.projects.entry(process.clone()).or_insert(project);
        }
    }

    fn is_due(&self, process: &ProcessId, ledger: &Ledger) -> bool {
        match self.copied.get(process) {
            Some((known, at)) => known != ledger && at.elapsed() >= COPY_EVERY,
            None => *ledger != Ledger::default(),
        }
    }
}

impl App {
    /// Copies the accounts that changed to the registry, and deletes those of processes that are gone.
    pub(super) async fn note_accounts(
        &self,
        files: &mut Files,
        account: &mut Account,
        finished: &[(ProcessId, Ledger, u64)],
    ) -> Result<(), AppError> {
        let changed: Vec<(Process, Ledger)> = files
            .accounts()
            .filter(|(process, ledger, is_finished)| !is_finished && account.is_due(&process.id, ledger))
            .map(|(process, ledger, _)| (process.clone(), ledger.clone()))
            .collect();
        if changed.is_empty() && finished.is_empty() {
            return Ok(());
        }
        let mut known = KnownSources::default();
        for (process, ledger) in changed {
            let project = account.projects.get(&process.id).cloned().unwrap_or_default();
            let capture = self.capture_of(&process.id, Some(&process), &ledger, known.of(self, &project).await?);
            self.inner.registry.put_captures(&project, &[capture]).await?;
            account.copied.insert(process.id, (ledger, Instant::now()));
        }
        let mut folded: Vec<ProjectId> = Vec::new();
        for (process, ledger, _) in finished {
            let (project, row) = self.find_source(account, process, &mut known).await?;
            let about = files.accounts().find(|(about, _, _)| about.id == *process).map(|(about, _, _)| about.clone());
            let mut capture = self.capture_of(process, about.as_ref(), ledger, row);
            capture.is_ended = true;
            if capture.has_gap() {
                capture.gap_at.get_or_insert(capture.last_at);
            }
            self.ensure_project(&project).await?;
            self.inner.registry.put_captures(&project, &[capture]).await?;
            files.forget(process)?;
            account.copied.remove(process);
            account.projects.remove(process);
            account.ended += 1;
            if !folded.contains(&project) {
                folded.push(project);
            }
        }
        if account.ended >= FOLD_EVERY {
            account.ended = 0;
            for project in folded {
                self.inner.registry.fold_captures(&project, KEPT).await?;
            }
        }
        Ok(())
    }

    /// Returns the project of a process and what the registry knows of it, also after a restart.
    async fn find_source<'k>(
        &self,
        account: &Account,
        process: &ProcessId,
        known: &'k mut KnownSources,
    ) -> Result<(ProjectId, &'k [Capture]), AppError> {
        if let Some(project) = account.projects.get(process) {
            return Ok((project.clone(), known.of(self, project).await?));
        }
        for project in self.inner.registry.projects().await? {
            let rows = known.of(self, &project.id).await?;
            if rows.iter().any(|row| row.source == process.as_str()) {
                return Ok((project.id.clone(), known.of(self, &project.id).await?));
            }
        }
        Ok((ProjectId::default(), known.of(self, &ProjectId::default()).await?))
    }

    fn capture_of(&self, id: &ProcessId, process: Option<&Process>, ledger: &Ledger, rows: &[Capture]) -> Capture {
        let now = self.now();
        let row = rows.iter().find(|row| row.source == id.as_str());
        let mut capture = row
            .cloned()
            .unwrap_or_else(|| Capture::new(id.as_str(), CaptureKind::Process, "a process that is gone", now));
        if let Some(process) = process {
            capture.name.clone_from(&process.program);
            capture.host = Some(process.host.clone()).filter(|host| !host.is_empty());
            capture.pid = Some(process.pid);
            capture.first_at = Timestamp::from_nanos(i64::try_from(process.opened_unix_ns).unwrap_or(i64::MAX));
        }
        let before = missing(&capture);
        capture.last_at = now;
        capture.runs = Some(CaptureRuns {
            started: ledger.runs_started,
            stored: ledger.runs_stored,
            cut_short: ledger.runs_closed,
            rejected: ledger.runs_rejected(),
            dropped: ledger.runs_dropped,
            unsampled: ledger.runs_unsampled,
        });
        let counts = &mut capture.counts;
        counts.spans_stored = ledger.spans_delivered;
        counts.records_written = ledger.records_read;
        counts.records_dropped = ledger.records_dropped;
        counts.bytes_dropped = ledger.bytes_dropped;
        counts.records_damaged = ledger.records_damaged.max(ledger.damages);
        counts.rejected.clear();
        for (why, rejected) in &ledger.rejected {
            counts.reject(RejectedUnit::Span, why, rejected.spans);
        }
        if missing(&capture) > before {
            capture.gap_at = Some(now);
        }
        capture
    }
}

/// Returns how much is known to be missing; grows whenever something more is.
fn missing(capture: &Capture) -> u64 {
    let runs = capture.runs.unwrap_or_default();
    let counts = &capture.counts;
    [runs.rejected, runs.dropped, counts.records_dropped, counts.records_damaged, counts.spans_rejected()]
        .into_iter()
        .fold(0, u64::saturating_add)
}

/// Rows of the registry, read once for each project.
#[derive(Debug, Default)]
struct KnownSources(BTreeMap<ProjectId, Vec<Capture>>);

impl KnownSources {
    async fn of(&mut self, app: &App, project: &ProjectId) -> Result<&[Capture], AppError> {
        if !self.0.contains_key(project) {
            let rows = app.inner.registry.captures(project).await?;
            self.0.insert(project.clone(), rows);
        }
        Ok(self.0.get(project).map(Vec::as_slice).unwrap_or_default())
    }
}
