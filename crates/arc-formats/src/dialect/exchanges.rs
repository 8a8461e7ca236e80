//! Model calls that our SDK recorded as raw HTTP exchanges (`arc_eval.http.*`): decoded here, by `provider`.
//!
//! A span of a call that has begun holds only the request. Attributes that were understood are used up; bodies that
//! could not be read stay.

use std::borrow::Cow;

use arc_model::{Attributes, Json, SpanId, Timestamp, shared};
use base64::{Engine, engine::general_purpose::STANDARD};

use super::{DerivedTool, Found, Reading, Remark};
use crate::{
    provider::{self, Call, Exchange},
    raw::RawSpan,
    read::{attributes::Reader, value::count},
};

const URL: &str = "arc_eval.http.url";
const METHOD: &str = "arc_eval.http.method";
const STATUS: &str = "arc_eval.http.status";
const REQUEST: &str = "arc_eval.http.request.body";
const RESPONSE: &str = "arc_eval.http.response.body";
const CONTENT_TYPE: &str = "arc_eval.http.response.content_type";
const RETRY_AFTER: &str = "arc_eval.http.response.retry_after";
const FIRST_CHUNK: &str = "arc_eval.http.first_chunk_ns";
const WHOLE: &str = "arc_eval.http.whole";
const TRUNCATED: &str = "arc_eval.http.truncated";
const PREVIOUS_END: &str = "arc_eval.previous_call_end_ns";

/// Reads the exchange of a span, if it has one.
pub(super) fn read(span: &RawSpan, attributes: Reader<'_>, reading: &mut Reading) {
    if attributes.get(URL).is_none() && attributes.get(REQUEST).is_none() {
        return;
    }
    let text = |name: &str| attributes.get(name).and_then(Json::as_str);
    let truth = |name: &str| attributes.get(name).and_then(Json::as_bool);
    let (request, response) = (bytes(attributes.get(REQUEST)), bytes(attributes.get(RESPONSE)));
    let status = attributes.get(STATUS).and_then(count).and_then(|status| u16::try_from(status).ok());
    let call = provider::exchange(&Exchange {
        url: text(URL),
        request: request.as_deref(),
        status,
        content_type: text(CONTENT_TYPE),
        response: response.as_deref(),
        is_whole: truth(WHOLE),
        is_truncated: truth(TRUNCATED) == Some(true),
        retry_after: text(RETRY_AFTER),
    });
    let mut used = vec![METHOD, CONTENT_TYPE, RETRY_AFTER];
    if call.shape.is_none() {
        reading.note_once("a recorded exchange is a model call in no known shape; its bodies stay as they came");
    } else {
        used.push(URL);
        used.extend((!call.has_unread_request).then_some(REQUEST));
        used.extend((!call.has_unread_response).then_some(RESPONSE));
    }
    if status.is_some() {
        used.push(STATUS);
        reading.attributes.insert("http.response.status_code".to_owned(), Json::from(status));
    }
    if truth(WHOLE) == Some(true) || call.is_complete.is_some() {
        used.push(WHOLE);
    }
    if truth(TRUNCATED) == Some(false) {
        used.push(TRUNCATED);
    }
    reading.consumed.extend(used.into_iter().map(str::to_owned));
    if let Some((first, start)) = attributes.get(FIRST_CHUNK).and_then(nanos).zip(span.start) {
        // The first bytes of an answer in one piece are not its first token.
        reading.time_to_first_token_ns = first.nanos_since(start).filter(|_| call.is_streamed).map(Found::kept);
        reading.consumed.push(FIRST_CHUNK.to_owned());
    }
    derive_tools(span, &call, attributes, reading);
    fill(call, reading);
}

/// The bodies are bytes, which are base64 by now; a text that is not is the body itself.
fn bytes(value: Option<&Json>) -> Option<Cow<'_, [u8]>> {
    let text = value?.as_str()?;
    match STANDARD.decode(text) {
        Ok(bytes) => Some(Cow::Owned(bytes)),
        Err(_) => Some(Cow::Borrowed(text.as_bytes())),
    }
}

fn nanos(value: &Json) -> Option<Timestamp> {
    i64::try_from(count(value)?).ok().map(Timestamp::from_nanos)
}

/// Tools ran between the end of the answer that asked for them and this request. Without an earlier call in the run
/// the results are history of another one.
fn derive_tools(span: &RawSpan, call: &Call, attributes: Reader<'_>, reading: &mut Reading) {
    let Some(asked) = attributes.get(PREVIOUS_END).and_then(nanos) else { return };
    reading.consumed.push(PREVIOUS_END.to_owned());
    reading.derived_tools.extend(call.tool_outcomes.iter().map(|outcome| DerivedTool {
        span_id: SpanId::of_tool_call(span.trace_id, &outcome.key),
        start: Some(asked),
        outcome: outcome.clone(),
    }));
}

fn fill(call: Call, reading: &mut Reading) {
    fn say<T>(value: Option<T>) -> Option<Found<T>> {
        value.map(Found::kept)
    }
    fn list<T>(value: Vec<T>) -> Option<Found<Vec<T>>> {
        (!value.is_empty()).then(|| Found::kept(value))
    }
    let message = |message| Remark { severity: arc_model::DiagnosticSeverity::Note, message, once: true };
    reading.remarks.extend(call.remarks.into_iter().map(message));
    let mut keep = |name: &str, value: Option<Json>| {
        if let Some(value) = value {
            reading.attributes.insert(name.to_owned(), value);
        }
    };
    keep("arc_eval.usage.raw", call.raw_usage);
    keep("arc_eval.call.shape", call.shape.map(Json::from));
    keep("arc_eval.service_tier", call.service_tier.map(Json::from));
    keep("arc_eval.stream_closed_early", (call.is_complete == Some(false)).then_some(Json::Bool(true)));
    keep("arc_eval.answer", (!call.rest.is_empty()).then(|| Json::Object(call.rest.into_iter().collect())));
    if let Some(error) = &call.error {
        keep("arc_eval.error.type", error.kind.clone().map(Json::from));
        keep("arc_eval.error.code", error.code.clone().map(Json::from));
        keep("arc_eval.error.retry_after_ms", error.retry_after_ms.map(Json::from));
    }
    let model = call.request_model.as_deref().or(call.response_model.as_deref());
    reading.name = call.operation.map(|operation| match model {
        Some(model) => format!("{} {model}", operation.as_str()),
        None => operation.as_str().to_owned(),
    });
    reading.kind = say(call.operation.map(provider::Operation::kind));
    reading.provider = say(call.provider);
    reading.request_model = say(call.request_model);
    reading.response_model = say(call.response_model);
    reading.response_id = say(call.response_id);
    reading.messages_in = list(shared(call.messages_in));
    reading.messages_out = list(shared(call.messages_out));
    reading.input = reading.input.take().or(say(call.input));
    reading.output = reading.output.take().or(say(call.output));
    reading.tools_offered = list(shared(call.tools_offered));
    reading.usage = call.usage;
    reading.reported_cost = say(call.reported_cost_usd.and_then(arc_model::NanoUsd::from_usd));
    reading.finish_reason = say(call.finish_reasons.into_iter().next());
    reading.parameters = say(Some(call.parameters).filter(|parameters| *parameters != Attributes::new()));
    if let Some(error) = call.error {
        reading.error_kind = say(Some(error.class()));
        reading.error_message = say(Some(error.message).filter(|message| !message.is_empty()));
    }
}
