//! Runs: listed, and one with everything it did.

use arc_analysis::cost::{Estimated, RunTiming};
use arc_app::{App, Cursor, RunDetail, RunFigures, RunQuery};
use arc_model::{AgentName, Finding, LeafId, Run, Span, TaskId, Timestamp, TraceId, Verdict};
use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    Problem,
    error::Problems,
    extract::{Path, ProjectParams, Query, given, limit, project},
};

/// Which runs to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListRuns {
    /// The project; the header `x-arc-eval-project` names it as well. Default: `default`.
    project: Option<String>,
    /// Only runs of this agent.
    agent: Option<String>,
    /// Only runs with this outcome.
    #[param(inline)]
    verdict: Option<Verdict>,
    /// Only trials of this task.
    task: Option<String>,
    /// Only runs with a finding of this leaf of the failure taxonomy.
    leaf: Option<String>,
    /// Only runs at or after this time (RFC 3339).
    since: Option<Timestamp>,
    /// Only runs before this time (RFC 3339).
    until: Option<Timestamp>,
    /// Continue where a page ended: its `next`.
    cursor: Option<String>,
    /// Most runs of the page, 1 to 500. Default: 50.
    limit: Option<u32>,
}

/// A page of runs, newest first.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct RunList {
    /// The runs.
    runs: Vec<Run>,
    /// The `cursor` of the next page; `null` on the last one.
    #[schema(required = true)]
    next: Option<String>,
}

/// A run with everything it did.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct RunWithSpans {
    /// What is known about it.
    run: Run,
    /// Its spans in order of start.
    spans: Vec<Span>,
    /// What was found in it, in the order of the run.
    findings: Vec<Finding>,
    /// How long it took, what it waited for, and when its answers began.
    timing: RunTiming,
    /// What its calls without token counts would have cost, by the tokens of their text; no part of the run's cost.
    /// Missing where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    estimated: Option<Estimated>,
}

/// Lists settled runs, newest first.
#[utoipa::path(
    get, path = "/api/v1/runs", operation_id = "list_runs", tag = "runs", params(ListRuns),
    responses((status = 200, description = "A page of runs", body = RunList), Problems)
)]
pub(crate) async fn list(
    State(app): State<App>,
    headers: HeaderMap,
    Query(params): Query<ListRuns>,
) -> Result<Json<RunList>, Problem> {
    let project = project(params.project.as_deref(), &headers)?;
    let query = RunQuery {
        agent: given(params.agent.as_deref()).map(AgentName::from),
        verdict: params.verdict,
        task: given(params.task.as_deref()).map(TaskId::from),
        leaf: given(params.leaf.as_deref()).map(LeafId::from),
        since: params.since,
        until: params.until,
        after: given(params.cursor.as_deref()).map(|cursor| Cursor(cursor.to_owned())),
        limit: limit(params.limit)?,
    };
    let page = app.runs(&project, &query).await?;
    Ok(Json(RunList { runs: page.items, next: page.next.map(|Cursor(next)| next) }))
}

/// Shows a run with its spans and findings.
#[utoipa::path(
    get, path = "/api/v1/runs/{trace_id}", operation_id = "get_run", tag = "runs",
    params(("trace_id" = TraceId, Path, description = "32 hexadecimal digits"), ProjectParams),
    responses(
        (status = 200, description = "The run", body = RunWithSpans),
        (status = 404, description = "No such run", body = Problem, content_type = "application/problem+json"),
        Problems
    )
)]
pub(crate) async fn show(
    State(app): State<App>,
    headers: HeaderMap,
    Path(trace_id): Path<String>,
    Query(params): Query<ProjectParams>,
) -> Result<Json<RunWithSpans>, Problem> {
    let project = project(params.project.as_deref(), &headers)?;
    let id = id_of_run(&trace_id)?;
    match app.run(&project, id).await? {
        Some(detail) => {
            let RunFigures { timing, estimated } = app.run_figures(&detail).await?;
            let RunDetail { run, spans, findings } = detail;
            Ok(Json(RunWithSpans { run, spans, findings, timing, estimated }))
        }
        None => Err(Problem::not_found(format!("no settled run {id} in project `{project}`"))),
    }
}

/// Deletes a run for good: its spans, its findings, and what it adds to every figure. What only it stored is removed from
/// the disk within minutes. Spans of it that arrive later begin a new run.
#[utoipa::path(
    delete, path = "/api/v1/runs/{trace_id}", operation_id = "delete_run", tag = "runs",
    params(("trace_id" = TraceId, Path, description = "32 hexadecimal digits"), ProjectParams),
    responses(
        (status = 204, description = "It is deleted"),
        (status = 404, description = "No such run", body = Problem, content_type = "application/problem+json"),
        Problems
    )
)]
pub(crate) async fn delete(
    State(app): State<App>,
    headers: HeaderMap,
    Path(trace_id): Path<String>,
    Query(params): Query<ProjectParams>,
) -> Result<StatusCode, Problem> {
    let project = project(params.project.as_deref(), &headers)?;
    let id = id_of_run(&trace_id)?;
    if app.delete_run(&project, id).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::not_found(format!("no run {id} in project `{project}`")))
    }
}

fn id_of_run(text: &str) -> Result<TraceId, Problem> {
    text.parse().map_err(|error| Problem::invalid(format!("`{text}` is not the id of a run: {error}")))
}
