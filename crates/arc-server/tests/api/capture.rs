use axum::{
    body::Body,
    http::{Request, header},
};

use crate::{Server, id};

async fn post(server: &Server, media: &str, body: String) {
    let request = Request::post("/v1/traces")
        .header(header::HOST, "localhost")
        .header(header::CONTENT_TYPE, media)
        .header(header::USER_AGENT, "OTel-OTLP-Exporter-Python/1.42.0");
    server.send(request.body(Body::from(body)).unwrap()).await;
}

/// A request of a service with spans of these ids.
fn request(service: &str, spans: &[&str]) -> String {
    let trace = id('a');
    let spans: Vec<String> = spans
        .iter()
        .map(|span| format!(r#"{{"traceId": "{trace}", "spanId": "{span}", "name": "run", "endTimeUnixNano": "7"}}"#))
        .collect();
    let resource = format!(r#"{{"attributes": [{{"key": "service.name", "value": {{"stringValue": "{service}"}}}}]}}"#);
    format!(r#"{{"resourceSpans": [{{"resource": {resource}, "scopeSpans": [{{"spans": [{}]}}]}}]}}"#, spans.join(", "))
}

#[tokio::test]
async fn without_a_source_there_is_nothing_to_count() {
    let ledger = Server::empty().await.json("/api/v1/capture").await;
    assert_eq!(ledger["sources"], serde_json::json!([]));
    assert_eq!((&ledger["recent_gaps"], &ledger["total"]["runs"]["started"]), (&0.into(), &0.into()));
    assert!(ledger["spool"].is_null());
}

#[tokio::test]
async fn what_an_exporter_sent_is_counted_with_what_was_rejected_and_why() {
    let server = Server::empty().await;
    let spans = ["1111111111111111", "2222222222222222", "xyz", "123"];
    post(&server, "application/json", request("shop", &spans)).await;
    // What is sent again is not stored again.
    post(&server, "application/json", request("shop", &spans[..2])).await;
    let ledger = server.json("/api/v1/capture").await;
    let source = &ledger["sources"][0];
    assert_eq!(source["name"], "shop by OTel-OTLP-Exporter-Python/1.42.0");
    assert_eq!((&source["runs"], &source["runs_in_flight"]), (&serde_json::Value::Null, &serde_json::Value::Null));
    assert_eq!((&source["counts"]["spans_stored"], &source["has_gap"]), (&2.into(), &true.into()));
    let why = serde_json::json!([{"why": "`spanId` is not valid", "what": "span", "count": 2}]);
    assert_eq!(source["counts"]["rejected"], why);
    assert_eq!((&ledger["recent_gaps"], &ledger["total"]["counts"]["rejected"]), (&1.into(), &why));
}

#[tokio::test]
async fn a_request_that_cannot_be_read_is_counted() {
    let server = Server::empty().await;
    post(&server, "application/json", "{\"resourceSpans\": [".to_owned()).await;
    post(&server, "application/json", "[]".to_owned()).await;
    post(&server, "text/plain", "x".to_owned()).await;
    let ledger = server.json("/api/v1/capture").await;
    let source = &ledger["sources"][0];
    assert_eq!((&source["name"], &source["kind"]), (&"OTel-OTLP-Exporter-Python/1.42.0".into(), &"exporter".into()));
    let why = serde_json::json!([
        {"why": "The request is invalid", "what": "request", "count": 2},
        {"why": "The media type is not supported", "what": "request", "count": 1},
    ]);
    assert_eq!(source["counts"]["rejected"], why);
}

#[tokio::test]
async fn the_ledger_of_another_project_is_its_own() {
    let server = Server::empty().await;
    post(&server, "application/json", request("shop", &["1111111111111111"])).await;
    let ledger = server.json("/api/v1/capture?project=other").await;
    assert_eq!(ledger["sources"], serde_json::json!([]));
}
