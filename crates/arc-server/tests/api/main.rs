//! The API, asked over the router: what goes in as text, and what comes out as text.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, also in its helper functions"
)]

mod agents;
mod alerts;
mod capture;
mod errors;
mod events;
mod findings;
mod gateway;
mod grpc;
mod guard;
mod import;
mod issues;
mod openapi;
mod otlp;
mod page;
mod runs;
mod runtime_analysis;
mod search;
mod serve;
mod warnings;

use std::time::Duration;

use arc_app::{App, Settings};
use arc_catalog::Catalog;
use arc_model::{ProjectId, Timestamp, sketch};
use arc_server::{ServerConfig, router};
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, Response, header},
};
use serde_json::Value;
use tower::ServiceExt as _;

/// Returns the beginning of a request whose body is announced.
fn stalled(path: &str) -> axum::http::request::Builder {
    Request::post(path).header(header::HOST, "localhost").header(header::CONTENT_LENGTH, "900")
}

/// Returns a body that does not come.
fn never() -> Body {
    Body::from_stream(futures_util::stream::pending::<Result<&str, std::io::Error>>())
}

const NOON: &str = "2026-03-02T12:00:00Z";

/// A server on an empty store, on a clock that stands still.
struct Server {
    app: App,
    router: Router,
}

impl Server {
    async fn empty() -> Self {
        Self::configured(ServerConfig::default()).await
    }

    async fn configured(config: ServerConfig) -> Self {
        let stores = arc_store_backends::open("sqlite::memory:").await.unwrap();
        let (quiet, watch, poll) = (Duration::ZERO, Duration::ZERO, Duration::from_millis(10));
        let settings = Settings { quiet, watch, poll, ..Settings::default() };
        let clock = std::sync::Arc::new(Timestamp::parse(NOON).unwrap());
        let app = App::new(stores.traces, stores.registry, clock, Catalog::builtin(), settings);
        Self { router: router(app.clone(), config), app }
    }

    /// A server with two agents: `shop/eu` with a success and a failure, and `planner`.
    async fn with_runs() -> Self {
        let server = Self::empty().await;
        server.settle('1', "agent shop agent=shop/eu version=2 task=t1 trial=0 @0s +2s ok by check score=1").await;
        server
            .settle(
                '2',
                r#"
agent shop agent=shop/eu version=2 task=t1 trial=1 @60s +2s failed by check score=0 because "no ticket"
  llm gpt-4o provider=openai in=1200 out=80 @60s +1s
    <- user "Book it."
    -> book{seat: "4A"}#call_1
  tool book {seat: "4A"} #call_1 @61s +500ms !timeout "no answer after 500 ms"
"#,
            )
            .await;
        server.settle('3', "agent planner agent=planner @-3600s +1s").await;
        server
    }

    /// Takes in a run whose trace id consists of this digit, and settles it.
    async fn settle(&self, digit: char, lines: &str) {
        self.ingest(digit, lines).await;
        self.app.settle_all(&ProjectId::default()).await.unwrap();
    }

    async fn ingest(&self, digit: char, lines: &str) {
        let text = format!("trace {} at 2026-03-02T10:00:00Z\n{}", id(digit), lines.trim_start());
        let trace = sketch::parse(&text).unwrap();
        self.app.ingest(&ProjectId::default(), trace.spans().to_vec()).await.unwrap();
    }

    /// Takes in a run that is told from others by a number, which is also its minute.
    async fn ingest_number(&self, number: u32, lines: &str) {
        let (hour, minute) = (number / 60, number % 60);
        let text = format!("trace {:032x} at 2026-03-02T{hour:02}:{minute:02}:00Z\n{lines}", number + 1);
        let trace = sketch::parse(&text).unwrap();
        self.app.ingest(&ProjectId::default(), trace.spans().to_vec()).await.unwrap();
    }

    async fn send(&self, request: Request<Body>) -> Response<Body> {
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// Returns the status, the content type and the body of the answer to a GET.
    async fn get(&self, path: &str) -> String {
        show(self.send(get(path)).await).await
    }

    /// Returns the JSON that answers a GET.
    async fn json(&self, path: &str) -> Value {
        let body = to_bytes(self.send(get(path)).await.into_body(), usize::MAX).await.unwrap();
        serde_json::from_slice(&body).unwrap()
    }

    /// Returns the status and the JSON that answer a POST of JSON.
    async fn post_json(&self, path: &str, body: &str) -> (u16, Value) {
        let request = Request::post(path).header(header::HOST, "localhost:8000");
        let request = request.header(header::CONTENT_TYPE, "application/json").body(Body::from(body.to_owned()));
        let response = self.send(request.unwrap()).await;
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap())
    }
}

fn id(digit: char) -> String {
    String::from(digit).repeat(32)
}

fn get(path: &str) -> Request<Body> {
    Request::get(path).header(header::HOST, "localhost:8000").body(Body::empty()).unwrap()
}

/// Returns the status, the content type and the body of an answer; JSON is laid out.
async fn show(response: Response<Body>) -> String {
    let status = response.status().as_u16();
    let media = response.headers().get(header::CONTENT_TYPE).map_or("-", |value| value.to_str().unwrap()).to_owned();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    let body = match serde_json::from_slice::<Value>(&body) {
        Ok(json) => serde_json::to_string_pretty(&json).unwrap(),
        Err(_) => String::from_utf8_lossy(&body).into_owned(),
    };
    format!("{status} {media}\n{body}\n")
}
