//! What single dialects must not get wrong, one test each; whole spans are in the goldens.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use arc_formats::{decode_otlp_json, decode_otlp_protobuf};
use arc_model::{InputRule, Part, Payload, Span, SpanKind, Status, Termination};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value},
    trace::v1::{ResourceSpans, ScopeSpans, Span as ProtoSpan, Status as ProtoStatus},
};
use prost::Message;
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

/// A process that dies has its spans closed by whoever reads its spool: parts of a span follow each other.
#[test]
fn parts_of_a_span_in_protobuf_merge_and_the_last_value_of_an_attribute_wins() {
    let attribute = |key: &str, value: any_value::Value| KeyValue {
        key: key.into(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    };
    let text = |text: &str| any_value::Value::StringValue(text.into());
    let start = ProtoSpan {
        trace_id: vec![1; 16],
        span_id: vec![2; 8],
        name: "shop".into(),
        start_time_unix_nano: 1_000,
        attributes: vec![attribute("arc_eval.task", text("refund")), attribute("arc_eval.input", text("early"))],
        ..ProtoSpan::default()
    };
    let end = ProtoSpan {
        end_time_unix_nano: 9_000,
        status: Some(ProtoStatus { code: 2, message: "the process was killed".into() }),
        attributes: vec![
            attribute("arc_eval.input", text("late")),
            attribute("arc_eval.termination", text("exited")),
            attribute("arc_eval.exit.code", any_value::Value::IntValue(3)),
            attribute("arc_eval.exit.signal", any_value::Value::IntValue(9)),
            attribute("arc_eval.last_step", text("search")),
            attribute("arc_eval.revision", any_value::Value::IntValue(7)),
        ],
        ..ProtoSpan::default()
    };
    let merged = ProtoSpan::decode([start.encode_to_vec(), end.encode_to_vec()].concat().as_slice()).unwrap();
    let scope_spans = vec![ScopeSpans { spans: vec![merged], ..ScopeSpans::default() }];
    let request =
        ExportTraceServiceRequest { resource_spans: vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }] };
    let span = decode_otlp_protobuf(&request.encode_to_vec()).spans.remove(0);
    assert_eq!((span.name.as_str(), span.revision, span.duration_ns()), ("shop", 7, Some(8_000)));
    assert_eq!(span.input, Some(Payload::Text("late".into())));
    let facts = &span.facts;
    assert_eq!((facts.termination, facts.exit_code, facts.exit_signal), (Some(Termination::Exited), Some(3), Some(9)));
    assert_eq!(facts.last_step.as_deref(), Some("search"));
    assert_eq!(facts.task.as_ref().map(arc_model::TaskId::as_str), Some("refund"));
    assert!(span.attributes.is_empty(), "{:?}", span.attributes);
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

#[test]
fn a_failure_that_langfuse_marks_only_by_its_level_is_one() {
    let span = decode_one(&json!({"langfuse.observation.type": "tool", "langfuse.observation.level": "ERROR",
        "langfuse.observation.status_message": "no such city"}));
    assert_eq!(span.status, Status::Error { kind: None, message: "no such city".into() });
    let span = decode_one(&json!({"langfuse.observation.type": "tool", "langfuse.observation.level": "WARNING"}));
    assert_eq!(span.status, Status::Unset);
}

#[test]
fn what_failed_langfuse_s_level_does_not_say_and_others_do() {
    let level = json!({"langfuse.observation.level": "ERROR", "langfuse.observation.status_message": "slow down"});
    let mut with_type = level.clone();
    with_type["error.type"] = json!("RateLimitError");
    let span = decode_one(&with_type);
    assert_eq!(span.status, Status::Error { kind: Some("RateLimitError".into()), message: "slow down".into() });
    let exception = json!([{"name": "exception", "attributes": {"exception.type": "TimeoutError"}}]);
    let span = decode_span(&json!({}), &json!({"attributes": level, "events": exception}));
    assert_eq!(span.status, Status::Error { kind: Some("TimeoutError".into()), message: "slow down".into() });
}

#[test]
fn langfuse_s_cost_is_its_total_or_the_sum_of_all_its_parts() {
    let cost = |details: &Value| {
        decode_one(&json!({"langfuse.observation.type": "generation", "langfuse.observation.cost_details": details.to_string()}))
            .reported_cost
            .map(|cost| cost.0)
    };
    assert_eq!(cost(&json!({"input": 0.1, "output": 0.2, "total": 0.4})), Some(400_000_000));
    assert_eq!(cost(&json!({"input": 0.1, "output": 0.2, "input_cache_read": 0.000_000_001})), Some(300_000_001));
    for unknown in
        [json!({"input": 0.1, "output": null}), json!({"input": 0.1, "output": "much"}), json!({}), json!([1])]
    {
        assert_eq!(cost(&unknown), None, "{unknown}");
    }
}

