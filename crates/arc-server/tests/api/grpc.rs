//! OTLP over gRPC: what a call carries, and what is answered.

use arc_model::TraceId;
use arc_server::{ServerConfig, otlp_routers};
use axum::{
    Router,
    body::{Body, Bytes},
    http::{HeaderMap, Request, Response, header},
};
use http_body_util::BodyExt as _;
use opentelemetry_proto::tonic::{
    collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse},
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use prost::Message as _;
use tower::ServiceExt as _;

use crate::{Server, id, never, stalled};

const LOGS: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
const TRACES: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

struct Port {
    server: Server,
    grpc: Router,
}

impl Port {
    async fn open(config: ServerConfig) -> Self {
        let server = Server::configured(config.clone()).await;
        let (_, grpc) = otlp_routers(server.app.clone(), config);
        Self { server, grpc }
    }

    async fn call(&self, path: &str, packing: Option<&str>, message: &[u8]) -> Response<Body> {
        let mut frame = vec![u8::from(packing.is_some())];
        frame.extend_from_slice(&u32::try_from(message.len()).unwrap().to_be_bytes());
        frame.extend_from_slice(message);
        let mut request = Request::post(path).header(header::HOST, "localhost:4317").header("te", "trailers");
        request = request.header(header::CONTENT_TYPE, "application/grpc");
        if let Some(packing) = packing {
            request = request.header("grpc-encoding", packing);
        }
        self.grpc.clone().oneshot(request.body(Body::from(frame)).unwrap()).await.unwrap()
    }

    async fn stored(&self) -> usize {
        let project = "default".into();
        self.server.app.settle_all(&project).await.unwrap();
        let run = self.server.app.run(&project, id('a').parse::<TraceId>().unwrap()).await.unwrap();
        run.map_or(0, |run| run.spans.len())
    }
}

/// Returns the status, its message, and the bytes of the answer.
async fn read(response: Response<Body>) -> (String, String, Bytes) {
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/grpc");
    let (parts, body) = response.into_parts();
    let collected = body.collect().await.unwrap();
    let trailers = collected.trailers().cloned().unwrap_or_default();
    let said = |name: &str| {
        let of = |headers: &HeaderMap| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        of(&trailers).or_else(|| of(&parts.headers)).unwrap_or_default()
    };
    (said("grpc-status"), said("grpc-message"), collected.to_bytes())
}

fn request(span_ids: &[Vec<u8>]) -> Vec<u8> {
    let span = |span_id: &Vec<u8>| Span {
        trace_id: vec![0xaa; 16],
        span_id: span_id.clone(),
        name: "run".into(),
        start_time_unix_nano: 1_772_445_600_000_000_000,
        end_time_unix_nano: 1_772_445_601_000_000_000,
        ..Span::default()
    };
    let scope_spans = vec![ScopeSpans { spans: span_ids.iter().map(span).collect(), ..ScopeSpans::default() }];
    ExportTraceServiceRequest { resource_spans: vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }] }
        .encode_to_vec()
}

#[tokio::test]
async fn traces_are_taken_in_packed_or_not() {
    use std::io::Write as _;
    let port = Port::open(ServerConfig::default()).await;
    let message = request(&[vec![1; 8]]);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&message).unwrap();
    let zstd = zstd::encode_all(message.as_slice(), 1).unwrap();
    for (packing, message) in [(None, message), (Some("gzip"), gzip.finish().unwrap()), (Some("zstd"), zstd)] {
        let (status, said, answer) = read(port.call(TRACES, packing, &message).await).await;
        assert_eq!((status.as_str(), said.as_str()), ("0", ""), "{packing:?}");
        assert_eq!(answer[..], [0; 5], "an empty answer, framed");
    }
    assert_eq!(port.stored().await, 1);
}

#[tokio::test]
async fn a_span_that_cannot_be_used_is_named_and_the_others_are_stored() {
    let port = Port::open(ServerConfig::default()).await;
    let (status, _, answer) = read(port.call(TRACES, None, &request(&[vec![1; 8], vec![2; 3]])).await).await;
    let partial = ExportTraceServiceResponse::decode(answer.slice(5..)).unwrap().partial_success.unwrap();
    assert_eq!((status.as_str(), partial.rejected_spans), ("0", 1));
    assert!(partial.error_message.contains("span 020202"), "{}", partial.error_message);
    assert_eq!(port.stored().await, 1);
}

#[tokio::test]
async fn what_cannot_be_taken_in_is_refused_with_a_code_and_a_reason() {
    let port = Port::open(ServerConfig { body_limit: 1_000, ..ServerConfig::default() }).await;
    for (path, packing, message, code, reason) in [
        (TRACES, None, &b"no protobuf"[..], "3", "cannot be read"),
        (TRACES, Some("br"), b"", "12", "send one of gzip, zstd"),
        (TRACES, Some("gzip"), b"x", "3", "not gzip"),
        (TRACES, None, &[0; 1_001], "8", "larger than 1000 bytes"),
        ("/x.MetricsService/Export", None, b"", "12", "`/x.MetricsService/Export` is not served"),
    ] {
        let (status, said, _) = read(port.call(path, packing, message).await).await;
        assert_eq!(status, code, "{said}");
        assert!(said.contains(reason), "{said}");
    }
}

