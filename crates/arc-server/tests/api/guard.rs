use arc_server::ServerConfig;
use axum::{
    body::Body,
    http::{HeaderMap, Request, StatusCode, header},
};
use expect_test::expect;

use crate::{Server, get, show};

async fn status(server: &Server, request: axum::http::request::Builder) -> StatusCode {
    server.send(request.body(Body::empty()).unwrap()).await.status()
}

#[tokio::test]
async fn a_foreign_host_is_turned_away() {
    let server = Server::with_runs().await;
    let request = Request::get("/api/v1/runs").header(header::HOST, "rebound.example.com").body(Body::empty()).unwrap();
    expect![[r#"
        403 application/problem+json
        {
          "detail": "this server does not answer to the host `rebound.example.com`; reach it as localhost or 127.0.0.1",
          "status": 403,
          "title": "The request is not allowed",
          "type": "urn:arc-eval:problem:forbidden"
        }
    "#]]
    .assert_eq(&show(server.send(request).await).await);
    assert_eq!(status(&server, Request::get("/api/v1/runs")).await, StatusCode::FORBIDDEN);
    assert_eq!(status(&server, Request::get("/").header(header::HOST, "evil.com")).await, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_configured_host_is_answered() {
    let config = ServerConfig { allowed_hosts: vec!["arc.example.com".into()], ..ServerConfig::default() };
    let server = Server::configured(config).await;
    let request = Request::get("/api/v1/health").header(header::HOST, "arc.example.com");
    assert_eq!(status(&server, request).await, StatusCode::OK);
}

#[tokio::test]
async fn a_foreign_page_may_not_send_traces() {
    let server = Server::empty().await;
    for (origin, expected) in [
        (Some("https://evil.com"), StatusCode::FORBIDDEN),
        (Some("null"), StatusCode::FORBIDDEN),
        (Some("http://localhost.evil.com"), StatusCode::FORBIDDEN),
        (Some("http://localhost:5173"), StatusCode::OK),
        (None, StatusCode::OK),
    ] {
        let mut request = Request::post("/v1/traces").header(header::HOST, "localhost:8000");
        if let Some(origin) = origin {
            request = request.header(header::ORIGIN, origin);
        }
        let request =
            request.header(header::CONTENT_TYPE, "application/json").body(Body::from(r#"{"resourceSpans":[]}"#));
        assert_eq!(server.send(request.unwrap()).await.status(), expected, "{origin:?}");
    }
}

#[tokio::test]
async fn every_answer_carries_what_browsers_obey() {
    let server = Server::empty().await;
    let headers = |headers: &HeaderMap| {
        let kept = ["content-security-policy", "x-content-type-options", "x-frame-options", "cache-control"];
        kept.map(|name| format!("{name}: {}", headers[name].to_str().unwrap())).join("\n")
    };
    let page = headers(server.send(get("/")).await.headers());
    assert!(page.contains("script-src 'self'; "), "{page}");
    assert!(page.ends_with("cache-control: no-cache"), "{page}");
    let problem = headers(server.send(get("/api/v1/runs?limit=0")).await.headers());
    assert_eq!(problem, page.replace("cache-control: no-cache", "cache-control: no-store"));
}
