//! What an agent learnt: how it did over time, what it masters, and what to try next.

use arc_analysis::learning::{Learning, learn};
use arc_model::{AgentName, ProjectId};
use arc_store::RunQuery;

use crate::{App, AppError, ScenarioQuery};

/// Runs that the history is made of: a bounded number, so that it costs the same however many there are.
const RUNS: u32 = 1_000;
/// Scenarios that are looked at.
const SCENARIOS: u32 = 500;

impl App {
    /// Returns what an agent learnt; `None` when it has no settled runs.
    pub async fn learning(&self, project: &ProjectId, agent: &AgentName) -> Result<Option<Learning>, AppError> {
        let agents = self.agents(project).await?;
        let Some(known) = agents.into_iter().find(|known| known.name == *agent) else { return Ok(None) };
        let query = RunQuery { agent: Some(agent.clone()), limit: RUNS, ..RunQuery::default() };
        let runs = self.runs(project, &query).await?.items;
        let query = ScenarioQuery { agent: Some(agent.clone()), limit: SCENARIOS, ..ScenarioQuery::default() };
        let scenarios = self.scenarios(project, &query).await?.items;
        Ok(Some(learn(agent, known.version.as_deref(), &runs, &scenarios)))
    }
}