#[tokio::test]
async fn a_host_that_is_not_this_machine_is_refused_here_too() {
    let port = Port::open(ServerConfig::default()).await;
    let request = Request::post(TRACES).header(header::HOST, "evil.example").body(Body::empty()).unwrap();
    assert_eq!(port.grpc.oneshot(request).await.unwrap().status(), 403);
}

#[tokio::test]
async fn events_that_come_as_logs_complete_their_span() {
    use opentelemetry_proto::tonic::{
        collector::logs::v1::ExportLogsServiceRequest,
        common::v1::{AnyValue, KeyValue, any_value::Value},
        logs::v1::{LogRecord, ResourceLogs, ScopeLogs},
    };
    let port = Port::open(ServerConfig::default()).await;
    read(port.call(TRACES, None, &request(&[vec![1; 8]])).await).await;
    let content = KeyValue {
        key: "content".into(),
        value: Some(AnyValue { value: Some(Value::StringValue("Hi".into())) }),
        ..KeyValue::default()
    };
    let record = LogRecord {
        trace_id: vec![0xaa; 16],
        span_id: vec![1; 8],
        time_unix_nano: 1_772_445_600_000_000_001,
        event_name: "gen_ai.user.message".into(),
        attributes: vec![content],
        ..LogRecord::default()
    };
    let lost = LogRecord { span_id: vec![2; 3], ..record.clone() };
    let scope_logs = vec![ScopeLogs { log_records: vec![record, lost], ..ScopeLogs::default() }];
    let request =
        ExportLogsServiceRequest { resource_logs: vec![ResourceLogs { scope_logs, ..ResourceLogs::default() }] };
    let (status, _, answer) = read(port.call(LOGS, None, &request.encode_to_vec()).await).await;
    let partial = ExportTraceServiceResponse::decode(answer.slice(5..)).unwrap().partial_success.unwrap();
    assert_eq!((status.as_str(), partial.rejected_spans), ("0", 1));
    assert!(partial.error_message.contains("span 020202: `span_id` is not valid"), "{}", partial.error_message);
    assert_eq!(port.stored().await, 1);
    let run = port.server.app.run(&"default".into(), id('a').parse::<TraceId>().unwrap()).await.unwrap().unwrap();
    assert_eq!(run.spans[0].messages_in[0].joined_text(), "Hi");
}

/// `google.rpc.Status` with one detail, `google.rpc.RetryInfo`.
#[derive(Clone, PartialEq, prost::Message)]
struct Details {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

#[tokio::test]
async fn who_is_put_off_is_told_when_to_try_again() {
    use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
    let port = Port::open(ServerConfig { bytes_in_flight: 1_000, ..ServerConfig::default() }).await;
    let waiting = stalled(TRACES).header(header::CONTENT_TYPE, "application/grpc");
    let router = port.grpc.clone();
    #[expect(clippy::disallowed_methods, reason = "the test stops it")]
    let held = tokio::spawn(router.oneshot(waiting.body(never()).unwrap()));
    tokio::task::yield_now().await;
    let response = port.call(TRACES, None, &request(&[vec![1; 8]])).await;
    let details = STANDARD_NO_PAD.decode(&response.headers()["grpc-status-details-bin"]).unwrap();
    let details = Details::decode(details.as_slice()).unwrap();
    assert_eq!((response.headers()["grpc-status"].to_str().unwrap(), details.code), ("8", 8));
    assert_eq!(details.details[0].type_url, "type.googleapis.com/google.rpc.RetryInfo");
    // RetryInfo.retry_delay.seconds = 1.
    assert_eq!(details.details[0].value, [0x0a, 2, 0x08, 1]);
    held.abort();
    let _ = held.await;
    assert_eq!(read(port.call(TRACES, None, &request(&[vec![1; 8]])).await).await.0, "0");
}

#[tokio::test]
async fn a_call_that_does_not_go_on_gives_its_room_back() {
    let patience = std::time::Duration::from_millis(20);
    let config = ServerConfig { bytes_in_flight: 1_000, body_patience: patience, ..ServerConfig::default() };
    let port = Port::open(config).await;
    let waiting = stalled(TRACES).header(header::CONTENT_TYPE, "application/grpc");
    let (status, said, _) = read(port.grpc.clone().oneshot(waiting.body(never()).unwrap()).await.unwrap()).await;
    assert_eq!((status.as_str(), said.as_str()), ("14", "the body did not go on within 0.02 s; send it again"));
    assert_eq!(read(port.call(TRACES, None, &request(&[vec![1; 8]])).await).await.0, "0");
}
