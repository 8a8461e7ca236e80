//! OpenTelemetry traces over HTTP, as <https://opentelemetry.io/docs/specs/otlp/#otlphttp> has it.
//!
//! The answer is written as the request is: protobuf or JSON. A batch of which some spans cannot be
//! used is taken in, and the answer says which and why (`partial_success`). A 200 means durable.

use std::{io::Read as _, sync::Arc};

use arc_app::{App, AppError, Ingested, OtlpEncoding};
use arc_model::{Diagnostic, DiagnosticSeverity};
use axum::{
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use flate2::read::MultiGzDecoder;
use prost::Message as _;
use serde::Serialize;
use serde_json::json;

use crate::{Problem, ServerConfig, error::Problems, extract::project};

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

/// Most spans that an answer names.
const NAMED: usize = 10;

/// `ExportTraceServiceResponse`; without a partial success everything was taken in.
#[derive(Clone, PartialEq, prost::Message)]
struct ExportResponse {
    #[prost(message, optional, tag = "1")]
    partial_success: Option<PartialSuccess>,
}

/// `ExportTracePartialSuccess`.
#[derive(Clone, PartialEq, prost::Message)]
struct PartialSuccess {
    #[prost(int64, tag = "1")]
    rejected_spans: i64,
    #[prost(string, tag = "2")]
    error_message: String,
}

/// `google.rpc.Status`, the body of every failure.
#[derive(Clone, PartialEq, prost::Message, Serialize)]
struct Status {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

/// Bytes in protobuf's encoding.
#[derive(utoipa::ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "only its description is used")]
struct ProtobufBytes(Vec<u8>);

/// Takes in traces: an OTLP `ExportTraceServiceRequest`, as protobuf or JSON, gzipped or not.
///
/// Spans go to the project that their resource attribute `arc_eval.project` names, else to the one
/// of the header `x-arc-eval-project`, else to `default`. 200 means that they are durable; spans
/// that could not be used are counted and named in `partialSuccess`.
#[utoipa::path(
    post, path = "/v1/traces", operation_id = "export_traces", tag = "otlp",
    request_body(content(
        (ProtobufBytes = "application/x-protobuf"),
        (Object = "application/json")
    )),
    params(("x-arc-eval-project" = Option<String>, Header, description = "The project of spans that name none")),
    responses(
        (status = 200, description = "Durable; `partialSuccess` tells what was not taken in", content(
            (ProtobufBytes = "application/x-protobuf"),
            (Object = "application/json")
        )),
        (status = 413, description = "The body is too large, as sent or unpacked; a `google.rpc.Status`"),
        (status = 415, description = "Neither protobuf nor JSON, or an encoding other than gzip; a `google.rpc.Status`"),
        Problems
    )
)]
pub(crate) async fn export(
    State(app): State<App>,
    State(config): State<Arc<ServerConfig>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let encoding = match encoding(&headers) {
        Ok(encoding) => encoding,
        Err(problem) => {
            count_refused(&app, &headers, &problem).await;
            return refuse(OtlpEncoding::Json, &problem);
        }
    };
    match take_in(&app, &config, &headers, body, encoding).await {
        Ok(ingested) => accept(encoding, &ingested.diagnostics),
        Err(problem) => {
            count_refused(&app, &headers, &problem).await;
            refuse(encoding, &problem)
        }
    }
}

/// Counts a request of which nothing was taken in. Who is told to try again later has lost nothing.
async fn count_refused(app: &App, headers: &HeaderMap, problem: &Problem) {
    if problem.status().is_client_error() {
        let project = project(None, headers).unwrap_or_default();
        app.count_refused_request(&project, exporter(headers), problem.title()).await;
    }
}

/// Returns what the sender calls itself.
fn exporter(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).filter(|name| !name.trim().is_empty())
}

async fn take_in(
    app: &App,
    config: &ServerConfig,
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
    encoding: OtlpEncoding,
) -> Result<Ingested, Problem> {
    let project = project(None, headers)?;
    let body = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::too_large(config.body_limit),
        _ => Problem::invalid(format!("the body broke off: {}", rejection.body_text())),
    })?;
    let bytes = if is_gzip(headers)? {
        let limit = config.body_limit;
        app.tasks().compute(move || unpack(&body, limit)).await.map_err(AppError::Interrupted)??
    } else {
        body.into()
    };
    Ok(app.ingest_otlp(&project, bytes, encoding, exporter(headers)).await?)
}

