//! Spans of our SDK that carry a raw HTTP exchange: decoded into a model call, with the tools its transcript shows.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use arc_formats::{Decoded, decode_otlp_protobuf};
use arc_model::{FinishReason, Json, Payload, Span, SpanId, SpanKind, Status};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value::Value},
    trace::v1::{ResourceSpans, ScopeSpans, Span as OtlpSpan},
};
use prost::Message;
use serde_json::json;

const URL: &str = "https://api.openai.com/v1/chat/completions";
const START: u64 = 1_700_000_000_000_000_000;

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn bytes(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::BytesValue(value.as_bytes().to_vec()))
}

fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.to_owned()))
}

fn int(key: &str, value: i64) -> KeyValue {
    attribute(key, Value::IntValue(value))
}

/// Decodes a model call with these attributes; its end is absent while it runs.
fn decode(attributes: Vec<KeyValue>, end: Option<u64>) -> Decoded {
    let span = OtlpSpan {
        trace_id: vec![7; 16],
        span_id: vec![2; 8],
        parent_span_id: vec![1; 8],
        name: "model call".to_owned(),
        start_time_unix_nano: START,
        end_time_unix_nano: end.unwrap_or(0),
        attributes,
        ..OtlpSpan::default()
    };
    let scope = ScopeSpans { spans: vec![span], ..ScopeSpans::default() };
    let resource = ResourceSpans { scope_spans: vec![scope], ..ResourceSpans::default() };
    decode_otlp_protobuf(&ExportTraceServiceRequest { resource_spans: vec![resource] }.encode_to_vec())
}

fn request() -> String {
    json!({"model": "gpt-4o", "messages": [
        {"role": "user", "content": "weather?"},
        {"role": "assistant", "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": "{\"city\":\"Oslo\"}"}}]},
        {"role": "tool", "tool_call_id": "c1", "content": "rain"}]})
    .to_string()
}

fn started() -> Vec<KeyValue> {
    vec![
        text("arc_eval.http.url", URL),
        text("arc_eval.http.method", "POST"),
        bytes("arc_eval.http.request.body", &request()),
        int("arc_eval.previous_call_end_ns", i64::try_from(START).unwrap() - 5),
        text("server.address", "api.openai.com"),
    ]
}

fn ended(response: &str) -> Vec<KeyValue> {
    let mut attributes = started();
    attributes.extend([
        int("arc_eval.http.status", 200),
        bytes("arc_eval.http.response.body", response),
        text("arc_eval.http.response.content_type", "application/json"),
        int("arc_eval.http.first_chunk_ns", i64::try_from(START).unwrap() + 3),
        attribute("arc_eval.http.whole", Value::BoolValue(true)),
    ]);
    attributes
}

fn kinds(decoded: &Decoded) -> Vec<SpanKind> {
    decoded.spans.iter().map(|span| span.kind).collect()
}

fn call(decoded: &Decoded) -> &Span {
    decoded.spans.iter().find(|span| span.kind == SpanKind::Llm).unwrap()
}

