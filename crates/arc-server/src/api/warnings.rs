//! Warnings: how likely runs that go on are to fail.

use arc_analysis::reliability::{Backtest, Warning};
use arc_app::{App, RunWarning};
use arc_model::{AgentName, TraceId};
use axum::{Json, extract::State, http::HeaderMap};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    Problem,
    error::Problems,
    extract::{ProjectParams, Query, project},
};

/// How likely runs that go on are to fail.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct WarningList {
    /// One per run that goes on and of which something may be said, the latest first.
    warnings: Vec<WarnedRun>,
    /// One per agent with a run that goes on: how good warnings are, or why there are none.
    agents: Vec<WarnedAgent>,
}

/// What is said of a run that goes on; also the `data` of an event named `warning`.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct WarnedRun {
    /// The run.
    run: TraceId,
    /// Its agent.
    agent: AgentName,
    /// How likely it is to fail.
    warning: Warning,
}

/// Whether an agent's runs are warned of.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct WarnedAgent {
    /// The agent.
    agent: AgentName,
    /// How the backtest on its own later runs went.
    backtest: Backtest,
}

impl From<RunWarning> for WarnedRun {
    fn from(RunWarning { run, agent, warning }: RunWarning) -> Self {
        Self { run, agent, warning }
    }
}

/// Lists how likely runs that go on are to fail, learnt from each agent's own runs. Nothing is said where a backtest
/// on later runs was not better than the agent's failure rate alone.
#[utoipa::path(
    get, path = "/api/v1/warnings", operation_id = "list_warnings", tag = "runs", params(ProjectParams),
    responses((status = 200, description = "Runs that go on", body = WarningList), Problems)
)]
pub(crate) async fn list(
    State(app): State<App>,
    headers: HeaderMap,
    Query(params): Query<ProjectParams>,
) -> Result<Json<WarningList>, Problem> {
    let project = project(params.project.as_deref(), &headers)?;
    let (warnings, agents) = app.warnings(&project).await?;
    let agents = agents.into_iter().map(|one| WarnedAgent { agent: one.agent, backtest: one.backtest }).collect();
    Ok(Json(WarningList { warnings: warnings.into_iter().map(WarnedRun::from).collect(), agents }))
}
