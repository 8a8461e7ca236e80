//! Whether the server answers, which version it is, and whether it takes in what agents write.

use arc_app::App;
use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::capture::{Spool, SpoolReader};
use crate::error::Problems;

/// The server's state.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Health {
    /// `ok`, or `degraded` while the server answers but cannot take in what agents write.
    status: String,
    /// The version of the program.
    version: String,
    /// How the reader of the spool on this machine fares; `null` when this server does not read it.
    #[schema(required = true)]
    spool: Option<Spool>,
}

/// Says that the server answers, and how it fares.
#[utoipa::path(
    get, path = "/api/v1/health", operation_id = "get_health", tag = "server",
    responses((status = 200, description = "The server answers", body = Health), Problems)
)]
pub(crate) async fn show(State(app): State<App>) -> Json<Health> {
    let spool = app.spool_status().map(Spool::from);
    let is_waiting = spool.as_ref().is_some_and(|spool| spool.state() == SpoolReader::Waiting);
    let status = if is_waiting { "degraded" } else { "ok" };
    Json(Health { status: status.to_owned(), version: env!("CARGO_PKG_VERSION").to_owned(), spool })
}
