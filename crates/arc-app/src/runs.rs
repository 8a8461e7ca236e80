//! Runs: listed as they settled, and shown with everything they did.

use arc_analysis::cost::{Estimated, RunTiming, estimate, timing};
use arc_model::{Finding, ProjectId, Run, Span, Trace, TraceId, supplement};
use arc_store::{FindingQuery, Page, RunQuery, StoreError};

use crate::{App, AppError};

/// Findings read at once when a run is shown.
const FINDINGS_PAGE: u32 = 1_000;

/// A run with everything it did.
#[derive(Debug, Clone, PartialEq)]
pub struct RunDetail {
    /// What is known about it.
    pub run: Run,
    /// Its spans in order of start.
    pub spans: Vec<Span>,
    /// What was found in it, in the order of the run.
    pub findings: Vec<Finding>,
}

/// What is computed of a run when it is shown.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RunFigures {
    /// How long it took, and what it waited for.
    pub timing: RunTiming,
    /// What its calls without token counts would have cost; `None` where there is none.
    pub estimated: Option<Estimated>,
}

impl App {
    /// Returns settled runs, newest first.
    pub async fn runs(&self, project: &ProjectId, query: &RunQuery) -> Result<Page<Run>, AppError> {
        Ok(self.inner.traces.runs(project, query).await?)
    }

    /// Returns what is stored of a trace, with what arrived apart from its spans put into them.
    pub(crate) async fn whole_trace(&self, project: &ProjectId, id: TraceId) -> Result<Option<Trace>, StoreError> {
        Ok(self.inner.traces.trace(project, id).await?.map(supplement::whole))
    }

    /// Returns a run with its spans and findings; `None` while it is not settled or not known.
    pub async fn run(&self, project: &ProjectId, id: TraceId) -> Result<Option<RunDetail>, AppError> {
        let traces = &self.inner.traces;
        let Some(run) = traces.run(project, id).await? else { return Ok(None) };
        let Some(trace) = self.whole_trace(project, id).await? else { return Ok(None) };
        let mut findings = Vec::new();
        let mut query = FindingQuery { trace_id: Some(id), limit: FINDINGS_PAGE, ..FindingQuery::default() };
        loop {
            let page = traces.findings(project, &query).await?;
            findings.extend(page.items);
            query.after = page.next;
            if query.after.is_none() {
                break;
            }
        }
        Ok(Some(RunDetail { run, spans: trace.spans().to_vec(), findings }))
    }

    /// Returns what is computed of a run when it is shown.
    pub async fn run_figures(&self, detail: &RunDetail) -> Result<RunFigures, AppError> {
        let (trace, catalog) = (Trace::new(detail.run.trace_id, detail.spans.iter().cloned()), self.inner.catalog);
        let compute = move || RunFigures { timing: timing(&trace), estimated: estimate(&trace, catalog.prices()) };
        self.tasks().compute(compute).await.map_err(AppError::Interrupted)
    }
}
