//! The route table, and its description as a document (`OpenAPI`). A test keeps the two together.

use std::sync::Arc;

use arc_app::App;
use axum::{
    Router,
    extract::{DefaultBodyLimit, FromRef},
    http::{Method, Uri},
    middleware,
    routing::{any, get, patch, post},
};
use tower_http::compression::CompressionLayer;
use utoipa::OpenApi;

use crate::{
    Problem, ServerConfig,
    api::{
        agents, alerts, budgets, capture, costs, events, findings, frameworks, health, import, issues, labels,
        openapi as document, runs, runtime_analysis, scenarios, search, warnings,
    },
    gateway::{self, Gateway},
    guard,
    otlp::{self, Admission, Intake},
    page,
};

/// What handlers share; each takes the part it needs.
#[derive(Clone)]
struct Shared {
    app: App,
    config: Arc<ServerConfig>,
    gateway: Gateway,
    intake: Intake,
}

impl FromRef<Shared> for Intake {
    fn from_ref(shared: &Shared) -> Self {
        shared.intake.clone()
    }
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
        runs::delete,
        search::show,
        labels::give,
        findings::list,
        frameworks::show,
        events::follow,
        warnings::list,
        alerts::list,
        issues::list,
        issues::show,
        issues::decide,
        scenarios::list,
        scenarios::decide,
        scenarios::learning,
        budgets::list,
        capture::show,
        costs::show,
        costs::savings,
        health::show,
        import::take_in,
        document::show,
        otlp::http::export,
        otlp::http::export_logs
    )
)]
struct Api;

/// The server's routers, one for each port.
pub(crate) struct Routers {
    /// Everything.
    pub(crate) all: Router,
    /// OTLP over HTTP alone.
    pub(crate) otlp_http: Router,
    /// OTLP over gRPC.
    pub(crate) otlp_grpc: Router,
}

/// Returns the server: every route, behind the checks every request passes.
pub fn router(app: App, config: ServerConfig) -> Router {
    routers(app, config).all
}

/// Returns what is served on the ports of OpenTelemetry alone: its protocol over HTTP, and over gRPC.
pub fn otlp_routers(app: App, config: ServerConfig) -> (Router, Router) {
    let Routers { otlp_http, otlp_grpc, .. } = routers(app, config);
    (otlp_http, otlp_grpc)
}

/// Returns the routers of every port; what is under way in all of them is bounded together.
pub(crate) fn routers(app: App, config: ServerConfig) -> Routers {
    let gateway = Gateway::new(&config);
    let config = Arc::new(config);
    let admission = Admission::new(config.bytes_in_flight);
    let intake = Intake { app: app.clone(), config: Arc::clone(&config), admission };
    let otlp_http = otlp_http().fallback(nothing_here).method_not_allowed_fallback(wrong_method);
    let otlp_grpc = Router::new()
        .route("/opentelemetry.proto.collector.trace.v1.TraceService/Export", post(otlp::grpc_traces))
        .route("/opentelemetry.proto.collector.logs.v1.LogsService/Export", post(otlp::grpc_logs))
        .fallback(otlp::unknown_method);
    let shared = Shared { app, config: Arc::clone(&config), gateway, intake: intake.clone() };
    Routers {
        all: all_routes(shared),
        otlp_http: guarded(otlp_http, &config).with_state(intake.clone()),
        otlp_grpc: guarded(otlp_grpc, &config).with_state(intake),
    }
}

/// The routes that every port for OTLP over HTTP has. Bodies are bounded where they are read.
fn otlp_http<S>() -> Router<S>
where
    Intake: FromRef<S>,
    S: Clone + Send + Sync + 'static,
{
    Router::new().route("/v1/traces", post(otlp::http::export)).route("/v1/logs", post(otlp::http::export_logs))
}

fn guarded<S: Clone + Send + Sync + 'static>(router: Router<S>, config: &Arc<ServerConfig>) -> Router<S> {
    router
        .layer(middleware::from_fn_with_state(Arc::clone(config), guard::check_caller))
        .layer(middleware::from_fn(guard::add_headers))
}

fn all_routes(shared: Shared) -> Router {
    let config = Arc::clone(&shared.config);
    let router = Router::new()
        .route("/api/runtime-analysis", get(runtime_analysis::show))
        .route("/api/v1/agents", get(agents::list))
        .route("/api/v1/agents/{name}/report", get(agents::report))
        .route("/api/v1/runs", get(runs::list))
        .route("/api/v1/runs/{trace_id}", get(runs::show).delete(runs::delete))
        .route("/api/v1/search", get(search::show))
        .route("/api/v1/runs/{trace_id}/labels", post(labels::give))
        .route("/api/v1/findings", get(findings::list))
        .route("/api/v1/frameworks", get(frameworks::show))
        .route("/api/v1/warnings", get(warnings::list))
        .route("/api/v1/events", get(events::follow))
        .route("/api/v1/alerts", get(alerts::list))
        .route("/api/v1/issues", get(issues::list))
        .route("/api/v1/issues/{id}", get(issues::show).patch(issues::decide))
        .route("/api/v1/scenarios", get(scenarios::list))
        .route("/api/v1/scenarios/{id}", patch(scenarios::decide))
        .route("/api/v1/agents/{name}/learning", get(scenarios::learning))
        .route("/api/v1/budgets", get(budgets::list))
        .route("/api/v1/capture", get(capture::show))
        .route("/api/v1/costs", get(costs::show))
        .route("/api/v1/agents/{name}/savings", get(costs::savings))
        .route("/api/v1/health", get(health::show))
        .route("/api/v1/import", post(import::take_in))
        .route("/api/v1/openapi.json", get(document::show))
        .merge(otlp_http())
        .fallback(page::page)
        .method_not_allowed_fallback(wrong_method)
        .layer(CompressionLayer::new())
        // Passed on as it comes, so outside of the compression.
        .route(
            "/gateway/{project}/{run}/{provider}/{*rest}",
            any(gateway::forward).layer(DefaultBodyLimit::max(config.body_limit)),
        );
    guarded(router, &config).with_state(shared)
}

/// Returns the description of the API.
pub fn openapi() -> utoipa::openapi::OpenApi {
    Api::openapi()
}

async fn nothing_here(uri: Uri) -> Problem {
    Problem::not_found(format!("nothing is at {}; this port takes OTLP at /v1/traces and /v1/logs", uri.path()))
}

async fn wrong_method(method: Method, uri: Uri) -> Problem {
    Problem::method_not_allowed(format!("{} does not take {method}", uri.path()))
}
