//! The description of the API.

use axum::Json;

use crate::error::Problems;

/// Describes the API as a document.
#[utoipa::path(
    get, path = "/api/v1/openapi.json", operation_id = "get_openapi", tag = "server",
    responses((status = 200, description = "This document", body = Object), Problems)
)]
pub(crate) async fn show() -> Json<utoipa::openapi::OpenApi> {
    Json(crate::openapi())
}
