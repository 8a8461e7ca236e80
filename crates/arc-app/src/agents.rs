//! Agents, and the report on one.

use arc_analysis::{
    Report,
    reliability::{RECENT_RUNS, recent},
};
use arc_model::{AgentName, AgentSummary, ProjectId};

use crate::{App, AppError, RunQuery};

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
        // A bounded number, so that a report costs the same however many runs there are.
        let latest = RunQuery { agent: Some(agent.name.clone()), limit: RECENT_RUNS, ..RunQuery::default() };
        let runs = self.runs(project, &latest).await?.items;
        let report = arc_analysis::report(agent, &figures, self.inner.catalog, self.now());
        Ok(Some(Report { recent: recent(&runs), ..report }))
    }
}
