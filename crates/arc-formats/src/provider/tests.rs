use arc_model::{FinishReason, InputRule, Message, Part, Payload, Role};
use serde_json::{Value, json};

use super::*;

fn plain(url: &str, request: &Value, response: &Value) -> Call {
    let (request, response) = (request.to_string(), response.to_string());
    exchange(&Exchange {
        url: Some(url),
        request: Some(request.as_bytes()),
        status: Some(200),
        response: Some(response.as_bytes()),
        is_whole: Some(true),
        ..Exchange::default()
    })
}

fn streamed(url: &str, request: &Value, response: &str) -> Call {
    exchange(&Exchange {
        url: Some(url),
        request: Some(request.to_string().as_bytes()),
        status: Some(200),
        content_type: Some("text/event-stream"),
        response: Some(response.as_bytes()),
        ..Exchange::default()
    })
}

/// Writes events as a stream; a text is a line of its own.
fn sse(events: &[Value]) -> String {
    events.iter().fold(String::new(), |stream, event| match event {
        Value::String(text) => format!("{stream}data: {text}\n\n"),
        event => format!("{stream}data: {event}\n\n"),
    })
}

/// Writes messages on one line each: the role, and each part in brackets.
fn shown(messages: &[Message]) -> Vec<String> {
    messages
        .iter()
        .map(|message| {
            message.parts.iter().fold(message.role.as_str().to_owned(), |line, part| {
                line + &match part {
                    Part::Text { text } => format!(" [{text}]"),
                    Part::Reasoning { text } => format!(" [thinks {text}]"),
                    Part::ToolCall { id, name, arguments } => {
                        format!(" [calls {} {name} {}]", id.as_deref().unwrap_or("?"), arguments.to_text())
                    }
                    Part::ToolResult { id, result } => {
                        format!(" [result {} {}]", id.as_deref().unwrap_or("?"), result.to_text())
                    }
                    Part::Media { mime_type, reference } => {
                        format!(" [{} {reference}]", mime_type.as_deref().unwrap_or("?"))
                    }
                    Part::Other { value } => format!(" [other {value}]"),
                }
            })
        })
        .collect()
}

const OPENAI: &str = "https://api.openai.com/v1/chat/completions";
const RESPONSES: &str = "https://api.openai.com/v1/responses";
const ANTHROPIC: &str = "https://api.anthropic.com/v1/messages";

#[test]
fn every_shape_has_a_file_of_its_name_and_is_registered_once() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/provider");
    let mut registered: Vec<_> = SHAPES.iter().map(|shape| format!("{}.rs", shape.id().replace('-', "_"))).collect();
    registered.sort();
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| std::fs::read_to_string(file).unwrap_or_default().contains("\nimpl Shape for"));
    let mut files: Vec<_> = files.iter().map(|file| file.file_name().unwrap().to_string_lossy().into_owned()).collect();
    files.sort();
    assert_eq!(registered, files);
}

#[test]
fn a_model_call_is_told_by_path_and_body() {
    for (path, body, shape) in [
        ("/v1/chat/completions", json!({"messages": []}), Some("openai-chat")),
        ("/openai/deployments/x/chat/completions", json!({"messages": []}), Some("openai-chat")),
        ("/v1/responses", json!({"input": "hello"}), Some("openai-responses")),
        ("/v1/messages", json!({"messages": [], "max_tokens": 1}), Some("anthropic-messages")),
        ("/v1/messages/count_tokens", json!({"messages": []}), None),
        ("/api/messages", json!({"messages": ["a mail"]}), None),
        ("/survey/responses", json!({"answers": []}), None),
    ] {
        assert_eq!(plain(&format!("https://h.example{path}"), &body, &json!({})).shape, shape, "{path} {body}");
    }
}

