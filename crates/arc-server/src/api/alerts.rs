//! Alerts that were raised.

use arc_app::App;
use arc_model::Alert;
use axum::{Json, extract::State, http::HeaderMap};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    Problem,
    error::Problems,
    extract::{Query, limit, project},
};

/// Which alerts to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListAlerts {
    /// The project; the header `x-arc-eval-project` names it as well. Default: `default`.
    project: Option<String>,
    /// Most alerts, 1 to 500. Default: 50.
    limit: Option<u32>,
}

/// The latest alerts.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct AlertList {
    /// The alerts, the latest first.
    alerts: Vec<Alert>,
}

/// Lists alerts, the latest first, with what became of sending them on.
#[utoipa::path(
    get, path = "/api/v1/alerts", operation_id = "list_alerts", tag = "alerts", params(ListAlerts),
    responses((status = 200, description = "The latest alerts", body = AlertList), Problems)
)]
pub(crate) async fn list(
    State(app): State<App>,
    headers: HeaderMap,
    Query(params): Query<ListAlerts>,
) -> Result<Json<AlertList>, Problem> {
    let project = project(params.project.as_deref(), &headers)?;
    let alerts = app.alerts(&project, limit(params.limit)?).await?;
    Ok(Json(AlertList { alerts }))
}
