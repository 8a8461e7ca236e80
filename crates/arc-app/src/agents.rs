//! Agents, and the report on one.

use arc_analysis::{
    Report,
    reliability::{RECENT_RUNS, Recent, recent},
};
use arc_model::{AgentName, AgentSummary, ProjectId};

use crate::{App, AppError, RunQuery, app::lock};

/// What there is to say about one agent of a project, and which others there are.
#[derive(Debug, Clone, PartialEq)]
pub struct Overview {
    /// Every agent with settled runs, the most recently active one first.
    pub agents: Vec<AgentName>,
    /// The report on the agent asked for; `None` when it is not among `agents`.
    pub report: Option<Report>,
}

impl App {
    /// Returns every agent with settled runs, the most recently active one first.
    pub async fn agents(&self, project: &ProjectId) -> Result<Vec<AgentSummary>, AppError> {
        Ok(self.inner.traces.agents(project).await?)
    }

    /// Returns the report on an agent; `None` when it has no settled runs.
    pub async fn report(&self, project: &ProjectId, agent: &AgentName) -> Result<Option<Report>, AppError> {
        let agents = self.agents(project).await?;
        self.report_on(project, agents.iter().find(|known| known.name == *agent)).await
    }

    /// Returns the report on an agent, or on the most recently active one, beside the list of all.
    pub async fn overview(&self, project: &ProjectId, agent: Option<&AgentName>) -> Result<Overview, AppError> {
        let agents = self.agents(project).await?;
        let chosen = match agent {
            Some(name) => agents.iter().find(|known| known.name == *name),
            None => agents.first(),
        };
        let report = self.report_on(project, chosen).await?;
        Ok(Overview { agents: agents.into_iter().map(|agent| agent.name).collect(), report })
    }

    async fn report_on(&self, project: &ProjectId, agent: Option<&AgentSummary>) -> Result<Option<Report>, AppError> {
        let Some(agent) = agent else { return Ok(None) };
        let figures = self.inner.traces.figures(project, &agent.name).await?;
        let report = arc_analysis::report(agent, &figures, self.inner.catalog, self.now());
        Ok(Some(Report { recent: self.recent(project, agent).await?, ..report }))
    }

    /// Returns what an agent's latest runs tell: a bounded number, so that it costs the same however many there are, read
    /// anew when a run changed or went since.
    async fn recent(&self, project: &ProjectId, agent: &AgentSummary) -> Result<Option<Recent>, AppError> {
        // Before the runs are read, so that what changes meanwhile is seen the next time.
        let now = (self.inner.traces.last_change().await?, agent.runs);
        let key = (project.clone(), agent.name.clone());
        if let Some((_, known)) = lock(&self.inner.recents).get(&key).filter(|(at, _)| *at == now) {
            return Ok(known.clone());
        }
        let latest = RunQuery { agent: Some(agent.name.clone()), limit: RECENT_RUNS, ..RunQuery::default() };
        let runs = self.runs(project, &latest).await?.items;
        let found = self.tasks().compute(move || recent(&runs)).await.map_err(AppError::Interrupted)?;
        let mut recents = lock(&self.inner.recents);
        recents.retain(|_, (at, _)| at.0 == now.0);
        recents.insert(key, (now, found.clone()));
        Ok(found)
    }
}
