//! Scenarios, and what an agent learnt from them.

use arc_analysis::learning::{Learning, Scenario, ScenarioState};
use arc_app::{App, Cursor, ScenarioDeed, ScenarioQuery};
use arc_model::AgentName;
use axum::{Json, extract::State, http::HeaderMap};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    Problem,
    error::Problems,
    extract::{Body, Path, ProjectParams, Query, given, limit, project},
};

/// Which scenarios to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListScenarios {
    /// The project; the header `x-arc-eval-project` names it as well. Default: `default`.
    project: Option<String>,
    /// Only scenarios of this agent.
    agent: Option<String>,
    /// Only scenarios in this state.
    #[param(inline)]
    state: Option<ScenarioState>,
    /// Continue where a page ended: its `next`.
    cursor: Option<String>,
    /// Most scenarios of the page, 1 to 500. Default: 50.
    limit: Option<u32>,
}

/// A page of scenarios, the latest drafted first.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct ScenarioList {
    /// The scenarios.
    scenarios: Vec<Scenario>,
    /// The `cursor` of the next page; `null` on the last one.
    #[schema(required = true)]
    next: Option<String>,
}

/// What to do with a scenario.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DecideScenario {
    /// `verified` accepts it, `retired` takes it out of use.
    state: DecidedScenario,
}

/// What a person can say of a scenario.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DecidedScenario {
    /// It is a good case.
    Verified,
    /// It is not to be tried any more.
    Retired,
}

/// Lists scenarios, the latest drafted first.
#[utoipa::path(
    get, path = "/api/v1/scenarios", operation_id = "list_scenarios", tag = "scenarios", params(ListScenarios),
    responses((status = 200, description = "A page of scenarios", body = ScenarioList), Problems)
)]
pub(crate) async fn list(
    State(app): State<App>,
    headers: HeaderMap,
    Query(params): Query<ListScenarios>,
) -> Result<Json<ScenarioList>, Problem> {
    let project = project(params.project.as_deref(), &headers)?;
    let query = ScenarioQuery {
        agent: given(params.agent.as_deref()).map(AgentName::from),
        state: params.state,
        after: given(params.cursor.as_deref()).map(|cursor| Cursor(cursor.to_owned())),
        limit: limit(params.limit)?,
    };
    let page = app.scenarios(&project, &query).await?;
    Ok(Json(ScenarioList { scenarios: page.items, next: page.next.map(|Cursor(next)| next) }))
}

/// Accepts a scenario, or takes it out of use; answers with it as it is then.
#[utoipa::path(
    patch, path = "/api/v1/scenarios/{id}", operation_id = "decide_scenario", tag = "scenarios",
    params(("id" = String, Path, description = "The id"), ProjectParams), request_body = DecideScenario,
    responses(
        (status = 200, description = "The scenario", body = Scenario),
        (status = 404, description = "No such scenario", body = Problem, content_type = "application/problem+json"),
        Problems
    )
)]
pub(crate) async fn decide(
    State(app): State<App>,
    headers: HeaderMap,
    Path(id): Path<String>,
    Query(params): Query<ProjectParams>,
    Body(asked): Body<DecideScenario>,
) -> Result<Json<Scenario>, Problem> {
    let project = project(params.project.as_deref(), &headers)?;
    let deed = match asked.state {
        DecidedScenario::Verified => ScenarioDeed::Accept,
        DecidedScenario::Retired => ScenarioDeed::Retire,
    };
    match app.decide_scenario(&project, &id, deed).await? {
        Some(scenario) => Ok(Json(scenario)),
        None => Err(Problem::not_found(format!("no scenario `{id}` in project `{project}`"))),
    }
}

/// Tells what an agent learnt: how it did by version and week, whether it gets better, what it masters, and which
/// scenario to try next.
#[utoipa::path(
    get, path = "/api/v1/agents/{name}/learning", operation_id = "get_agent_learning", tag = "agents",
    params(("name" = AgentName, Path, description = "The agent's name, percent-encoded"), ProjectParams),
    responses(
        (status = 200, description = "What it learnt", body = Learning),
        (status = 404, description = "No such agent", body = Problem, content_type = "application/problem+json"),
        Problems
    )
)]
pub(crate) async fn learning(
    State(app): State<App>,
    headers: HeaderMap,
    Path(name): Path<AgentName>,
    Query(params): Query<ProjectParams>,
) -> Result<Json<Learning>, Problem> {
    let project = project(params.project.as_deref(), &headers)?;
    match app.learning(&project, &name).await? {
        Some(learning) => Ok(Json(learning)),
        None => Err(Problem::not_found(format!("no settled runs of an agent named `{name}` in project `{project}`"))),
    }
}
