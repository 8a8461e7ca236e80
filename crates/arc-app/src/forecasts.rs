//! What is learnt from an agent's own runs: how likely runs that go on are to fail, and what its successes look like.
//!
//! What is learnt is kept for a minute: learning reads a bounded number of runs, and one more run changes little.

use std::{sync::Arc, time::Duration};

use arc_analysis::{
    Analysis,
    checks::Baseline,
    reliability::{Backtest, Forecast, RECENT_RUNS, Warning},
};
use arc_model::{AgentName, OutcomeSource, ProjectId, Run, Timestamp, TraceId, Verdict};

use crate::{App, AppError, RunQuery, app::lock};

/// How long what was learnt is kept.
const FRESH: Duration = Duration::from_mins(1);

/// Latest runs among which those that go on are looked for.
const LOOKED_AT: u32 = 200;

/// What is said of a run that goes on.
#[derive(Debug, Clone, PartialEq)]
pub struct RunWarning {
    /// The run.
    pub run: TraceId,
    /// Its agent.
    pub agent: AgentName,
    /// How likely it is to fail.
    pub warning: Warning,
}

/// What is said of an agent: whether its runs are warned of.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentForecast {
    /// The agent.
    pub agent: AgentName,
    /// How the backtest went.
    pub backtest: Backtest,
}

/// What was learnt, and when.
pub(crate) type Learnt = (Timestamp, Arc<Lessons>);

/// What is learnt from an agent's latest runs.
#[derive(Debug)]
pub(crate) struct Lessons {
    forecast: Forecast,
    baseline: Baseline,
}

impl App {
    /// Returns what is said of each run of a project that goes on, the latest first, and why nothing is said of the
    /// runs of an agent.
    pub async fn warnings(&self, project: &ProjectId) -> Result<(Vec<RunWarning>, Vec<AgentForecast>), AppError> {
        let latest = RunQuery { limit: LOOKED_AT, ..RunQuery::default() };
        let running = self.runs(project, &latest).await?.items.into_iter().filter(|run| run.is_running);
        let (mut warnings, mut agents): (Vec<RunWarning>, Vec<AgentForecast>) = (Vec::new(), Vec::new());
        for run in running {
            warnings.extend(self.warning(project, &run).await?);
            if !agents.iter().any(|known| known.agent == run.agent.name) {
                let lessons = self.lessons(project, &run.agent.name).await?;
                agents.push(AgentForecast { agent: run.agent.name, backtest: lessons.forecast.backtest.clone() });
            }
        }
        Ok((warnings, agents))
    }

    /// Returns what is said of a run that goes on; `None` of one that ended, and where nothing may be said.
    pub async fn warning(&self, project: &ProjectId, run: &Run) -> Result<Option<RunWarning>, AppError> {
        if !run.is_running {
            return Ok(None);
        }
        let lessons = self.lessons(project, &run.agent.name).await?;
        let agent = run.agent.name.clone();
        Ok(lessons.forecast.warning(run).map(|warning| RunWarning { run: run.trace_id, agent, warning }))
    }

    /// Adds a finding to a run that was reported a success and is unlike every success of its agent.
    pub(crate) async fn beside_baseline(&self, project: &ProjectId, analysis: &mut Analysis) -> Result<(), AppError> {
        let outcome = &analysis.run.outcome;
        // Only what the program itself claims is doubted, so for others nothing is read.
        if outcome.source != Some(OutcomeSource::HostDeclared) || outcome.verdict != Verdict::Succeeded {
            return Ok(());
        }
        let lessons = self.lessons(project, &analysis.run.agent.name).await?;
        lessons.baseline.judge(analysis, self.inner.catalog);
        Ok(())
    }

    async fn lessons(&self, project: &ProjectId, agent: &AgentName) -> Result<Arc<Lessons>, AppError> {
        let key = (project.clone(), agent.clone());
        let now = self.now();
        let is_fresh = |at: &Timestamp| now.nanos_since(*at).is_some_and(|age| u128::from(age) < FRESH.as_nanos());
        if let Some((_, known)) = lock(&self.inner.forecasts).get(&key).filter(|(at, _)| is_fresh(at)) {
            return Ok(Arc::clone(known));
        }
        let latest = RunQuery { agent: Some(agent.clone()), limit: RECENT_RUNS, ..RunQuery::default() };
        let runs = self.runs(project, &latest).await?.items;
        let learn = move || Lessons { forecast: Forecast::learn(&runs), baseline: Baseline::of(&runs) };
        let learnt = Arc::new(self.tasks().compute(learn).await.map_err(AppError::Interrupted)?);
        let mut forecasts = lock(&self.inner.forecasts);
        // Agents that nobody asks about any more are forgotten.
        forecasts.retain(|_, (at, _)| is_fresh(at));
        forecasts.insert(key, (now, Arc::clone(&learnt)));
        Ok(learnt)
    }
}
