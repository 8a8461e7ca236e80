//! Frameworks: what they cost in time and reliability, from the project's own runs.

use arc_analysis::frameworks::Frameworks;
use arc_app::App;
use axum::{Json, extract::State, http::HeaderMap};

use crate::{
    Problem,
    error::Problems,
    extract::{ProjectParams, Query, project},
};

/// Shows what was measured of each framework and version over the latest two thousand runs, and advice where a
/// comparison supports it: on shared tasks, or with many runs, and an interval that excludes zero.
#[utoipa::path(
    get, path = "/api/v1/frameworks", operation_id = "show_frameworks", tag = "agents", params(ProjectParams),
    responses((status = 200, description = "Frameworks", body = Frameworks), Problems)
)]
pub(crate) async fn show(
    State(app): State<App>,
    headers: HeaderMap,
    Query(params): Query<ProjectParams>,
) -> Result<Json<Frameworks>, Problem> {
    let project = project(params.project.as_deref(), &headers)?;
    Ok(Json(app.frameworks(&project).await?))
}