#[test]
fn a_langfuse_span_that_says_its_operation_is_what_the_operation_says() {
    let span = decode_one(&json!({"langfuse.observation.type": "span", "gen_ai.operation.name": "chat"}));
    assert_eq!(span.kind, SpanKind::Llm);
}

#[test]
fn a_provider_s_usage_in_langfuse_is_read_by_the_provider_s_rule() {
    let usage =
        json!({"input_tokens": 10, "output_tokens": 5, "cache_read_input_tokens": 4, "cache_creation_input_tokens": 2});
    let span = decode_one(
        &json!({"langfuse.observation.type": "generation", "langfuse.observation.usage_details": usage.to_string()}),
    );
    let usage = span.usage.unwrap();
    assert_eq!((usage.input, usage.cache_write, usage.input_rule), (Some(16), Some(2), InputRule::ExclusiveByEmitter));
}

#[test]
fn model_calls_without_usage_have_none_in_every_dialect() {
    for attributes in [
        json!({"langfuse.observation.type": "generation", "langfuse.observation.usage_details": "{}"}),
        json!({"mlflow.spanType": "\"LLM\"", "mlflow.chat.tokenUsage": "{\"total_tokens\": 5}"}),
        json!({"langsmith.span.kind": "llm"}),
        json!({"gcp.vertex.agent.llm_response": "{\"finish_reason\": \"STOP\", \"usage_metadata\": {}}"}),
    ] {
        let span = decode_one(&attributes);
        assert_eq!((span.kind, span.usage), (SpanKind::Llm, None), "{attributes}");
    }
}

#[test]
fn one_malformed_message_in_a_body_does_not_drop_the_others() {
    let body =
        json!({"messages": [{"role": "user", "content": "a"}, {"text": "no role"}, {"role": "user", "content": "b"}]});
    for attributes in [
        json!({"langsmith.span.kind": "llm", "gen_ai.prompt": body.to_string()}),
        json!({"mlflow.spanType": "\"LLM\"", "mlflow.spanInputs": body.to_string()}),
        json!({"langfuse.observation.type": "generation", "langfuse.observation.input": body}),
    ] {
        let span = decode_one(&attributes);
        let roles: Vec<_> = span.messages_in.iter().map(|message| message.role.as_str()).collect();
        assert_eq!(roles, ["user", "unknown", "user"], "{attributes}");
    }
}

#[test]
fn langsmith_s_kind_goes_before_the_operation_it_is_mapped_to() {
    let span = decode_one(&json!({"langsmith.span.kind": "retriever", "gen_ai.operation.name": "embeddings"}));
    assert_eq!(span.kind, SpanKind::Retrieval);
}

#[test]
fn langsmith_writes_to_the_cache_under_the_new_name() {
    let usage = decode_one(&json!({"langsmith.span.kind": "llm", "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.cache_write.input_tokens": 30}))
    .usage
    .unwrap();
    assert_eq!((usage.input, usage.cache_write), (Some(100), Some(30)));
}

#[test]
fn gemini_s_input_holds_its_cached_tokens_and_its_output_the_thoughts() {
    let response = json!({"usage_metadata": {"prompt_token_count": 50, "cached_content_token_count": 20,
        "candidates_token_count": 6, "thoughts_token_count": 4}});
    let usage = decode_one(&json!({"gcp.vertex.agent.llm_response": response.to_string()})).usage.unwrap();
    assert_eq!((usage.input, usage.cache_read, usage.output), (Some(50), Some(20), Some(10)));
    assert_eq!((usage.reasoning, usage.input_rule), (Some(4), InputRule::Inclusive));
}

#[test]
fn several_tools_that_the_adk_merges_into_one_span_are_not_another_call() {
    let span = decode_one(&json!({"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "(merged tools)",
        "gcp.vertex.agent.tool_response": "{}"}));
    assert_eq!(span.kind, SpanKind::Step);
}

#[test]
fn bare_words_of_pydantic_ai_mean_nothing_on_the_spans_of_others() {
    let attributes = json!({"tool_arguments": "{}", "agent_name": "weather"});
    assert_eq!(decode_one(&attributes).kind, SpanKind::Other);
    let scope = json!({"name": "pydantic-ai", "version": "1.26.0"});
    assert_eq!(decode_span(&scope, &json!({"attributes": attributes})).kind, SpanKind::Tool);
}

