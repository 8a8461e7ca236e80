//! Cost: how it divides, and what could be saved.

use arc_analysis::cost::{
    Bill, CostReport, Reconciliation, Recorded, cost_report, figures, reconcile,
    savings::{Observed, Savings, savings},
};
use arc_model::{AgentName, CostDimension, ProjectId, Run, Timestamp, TraceId};
use arc_store::{CostQuery, RunQuery};

use crate::{App, AppError};

/// Latest runs of an agent that savings are looked for in.
const LATEST_RUNS: u32 = 200;
/// Runs read at once.
const PAGE: u32 = 500;
/// Nanoseconds in a UTC day.
const DAY_NANOS: i64 = 86_400_000_000_000;
/// Outcomes there are, and more.
const OUTCOMES: u32 = 10;

impl App {
    /// Returns how the cost and the time of settled runs divide.
    pub async fn costs(&self, project: &ProjectId, query: &CostQuery) -> Result<CostReport, AppError> {
        let traces = &self.inner.traces;
        let by_outcome = CostQuery { by: CostDimension::Outcome, limit: OUTCOMES, ..query.clone() };
        let outcomes = traces.costs(project, &by_outcome).await?;
        // One more tells whether there are more.
        let one_more = CostQuery { limit: query.limit.saturating_add(1), ..query.clone() };
        let lines = traces.costs(project, &one_more).await?;
        let about = (query.by, query.agent.clone(), query.since);
        Ok(cost_report(about, lines, usize::try_from(query.limit).unwrap_or(usize::MAX), &outcomes))
    }

    /// Compares a provider's account of usage with the runs that were recorded on its days.
    pub async fn reconcile(&self, project: &ProjectId, bill: &Bill) -> Result<Reconciliation, AppError> {
        let midnight = |day: &str| Timestamp::parse(&format!("{day}T00:00:00Z"));
        let days =
            bill.days().and_then(|(first, last)| Some((midnight(first)?, midnight(last)?.plus_nanos(DAY_NANOS))));
        let mut recorded = Recorded::default();
        let mut query = RunQuery { limit: PAGE, ..RunQuery::default() };
        if let Some((since, until)) = days {
            (query.since, query.until) = (Some(since), Some(until));
        }
        while days.is_some() {
            let page = self.inner.traces.runs(project, &query).await?;
            page.items.iter().filter(|run| !run.is_running).for_each(|run| recorded.add(run));
            let Some(next) = page.next else { break };
            query.after = Some(next);
        }
        Ok(reconcile(bill, &recorded))
    }

    /// Analyses every stored run of a project anew, by the prices in force now, and returns how many.
    ///
    /// What a run costs follows from its spans and the prices alone, so with the former prices the former costs come back;
    /// whether a success is unlike its agent's others is told by those there are now. Runs
    /// whose spans are not stored stay as they are.
    pub async fn recompute(&self, project: &ProjectId) -> Result<u64, AppError> {
        self.inner.traces.unsettle(project).await?;
        let settled = self.settle_all(project).await?;
        Ok(u64::try_from(settled).unwrap_or(u64::MAX))
    }

    /// Returns what could be saved, computed from the latest settled runs of an agent; runs before `since` aside.
    pub async fn savings(
        &self,
        project: &ProjectId,
        agent: &AgentName,
        since: Option<Timestamp>,
    ) -> Result<Savings, AppError> {
        let traces = &self.inner.traces;
        let query = RunQuery { agent: Some(agent.clone()), since, limit: LATEST_RUNS, ..RunQuery::default() };
        let latest = traces.runs(project, &query).await?.items;
        let mut ended: Vec<TraceId> =
            latest.into_iter().filter(|run| !run.is_running).map(|run: Run| run.trace_id).collect();
        // In the order in which they were made.
        ended.reverse();
        let (catalog, mut seen) = (self.inner.catalog, Observed::default());
        for id in ended {
            let Some(trace) = self.whole_trace(project, id).await? else { continue };
            let add = move || {
                seen.add(&trace, catalog.prices());
                seen
            };
            seen = self.tasks().compute(add).await.map_err(AppError::Interrupted)?;
        }
        let found = self.tasks().compute(move || savings(&seen, catalog)).await;
        let mut found = found.map_err(AppError::Interrupted)?;
        let counts = traces.figures(project, agent).await?;
        found.project(&figures(&counts, self.now()));
        Ok(found)
    }
}
