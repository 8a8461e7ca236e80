//! Model calls that pass through to a provider on a socket, and what is known of them afterwards.

use std::time::{Duration, Instant};

use arc_app::App;
use arc_model::{ProjectId, sketch};
use arc_server::ServerConfig;
use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    http::{HeaderMap, Request, header},
    response::IntoResponse,
    routing::{get, post},
};
use tokio::net::TcpListener;

use crate::{Server, id, show};

const QUESTION: &str = r#"{"model": "gpt-4o", "messages": [{"role": "user", "content": "Where is 7?"}]}"#;
const ANSWER: &str = r#"{"id": "chatcmpl-1", "object": "chat.completion", "model": "gpt-4o-2024-08-06",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "In Ulm."}}],
    "usage": {"prompt_tokens": 12, "completion_tokens": 4, "total_tokens": 16}}"#;
const STREAM: &str = "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"model\":\"gpt-4o\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"In \"}}]}\n\n\
    data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"model\":\"gpt-4o\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Ulm.\"},\"finish_reason\":\"stop\"}]}\n\n\
    data: [DONE]\n\n";

async fn complete(headers: HeaderMap, body: Bytes) -> impl IntoResponse {
    assert_eq!(headers[header::AUTHORIZATION], "Bearer sk-secret", "the caller's key reaches the provider");
    let (kind, answer) = if body.windows(6).any(|window| window == b"stream") {
        ("text/event-stream", STREAM)
    } else {
        ("application/json", ANSWER)
    };
    ([(header::CONTENT_TYPE, kind), (header::SERVER, "provider")], answer)
}

/// A server that passes calls of `openai` on to a provider of ours, and those of `nobody` to no one.
async fn server() -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let provider = format!("http://{}", listener.local_addr().unwrap());
    let routes =
        Router::new().route("/v1/chat/completions", post(complete)).route("/v1/models", get(|| async { "[]" }));
    let serving = async move { axum::serve(listener, routes).await };
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let upstreams = [("openai".to_owned(), provider), ("nobody".to_owned(), format!("http://{nobody}"))].into();
    let server = Server::configured(ServerConfig { upstreams, ..ServerConfig::default() }).await;
    server.app.tasks().spawn(async move { serving.await.unwrap() });
    server
}

fn ask(path: &str, body: &str) -> Request<Body> {
    let request =
        Request::post(path).header(header::HOST, "localhost").header(header::AUTHORIZATION, "Bearer sk-secret");
    request.header(header::CONTENT_TYPE, "application/json").body(Body::from(body.to_owned())).unwrap()
}

fn of_run(digit: char) -> String {
    format!("/gateway/default/{}-{}", id(digit), "a".repeat(16))
}

/// Waits until the trace holds an ended span, and shows it. Recording goes on behind the caller's back.
async fn recorded(app: &App, digit: char) -> String {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        assert!(Instant::now() < deadline, "nothing was recorded");
        app.settle_all(&ProjectId::default()).await.unwrap();
        if let Some(detail) = app.run(&ProjectId::default(), id(digit).parse().unwrap()).await.unwrap()
            && detail.spans.iter().all(|span| span.end.is_some())
        {
            return sketch::print(&arc_model::Trace::new(detail.run.trace_id, detail.spans));
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_call_is_answered_by_the_provider_and_recorded_in_its_run() {
    let server = server().await;
    let response = server.send(ask(&format!("{}/openai/v1/chat/completions", of_run('5')), QUESTION)).await;
    assert_eq!(response.headers()[header::SERVER], "provider");
    assert_eq!(to_bytes(response.into_body(), usize::MAX).await.unwrap(), ANSWER);
    expect_test::expect![[r#"
        trace 55555555555555555555555555555555 at 2026-03-02T12:00:00Z
        llm "chat gpt-4o" model=gpt-4o answered=gpt-4o-2024-08-06 response_id=chatcmpl-1 in=12 out=4 finish=stop @0s +0s attributes={arc_eval.answer: {object: "chat.completion"}, arc_eval.call.shape: "openai-chat", arc_eval.usage.raw: {completion_tokens: 4, prompt_tokens: 12, total_tokens: 16}, http.response.status_code: 200, otel.span_kind: "client"} resource={telemetry.sdk.name: "arc-eval"}
          <- user "Where is 7?"
          -> "In Ulm."
    "#]].assert_eq(&recorded(&server.app, '5').await);
}

#[tokio::test]
async fn a_stream_reaches_the_caller_as_it_is_and_is_reassembled_in_the_record() {
    let server = server().await;
    let question = QUESTION.replacen('{', "{\"stream\": true, ", 1);
    let response = server.send(ask(&format!("{}/openai/v1/chat/completions", of_run('6')), &question)).await;
    assert_eq!(to_bytes(response.into_body(), usize::MAX).await.unwrap(), STREAM);
    let recorded = recorded(&server.app, '6').await;
    assert!(recorded.contains("In Ulm."), "{recorded}");
}

#[tokio::test]
async fn a_caller_that_stops_reading_leaves_a_record_that_says_so() {
    let server = server().await;
    let response = server.send(ask(&format!("{}/openai/v1/chat/completions", of_run('7')), QUESTION)).await;
    drop(response);
    let recorded = recorded(&server.app, '7').await;
    assert!(recorded.contains("Where is 7?") && !recorded.contains("In Ulm."), "{recorded}");
}

#[tokio::test]
async fn a_provider_that_cannot_be_reached_is_a_failed_call() {
    let server = server().await;
    let shown = show(server.send(ask(&format!("{}/nobody/v1/chat/completions", of_run('8')), QUESTION)).await).await;
    assert!(shown.starts_with("502 application/problem+json") && shown.contains("cannot be reached"), "{shown}");
    let recorded = recorded(&server.app, '8').await;
    assert!(recorded.contains("!connection"), "{recorded}");
}

#[tokio::test]
async fn what_is_no_model_call_is_passed_on_and_not_recorded() {
    let server = server().await;
    let request = Request::get("/gateway/default/-/openai/v1/models").header(header::HOST, "localhost");
    let response = server.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(to_bytes(response.into_body(), usize::MAX).await.unwrap(), "[]");
    assert_eq!(server.json("/api/v1/runs").await["runs"], serde_json::json!([]));
}

#[tokio::test]
async fn only_known_providers_are_forwarded_to() {
    let server = server().await;
    let shown = show(server.send(ask("/gateway/default/-/evil.example/v1/chat/completions", QUESTION)).await).await;
    assert!(shown.starts_with("404") && shown.contains("anthropic, cohere"), "{shown}");
    let shown = show(server.send(ask("/gateway/default/xyz/openai/v1/chat/completions", QUESTION)).await).await;
    assert!(shown.starts_with("400") && shown.contains("neither `-` nor a run"), "{shown}");
}