#[test]
fn langfuse_s_counts_of_cached_tokens_are_read_and_are_no_part_of_its_input_where_the_total_says_so() {
    let usage = |details: &Value| {
        decode_one(&json!({"langfuse.observation.type": "generation", "langfuse.observation.usage_details": details.to_string()}))
            .usage
            .unwrap()
    };
    let exclusive = usage(&json!({"input": 10, "output": 5, "input_cache_read": 80, "total": 95}));
    assert_eq!((exclusive.input, exclusive.cache_read), (Some(90), Some(80)));
    let inclusive = usage(&json!({"input": 90, "output": 5, "input_cached_tokens": 80, "total": 95}));
    assert_eq!((inclusive.input, inclusive.cache_read), (Some(90), Some(80)));
}

#[test]
fn the_ai_sdk_s_input_is_anthropic_s_where_the_metadata_says_the_same_number() {
    let metadata = |input: u64| json!({"anthropic": {"usage": {"input_tokens": input, "cache_read_input_tokens": 30, "cache_creation_input_tokens": 5}}});
    let usage = |raw: u64| {
        decode_one(&json!({"ai.operationId": "ai.generateText.doGenerate", "ai.usage.inputTokens": 50, "ai.usage.outputTokens": 2,
            "ai.usage.cachedInputTokens": 30, "ai.response.providerMetadata": metadata(raw).to_string()}))
        .usage
        .unwrap()
    };
    let exclusive = usage(50);
    assert_eq!((exclusive.input, exclusive.cache_read, exclusive.cache_write), (Some(85), Some(30), Some(5)));
    assert_eq!(exclusive.input_rule, arc_model::InputRule::ExclusiveByEmitter);
    assert_eq!(usage(15).input, Some(50), "the SDK added what was cached itself");
}

#[test]
fn the_ai_sdk_s_newer_names_and_mastra_s_counts_are_read() {
    let span = decode_one(
        &json!({"gen_ai.operation.name": "chat", "aisdk.model.id": "gpt-5", "aisdk.model.provider": "openai.responses"}),
    );
    let model = span.model.unwrap();
    assert_eq!((model.request.as_deref(), model.provider.as_deref()), (Some("gpt-5"), Some("openai")));
    let span = decode_one(
        &json!({"gen_ai.operation.name": "chat", "stream.usage.inputTokens": 9, "stream.usage.outputTokens": 1,
        "stream.usage.cachedInputTokens": 4}),
    );
    let usage = span.usage.unwrap();
    assert_eq!((usage.input, usage.output, usage.cache_read), (Some(9), Some(1), Some(4)));
}

#[test]
fn laminar_s_kinds_sessions_and_bodies_are_read() {
    let span = decode_one(
        &json!({"lmnr.span.type": "TOOL", "lmnr.span.input": "{\"city\": \"Oslo\"}", "lmnr.span.output": "\"Rain.\"",
        "lmnr.association.properties.session_id": "s", "lmnr.association.properties.user_id": "u"}),
    );
    assert_eq!(span.kind, SpanKind::Tool);
    let tool = span.tool.unwrap();
    assert_eq!(tool.arguments.unwrap(), arc_model::Payload::from_json(json!({"city": "Oslo"})));
    assert_eq!((span.facts.session.unwrap().as_str(), span.facts.user.unwrap().as_str()), ("s", "u"));
}

#[test]
fn images_are_counted_and_a_reason_to_stop_has_three_names() {
    let span = decode_one(&json!({"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 9,
        "gen_ai.usage.image.input_tokens": 5, "gen_ai.response.stop_reason": "stop"}));
    assert_eq!(span.usage.unwrap().image_input, Some(5));
    assert_eq!(span.finish_reason, Some(arc_model::FinishReason::Stop));
}

#[test]
fn langsmith_s_threads_are_sessions() {
    let span = decode_one(
        &json!({"langsmith.span.kind": "llm", "langsmith.metadata.thread_id": "t", "langsmith.metadata.user_id": "u"}),
    );
    assert_eq!((span.facts.session.unwrap().as_str(), span.facts.user.unwrap().as_str()), ("t", "u"));
}

#[test]
fn a_user_is_read_under_openllmetry_s_name_wherever_it_stands() {
    let span = decode_one(&json!({"gen_ai.request.model": "gpt-4o", "gen_ai.user": "ada"}));
    assert_eq!(span.facts.user.unwrap().as_str(), "ada");
    let span = decode_one(&json!({"gen_ai.request.model": "gpt-4o", "gen_ai.user": "ada", "user.id": "bob"}));
    assert_eq!(span.facts.user.unwrap().as_str(), "bob");
    assert_eq!(span.attributes["gen_ai.user"], "ada");
}