#[test]
fn a_chat_is_read_with_its_tools_settings_and_counts() {
    let call = plain(
        OPENAI,
        &json!({
            "model": "gpt-4o", "temperature": 0.5, "max_completion_tokens": 99, "stop": "END", "user": "u",
            "messages": [
                {"role": "developer", "content": "Be brief."},
                {"role": "user", "content": [{"type": "text", "text": "weather?"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]},
                {"role": "assistant", "content": null, "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": "{\"city\":\"Oslo\"}"}},
                    {"id": "c2", "type": "function", "function": {"name": "get_time", "arguments": "{broken"}}]},
                {"role": "tool", "tool_call_id": "c1", "content": "rain"},
                {"role": "tool", "tool_call_id": "c2", "content": [{"type": "text", "text": "12"}, {"type": "text", "text": "00"}]},
            ],
            "tools": [{"type": "function", "function": {"name": "get_weather", "description": "Looks.", "parameters": {"type": "object"}}}],
        }),
        &json!({
            "id": "chatcmpl-1", "object": "chat.completion", "model": "gpt-4o-2024", "service_tier": "default",
            "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Take an umbrella.", "refusal": null}}],
            "usage": {"prompt_tokens": 1300, "completion_tokens": 16, "prompt_tokens_details": {"cached_tokens": 1152},
                "completion_tokens_details": {"reasoning_tokens": 12}},
        }),
    );
    assert_eq!(call.provider.as_deref(), Some("openai"));
    assert_eq!((call.request_model.as_deref(), call.response_model.as_deref()), (Some("gpt-4o"), Some("gpt-4o-2024")));
    assert_eq!(
        shown(&call.messages_in),
        [
            "system [Be brief.]",
            "user [weather?] [image/png inline]",
            "assistant [calls c1 get_weather {\"city\":\"Oslo\"}] [calls c2 get_time {broken]",
            "tool [result c1 rain]",
            "tool [result c2 12\n00]",
        ]
    );
    assert_eq!(shown(&call.messages_out), ["assistant [Take an umbrella.]"]);
    assert_eq!(call.finish_reasons, [FinishReason::Stop]);
    assert_eq!(
        Json::Object(call.parameters.into_iter().collect()),
        json!({"temperature": 0.5, "max_tokens": 99, "stop_sequences": ["END"]})
    );
    assert_eq!(call.tools_offered[0].description.as_deref(), Some("Looks."));
    let usage = call.usage.unwrap();
    assert_eq!(
        (usage.input, usage.output, usage.cache_read, usage.reasoning, usage.input_rule),
        (Some(1300), Some(16), Some(1152), Some(12), InputRule::Inclusive)
    );
    let outcomes: Vec<_> = call
        .tool_outcomes
        .iter()
        .map(|tool| (tool.key.as_str(), tool.name.as_deref().unwrap(), tool.result.to_text()))
        .collect();
    assert_eq!(outcomes, [("c1", "get_weather", "rain".to_owned()), ("c2", "get_time", "12\n00".to_owned())]);
    assert_eq!(call.tool_outcomes[1].arguments, Some(Payload::Text("{broken".into())));
    assert_eq!(call.error, None);
}

#[test]
fn a_streamed_chat_is_what_it_would_have_been_in_one_piece() {
    let request = json!({"model": "gpt-4o", "stream": true, "messages": [{"role": "user", "content": "?"}]});
    let chunk = |delta: Value, finish: Option<&str>| {
        json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "gpt-4o-2024",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], "usage": null})
    };
    let events = [
        chunk(json!({"role": "assistant", "content": "Let "}), None),
        chunk(json!({"content": "me see."}), None),
        chunk(
            json!({"tool_calls": [{"index": 0, "id": "c1", "type": "function", "function": {"name": "get", "arguments": ""}}]}),
            None,
        ),
        chunk(json!({"tool_calls": [{"index": 0, "function": {"arguments": "{\"a\":"}}]}), None),
        chunk(json!({"tool_calls": [{"index": 1, "id": "c2", "function": {"name": "got", "arguments": "{}"}}]}), None),
        chunk(json!({"tool_calls": [{"index": 0, "function": {"arguments": "1}"}}]}), None),
        chunk(json!({}), Some("tool_calls")),
        json!({"id": "chatcmpl-1", "choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 5}}),
        json!("[DONE]"),
    ];
    let call = streamed(OPENAI, &request, &sse(&events));
    assert_eq!(shown(&call.messages_out), ["assistant [Let me see.] [calls c1 get {\"a\":1}] [calls c2 got {}]"]);
    assert_eq!((call.is_streamed, call.is_complete, call.remarks.len()), (true, Some(true), 0));
    assert_eq!(call.finish_reasons, [FinishReason::ToolCall]);
    assert_eq!(call.usage.unwrap().input, Some(7));
    let cut = streamed(OPENAI, &request, &sse(&events[..4]));
    assert_eq!(shown(&cut.messages_out), ["assistant [Let me see.] [calls c1 get {\"a\":]"]);
    assert_eq!((cut.is_complete, cut.usage, cut.finish_reasons.len(), cut.remarks.len()), (Some(false), None, 0, 1));
}

#[test]
fn a_response_is_read_with_its_items_as_one_message() {
    let request = json!({"model": "gpt-5", "instructions": "Be brief.", "max_output_tokens": 99,
        "input": [{"role": "user", "content": "weather?"},
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "xx"},
            {"type": "function_call", "call_id": "c1", "name": "get", "arguments": "{\"a\":1}"},
            {"type": "function_call_output", "call_id": "c1", "output": "rain"}],
        "tools": [{"type": "function", "name": "get", "parameters": {}, "strict": false}, {"type": "web_search"}]});
    let answer = json!({"id": "resp_1", "object": "response", "model": "gpt-5-1", "status": "completed",
        "output": [{"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Wet.", "annotations": []}]}],
        "usage": {"input_tokens": 10, "output_tokens": 4, "input_tokens_details": {"cached_tokens": 8}}});
    let call = plain(RESPONSES, &request, &answer);
    assert_eq!(
        shown(&call.messages_in),
        ["system [Be brief.]", "user [weather?]", "assistant [calls c1 get {\"a\":1}]", "tool [result c1 rain]"]
    );
    assert_eq!(shown(&call.messages_out), ["assistant [thinks hm] [Wet.]"]);
    assert_eq!(call.tools_offered.iter().map(|tool| tool.name.as_str()).collect::<Vec<_>>(), ["get", "web_search"]);
    assert_eq!((call.tool_outcomes.len(), call.finish_reasons.as_slice()), (1, &[FinishReason::Stop][..]));
    assert_eq!(call.usage.as_ref().unwrap().cache_read, Some(8));
    let events = [
        json!({"type": "response.created", "response": {"id": "resp_1", "model": "gpt-5-1", "status": "in_progress", "output": []}}),
        json!({"type": "response.output_item.added", "output_index": 0, "item": {"type": "function_call", "call_id": "c1", "name": "get", "arguments": ""}}),
        json!({"type": "response.function_call_arguments.delta", "output_index": 0, "delta": "{\"a\""}),
        json!({"type": "response.output_text.delta", "output_index": 1, "delta": "Wet"}),
    ];
    let cut = streamed(RESPONSES, &request, &sse(&events));
    assert_eq!(shown(&cut.messages_out), ["assistant [calls c1 get {\"a\"] [Wet]"]);
    assert_eq!((cut.is_complete, cut.finish_reasons.len()), (Some(false), 0));
    let whole = streamed(RESPONSES, &request, &sse(&[json!({"type": "response.completed", "response": answer})]));
    assert_eq!((whole.messages_out, whole.usage), (call.messages_out, call.usage));
}

