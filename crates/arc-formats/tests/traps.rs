//! The traps of the conventions that ingesters fall into, one test each.

use arc_formats::{decode_otlp_json, decode_otlp_protobuf};
use arc_model::{DiagnosticSeverity, InputRule, Part, Role, Span, SpanId, SpanKind, Status, Trace, TraceId};
use serde_json::{Value, json};

const TRACE: &str = "5b8efff798038103d269b633813fc60c";

/// Returns a span with these attributes, given as plain JSON.
fn record(id: u64, attributes: &Value) -> Value {
    json!({"traceId": TRACE, "spanId": format!("{id:016x}"), "name": "span", "attributes": attributes,
        "startTimeUnixNano": "1000", "endTimeUnixNano": "2000"})
}

fn request(scope: &Value, spans: &[Value]) -> Vec<u8> {
    json!({"resourceSpans": [{"scopeSpans": [{"scope": scope, "spans": spans}]}]}).to_string().into_bytes()
}

fn decode_spans(spans: &[Value]) -> Vec<Span> {
    decode_otlp_json(&request(&json!({}), spans)).spans
}

fn decode_one(attributes: &Value) -> Span {
    decode_spans(&[record(1, attributes)]).remove(0)
}

#[test]
fn cached_writes_are_read_under_their_new_and_their_old_name() {
    for name in ["gen_ai.usage.cache_write.input_tokens", "gen_ai.usage.cache_creation.input_tokens"] {
        let usage = decode_one(&json!({"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 100, name: 30}))
            .usage
            .unwrap();
        assert_eq!((usage.input, usage.cache_write, usage.input_rule), (Some(100), Some(30), InputRule::Inclusive));
    }
}

#[test]
fn input_that_is_less_than_its_cached_part_is_exclusive_and_the_raw_numbers_stay() {
    let span = decode_one(&json!({"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.cache_read.input_tokens": 100}));
    let usage = span.usage.unwrap();
    assert_eq!((usage.input, usage.input_rule), (Some(110), InputRule::ExclusiveByArithmetic));
    assert_eq!(span.attributes["gen_ai.usage.input_tokens"], 10);
}

#[test]
fn an_emitter_known_to_leave_out_cached_tokens_is_corrected_only_where_it_does() {
    let attributes = |model: &str| {
        json!({"openinference.span.kind": "LLM", "llm.model_name": model, "llm.token_count.prompt": 500,
            "llm.token_count.prompt_details.cache_read": 100})
    };
    let input = |version: &str, model: &str| {
        let scope = json!({"name": "openinference.instrumentation.langchain", "version": version});
        let decoded = decode_otlp_json(&request(&scope, &[record(1, &attributes(model))]));
        let usage = decoded.spans[0].usage.clone().unwrap();
        (usage.input.unwrap(), usage.input_rule)
    };
    assert_eq!(input("0.1.45", "claude-3-7-sonnet"), (600, InputRule::ExclusiveByEmitter));
    assert_eq!(input("0.1.45", "gpt-4o"), (500, InputRule::Inclusive));
    assert_eq!(input("0.1.60", "claude-3-7-sonnet"), (500, InputRule::Inclusive));
}

#[test]
fn usage_that_is_not_reported_is_unknown_and_not_zero() {
    let span = decode_one(&json!({"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"}));
    assert_eq!((span.kind, span.usage, span.reported_cost), (SpanKind::Llm, None, None));
    let span = decode_one(&json!({"gen_ai.operation.name": "chat", "gen_ai.usage.output_tokens": 5}));
    assert_eq!(span.usage.unwrap().input, None);
}

#[test]
fn usage_that_an_agent_repeats_counts_once_because_only_model_calls_are_leaves() {
    let mut call = record(2, &json!({"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 70}));
    call["parentSpanId"] = json!("0000000000000001");
    let agent = record(1, &json!({"gen_ai.operation.name": "invoke_agent", "gen_ai.usage.input_tokens": 70}));
    let spans = decode_spans(&[agent, call]);
    let trace = Trace::new(TRACE.parse::<TraceId>().unwrap(), spans);
    let leaves: Vec<_> = trace.leaf_llm_spans().map(|span| span.usage.as_ref().unwrap().input).collect();
    assert_eq!(leaves, [Some(70)]);
}

#[test]
fn one_malformed_message_does_not_drop_the_others() {
    let messages = json!([{"role": "user", "parts": [{"type": "text", "content": "a"}]}, {"parts": "no role"},
        {"role": "user", "parts": [{"type": "text", "content": "b"}]}]);
    let bytes = request(&json!({}), &[record(1, &json!({"gen_ai.input.messages": messages.to_string()}))]);
    let decoded = decode_otlp_json(&bytes);
    let roles: Vec<_> = decoded.spans[0].messages_in.iter().map(|message| message.role.as_str()).collect();
    assert_eq!(roles, ["user", "unknown", "user"]);
    assert_eq!(decoded.spans[0].messages_in[1].parts, [Part::Other { value: json!({"parts": "no role"}) }]);
    assert_eq!(decoded.diagnostics[0].severity, DiagnosticSeverity::Repaired);
}

#[test]
fn one_bad_span_does_not_reject_its_batch_and_is_counted_once() {
    let mut bad = record(2, &json!({}));
    bad["spanId"] = json!("xyz");
    bad["startTimeUnixNano"] = json!({});
    let decoded =
        decode_otlp_json(&request(&json!({}), &[record(1, &json!({})), bad, json!(null), record(3, &json!({}))]));
    assert_eq!(decoded.spans.len(), 2);
    let rejected = decoded.diagnostics.iter().filter(|found| found.severity == DiagnosticSeverity::Rejected);
    let places: Vec<_> = rejected.map(|found| found.place.span.clone()).collect();
    assert_eq!(places, [Some("xyz".to_owned()), Some("(no id)".to_owned())]);
}

#[test]
fn a_span_that_is_no_utf8_does_not_reject_its_protobuf_batch() {
    use opentelemetry_proto::tonic::{
        collector::trace::v1::ExportTraceServiceRequest,
        trace::v1::{ResourceSpans, ScopeSpans, Span},
    };
    use prost::Message;
    let span = |id: u8, name: &str| Span {
        trace_id: vec![7; 16],
        span_id: vec![id; 8],
        name: name.to_owned(),
        ..Span::default()
    };
    let spans = vec![span(1, "fine"), span(2, "MARK"), span(3, "fine too")];
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    let request =
        ExportTraceServiceRequest { resource_spans: vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }] };
    let mut bytes = request.encode_to_vec();
    let at = bytes.windows(4).position(|window| window == b"MARK").unwrap();
    bytes[at] = 0xff;
    let decoded = decode_otlp_protobuf(&bytes);
    let names: Vec<_> = decoded.spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["fine", "fine too"]);
    assert_eq!(decoded.diagnostics.len(), 1);
    assert_eq!(decoded.diagnostics[0].place.span.as_deref(), Some("0202020202020202"));
    assert_eq!(decoded.diagnostics[0].place.pointer.as_deref(), Some("/resourceSpans/0/scopeSpans/0/spans/1"));
}

#[test]
fn a_request_in_protobuf_is_taken_in_or_refused_as_a_whole() {
    let field = |number: u8, bytes: &[u8]| [&[number << 3 | 2, u8::try_from(bytes.len()).unwrap()], bytes].concat();
    let span = [field(1, &[7; 16]), field(2, &[1; 8])].concat();
    // The second scope has a number where the address of its schema belongs.
    let odd = [field(2, &span), vec![3 << 3, 1]].concat();
    let whole = field(1, &[field(2, &field(2, &span)), field(2, &odd)].concat());
    let decoded = decode_otlp_protobuf(&whole);
    assert_eq!((decoded.format.is_some(), decoded.spans.len(), decoded.diagnostics.len()), (true, 2, 0));
    // The second resource breaks off.
    let broken = [whole, vec![1 << 3 | 2, 9, 0]].concat();
    let decoded = decode_otlp_protobuf(&broken);
    assert_eq!((decoded.format.is_some(), decoded.spans.len(), decoded.diagnostics.len()), (false, 0, 1));
}

#[test]
fn half_an_emoji_in_a_message_costs_no_message_and_is_said() {
    let messages = r#"[{"role": "user", "parts": [{"type": "text", "content": "so \ud83d"}]}]"#;
    let decoded = decode_otlp_json(&request(&json!({}), &[record(1, &json!({"gen_ai.input.messages": messages}))]));
    assert_eq!(decoded.spans[0].messages_in[0].joined_text(), "so \u{fffd}");
    assert_eq!(decoded.diagnostics.len(), 1);
    assert!(decoded.diagnostics[0].message.contains("half a character"), "{}", decoded.diagnostics[0]);
}

#[test]
fn a_span_that_is_no_unicode_or_nested_too_deeply_does_not_reject_its_json_batch() {
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let batch = request(&json!({}), &[record(1, &json!({"a": "MARK"})), record(2, &json!({})), record(3, &json!({}))]);
    let batch = String::from_utf8(batch).unwrap();
    let as_list = batch.replace(r#"{"a":"MARK"}"#, r#"[{"key":"a","value":{"stringValue":"MARK"}}]"#);
    assert_ne!(batch, as_list);
    for (text, by, kept) in [
        (&batch, r#""cut \ud83d""#.as_bytes(), "cut \u{fffd}"),
        (&batch, b"\"cut \xff\"", "cut \u{fffd}"),
        (&batch, deep.as_bytes(), deep.as_str()),
        (&as_list, b"\"\\udc00\"", "\u{fffd}"),
        (&as_list, deep.as_bytes(), deep.as_str()),
        (&as_list, b"1e999", "1e999"),
    ] {
        let (before, after) = text.split_once("\"MARK\"").unwrap();
        let bytes = [before.as_bytes(), by, after.as_bytes()].concat();
        let decoded = decode_otlp_json(&bytes);
        assert_eq!((decoded.format, decoded.spans.len()), (Some("otlp-json"), 3), "{by:?}");
        let said: Vec<_> = decoded.diagnostics.iter().map(|found| found.severity).collect();
        assert_eq!(said, [DiagnosticSeverity::Repaired], "{:?}", decoded.diagnostics);
        let value = &decoded.spans[0].attributes["a"];
        assert!(value.to_string().contains(kept) || value.as_str() == Some(kept), "{value}");
    }
}

#[test]
fn a_log_record_that_is_no_unicode_does_not_reject_its_json_batch() {
    let event = |id: u64, text: &str| {
        format!(
            r#"{{"traceId": "{TRACE}", "spanId": "{id:016x}", "eventName": "gen_ai.evaluation.result", "timeUnixNano": "5",
                "attributes": [{{"key": "gen_ai.evaluation.name", "value": {{"stringValue": "{text}"}}}}]}}"#
        )
    };
    let records = [event(1, "cut \\ud83d"), event(2, "whole")].join(",");
    let request = format!(r#"{{"resourceLogs": [{{"scopeLogs": [{{"logRecords": [{records}]}}]}}]}}"#);
    let decoded = arc_formats::decode_otlp_logs_json(request.as_bytes());
    assert_eq!((decoded.format, decoded.spans.len()), (Some("otlp-json"), 2));
    let said: Vec<_> = decoded.diagnostics.iter().map(|found| found.severity).collect();
    assert_eq!(said, [DiagnosticSeverity::Repaired]);
}

#[test]
fn messages_read_the_same_from_json_text_and_from_structured_values() {
    let messages = json!([{"role": "user", "parts": [{"type": "text", "content": "a"}]}]);
    let structured = json!([{"key": "gen_ai.input.messages", "value": {"arrayValue": {"values": [{"kvlistValue": {"values": [
        {"key": "role", "value": {"stringValue": "user"}},
        {"key": "parts", "value": {"arrayValue": {"values": [{"kvlistValue": {"values": [
            {"key": "type", "value": {"stringValue": "text"}}, {"key": "content", "value": {"stringValue": "a"}}]}}]}}}]}}]}}}]);
    let text = decode_one(&json!({"gen_ai.input.messages": messages.to_string()}));
    let values = decode_one(&structured);
    assert_eq!(text.messages_in.len(), 1);
    assert_eq!(text.messages_in, values.messages_in);
    assert!(text.attributes.is_empty() && values.attributes.is_empty());
}

#[test]
fn names_of_several_versions_in_one_span_agree_and_the_newest_wins_where_they_do_not() {
    let span =
        decode_one(&json!({"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.system": "acme",
        "gen_ai.usage.input_tokens": 5, "gen_ai.usage.prompt_tokens": 6}));
    assert_eq!(span.model.unwrap().provider.as_deref(), Some("openai"));
    assert_eq!(span.attributes["gen_ai.system"], "acme", "what was not used is kept");
    assert_eq!(span.usage.unwrap().input, Some(5));
}

#[test]
fn ids_read_from_hexadecimal_in_any_case_and_from_base64_with_and_without_padding() {
    for (trace, span) in [
        ("5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174"),
        ("5B8EFFF798038103D269B633813FC60C", "EEE19B7EC3C1B174"),
        ("W47/95gDgQPSabYzgT/GDA==", "7uGbfsPBsXQ="),
        ("W47/95gDgQPSabYzgT/GDA", "7uGbfsPBsXQ"),
    ] {
        let spans = decode_spans(&[json!({"traceId": trace, "spanId": span, "parentSpanId": span})]);
        assert_eq!(spans[0].trace_id.to_string(), TRACE, "{trace}");
        assert_eq!(spans[0].span_id, "eee19b7ec3c1b174".parse::<SpanId>().unwrap(), "{span}");
        assert_eq!(spans[0].parent_id, Some(spans[0].span_id));
    }
}

#[test]
fn an_error_class_means_an_error_even_where_the_status_was_left_unset() {
    let span = decode_one(&json!({"gen_ai.operation.name": "chat", "error.type": "429"}));
    assert_eq!(span.status, Status::Error { kind: Some("429".into()), message: String::new() });
    assert!(!span.attributes.contains_key("error.type"));
}

#[test]
fn an_exception_that_was_handled_is_an_event_and_no_error() {
    let mut span = record(1, &json!({}));
    span["events"] = json!([{"name": "exception", "attributes": {"exception.type": "KeyError"}}]);
    let spans = decode_spans(&[span.clone()]);
    assert_eq!((&spans[0].status, spans[0].events.len()), (&Status::Unset, 1));
    span["events"][0]["attributes"]["exception.escaped"] = json!("true");
    let spans = decode_spans(&[span]);
    assert_eq!(spans[0].status, Status::Error { kind: Some("KeyError".into()), message: String::new() });
}

#[test]
fn an_explicit_ok_stands_against_an_error_class() {
    let mut span = record(1, &json!({"error.type": "Retried"}));
    span["status"] = json!({"code": 1});
    let spans = decode_spans(&[span]);
    assert_eq!(spans[0].status, Status::Ok);
    assert_eq!(spans[0].attributes["error.type"], "Retried");
}

#[test]
fn where_two_dialects_speak_the_first_wins_and_what_differs_is_kept() {
    let span = decode_one(
        &json!({"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o", "llm.model_name": "gpt-4o",
        "openinference.span.kind": "CHAIN", "gen_ai.conversation.id": "a", "session.id": "b",
        "gen_ai.usage.input_tokens": 7, "llm.token_count.prompt": "9"}),
    );
    assert_eq!(span.kind, SpanKind::Llm);
    assert_eq!(span.facts.session.unwrap().as_str(), "a");
    assert_eq!(span.usage.unwrap().input, Some(7));
    assert_eq!(span.attributes["session.id"], "b");
    assert!(!span.attributes.contains_key("llm.model_name"), "it says the same as what was used");
}

#[test]
fn messages_of_attributes_go_before_those_of_events_and_the_events_stay() {
    let mut span =
        record(1, &json!({"gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": "new"}]}]}));
    span["events"] = json!([{"name": "gen_ai.user.message", "attributes": {"content": "old"}}]);
    let spans = decode_spans(&[span]);
    assert_eq!(spans[0].messages_in[0].joined_text(), "new");
    assert_eq!(spans[0].events.len(), 1);
}

