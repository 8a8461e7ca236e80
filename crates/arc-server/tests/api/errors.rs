//! What callers are told when the store fails, and what they are not told.

use std::sync::Arc;

use arc_app::{App, Appended, Change, ChangeSeq, FindingQuery, Page, RunQuery, Settings};
use arc_catalog::Catalog;
use arc_model::{AgentFigures, AgentName, AgentSummary, Finding, ProjectId, Run, Span, Timestamp, Trace, TraceId};
use arc_server::{ServerConfig, router};
use arc_store::{Settled, StoreError, TraceStore, Unsettled};
use async_trait::async_trait;
use axum::{
    Router,
    body::Body,
    http::{Request, header},
};
use expect_test::expect;
use tower::ServiceExt as _;

use crate::{get, show};

/// A store that fails, one way or the other.
struct Failing {
    is_busy: bool,
}

impl Failing {
    fn fail<T>(&self) -> Result<T, StoreError> {
        let source = "/var/lib/secret.db: disk image is malformed".into();
        Err(if self.is_busy {
            StoreError::Unavailable { attempted: "append spans", source }
        } else {
            StoreError::Corrupt { attempted: "read /var/lib/secret.db".into(), source }
        })
    }
}

#[async_trait]
impl TraceStore for Failing {
    async fn append(&self, _: &ProjectId, _: &[Span], _: Timestamp) -> Result<Appended, StoreError> {
        self.fail()
    }
    async fn trace(&self, _: &ProjectId, _: TraceId) -> Result<Option<Trace>, StoreError> {
        self.fail()
    }
    async fn unsettled(&self, _: Timestamp, _: Timestamp, _: Timestamp, _: u32) -> Result<Vec<Unsettled>, StoreError> {
        self.fail()
    }
    async fn settle(&self, _: &[Settled], _: Timestamp) -> Result<(), StoreError> {
        self.fail()
    }
    async fn run(&self, _: &ProjectId, _: TraceId) -> Result<Option<Run>, StoreError> {
        self.fail()
    }
    async fn runs(&self, _: &ProjectId, _: &RunQuery) -> Result<Page<Run>, StoreError> {
        self.fail()
    }
    async fn findings(&self, _: &ProjectId, _: &FindingQuery) -> Result<Page<Finding>, StoreError> {
        self.fail()
    }
    async fn agents(&self, _: &ProjectId) -> Result<Vec<AgentSummary>, StoreError> {
        self.fail()
    }
    async fn figures(&self, _: &ProjectId, _: &AgentName) -> Result<AgentFigures, StoreError> {
        self.fail()
    }
    async fn changes(&self, _: ChangeSeq, _: u32) -> Result<Vec<Change>, StoreError> {
        self.fail()
    }
    async fn last_change(&self) -> Result<ChangeSeq, StoreError> {
        self.fail()
    }
}

async fn failing(is_busy: bool) -> Router {
    let registry = arc_store_backends::open("sqlite::memory:").await.unwrap().registry;
    let clock = Arc::new(Timestamp::default());
    let app = App::new(Arc::new(Failing { is_busy }), registry, clock, Catalog::builtin(), Settings::default());
    router(app, ServerConfig::default())
}

#[tokio::test]
async fn a_store_that_is_busy_is_worth_another_try() {
    let response = failing(true).await.oneshot(get("/api/v1/runs")).await.unwrap();
    assert_eq!(response.headers()[header::RETRY_AFTER], "1");
    expect![[r#"
        503 application/problem+json
        {
          "detail": "the store cannot take the request at the moment; try again",
          "status": 503,
          "title": "Temporarily unavailable",
          "type": "urn:arc-eval:problem:unavailable"
        }
    "#]]
    .assert_eq(&show(response).await);
}

#[tokio::test]
async fn traces_are_not_acknowledged_by_a_store_that_is_busy() {
    let span = r#"{"traceId": "11111111111111111111111111111111", "spanId": "1111111111111111", "name": "run"}"#;
    let body = format!(r#"{{"resourceSpans": [{{"scopeSpans": [{{"spans": [{span}]}}]}}]}}"#);
    let request = Request::post("/v1/traces").header(header::HOST, "localhost");
    let request = request.header(header::CONTENT_TYPE, "application/json").body(Body::from(body)).unwrap();
    let response = failing(true).await.oneshot(request).await.unwrap();
    assert_eq!(response.headers()[header::RETRY_AFTER], "1");
    expect![[r#"
        503 application/json
        {
          "code": 14,
          "message": "the store cannot take the request at the moment; try again"
        }
    "#]]
    .assert_eq(&show(response).await);
}

#[tokio::test]
async fn what_went_wrong_inside_is_not_sent() {
    for path in ["/api/v1/runs", "/api/v1/findings", "/api/v1/agents", "/api/runtime-analysis", "/api/v1/events"] {
        let answer = show(failing(false).await.oneshot(get(path)).await.unwrap()).await;
        assert!(answer.starts_with("500 application/problem+json\n"), "{path}: {answer}");
        assert!(!answer.contains("secret"), "{path}: {answer}");
    }
    expect![[r#"
        500 application/problem+json
        {
          "detail": "something went wrong inside; the log of the server says what",
          "status": 500,
          "title": "Internal error",
          "type": "urn:arc-eval:problem:internal"
        }
    "#]]
    .assert_eq(&show(failing(false).await.oneshot(get("/api/v1/runs")).await.unwrap()).await);
}
