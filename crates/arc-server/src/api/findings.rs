//! Findings across runs.

use arc_app::{App, Cursor, FindingQuery};
use arc_model::{AgentName, Finding, LeafId, TraceId};
use axum::{Json, extract::State, http::HeaderMap};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    Problem,
    error::Problems,
    extract::{Query, given, limit, project},
};

/// Which findings to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListFindings {
    /// The project; the header `x-arc-eval-project` names it as well. Default: `default`.
    project: Option<String>,
    /// Only findings in runs of this agent.
    agent: Option<String>,
    /// Only findings of this leaf of the failure taxonomy.
    leaf: Option<String>,
    /// Only findings of the run with this trace id.
    run: Option<TraceId>,
    /// Continue where a page ended: its `next`.
    cursor: Option<String>,
    /// Most findings of the page, 1 to 500. Default: 50.
    limit: Option<u32>,
}

/// A page of findings, newest run first.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct FindingList {
    /// The findings.
    findings: Vec<Finding>,
    /// The `cursor` of the next page; `null` on the last one.
    #[schema(required = true)]
    next: Option<String>,
}

/// Lists findings, newest run first, then in the order of the run.
#[utoipa::path(
    get, path = "/api/v1/findings", operation_id = "list_findings", tag = "findings", params(ListFindings),
    responses((status = 200, description = "A page of findings", body = FindingList), Problems)
)]
pub(crate) async fn list(
    State(app): State<App>,
    headers: HeaderMap,
    Query(params): Query<ListFindings>,
) -> Result<Json<FindingList>, Problem> {
    let project = project(params.project.as_deref(), &headers)?;
    let query = FindingQuery {
        trace_id: params.run,
        agent: given(params.agent.as_deref()).map(AgentName::from),
        leaf: given(params.leaf.as_deref()).map(LeafId::from),
        after: given(params.cursor.as_deref()).map(|cursor| Cursor(cursor.to_owned())),
        limit: limit(params.limit)?,
    };
    let page = app.findings(&project, &query).await?;
    Ok(Json(FindingList { findings: page.items, next: page.next.map(|Cursor(next)| next) }))
}
