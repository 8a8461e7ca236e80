use std::io::Write as _;

use arc_model::TraceId;
use arc_server::ServerConfig;
use axum::{
    body::{Body, to_bytes},
    http::{Request, Response, StatusCode, header},
};
use expect_test::expect;
use flate2::{Compression, write::GzEncoder};
use opentelemetry_proto::tonic::{
    collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse},
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use prost::Message as _;

use crate::{Server, id, never, show, stalled};

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

/// A request with a span of these ids.
fn json(trace: &str, span: &str) -> String {
    let resource = r#"{"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}"#;
    let span = format!(
        r#"{{"traceId": "{trace}", "spanId": "{span}", "name": "run", "startTimeUnixNano": "1772445600000000000", "endTimeUnixNano": "1772445601000000000"}}"#
    );
    format!(r#"{{"resourceSpans": [{{"resource": {resource}, "scopeSpans": [{{"spans": [{span}]}}]}}]}}"#)
}

fn protobuf(spans: impl IntoIterator<Item = ([u8; 16], Vec<u8>)>) -> Vec<u8> {
    let span = |(trace_id, span_id): ([u8; 16], Vec<u8>)| Span {
        trace_id: trace_id.to_vec(),
        span_id,
        name: "run".into(),
        start_time_unix_nano: 1_772_445_600_000_000_000,
        end_time_unix_nano: 1_772_445_601_000_000_000,
        ..Span::default()
    };
    let scope_spans = vec![ScopeSpans { spans: spans.into_iter().map(span).collect(), ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

async fn post(server: &Server, headers: &[(&str, &str)], body: impl Into<Body>) -> Response<Body> {
    let mut request = Request::post("/v1/traces").header(header::HOST, "localhost:4318");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    server.send(request.body(body.into()).unwrap()).await
}

/// Returns how many spans of a trace are stored in a project.
async fn stored(server: &Server, project: &str, digit: char) -> usize {
    let project = project.into();
    server.app.settle_all(&project).await.unwrap();
    let run = server.app.run(&project, id(digit).parse::<TraceId>().unwrap()).await.unwrap();
    run.map_or(0, |run| run.spans.len())
}

#[tokio::test]
async fn traces_are_taken_in_as_json() {
    let server = Server::empty().await;
    let answer =
        post(&server, &[("content-type", "application/json; charset=utf-8")], json(&id('a'), "1111111111111111"));
    assert_eq!(show(answer.await).await, "200 application/json\n{}\n");
    assert_eq!(stored(&server, "default", 'a').await, 1);
    assert_eq!(server.json("/api/v1/agents").await["agents"][0]["name"], "shop");
}

#[tokio::test]
async fn traces_are_taken_in_as_protobuf() {
    let server = Server::empty().await;
    let answer = post(&server, &[("content-type", PROTOBUF)], protobuf([([0xaa; 16], vec![1; 8])])).await;
    assert_eq!(
        (answer.status(), &answer.headers()[header::CONTENT_TYPE]),
        (StatusCode::OK, &PROTOBUF.parse().unwrap())
    );
    // Everything was taken in, so there is nothing to say.
    assert!(to_bytes(answer.into_body(), usize::MAX).await.unwrap().is_empty());
    assert_eq!(stored(&server, "default", 'a').await, 1);
}

#[tokio::test]
async fn a_gzipped_batch_is_unpacked() {
    let server = Server::empty().await;
    let body = gzip(json(&id('a'), "1111111111111111").as_bytes());
    let answer = post(&server, &[("content-type", JSON), ("content-encoding", "gzip")], body).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(stored(&server, "default", 'a').await, 1);
}

#[tokio::test]
async fn one_bad_span_does_not_reject_the_others() {
    let server = Server::empty().await;
    let body = protobuf([([0xaa; 16], vec![1; 8]), ([0xaa; 16], vec![2; 3]), ([0xaa; 16], vec![3; 8])]);
    let answer = post(&server, &[("content-type", PROTOBUF)], body).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let body = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    let partial = ExportTraceServiceResponse::decode(body).unwrap().partial_success.unwrap();
    assert_eq!(partial.rejected_spans, 1);
    expect!["at /resourceSpans/0/scopeSpans/0/spans/1: span 020202: `span_id` is not valid: expected 16 hexadecimal digits, found 6 characters; the span is left out"].assert_eq(&partial.error_message);
    assert_eq!(stored(&server, "default", 'a').await, 2);

    let answer = post(&server, &[("content-type", JSON)], json(&id('b'), "xyz")).await;
    expect![[r#"
        200 application/json
        {
          "partialSuccess": {
            "errorMessage": "at /resourceSpans/0/scopeSpans/0/spans/0: span xyz: `spanId` is not valid: expected 16 hexadecimal digits, or 8 bytes in base64, found 3 characters; the span is left out",
            "rejectedSpans": "1"
          }
        }
    "#]].assert_eq(&show(answer).await);
}

#[tokio::test]
async fn a_span_goes_to_the_project_its_resource_names_else_to_the_headers() {
    let server = Server::empty().await;
    let headers = [("content-type", JSON), ("x-arc-eval-project", "by-header")];
    post(&server, &headers, json(&id('a'), "1111111111111111")).await;
    let named = json(&id('b'), "1111111111111111").replace("service.name", "arc_eval.project");
    post(&server, &headers, named.clone()).await;
    let unusable = post(&server, &headers, named.replace("shop", "")).await;
    assert_eq!((stored(&server, "by-header", 'a').await, stored(&server, "by-header", 'b').await), (1, 0));
    assert_eq!((stored(&server, "shop", 'a').await, stored(&server, "shop", 'b').await), (0, 1));
    expect![[r#"
        200 application/json
        {
          "partialSuccess": {
            "errorMessage": "span 1111111111111111: resource attribute arc_eval.project: the name of a project is 1 to 100 characters without control characters",
            "rejectedSpans": "1"
          }
        }
    "#]].assert_eq(&show(unusable).await);
}

#[tokio::test]
async fn what_is_no_request_is_refused_in_its_own_encoding() {
    let server = Server::empty().await;
    let json = post(&server, &[("content-type", JSON)], "{\"resourceSpans\": [").await;
    expect![[r#"
        400 application/json
        {
          "code": 3,
          "message": "expected an OTLP request in JSON, but the body is not JSON: EOF while parsing a list at line 1 column 19"
        }
    "#]].assert_eq(&show(json).await);

    let protobuf = post(&server, &[("content-type", PROTOBUF)], "this is no protobuf").await;
    assert_eq!(
        (protobuf.status(), &protobuf.headers()[header::CONTENT_TYPE]),
        (StatusCode::BAD_REQUEST, &PROTOBUF.parse().unwrap())
    );
    // `google.rpc.Status`: field 1 is a number, the code "invalid argument"; field 2 the message.
    let body = to_bytes(protobuf.into_body(), usize::MAX).await.unwrap();
    assert_eq!(body[..3], [0x08, 3, 0x12]);

    let headers = [("content-type", JSON), ("content-encoding", "gzip")];
    assert_eq!(post(&server, &headers, "not gzip").await.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn an_unknown_media_type_or_encoding_is_refused() {
    let server = Server::empty().await;
    let text = post(&server, &[("content-type", "text/plain")], "x").await;
    expect![[r#"
        415 application/json
        {
          "code": 3,
          "message": "content type `text/plain`: send application/x-protobuf or application/json"
        }
    "#]]
    .assert_eq(&show(text).await);
    let packed = post(&server, &[("content-type", JSON), ("content-encoding", "br")], "x").await;
    assert_eq!(
        (packed.status(), &packed.headers()[header::ACCEPT_ENCODING]),
        (StatusCode::UNSUPPORTED_MEDIA_TYPE, &"gzip, zstd".parse().unwrap())
    );
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused_also_when_it_unpacks_beyond_it() {
    let server = Server::configured(ServerConfig { body_limit: 1_000, ..ServerConfig::default() }).await;
    let fits = json(&id('a'), "1111111111111111");
    let padded = |to: usize| format!("{fits}{}", " ".repeat(to - fits.len()));
    let packed = [("content-type", JSON), ("content-encoding", "gzip")];
    for (length, expected) in [(1_000, StatusCode::OK), (1_001, StatusCode::PAYLOAD_TOO_LARGE)] {
        assert_eq!(post(&server, &[("content-type", JSON)], padded(length)).await.status(), expected);
        assert_eq!(post(&server, &packed, gzip(padded(length).as_bytes())).await.status(), expected);
    }
    // A bomb: a few hundred bytes that unpack to a hundred million.
    let bomb = gzip(&vec![b' '; 100_000_000]);
    let refused = post(&server, &packed, bomb).await;
    assert_eq!(refused.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_batch_packed_with_zstd_is_unpacked() {
    let server = Server::empty().await;
    let body = zstd::encode_all(json(&id('a'), "1111111111111111").as_bytes(), 3).unwrap();
    let answer = post(&server, &[("content-type", JSON), ("content-encoding", "zstd")], body).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(stored(&server, "default", 'a').await, 1);
}

#[tokio::test]
async fn a_log_completes_its_span_whichever_comes_first() {
    let log = format!(
        r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{"traceId":"{}","spanId":"1111111111111111",
        "timeUnixNano":"1772445600000000001","eventName":"gen_ai.user.message",
        "body":{{"kvlistValue":{{"values":[{{"key":"content","value":{{"stringValue":"Hi"}}}}]}}}}}}]}}]}}]}}"#,
        id('a')
    );
    for log_first in [true, false] {
        let server = Server::empty().await;
        if !log_first {
            post(&server, &[("content-type", JSON)], json(&id('a'), "1111111111111111")).await;
        }
        let request = Request::post("/v1/logs").header(header::HOST, "localhost").header("content-type", JSON);
        let answer = server.send(request.body(Body::from(log.clone())).unwrap()).await;
        assert_eq!(show(answer).await, "200 application/json\n{}\n");
        if log_first {
            post(&server, &[("content-type", JSON)], json(&id('a'), "1111111111111111")).await;
        }
        server.app.settle_all(&"default".into()).await.unwrap();
        let run = server.app.run(&"default".into(), id('a').parse::<TraceId>().unwrap()).await.unwrap().unwrap();
        assert_eq!(run.spans.len(), 1, "log first: {log_first}");
        assert_eq!(run.spans[0].messages_in[0].joined_text(), "Hi", "log first: {log_first}");
    }
}

#[tokio::test]
async fn too_much_at_once_is_put_off_and_not_counted_as_lost() {
    let server = Server::configured(ServerConfig { bytes_in_flight: 1_000, ..ServerConfig::default() }).await;
    // A body that is announced and does not come holds its place.
    let waiting = stalled("/v1/traces").header("content-type", JSON).body(never()).unwrap();
    let router = server.router.clone();
    #[expect(clippy::disallowed_methods, reason = "the test waits for it")]
    let held = tokio::spawn(tower::ServiceExt::oneshot(router, waiting));
    tokio::task::yield_now().await;
    let put_off = post(&server, &[("content-type", JSON), ("content-length", "300")], " ".repeat(300)).await;
    assert_eq!(put_off.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(put_off.headers()[header::RETRY_AFTER], "1");
    assert_eq!(server.app.ledger(&"default".into()).await.unwrap().recent_gaps, 0);
    held.abort();
    let _ = held.await;
    let now = post(&server, &[("content-type", JSON)], json(&id('a'), "1111111111111111")).await;
    assert_eq!(now.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_body_that_does_not_go_on_gives_its_room_back() {
    let body_patience = std::time::Duration::from_millis(20);
    let server =
        Server::configured(ServerConfig { bytes_in_flight: 1_000, body_patience, ..ServerConfig::default() }).await;
    let answer = server.send(stalled("/v1/traces").header("content-type", JSON).body(never()).unwrap()).await;
    assert_eq!(answer.headers()[header::RETRY_AFTER], "1");
    expect![[r#"
        503 application/json
        {
          "code": 14,
          "message": "the body did not go on within 0.02 s; send it again"
        }
    "#]]
    .assert_eq(&show(answer).await);
    let now = post(&server, &[("content-type", JSON)], json(&id('a'), "1111111111111111")).await;
    assert_eq!(now.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_body_that_comes_a_byte_at_a_time_gives_its_room_back() {
    let body_patience = std::time::Duration::from_millis(200);
    let server = Server::configured(ServerConfig { body_patience, ..ServerConfig::default() }).await;
    let drops = futures_util::stream::unfold((), async |()| {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        Some((Ok::<_, std::io::Error>(" "), ()))
    });
    let request = stalled("/v1/traces").header("content-type", JSON).body(Body::from_stream(drops)).unwrap();
    assert_eq!(server.send(request).await.status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_body_of_unknown_length_counts_as_it_comes() {
    let mebibyte = 1024 * 1024;
    let server = Server::configured(ServerConfig { bytes_in_flight: 3 * mebibyte, ..ServerConfig::default() }).await;
    let waiting = stalled("/v1/traces").header("content-type", JSON).body(never()).unwrap();
    let router = server.router.clone();
    #[expect(clippy::disallowed_methods, reason = "the test stops it")]
    let held = tokio::spawn(tower::ServiceExt::oneshot(router, waiting));
    tokio::task::yield_now().await;
    // Beside it there is room for the first mebibyte of this, and not for all of it.
    let chunks = (0..3).map(move |_| Ok::<_, std::io::Error>(" ".repeat(mebibyte)));
    let body = Body::from_stream(futures_util::stream::iter(chunks));
    let request = Request::post("/v1/traces").header(header::HOST, "localhost").header("content-type", JSON);
    assert_eq!(server.send(request.body(body).unwrap()).await.status(), StatusCode::TOO_MANY_REQUESTS);
    held.abort();
}
