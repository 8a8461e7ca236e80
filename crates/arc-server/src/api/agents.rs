//! Agents, and the report on one.

use arc_analysis::Report;
use arc_app::App;
use arc_model::{AgentName, AgentSummary};
use axum::{Json, extract::State, http::HeaderMap};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    Problem,
    error::Problems,
    extract::{Path, ProjectParams, Query, project},
};

/// The agents of a project.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct AgentList {
    /// Every agent with settled runs, the most recently active one first.
    agents: Vec<AgentSummary>,
}

/// Lists every agent with settled runs, the most recently active one first.
#[utoipa::path(
    get, path = "/api/v1/agents", operation_id = "list_agents", tag = "agents", params(ProjectParams),
    responses((status = 200, description = "The agents", body = AgentList), Problems)
)]
pub(crate) async fn list(
    State(app): State<App>,
    headers: HeaderMap,
    Query(params): Query<ProjectParams>,
) -> Result<Json<AgentList>, Problem> {
    let project = project(params.project.as_deref(), &headers)?;
    Ok(Json(AgentList { agents: app.agents(&project).await? }))
}

/// Reports on an agent: reliability, cost, what breaks, what to do.
#[utoipa::path(
    get, path = "/api/v1/agents/{name}/report", operation_id = "get_agent_report", tag = "agents",
    params(("name" = AgentName, Path, description = "The agent's name, percent-encoded"), ProjectParams),
    responses(
        (status = 200, description = "The report", body = Report),
        (status = 404, description = "No such agent", body = Problem, content_type = "application/problem+json"),
        Problems
    )
)]
pub(crate) async fn report(
    State(app): State<App>,
    headers: HeaderMap,
    Path(name): Path<AgentName>,
    Query(params): Query<ProjectParams>,
) -> Result<Json<Report>, Problem> {
    let project = project(params.project.as_deref(), &headers)?;
    match app.report(&project, &name).await? {
        Some(report) => Ok(Json(report)),
        None => Err(Problem::not_found(format!("no settled runs of an agent named `{name}` in project `{project}`"))),
    }
}
