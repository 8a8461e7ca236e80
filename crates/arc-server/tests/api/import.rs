use arc_server::ServerConfig;
use axum::{
    body::{Body, to_bytes},
    http::{Request, StatusCode, header},
};
use serde_json::{Value, json};

use crate::Server;

const CHAT: &str = r#"{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]}"#;
const RUN: &str = r#"{"input": "q", "output": "a", "steps": [{"tool": "geo"}, 5]}"#;

async fn upload(server: &Server, query: &str, body: impl Into<Body>) -> (StatusCode, Value) {
    let request = Request::post(format!("/api/v1/import{query}")).header(header::HOST, "localhost:8000");
    let response = server.send(request.body(body.into()).unwrap()).await;
    let status = response.status();
    let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap())
}

#[tokio::test]
async fn an_uploaded_file_is_stored_and_the_answer_says_what_was_recognised_by_what() {
    let server = Server::empty().await;
    let (status, first) = upload(&server, "?name=day.jsonl", format!("{CHAT}\n{RUN}\n{{broken")).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        first["detected"],
        json!([
            {"format": "chat", "score": 70, "because": "it has `messages` with roles", "records": 1},
            {"format": "steps", "score": 65, "because": "it has an input or output and steps that name a tool", "records": 1},
        ])
    );
    assert_eq!((&first["runs"], &first["spans"], &first["new"]), (&json!(2), &json!(4), &json!(4)));
    let rejected = first["diagnostics"].as_array().unwrap().iter().filter(|found| found["severity"] == "rejected");
    let places: Vec<_> = rejected.map(|found| found["place"].clone()).collect();
    assert_eq!(places, [json!({"line": 3}), json!({"line": 2, "pointer": "/steps/1"})]);
    let (_, again) = upload(&server, "?name=day.jsonl", format!("{CHAT}\n{RUN}")).await;
    assert_eq!((&again["new"], &again["unchanged"]), (&json!(0), &json!(4)));
    let elsewhere = server.json("/api/v1/runs?project=other").await;
    assert_eq!(elsewhere["runs"], json!([]));
}

#[tokio::test]
async fn packed_files_are_told_by_their_content() {
    let server = Server::empty().await;
    let packed = zstd::encode_all(CHAT.as_bytes(), 1).unwrap();
    let (status, answer) = upload(&server, "?agent=greeter", packed).await;
    assert_eq!((status, &answer["runs"]), (StatusCode::OK, &json!(1)));
}

#[tokio::test]
async fn a_file_of_which_nothing_can_be_read_is_refused_with_the_reason() {
    let server = Server::empty().await;
    let (status, problem) = upload(&server, "", "hello").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(problem["detail"].as_str().unwrap().contains("text of 5 bytes that is not JSON"), "{problem}");
    let (status, problem) = upload(&server, "?format=word", CHAT).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(problem["detail"].as_str().unwrap().contains("`word` is not a format"), "{problem}");
}

#[tokio::test]
async fn a_file_beyond_the_limit_is_refused_as_sent_and_cut_where_it_unpacks_to_more() {
    let server = Server::configured(ServerConfig { body_limit: 2_000, ..ServerConfig::default() }).await;
    let (status, _) = upload(&server, "", "x".repeat(2_001)).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    let packed = zstd::encode_all(format!("{CHAT}\n").repeat(1_000).as_bytes(), 1).unwrap();
    let (status, answer) = upload(&server, "", packed).await;
    assert_eq!(status, StatusCode::OK);
    let said = answer["diagnostics"][0]["message"].as_str().unwrap();
    assert!(said.contains("decompresses to more than 2000 bytes"), "{said}");
}
