//! Labels: what a person or a judge says of a run afterwards.

use arc_app::{App, Label};
use arc_model::{OutcomeSource, TraceId, Verdict};
use axum::{
    Json,
    extract::{State, rejection::JsonRejection},
    http::{HeaderMap, StatusCode},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    Problem,
    error::Problems,
    extract::{Path, ProjectParams, Query, project},
};

/// A label to give a run.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GiveLabel {
    /// What is said of the run.
    verdict: Verdict,
    /// Who says it: `human` (the default) or `judge`.
    #[serde(default = "human")]
    source: OutcomeSource,
    /// The score behind it.
    #[serde(default)]
    score: Option<f64>,
    /// Why.
    #[serde(default)]
    note: Option<String>,
}

const fn human() -> OutcomeSource {
    OutcomeSource::Human
}

/// A label that was taken in.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct LabelGiven {
    /// The run; its outcome follows as soon as it is analysed anew.
    run: TraceId,
    /// What was said.
    verdict: Verdict,
    /// By whom.
    source: OutcomeSource,
}

/// Gives a run a label. The last one of a source counts; a person's outranks everything else.
#[utoipa::path(
    post, path = "/api/v1/runs/{trace_id}/labels", operation_id = "label_run", tag = "runs",
    params(("trace_id" = TraceId, Path, description = "32 hexadecimal digits"), ProjectParams),
    request_body = GiveLabel,
    responses(
        (status = 202, description = "The label is stored", body = LabelGiven),
        (status = 404, description = "No such run", body = Problem, content_type = "application/problem+json"),
        Problems
    )
)]
pub(crate) async fn give(
    State(app): State<App>,
    headers: HeaderMap,
    Path(trace_id): Path<String>,
    Query(params): Query<ProjectParams>,
    body: Result<Json<GiveLabel>, JsonRejection>,
) -> Result<(StatusCode, Json<LabelGiven>), Problem> {
    let project = project(params.project.as_deref(), &headers)?;
    let run = trace_id.parse::<TraceId>();
    let run = run.map_err(|error| Problem::invalid(format!("`{trace_id}` is not the id of a run: {error}")))?;
    let Json(GiveLabel { verdict, source, score, note }) =
        body.map_err(|error| Problem::invalid(format!("body: {}", error.body_text())))?;
    match app.label(&project, run, Label { verdict, source, score, note }).await? {
        Some(_) => Ok((StatusCode::ACCEPTED, Json(LabelGiven { run, verdict, source }))),
        None => Err(Problem::not_found(format!("no settled run {run} in project `{project}`"))),
    }
}
