//! OpenTelemetry's protocol: traces and logs, over HTTP and gRPC, as <https://opentelemetry.io/docs/specs/otlp/> has it.
//!
//! `http` and `grpc` say the same in two ways; both read a request with [`receive`]: what is under
//! way is bounded (`admission`), bodies are read (`body`) and unpacked (`unpack`) within limits, and the application
//! stores what is in them. A batch of which some records cannot be used is taken in, and the answer
//! says which and why (`partial_success`). A success means durable.

mod admission;
mod body;
mod grpc;
pub(crate) mod http;
mod unpack;

use std::sync::Arc;

use arc_app::{App, AppError, Ingested, OtlpEncoding, OtlpSignal};
use arc_model::{Diagnostic, DiagnosticSeverity};
use axum::{
    body::Bytes,
    http::{HeaderMap, header},
};

pub(crate) use admission::Admission;
pub(crate) use body::read_body;
pub(crate) use grpc::{export_logs as grpc_logs, export_traces as grpc_traces, unknown_method};
use unpack::Packing;

use crate::{Problem, ServerConfig, extract::project};

/// Most records that an answer names.
const NAMED: usize = 10;

/// `ExportTraceServiceResponse` and `ExportLogsServiceResponse`, which are alike; without a partial
/// success everything was taken in.
#[derive(Clone, PartialEq, prost::Message)]
struct ExportResponse {
    #[prost(message, optional, tag = "1")]
    partial_success: Option<PartialSuccess>,
}

/// `ExportTracePartialSuccess` and `ExportLogsPartialSuccess`.
#[derive(Clone, PartialEq, prost::Message)]
struct PartialSuccess {
    #[prost(int64, tag = "1")]
    rejected: i64,
    #[prost(string, tag = "2")]
    error_message: String,
}

/// What a request needs from the server.
#[derive(Clone)]
pub(crate) struct Intake {
    pub(crate) app: App,
    pub(crate) config: Arc<ServerConfig>,
    pub(crate) admission: Admission,
}

/// How the records of a request are written.
#[derive(Clone, Copy)]
struct Written {
    signal: OtlpSignal,
    encoding: OtlpEncoding,
}

/// Unpacks the bytes of a request and stores what is in them; returns once that is durable.
async fn receive(
    intake: &Intake,
    headers: &HeaderMap,
    (bytes, mut admitted): (Bytes, admission::Admitted),
    packing: Packing,
    written: Written,
) -> Result<Ingested, Problem> {
    let project = project(None, headers)?;
    let bytes = if packing == Packing::None {
        bytes.into()
    } else {
        let limit = intake.config.body_limit;
        admitted.resize(unpack::expected(bytes.len()).min(limit))?;
        let task = intake.app.tasks().compute(move || unpack::unpack(&bytes, packing, limit));
        let unpacked = task.await.map_err(AppError::Interrupted)??;
        admitted.resize(unpacked.len())?;
        unpacked
    };
    let Written { signal, encoding } = written;
    let ingested = intake.app.ingest_otlp_signal(&project, bytes, signal, encoding, exporter(headers)).await?;
    drop(admitted);
    Ok(ingested)
}

/// Counts a request of which nothing was taken in. Who is told to try again later has lost nothing.
async fn count_refused(app: &App, headers: &HeaderMap, problem: &Problem) {
    if problem.status().is_client_error() && !problem.is_passing() {
        let project = project(None, headers).unwrap_or_default();
        app.count_refused_request(&project, exporter(headers), problem.title()).await;
    }
}

/// Returns what the sender calls itself.
fn exporter(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).filter(|name| !name.trim().is_empty())
}

/// Returns what the answer says of records that were not taken in; `None` when all were.
fn partial_success(diagnostics: &[Diagnostic]) -> Option<PartialSuccess> {
    let rejected: Vec<_> =
        diagnostics.iter().filter(|diagnostic| diagnostic.severity == DiagnosticSeverity::Rejected).collect();
    if rejected.is_empty() {
        return None;
    }
    let mut reasons: Vec<String> = rejected.iter().take(NAMED).map(ToString::to_string).collect();
    if rejected.len() > NAMED {
        reasons.push(format!("and {} more", rejected.len() - NAMED));
    }
    // What was left out but has no name goes without a count, which is OTLP's form of a warning.
    let named = rejected.iter().filter(|diagnostic| diagnostic.place.span.is_some()).count();
    Some(PartialSuccess { rejected: i64::try_from(named).unwrap_or(i64::MAX), error_message: reasons.join("; ") })
}