#[test]
fn events_that_became_messages_are_not_kept_twice() {
    let mut span = record(1, &json!({"gen_ai.request.model": "gpt-4o"}));
    span["events"] = json!([
        {"name": "gen_ai.user.message", "attributes": {"content": "hi", "acme.extra": 1}},
        {"name": "gen_ai.user.message", "attributes": {"content": "there"}}]);
    let spans = decode_spans(&[span]);
    assert_eq!(spans[0].messages_in.len(), 2);
    // The first says something beside its message.
    assert_eq!(spans[0].events.len(), 1);
}

#[test]
fn a_tool_call_over_mcp_is_a_tool_and_other_methods_are_steps() {
    let call = decode_one(&json!({"mcp.method.name": "tools/call", "gen_ai.tool.name": "search"}));
    assert_eq!((call.kind, call.tool.unwrap().name), (SpanKind::Tool, "search".to_owned()));
    assert_eq!(decode_one(&json!({"mcp.method.name": "initialize"})).kind, SpanKind::Step);
}

#[test]
fn kinds_follow_the_operation_and_spans_of_no_dialect_are_other() {
    for (operation, kind) in [
        ("text_completion", SpanKind::Llm),
        ("embeddings", SpanKind::Embedding),
        ("invoke_workflow", SpanKind::Workflow),
        ("plan", SpanKind::Step),
        ("retrieval", SpanKind::Retrieval),
        ("something_new", SpanKind::Step),
    ] {
        assert_eq!(decode_one(&json!({"gen_ai.operation.name": operation})).kind, kind, "{operation}");
    }
    assert_eq!(decode_one(&json!({"http.route": "/"})).kind, SpanKind::Other);
}

