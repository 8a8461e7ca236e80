//! OTLP over HTTP: the answer is written as the request is, in protobuf or JSON.

use arc_app::{Ingested, OtlpEncoding, OtlpSignal};
use arc_model::Diagnostic;
use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use prost::Message as _;
use serde::Serialize;
use serde_json::json;

use super::{ExportResponse, Intake, Packing, Written, count_refused, partial_success, read_body, receive};
use crate::{Problem, error::Problems};

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

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

/// Takes in traces: an OTLP `ExportTraceServiceRequest`, as protobuf or JSON, packed with gzip or zstd or not.
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
        (status = 415, description = "Neither protobuf nor JSON, or an encoding other than gzip and zstd; a `google.rpc.Status`"),
        (status = 429, description = "Too much is under way; try again after `Retry-After`; a `google.rpc.Status`"),
        Problems
    )
)]
pub(crate) async fn export(State(intake): State<Intake>, request: Request) -> Response {
    answer(&intake, request, OtlpSignal::Traces).await
}

/// Takes in events of generative AI: an OTLP `ExportLogsServiceRequest`, as protobuf or JSON, packed with gzip or zstd or not.
///
/// Read are evaluations (`gen_ai.evaluation.result`), whole operations, and messages; each belongs to the span whose
/// ids it has, which may arrive before or after it. Other log records are not stored, which `partialSuccess` says.
#[utoipa::path(
    post, path = "/v1/logs", operation_id = "export_logs", tag = "otlp",
    request_body(content(
        (ProtobufBytes = "application/x-protobuf"),
        (Object = "application/json")
    )),
    params(("x-arc-eval-project" = Option<String>, Header, description = "The project of events that name none")),
    responses(
        (status = 200, description = "Durable; `partialSuccess` tells what was not taken in", content(
            (ProtobufBytes = "application/x-protobuf"),
            (Object = "application/json")
        )),
        (status = 413, description = "The body is too large, as sent or unpacked; a `google.rpc.Status`"),
        (status = 415, description = "Neither protobuf nor JSON, or an encoding other than gzip and zstd; a `google.rpc.Status`"),
        (status = 429, description = "Too much is under way; try again after `Retry-After`; a `google.rpc.Status`"),
        Problems
    )
)]
pub(crate) async fn export_logs(State(intake): State<Intake>, request: Request) -> Response {
    answer(&intake, request, OtlpSignal::Logs).await
}

async fn answer(intake: &Intake, request: Request, signal: OtlpSignal) -> Response {
    let (parts, body) = request.into_parts();
    let headers = &parts.headers;
    let encoding = encoding(headers);
    let taken = match encoding {
        Ok(encoding) => take_in(intake, headers, body, Written { signal, encoding }).await,
        Err(problem) => Err(problem),
    };
    match (taken, encoding_or_json(headers)) {
        (Ok(ingested), encoding) => accept(Written { signal, encoding }, &ingested.diagnostics),
        (Err(problem), encoding) => {
            count_refused(&intake.app, headers, &problem).await;
            refuse(encoding, &problem)
        }
    }
}

async fn take_in(intake: &Intake, headers: &HeaderMap, body: Body, written: Written) -> Result<Ingested, Problem> {
    let packing = packing(headers)?;
    let read = read_body(intake, headers, body).await?;
    receive(intake, headers, read, packing, written).await
}

fn encoding(headers: &HeaderMap) -> Result<OtlpEncoding, Problem> {
    let media = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        PROTOBUF => Ok(OtlpEncoding::Protobuf),
        JSON => Ok(OtlpEncoding::Json),
        _ => Err(Problem::unsupported_media(format!("content type `{media}`: send {PROTOBUF} or {JSON}"))),
    }
}

/// Returns how to answer; whoever sent neither is answered in the one that people read.
fn encoding_or_json(headers: &HeaderMap) -> OtlpEncoding {
    encoding(headers).unwrap_or(OtlpEncoding::Json)
}

fn packing(headers: &HeaderMap) -> Result<Packing, Problem> {
    let Some(value) = headers.get(header::CONTENT_ENCODING) else { return Ok(Packing::None) };
    let name = value.to_str().unwrap_or_default();
    Packing::from_name(name).ok_or_else(|| {
        Problem::unsupported_media(format!("content encoding `{name}`: send one of {}, or none", Packing::NAMES))
    })
}

fn accept(written: Written, diagnostics: &[Diagnostic]) -> Response {
    let partial_success = partial_success(diagnostics);
    match written.encoding {
        OtlpEncoding::Protobuf => reply(StatusCode::OK, PROTOBUF, ExportResponse { partial_success }.encode_to_vec()),
        OtlpEncoding::Json => {
            let count = match written.signal {
                OtlpSignal::Traces => "rejectedSpans",
                OtlpSignal::Logs => "rejectedLogRecords",
            };
            // Protobuf's JSON mapping writes 64-bit numbers as texts.
            let body = partial_success.map_or_else(
                || json!({}),
                |partial| {
                    let rejected = partial.rejected.to_string();
                    json!({"partialSuccess": {count: rejected, "errorMessage": partial.error_message}})
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
        StatusCode::PAYLOAD_TOO_LARGE | StatusCode::TOO_MANY_REQUESTS => 8,
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