#[test]
fn a_search_of_a_vector_database_is_a_retrieval_and_what_writes_to_one_is_not() {
    let kind =
        |name: &str, attributes: Value| decode_span(&json!({}), &json!({"name": name, "attributes": attributes})).kind;
    for (name, attributes) in [
        ("chroma.query", json!({"db.system": "chroma", "db.operation": "query"})),
        ("pinecone.query", json!({"db.system": "Pinecone"})),
        ("milvus.search", json!({"db.system": "milvus", "db.operation": "hybrid_search"})),
        ("db.weaviate.query.get.do", json!({"db.system": "weaviate", "db.operation": "do"})),
        ("db.weaviate.near_text", json!({"db.system": "weaviate", "db.operation": "near_text"})),
    ] {
        assert_eq!(kind(name, attributes), SpanKind::Retrieval, "{name}");
    }
    for (name, attributes) in [
        ("chroma.add", json!({"db.system": "chroma", "db.operation": "add"})),
        ("chroma.query.segment._query", json!({"db.system": "chroma", "db.operation": "_query"})),
        ("SELECT query", json!({"db.system": "postgresql", "db.operation": "query"})),
        (
            "db.weaviate.collections.query.fetch_object_by_id",
            json!({"db.system": "weaviate", "db.operation": "fetch_object_by_id"}),
        ),
    ] {
        assert_eq!(kind(name, attributes), SpanKind::Other, "{name}");
    }
}

#[test]
fn the_results_of_a_search_are_its_output() {
    let result = |id: &str| {
        json!({"name": "db.pinecone.query.result", "attributes": {"db.pinecone.query.result.id": id,
            "db.pinecone.query.result.score": 0.5, "db.pinecone.query.result.vector": [0.1, 0.2]}})
    };
    let span = decode_span(
        &json!({}),
        &json!({"name": "pinecone.query", "attributes": {"db.system": "Pinecone", "db.vector.query.top_k": 2},
            "events": [result("a"), result("b")]}),
    );
    assert_eq!(span.output, Some(Payload::Json(json!([{"id": "a", "score": 0.5}, {"id": "b", "score": 0.5}]))));
    assert_eq!((&span.parameters["top_k"], span.events.len()), (&json!(2), 2));
}

#[test]
fn openinference_s_rerankers_and_embeddings_have_their_model_input_and_output() {
    let span = decode_one(&json!({"openinference.span.kind": "RERANKER", "reranker.query": "fjord",
        "reranker.model_name": "rerank-3", "reranker.top_k": 1,
        "reranker.input_documents.0.document.content": "a", "reranker.input_documents.1.document.content": "b",
        "reranker.output_documents.0.document.content": "b", "reranker.output_documents.0.document.score": 0.9}));
    assert_eq!((span.kind, span.model.unwrap().request.as_deref()), (SpanKind::Rerank, Some("rerank-3")));
    let given = json!({"query": "fjord", "documents": [{"content": "a"}, {"content": "b"}]});
    assert_eq!(span.input, Some(Payload::Json(given)));
    assert_eq!(span.output, Some(Payload::Json(json!([{"content": "b", "score": 0.9}]))));
    assert_eq!((&span.parameters["top_k"], span.attributes.len()), (&json!(1), 1), "{:?}", span.attributes);

    let span = decode_one(&json!({"openinference.span.kind": "RERANKER", "reranker.top_k": 3,
        "llm.invocation_parameters": r#"{"top_k": 5}"#}));
    assert_eq!((&span.parameters["top_k"], &span.attributes["reranker.top_k"]), (&json!(5), &json!(3)));

    let embed = |attributes: Value| {
        let mut all = json!({"openinference.span.kind": "EMBEDDING", "embedding.model_name": "embed-3"});
        all.as_object_mut().unwrap().extend(attributes.as_object().unwrap().clone());
        let span = decode_one(&all);
        assert_eq!((span.kind, span.model.unwrap().request.as_deref()), (SpanKind::Embedding, Some("embed-3")));
        span.input.unwrap().to_text()
    };
    assert_eq!(embed(json!({"embedding.embeddings.0.embedding.text": "one"})), "one");
    assert_eq!(
        embed(json!({"embedding.embeddings.0.embedding.text": "one", "embedding.embeddings.1.embedding.text": "two",
            "embedding.embeddings.0.embedding.vector": [0.1]})),
        r#"["one","two"]"#
    );
    assert_eq!(embed(json!({"input.value": "said", "embedding.text": "one"})), "said");
}