#[test]
fn a_message_without_a_role_and_indices_beyond_nine_keep_their_order() {
    let mut attributes = serde_json::Map::new();
    for index in 0..12 {
        attributes.insert(format!("llm.input_messages.{index}.message.content"), json!(index.to_string()));
    }
    let span = decode_one(&Value::Object(attributes));
    let texts: Vec<_> = span.messages_in.iter().map(|message| message.joined_text()).collect();
    assert_eq!(texts, (0..12).map(|index| index.to_string()).collect::<Vec<_>>());
    assert!(span.messages_in.iter().all(|message| message.role == Role::Other("unknown".into())));
}

#[test]
fn a_body_that_repeats_the_messages_is_dropped_and_one_that_differs_is_kept() {
    let with_body = |text: &str| {
        decode_one(&json!({"openinference.span.kind": "LLM", "llm.input_messages.0.message.role": "user",
            "llm.input_messages.0.message.content": "hi",
            "input.value": json!({"messages": [{"role": "user", "content": text}], "n": null}).to_string()}))
    };
    let same = with_body("hi");
    assert_eq!((same.input, same.attributes.contains_key("input.value")), (None, false));
    assert!(with_body("something else").input.unwrap().to_text().contains("something else"));
}

#[test]
fn a_span_that_was_relayed_is_of_the_instrumentation_that_emitted_it() {
    let attributes = json!({"openinference.span.kind": "LLM", "llm.model_name": "claude-3-7-sonnet",
        "llm.token_count.prompt": 500, "llm.token_count.prompt_details.cache_read": 100,
        "otel.scope.name": "openinference.instrumentation.langchain", "otel.scope.version": "0.1.45"});
    let span = decode_otlp_json(&request(&json!({"name": "arc-eval"}), &[record(1, &attributes)])).spans.remove(0);
    assert_eq!(span.scope.unwrap().name, "openinference.instrumentation.langchain");
    assert_eq!(span.usage.unwrap().input_rule, InputRule::ExclusiveByEmitter);
    assert!(!span.attributes.contains_key("otel.scope.name"));
}

