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

use crate::{Server, id};

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
