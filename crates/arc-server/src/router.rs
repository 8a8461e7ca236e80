//! The route table, and its description as a document (`OpenAPI`). A test keeps the two together.

use std::sync::Arc;

use arc_app::App;
use axum::{
    Router,
    extract::{DefaultBodyLimit, FromRef},
    http::{Method, Uri},
    middleware,
    routing::{any, get, post},
};
use tower_http::compression::CompressionLayer;
use utoipa::OpenApi;

use crate::{
    Problem, ServerConfig,
    api::{agents, capture, events, findings, health, openapi as document, runs, runtime_analysis},
    gateway::{self, Gateway},
    guard, otlp, page,
};

/// What handlers share; each takes the part it needs.
#[derive(Debug, Clone)]
struct Shared {
    app: App,
    config: Arc<ServerConfig>,
    gateway: Gateway,
}

impl FromRef<Shared> for App {
    fn from_ref(shared: &Shared) -> Self {
        shared.app.clone()
    }
}

impl FromRef<Shared> for Arc<ServerConfig> {
    fn from_ref(shared: &Shared) -> Self {
        Arc::clone(&shared.config)
    }
}

impl FromRef<Shared> for Gateway {
    fn from_ref(shared: &Shared) -> Self {
        shared.gateway.clone()
    }
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "arc-eval",
        version = "v1",
        description = "Watches AI agents and answers with evidence. Rules: docs/api-design.md.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    paths(
        runtime_analysis::show,
        agents::list,
        agents::report,
        runs::list,
        runs::show,
        findings::list,
        events::follow,
        capture::show,
        health::show,
        document::show,
        otlp::export
    )
)]
struct Api;

/// Returns the server: every route, behind the checks every request passes.
pub fn router(app: App, config: ServerConfig) -> Router {
    let gateway = Gateway::new(&config);
    let config = Arc::new(config);
    Router::new()
        .route("/api/runtime-analysis", get(runtime_analysis::show))
        .route("/api/v1/agents", get(agents::list))
        .route("/api/v1/agents/{name}/report", get(agents::report))
        .route("/api/v1/runs", get(runs::list))
        .route("/api/v1/runs/{trace_id}", get(runs::show))
        .route("/api/v1/findings", get(findings::list))
        .route("/api/v1/events", get(events::follow))
        .route("/api/v1/capture", get(capture::show))
        .route("/api/v1/health", get(health::show))
        .route("/api/v1/openapi.json", get(document::show))
        .route("/v1/traces", post(otlp::export).layer(DefaultBodyLimit::max(config.body_limit)))
        .fallback(page::page)
        .method_not_allowed_fallback(wrong_method)
        .layer(CompressionLayer::new())
        // Passed on as it comes, so outside of the compression.
        .route(
            "/gateway/{project}/{run}/{provider}/{*rest}",
            any(gateway::forward).layer(DefaultBodyLimit::max(config.body_limit)),
        )
        .layer(middleware::from_fn_with_state(Arc::clone(&config), guard::check_caller))
        .layer(middleware::from_fn(guard::add_headers))
        .with_state(Shared { app, config, gateway })
}

/// Returns the description of the API.
pub fn openapi() -> utoipa::openapi::OpenApi {
    Api::openapi()
}

async fn wrong_method(method: Method, uri: Uri) -> Problem {
    Problem::method_not_allowed(format!("{} does not take {method}", uri.path()))
}