#[test]
fn two_instrumentations_of_one_call_count_once_nested_or_beside_each_other() {
    let call = |id: u64, parent: Option<u64>, response: &str, input: u64, start: u64| {
        let mut span = record(
            id,
            &json!({"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o", "gen_ai.response.id": response,
                "gen_ai.usage.input_tokens": input}),
        );
        span["startTimeUnixNano"] = json!(start.to_string());
        span["endTimeUnixNano"] = json!((start + 1000).to_string());
        if let Some(parent) = parent {
            span["parentSpanId"] = json!(format!("{parent:016x}"));
        }
        span
    };
    let leaves = |spans: &[Value]| {
        let trace = Trace::new(TRACE.parse::<TraceId>().unwrap(), decode_spans(spans));
        trace.leaf_llm_spans().count()
    };
    assert_eq!(leaves(&[call(1, None, "r1", 70, 1000), call(2, Some(1), "r1", 70, 1100)]), 1, "nested");
    assert_eq!(leaves(&[call(1, None, "r1", 70, 1000), call(2, None, "r1", 70, 1100)]), 1, "beside each other");
    assert_eq!(leaves(&[call(1, None, "r1", 70, 1000), call(2, None, "r1", 70, 3000)]), 2, "one after the other");
    assert_eq!(leaves(&[call(1, None, "r1", 70, 1000), call(2, None, "r2", 70, 1100)]), 2, "two answers");
    assert_eq!(leaves(&[call(1, None, "r1", 70, 1000), call(2, None, "r1", 80, 1100)]), 2, "other counts");
}