#[test]
fn a_recorded_exchange_is_a_model_call_and_its_attributes_are_used_up() {
    let answer = json!({"id": "chatcmpl-1", "object": "chat.completion", "model": "gpt-4o-1",
        "choices": [{"message": {"role": "assistant", "content": "Wet."}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 30, "completion_tokens": 2}});
    let decoded = decode(ended(&answer.to_string()), Some(START + 9));
    assert_eq!(decoded.diagnostics, []);
    let span = call(&decoded);
    let model = span.model.as_ref().unwrap();
    assert_eq!((model.provider.as_deref(), model.request.as_deref()), (Some("openai"), Some("gpt-4o")));
    assert_eq!((model.response.as_deref(), model.response_id.as_deref()), (Some("gpt-4o-1"), Some("chatcmpl-1")));
    assert_eq!((span.name.as_str(), span.revision, span.messages_in.len()), ("chat gpt-4o", 1, 3));
    assert_eq!((span.messages_out[0].joined_text().as_str(), &span.finish_reason), ("Wet.", &Some(FinishReason::Stop)));
    assert_eq!(span.usage.as_ref().unwrap().input, Some(30));
    // An answer in one piece has no first token.
    assert_eq!(span.time_to_first_token_ns, None);
    let left: Vec<&str> = span.attributes.keys().map(String::as_str).collect();
    assert_eq!(
        left,
        ["arc_eval.answer", "arc_eval.call.shape", "arc_eval.usage.raw", "http.response.status_code", "server.address"]
    );
}

#[test]
fn a_call_that_has_begun_holds_what_was_asked() {
    let decoded = decode(started(), None);
    let span = call(&decoded);
    assert_eq!((span.revision, span.messages_in.len(), span.messages_out.len()), (0, 3, 0));
    assert!(span.is_running() && span.usage.is_none());
}

#[test]
fn a_result_in_the_request_is_a_tool_span_that_any_record_of_the_call_replaces() {
    let decoded = decode(started(), None);
    assert_eq!(kinds(&decoded), [SpanKind::Tool, SpanKind::Llm]);
    let (tool, call) = (&decoded.spans[0], &decoded.spans[1]);
    assert_eq!(tool.span_id, SpanId::of_tool_call(tool.trace_id, "c1"));
    assert_eq!((tool.parent_id, tool.revision, tool.end), (call.parent_id, 0, call.start));
    assert_eq!(tool.duration_ns(), Some(5));
    assert_eq!(tool.attributes["arc_eval.derived"], Json::Bool(true));
    let made = tool.tool.as_ref().unwrap();
    assert_eq!((made.name.as_str(), made.id.as_deref()), ("get_weather", Some("c1")));
    assert_eq!(made.arguments, Some(Payload::Json(json!({"city": "Oslo"}))));
    assert_eq!(made.result, Some(Payload::Text("rain".into())));
}

#[test]
fn without_an_earlier_call_of_the_run_the_results_are_history() {
    let attributes = started().into_iter().filter(|one| one.key != "arc_eval.previous_call_end_ns").collect();
    assert_eq!(kinds(&decode(attributes, None)), [SpanKind::Llm]);
}

#[test]
fn a_stream_has_a_time_to_its_first_token_and_one_left_early_says_so() {
    let stream = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"W\"}}]}\n\n";
    let decoded = decode(ended(stream), Some(START + 9));
    let span = call(&decoded);
    assert_eq!((span.time_to_first_token_ns, span.messages_out[0].joined_text().as_str()), (Some(3), "W"));
    assert_eq!(span.attributes["arc_eval.stream_closed_early"], Json::Bool(true));
    assert_eq!(span.status, Status::Unset);
}

#[test]
fn a_body_that_cannot_be_read_stays_and_the_call_has_failed() {
    let mut attributes = ended("<html>Bad gateway</html>");
    attributes.retain(|one| one.key != "arc_eval.http.status");
    attributes.push(int("arc_eval.http.status", 502));
    let decoded = decode(attributes, Some(START + 9));
    let span = call(&decoded);
    let Status::Error { kind, message } = &span.status else { panic!("{:?}", span.status) };
    assert_eq!((kind.as_deref(), message.as_str()), (Some("502"), "<html>Bad gateway</html>"));
    assert!(span.attributes.contains_key("arc_eval.http.response.body"));
}

#[test]
fn a_request_of_no_known_shape_stays_as_it_came() {
    let attributes = vec![text("arc_eval.http.url", "https://h.example/x"), bytes("arc_eval.http.request.body", "{}")];
    let decoded = decode(attributes, None);
    assert_eq!(kinds(&decoded), [SpanKind::Other]);
    assert!(decoded.spans[0].attributes.contains_key("arc_eval.http.request.body"));
    assert!(decoded.diagnostics.len() == 1, "{:?}", decoded.diagnostics);
}
