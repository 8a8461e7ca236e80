//! HTTP in front of the application. Translation only: extract, one call of the application, reply.
//!
//! Start at `router.rs`: the whole route table on one screen. `api/` has one file per resource,
//! `otlp/` takes in what OpenTelemetry sends, `gateway.rs` passes model calls on and records them,
//! `page.rs` serves the embedded page, `guard.rs` is what every request passes, `error.rs` is the
//! only place that chooses the status of an error.
//! The rules the API follows are in `docs/api-design.md`.

mod api;
mod config;
mod error;
mod extract;
mod gateway;
mod guard;
mod otlp;
mod page;
mod router;
mod serve;

pub use config::ServerConfig;
pub use error::Problem;
pub use router::{openapi, otlp_routers, router};
pub use serve::{Listeners, serve, serve_all};
