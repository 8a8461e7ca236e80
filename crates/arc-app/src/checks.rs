//! Checks that the user declared: put in force, and evaluated anew on runs that are stored.

use arc_analysis::{Analysis, Context, analyse, checks::Checks};
use arc_model::{ProjectId, Run};

use crate::{App, AppError};

impl App {
    /// Puts these checks in force for every run that is analysed from now on; set once, at the start.
    pub fn check_with(&self, checks: Checks) {
        // A second set would have to say which runs were analysed with the first one; nobody needs that.
        let _ = self.inner.checks.set(checks);
    }

    /// Returns the checks in force.
    pub(crate) fn checks_in_force(&self) -> Checks {
        self.inner.checks.get().cloned().unwrap_or_default()
    }

    /// Analyses a stored run as it would be analysed now, with the checks in force, and stores nothing.
    ///
    /// `None` when its spans are gone.
    pub async fn analysed_now(&self, project: &ProjectId, run: &Run) -> Result<Option<Analysis>, AppError> {
        let Some(trace) = self.whole_trace(project, run.trace_id).await? else { return Ok(None) };
        let (received_at, is_running) = (run.received_at, run.is_running);
        let context = Context { received_at, agent: None, is_running, checks: self.checks_in_force() };
        let catalog = self.inner.catalog;
        let analysis = self.tasks().compute(move || analyse(&trace, &context, catalog)).await;
        analysis.map(Some).map_err(AppError::Interrupted)
    }
}
