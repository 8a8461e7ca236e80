//! What single dialects must not get wrong, one test each; whole spans are in the goldens.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use arc_formats::decode_otlp_json;
use arc_model::{InputRule, Part, Span, SpanKind, Status};
use serde_json::{Value, json};

fn decode_span(scope: &Value, span: &Value) -> Span {
    let mut record = json!({"traceId": "5b8efff798038103d269b633813fc60c", "spanId": "00000000000000a1", "name": "span",
        "startTimeUnixNano": "1000", "endTimeUnixNano": "2000"});
    for (name, value) in span.as_object().unwrap() {
        record[name] = value.clone();
    }
    let request = json!({"resourceSpans": [{"scopeSpans": [{"scope": scope, "spans": [record]}]}]});
    decode_otlp_json(request.to_string().as_bytes()).spans.remove(0)
}

fn decode_one(attributes: &Value) -> Span {
    decode_span(&json!({}), &json!({"attributes": attributes}))
}

#[test]
fn openllmetry_writes_to_the_cache_under_both_names_and_its_input_is_inclusive() {
    for name in ["gen_ai.usage.cache_creation_input_tokens", "gen_ai.usage.cache_write.input_tokens"] {
        let span = decode_one(&json!({"llm.request.type": "chat", "gen_ai.usage.prompt_tokens": 100, name: 30}));
        let usage = span.usage.unwrap();
        assert_eq!((usage.input, usage.cache_write, usage.input_rule), (Some(100), Some(30), InputRule::Inclusive));
    }
}

#[test]
fn openllmetry_counts_that_leave_out_the_cache_are_found_by_arithmetic() {
    let span = decode_one(&json!({"llm.request.type": "chat", "gen_ai.usage.prompt_tokens": 10,
        "gen_ai.usage.cache_read_input_tokens": 90}));
    let usage = span.usage.unwrap();
    assert_eq!((usage.input, usage.input_rule), (Some(100), InputRule::ExclusiveByArithmetic));
}

#[test]
fn openllmetry_names_of_both_versions_read_the_same() {
    let old = decode_one(&json!({"llm.request.type": "chat", "gen_ai.system": "Anthropic",
        "gen_ai.usage.prompt_tokens": 7, "gen_ai.usage.completion_tokens": 3, "llm.usage.reasoning_tokens": 2}));
    let new = decode_one(&json!({"gen_ai.operation.name": "chat", "gen_ai.system": "anthropic",
        "gen_ai.usage.input_tokens": 7, "gen_ai.usage.output_tokens": 3, "gen_ai.usage.reasoning_tokens": 2}));
    assert_eq!((old.kind, old.model, old.usage), (new.kind, new.model, new.usage));
}

#[test]
fn openllmetry_without_usage_has_none() {
    assert_eq!(decode_one(&json!({"llm.request.type": "chat", "llm.is_streaming": true})).usage, None);
}

#[test]
fn an_agents_name_on_a_task_of_openllmetry_does_not_make_it_an_agent() {
    let span = decode_one(&json!({"traceloop.span.kind": "task", "gen_ai.agent.name": "weather"}));
    assert_eq!(span.kind, SpanKind::Step);
}

#[test]
fn a_failure_that_openllmetry_left_unset_is_one_only_in_versions_that_do_so() {
    let status = |version: &str| {
        let scope = json!({"name": "opentelemetry.instrumentation.openai", "version": version});
        let events =
            json!([{"name": "exception", "attributes": {"exception.type": "APIError", "exception.escaped": "False"}}]);
        decode_span(&scope, &json!({"attributes": {"llm.request.type": "chat"}, "events": events})).status
    };
    assert_eq!(status("0.60.1"), Status::Error { kind: Some("APIError".into()), message: String::new() });
    assert_eq!(status("0.61.0"), Status::Unset);
}

#[test]
fn tool_calls_that_koog_writes_as_the_content_are_tool_calls() {
    let span = decode_one(&json!({"llm.request.type": "chat", "gen_ai.prompt.0.role": "tool",
        "gen_ai.prompt.0.content": "[{\"function\":{\"name\":\"hello\",\"arguments\":\"{}\"},\"id\":\"c1\",\"type\":\"function\"}]"}));
    assert_eq!(span.messages_in[0].role.as_str(), "assistant");
    assert!(matches!(&span.messages_in[0].parts[0], Part::ToolCall { name, .. } if name == "hello"));
}

#[test]
fn the_ai_sdk_tells_cached_tokens_apart_in_the_names_of_all_its_versions() {
    for (input, read, write) in [
        ("ai.usage.inputTokens", "ai.usage.cachedInputTokens", "ai.usage.inputTokenDetails.cacheWriteTokens"),
        (
            "ai.usage.promptTokens",
            "ai.usage.inputTokenDetails.cacheReadTokens",
            "ai.usage.inputTokenDetails.cacheWriteTokens",
        ),
    ] {
        let span = decode_one(&json!({"ai.operationId": "ai.streamText.doStream", "gen_ai.usage.input_tokens": 100,
            input: 100, read: 40, write: 20}));
        let usage = span.usage.unwrap();
        assert_eq!((usage.input, usage.cache_read, usage.cache_write), (Some(100), Some(40), Some(20)));
    }
}

#[test]
fn the_ai_sdks_input_below_its_cached_tokens_leaves_them_out() {
    let span = decode_one(&json!({"ai.operationId": "ai.generateText.doGenerate", "ai.usage.inputTokens": 10,
        "ai.usage.cachedInputTokens": 90}));
    let usage = span.usage.unwrap();
    assert_eq!((usage.input, usage.input_rule), (Some(100), InputRule::ExclusiveByArithmetic));
}

#[test]
fn a_stream_of_the_ai_sdk_without_usage_has_none() {
    let span = decode_one(&json!({"ai.operationId": "ai.streamText.doStream", "ai.usage.totalTokens": 5}));
    assert_eq!((span.kind, span.usage), (SpanKind::Llm, None));
}

#[test]
fn the_ai_sdks_messages_read_the_same_from_text_and_from_structured_values() {
    let messages = json!([{"role": "user", "content": [{"type": "text", "text": "hi"}]}]);
    let of = |value: Value| {
        decode_one(&json!({"ai.operationId": "ai.generateText.doGenerate", "ai.prompt.messages": value})).messages_in
    };
    assert_eq!(of(messages.clone()), of(json!(messages.to_string())));
    assert_eq!(of(messages)[0].joined_text(), "hi");
}
