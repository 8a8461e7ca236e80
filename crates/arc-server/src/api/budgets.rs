//! How far budgets are used.

use arc_analysis::cost::BudgetState;
use arc_app::App;
use axum::{Json, extract::State, http::HeaderMap};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    Problem,
    error::Problems,
    extract::{Query, project},
};

/// Whose budgets to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListBudgets {
    /// The project; the header `x-arc-eval-project` names it as well. Default: `default`.
    project: Option<String>,
}

/// Every budget of a project.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct BudgetList {
    /// The budgets, in the order of the file.
    budgets: Vec<BudgetState>,
}

/// Lists budgets, with what was spent of each in its day, week or month so far. Amounts are nano-dollars.
#[utoipa::path(
    get, path = "/api/v1/budgets", operation_id = "list_budgets", tag = "costs", params(ListBudgets),
    responses((status = 200, description = "The budgets", body = BudgetList), Problems)
)]
pub(crate) async fn list(
    State(app): State<App>,
    headers: HeaderMap,
    Query(params): Query<ListBudgets>,
) -> Result<Json<BudgetList>, Problem> {
    let project = project(params.project.as_deref(), &headers)?;
    Ok(Json(BudgetList { budgets: app.budgets(&project).await? }))
}