#[test]
fn a_span_whose_parent_never_came_is_a_root() {
    let mut orphan = record(1, &json!({"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "planner"}));
    orphan["parentSpanId"] = json!("00000000000000ff");
    let mut below = record(2, &json!({"gen_ai.operation.name": "chat"}));
    below["parentSpanId"] = json!("0000000000000001");
    let trace = Trace::new(TRACE.parse::<TraceId>().unwrap(), decode_spans(&[below, orphan]));
    let roots: Vec<_> = trace.roots().map(|span| span.span_id.to_string()).collect();
    assert_eq!(roots, ["0000000000000001"]);
    assert_eq!(trace.facts().agent.unwrap().as_str(), "planner");
}

#[test]
fn an_answer_of_a_cache_keeps_what_says_so() {
    // What it costs is decided where costs are computed, by this attribute.
    let span = decode_one(&json!({"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 9, "cache_hit": true}));
    assert_eq!(span.attributes["cache_hit"], true);
    let text = json!({"messages": [{"type": "human", "content": "Hi"}, {"type": "ai", "content": "Hello",
        "usage_metadata": {"input_tokens": 3, "output_tokens": 1, "total_tokens": 4, "total_cost": 0}}]});
    let decoded = arc_formats::decode(text.to_string().as_bytes(), arc_formats::Source::default());
    assert_eq!(decoded.spans[1].attributes["cache_hit"], true);
}