fn encoding(headers: &HeaderMap) -> Result<OtlpEncoding, Problem> {
    let media = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        PROTOBUF => Ok(OtlpEncoding::Protobuf),
        JSON => Ok(OtlpEncoding::Json),
        _ => Err(Problem::unsupported_media(format!("content type `{media}`: send {PROTOBUF} or {JSON}"))),
    }
}

fn is_gzip(headers: &HeaderMap) -> Result<bool, Problem> {
    let Some(value) = headers.get(header::CONTENT_ENCODING) else { return Ok(false) };
    match value.to_str().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "" | "identity" => Ok(false),
        "gzip" | "x-gzip" => Ok(true),
        other => Err(Problem::unsupported_media(format!("content encoding `{other}`: send gzip or none"))),
    }
}

/// Unpacks a gzipped body of at most `limit` bytes.
fn unpack(packed: &[u8], limit: usize) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    // One byte more tells a body of exactly the limit from a larger one.
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    match MultiGzDecoder::new(packed).take(most).read_to_end(&mut bytes) {
        Ok(read) if read > limit => Err(Problem::too_large(limit)),
        Ok(_) => Ok(bytes),
        Err(error) => Err(Problem::invalid(format!("the body is not gzip as announced: {error}"))),
    }
}

fn accept(encoding: OtlpEncoding, diagnostics: &[Diagnostic]) -> Response {
    let rejected: Vec<_> =
        diagnostics.iter().filter(|diagnostic| diagnostic.severity == DiagnosticSeverity::Rejected).collect();
    // What was left out but is no span goes without a count, which is OTLP's form of a warning.
    let partial_success = (!rejected.is_empty()).then(|| {
        let mut reasons: Vec<String> = rejected.iter().take(NAMED).map(ToString::to_string).collect();
        if rejected.len() > NAMED {
            reasons.push(format!("and {} more", rejected.len() - NAMED));
        }
        let spans = rejected.iter().filter(|diagnostic| diagnostic.place.span.is_some()).count();
        let rejected_spans = i64::try_from(spans).unwrap_or(i64::MAX);
        PartialSuccess { rejected_spans, error_message: reasons.join("; ") }
    });
    match encoding {
        OtlpEncoding::Protobuf => reply(StatusCode::OK, PROTOBUF, ExportResponse { partial_success }.encode_to_vec()),
        OtlpEncoding::Json => {
            // Protobuf's JSON mapping writes 64-bit numbers as texts.
            let body = partial_success.map_or_else(
                || json!({}),
                |partial| {
                    let rejected = partial.rejected_spans.to_string();
                    json!({"partialSuccess": {"rejectedSpans": rejected, "errorMessage": partial.error_message}})
                },
            );
            reply(StatusCode::OK, JSON, body.to_string().into_bytes())
        }
    }
}

fn refuse(encoding: OtlpEncoding, problem: &Problem) -> Response {
    // The canonical codes of gRPC.
    let code = match problem.status() {
        StatusCode::BAD_REQUEST | StatusCode::UNSUPPORTED_MEDIA_TYPE => 3,
        StatusCode::PAYLOAD_TOO_LARGE => 8,
        StatusCode::SERVICE_UNAVAILABLE => 14,
        _ => 13,
    };
    let status = Status { code, message: problem.detail().to_owned() };
    let mut response = match encoding {
        OtlpEncoding::Protobuf => reply(problem.status(), PROTOBUF, status.encode_to_vec()),
        OtlpEncoding::Json => reply(problem.status(), JSON, serde_json::to_vec(&status).unwrap_or_default()),
    };
    problem.set_headers(&mut response);
    response
}

fn reply(status: StatusCode, media: &'static str, body: Vec<u8>) -> Response {
    (status, [(header::CONTENT_TYPE, HeaderValue::from_static(media))], body).into_response()
}