#[test]
fn the_status_of_a_response_is_its_finish_reason() {
    for (body, reason) in [
        (json!({"status": "completed"}), Some(FinishReason::Stop)),
        (
            json!({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}),
            Some(FinishReason::Length),
        ),
        (json!({"status": "failed", "error": {"code": "server_error", "message": "m"}}), Some(FinishReason::Error)),
        (json!({"status": "in_progress"}), None),
        (json!({}), None),
    ] {
        let call = plain(RESPONSES, &json!({"input": "x"}), &body);
        assert_eq!(call.finish_reasons.first(), reason.as_ref(), "{body}");
        assert_eq!(call.error.is_some(), reason == Some(FinishReason::Error));
    }
}

#[test]
fn anthropic_messages_are_read_and_their_input_includes_the_cache() {
    let request = json!({"model": "claude", "max_tokens": 256, "stop_sequences": ["END"],
        "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        "messages": [{"role": "user", "content": "balance?"},
            {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm", "signature": "x"},
                {"type": "tool_use", "id": "t1", "name": "get_balance", "input": {"account": 7}},
                {"type": "tool_use", "id": "t2", "name": "get_rate", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "12 EUR"}]},
                {"type": "tool_result", "tool_use_id": "t2", "is_error": true, "content": "no such table"}]}],
        "tools": [{"name": "get_balance", "description": "Asks.", "input_schema": {"type": "object"}}]});
    let answer = json!({"id": "msg_01x", "type": "message", "role": "assistant", "model": "claude-1", "stop_reason": "end_turn",
        "content": [{"type": "text", "text": "12 euros."}],
        "usage": {"input_tokens": 10, "output_tokens": 5, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 40,
            "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 30}, "service_tier": "standard"}});
    let call = plain(ANTHROPIC, &request, &answer);
    assert_eq!(
        shown(&call.messages_in),
        [
            "system [Be brief.]",
            "user [balance?]",
            "assistant [thinks hm] [calls t1 get_balance {\"account\":7}] [calls t2 get_rate {}]",
            "tool [result t1 12 EUR] [result t2 no such table]",
        ]
    );
    assert_eq!(shown(&call.messages_out), ["assistant [12 euros.]"]);
    assert_eq!(call.tool_outcomes.iter().map(|tool| tool.has_failed).collect::<Vec<_>>(), [false, true]);
    assert_eq!(call.service_tier.as_deref(), Some("standard"));
    let usage = call.usage.unwrap();
    assert_eq!(
        (usage.input, usage.output, usage.cache_read, usage.cache_write, usage.cache_write_1h, usage.input_rule),
        (Some(150), Some(5), Some(100), Some(40), Some(30), InputRule::ExclusiveByEmitter)
    );
}

#[test]
fn a_streamed_message_is_reassembled_and_one_left_early_has_no_output_count() {
    let request = json!({"model": "claude", "max_tokens": 9, "messages": []});
    let events = [
        json!({"type": "message_start", "message": {"id": "msg_01", "type": "message", "role": "assistant", "model": "claude-1",
            "content": [], "usage": {"input_tokens": 12, "output_tokens": 1}}}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Let me"}}),
        json!({"type": "content_block_start", "index": 1, "content_block": {"type": "tool_use", "id": "t1", "name": "get", "input": {}}}),
        json!({"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": "{\"a\": 1}"}}),
        json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 30}}),
        json!({"type": "message_stop"}),
    ];
    let call = streamed(ANTHROPIC, &request, &sse(&events));
    assert_eq!(shown(&call.messages_out), ["assistant [Let me] [calls t1 get {\"a\":1}]"]);
    assert_eq!(call.usage.as_ref().and_then(|usage| usage.output), Some(30));
    assert_eq!((call.finish_reasons.as_slice(), call.is_complete), (&[FinishReason::ToolCall][..], Some(true)));
    let cut = streamed(ANTHROPIC, &request, &sse(&events[..3]));
    let usage = cut.usage.unwrap();
    assert_eq!(
        (shown(&cut.messages_out), usage.input, usage.output),
        (vec!["assistant [Let me]".to_owned()], Some(12), None)
    );
}

