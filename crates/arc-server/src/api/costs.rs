//! How cost and time divide, and what could be saved.

use arc_analysis::cost::{CostReport, savings::Savings};
use arc_app::{App, CostQuery};
use arc_model::{AgentName, CostDimension, Timestamp};
use axum::{Json, extract::State, http::HeaderMap};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    Problem,
    error::Problems,
    extract::{Path, Query, given, limit, project},
};

/// Which division of cost to show.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ShowCosts {
    /// The project; the header `x-arc-eval-project` names it as well. Default: `default`.
    project: Option<String>,
    /// By what to divide. Default: `model`.
    by: Option<CostDimension>,
    /// Only runs of this agent.
    agent: Option<String>,
    /// Only runs of the UTC day in which this lies, and later ones; not by user or session, of which only sums
    /// over all time are kept.
    since: Option<Timestamp>,
    /// Most lines, 1 to 500. Default: 50.
    limit: Option<u32>,
}

/// Which runs to look for savings in.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ShowSavings {
    /// The project; the header `x-arc-eval-project` names it as well. Default: `default`.
    project: Option<String>,
    /// Only runs at or after this time.
    since: Option<Timestamp>,
}

/// Says how the cost and the time of settled runs divide: by model, tool, step, agent, version, user, session,
/// outcome or day; and what a run and a success cost. Amounts are nano-dollars.
#[utoipa::path(
    get, path = "/api/v1/costs", operation_id = "get_costs", tag = "costs", params(ShowCosts),
    responses((status = 200, description = "How cost and time divide", body = CostReport), Problems)
)]
pub(crate) async fn show(
    State(app): State<App>,
    headers: HeaderMap,
    Query(params): Query<ShowCosts>,
) -> Result<Json<CostReport>, Problem> {
    let project = project(params.project.as_deref(), &headers)?;
    let query = CostQuery {
        by: params.by.unwrap_or(CostDimension::Model),
        agent: given(params.agent.as_deref()).map(AgentName::from),
        since: params.since,
        limit: limit(params.limit)?,
    };
    Ok(Json(app.costs(&project, &query).await?))
}

/// Says what could be saved, computed from the latest runs of an agent. Amounts are nano-dollars.
#[utoipa::path(
    get, path = "/api/v1/agents/{name}/savings", operation_id = "get_agent_savings", tag = "costs",
    params(("name" = AgentName, Path, description = "The agent's name, percent-encoded"), ShowSavings),
    responses((status = 200, description = "What could be saved", body = Savings), Problems)
)]
pub(crate) async fn savings(
    State(app): State<App>,
    headers: HeaderMap,
    Path(name): Path<AgentName>,
    Query(params): Query<ShowSavings>,
) -> Result<Json<Savings>, Problem> {
    let project = project(params.project.as_deref(), &headers)?;
    Ok(Json(app.savings(&project, &name, params.since).await?))
}
