//! The description of the API is committed, so that a change of it shows in review and the page's
//! types can be generated without the server.

use std::{env, fs, path::Path};

use axum::{
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use serde_json::Value;

use crate::{Server, show};

#[test]
#[expect(clippy::disallowed_methods, reason = "asks whoever runs the test, not the program's configuration")]
fn the_committed_description_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/openapi.json");
    let mut current = arc_server::openapi().to_pretty_json().unwrap();
    current.push('\n');
    if env::var("UPDATE_SNAPSHOTS").is_ok_and(|value| value == "1") {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &current).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == current,
        "docs/reference/openapi.json is not current; UPDATE_SNAPSHOTS=1 cargo nextest run -p arc-server openapi"
    );
}

#[tokio::test]
async fn every_described_operation_is_routed_and_named_once() {
    let server = Server::with_runs().await;
    let document = server.json("/api/v1/openapi.json").await;
    let mut names = Vec::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            names.push(operation["operationId"].as_str().unwrap());
            // What is deleted is asked for by nobody else.
            let run = crate::id(if method == "delete" { '3' } else { '1' });
            let mut path = path.replace("{name}", "planner").replace("{trace_id}", &run);
            if path == "/api/v1/search" {
                path.push_str("?q=word");
            }
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let request = Request::builder().method(method.clone()).uri(&path).header(header::HOST, "localhost");
            let response = server.send(request.body(Body::empty()).unwrap()).await;
            // Without a body the import of traces is refused for its media type, by its own handler, and that of files
            // because nothing is in it.
            let expected = match method {
                Method::DELETE => StatusCode::NO_CONTENT,
                // Nothing is decided without a word, and no issue has that id.
                Method::PATCH => StatusCode::BAD_REQUEST,
                _ if path.ends_with("{id}") => StatusCode::NOT_FOUND,
                _ if path.starts_with("/v1/") => StatusCode::UNSUPPORTED_MEDIA_TYPE,
                _ if path == "/api/v1/import" || path.ends_with("/labels") => StatusCode::BAD_REQUEST,
                _ => StatusCode::OK,
            };
            assert_eq!(response.status(), expected, "{path}");
        }
    }
    assert!(names.len() >= 10, "{names:?}");
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}

/// What a validator would check: every reference leads somewhere.
#[test]
fn every_reference_in_the_description_leads_somewhere() {
    fn check(document: &Value, value: &Value) {
        if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
            assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
        }
        match value {
            Value::Array(items) => items.iter().for_each(|item| check(document, item)),
            Value::Object(fields) => fields.values().for_each(|field| check(document, field)),
            _ => {}
        }
    }
    let document = serde_json::to_value(arc_server::openapi()).unwrap();
    check(&document, &document);
}

#[tokio::test]
async fn a_wrong_method_is_a_problem() {
    let server = Server::empty().await;
    let request = Request::delete("/api/v1/runs").header(header::HOST, "localhost").body(Body::empty()).unwrap();
    let answer = show(server.send(request).await).await;
    assert!(answer.starts_with("405 application/problem+json\n"), "{answer}");
    assert!(answer.contains("/api/v1/runs does not take DELETE"), "{answer}");
}
