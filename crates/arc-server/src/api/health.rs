//! Whether the server answers, and which version it is.

use axum::Json;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::Problems;

/// The server's state.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Health {
    /// `ok` whenever the server answers.
    status: String,
    /// The version of the program.
    version: String,
}

/// Says that the server answers.
#[utoipa::path(
    get, path = "/api/v1/health", operation_id = "get_health", tag = "server",
    responses((status = 200, description = "The server answers", body = Health), Problems)
)]
pub(crate) async fn show() -> Json<Health> {
    Json(Health { status: "ok".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() })
}
