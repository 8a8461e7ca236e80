//! Calls of a model that pass through on their way to the provider, recorded as spans.
//!
//! What is recorded is the exchange as it was, in the attributes in which our own SDK writes one; reading it is
//! `arc-formats`' business. A call is recorded twice: when it starts, so that it can be seen while it runs, and when
//! it ended. Who forwards the bytes is `arc-server`.

use arc_model::{ProjectId, SpanId, Timestamp, TraceId};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span, span::SpanKind},
};
use prost::Message as _;

use crate::{
    App, AppError, OtlpEncoding,
    otlp_span::{bytes, failed, flag, number, random_ids, text, unsigned},
};

/// A call that was begun.
#[derive(Debug, Clone)]
pub struct PassingCall {
    /// The run it belongs to.
    pub trace_id: TraceId,
    /// The step of the run that made it.
    pub parent_id: Option<SpanId>,
    /// Its own id.
    pub span_id: SpanId,
    /// The provider's address, without query.
    pub url: String,
    /// The HTTP method.
    pub method: String,
    /// The body of the request.
    pub request: Vec<u8>,
    /// When it was begun.
    pub started_at: Timestamp,
    /// When the call before it ended, of the same run: tools ran between the two.
    pub previous_end: Option<Timestamp>,
}

/// What came back, as far as it came.
#[derive(Debug, Clone, Default)]
pub struct PassedAnswer {
    /// The status; none when the provider was not reached.
    pub status: Option<u16>,
    /// The type of the body.
    pub content_type: Option<String>,
    /// When to try again, as the provider said it.
    pub retry_after: Option<String>,
    /// The body, without content encoding; of a stream all bytes as they came.
    pub body: Vec<u8>,
    /// When the first of it came.
    pub first_chunk_at: Option<Timestamp>,
    /// Whether it came to its end.
    pub is_whole: bool,
    /// Whether what is kept of it is less than what came.
    pub is_truncated: bool,
    /// Why the provider was not reached, or stopped in the middle.
    pub error: Option<String>,
}

impl App {
    /// Returns a call that begins now, of a step of a run or else a run of its own.
    pub fn begin_passing_call(
        &self,
        caller: Option<(TraceId, SpanId)>,
        method: String,
        url: String,
        request: Vec<u8>,
    ) -> PassingCall {
        let started_at = self.now();
        let (own_trace_id, span_id) = random_ids(started_at);
        PassingCall {
            trace_id: caller.map_or(own_trace_id, |(trace_id, _)| trace_id),
            parent_id: caller.map(|(_, span_id)| span_id),
            span_id,
            url,
            method,
            request,
            started_at,
            previous_end: None,
        }
    }

    /// Stores a call as it is known now: begun, or ended with this answer. Idempotent.
    pub async fn record_passing_call(
        &self,
        project: &ProjectId,
        call: &PassingCall,
        answer: Option<&PassedAnswer>,
    ) -> Result<(), AppError> {
        let request = encode(call, answer.map(|answer| (answer, self.now())));
        self.ingest_otlp(project, request, OtlpEncoding::Protobuf, Some("gateway")).await.map(drop)
    }
}

fn encode(call: &PassingCall, answer: Option<(&PassedAnswer, Timestamp)>) -> Vec<u8> {
    let mut attributes = vec![
        text("arc_eval.http.url", &call.url),
        text("arc_eval.http.method", &call.method),
        bytes("arc_eval.http.request.body", &call.request),
        number("arc_eval.revision", answer.is_some().into()),
    ];
    attributes.extend(call.previous_end.map(|at| number("arc_eval.previous_call_end_ns", at.as_nanos())));
    let mut span = Span {
        trace_id: call.trace_id.as_bytes().to_vec(),
        span_id: call.span_id.as_bytes().to_vec(),
        parent_span_id: call.parent_id.map(|id| id.as_bytes().to_vec()).unwrap_or_default(),
        name: "model call".to_owned(),
        kind: SpanKind::Client.into(),
        start_time_unix_nano: unsigned(call.started_at),
        ..Span::default()
    };
    if let Some((answer, ended_at)) = answer {
        span.end_time_unix_nano = unsigned(ended_at);
        attributes.push(bytes("arc_eval.http.response.body", &answer.body));
        attributes.push(flag("arc_eval.http.whole", answer.is_whole));
        attributes.extend(answer.is_truncated.then(|| flag("arc_eval.http.truncated", true)));
        attributes.extend(answer.status.map(|status| number("arc_eval.http.status", status.into())));
        attributes.extend(answer.content_type.as_deref().map(|kind| text("arc_eval.http.response.content_type", kind)));
        attributes.extend(answer.retry_after.as_deref().map(|when| text("arc_eval.http.response.retry_after", when)));
        attributes.extend(answer.first_chunk_at.map(|at| number("arc_eval.http.first_chunk_ns", at.as_nanos())));
        if let Some(error) = &answer.error {
            attributes.push(text("error.type", "connection"));
            span.status = Some(failed(error.clone()));
        }
    }
    span.attributes = attributes;
    let spans = ScopeSpans { spans: vec![span], ..ScopeSpans::default() };
    let resource = Resource { attributes: vec![text("telemetry.sdk.name", "arc-eval")], ..Resource::default() };
    let resource_spans =
        ResourceSpans { resource: Some(resource), scope_spans: vec![spans], ..ResourceSpans::default() };
    ExportTraceServiceRequest { resource_spans: vec![resource_spans] }.encode_to_vec()
}