#[test]
fn an_error_keeps_its_status_class_message_and_when_to_try_again() {
    let body = r#"{"type":"error","error":{"type":"rate_limit_error","message":"slow down"}}"#;
    let request = json!({"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "?"}]}).to_string();
    let call = exchange(&Exchange {
        url: Some(ANTHROPIC),
        request: Some(request.as_bytes()),
        status: Some(429),
        response: Some(body.as_bytes()),
        retry_after: Some("1.5"),
        ..Exchange::default()
    });
    let error = call.error.unwrap();
    assert_eq!((error.class().as_str(), error.kind.as_deref()), ("429", Some("rate_limit_error")));
    assert_eq!((error.message.as_str(), error.retry_after_ms), ("slow down", Some(1500)));
    assert_eq!((call.messages_in.len(), call.messages_out.len()), (1, 0));
    let page = Exchange {
        url: Some(ANTHROPIC),
        request: Some(request.as_bytes()),
        status: Some(502),
        response: Some(b"<html>"),
        ..Exchange::default()
    };
    let call = exchange(&page);
    assert_eq!(call.error.unwrap().message, "<html>");
    assert!(call.has_unread_response);
}

#[test]
fn a_result_without_a_call_in_the_request_is_no_tool_of_it() {
    let call =
        plain(OPENAI, &json!({"messages": [{"role": "tool", "tool_call_id": "x", "content": "rain"}]}), &json!({}));
    assert_eq!(call.tool_outcomes, []);
    let continued = json!({"previous_response_id": "r", "input": [{"type": "function_call_output", "call_id": "c", "output": "rain"}]});
    assert_eq!(plain(RESPONSES, &continued, &json!({})).tool_outcomes[0].name, None);
}

#[test]
fn media_are_named_and_their_bytes_left_out() {
    for (content, expected) in [
        (json!({"type": "image_url", "image_url": {"url": "https://x/y.png"}}), "user [? https://x/y.png]"),
        (json!({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}), "user [audio/wav inline]"),
        (json!({"type": "novelty", "data": "AAAA"}), "user [other {\"data\":\"inline\",\"type\":\"novelty\"}]"),
    ] {
        let call = plain(OPENAI, &json!({"messages": [{"role": "user", "content": [content]}]}), &json!({}));
        assert_eq!(shown(&call.messages_in), [expected]);
    }
    let image = json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}});
    let call =
        plain(ANTHROPIC, &json!({"max_tokens": 1, "messages": [{"role": "user", "content": [image]}]}), &json!({}));
    assert_eq!(shown(&call.messages_in), ["user [image/png inline]"]);
    let image =
        json!({"role": "user", "content": [{"type": "input_image", "image_url": "data:image/png;base64,AAAA"}]});
    assert_eq!(
        shown(&plain(RESPONSES, &json!({"input": [image]}), &json!({})).messages_in),
        ["user [image/png inline]"]
    );
}

#[test]
fn a_request_that_was_cut_is_read_as_far_as_it_came() {
    let cut = r#"{"messages": [{"role": "user", "content": "a long que"#;
    let call = exchange(&Exchange {
        url: Some(OPENAI),
        request: Some(cut.as_bytes()),
        is_truncated: true,
        ..Exchange::default()
    });
    assert_eq!(shown(&call.messages_in), ["user [a long que]"]);
    assert!(call.has_unread_request && !call.remarks.is_empty());
    assert_eq!(call.messages_in[0].role, Role::User);
}
