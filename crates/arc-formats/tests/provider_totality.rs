//! Decoding an exchange is total and deterministic, whatever the bodies are and wherever they are cut.

use arc_formats::provider::{Call, Exchange, exchange, usage};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Paths of every shape.
const PATHS: [&str; 18] = [
    "https://api.openai.com/v1/chat/completions",
    "https://api.openai.com/v1/responses",
    "https://api.openai.com/v1/embeddings",
    "https://api.openai.com/v1/completions",
    "https://api.anthropic.com/v1/messages",
    "https://api.anthropic.com/v1/complete",
    "https://generativelanguage.googleapis.com/v1beta/models/m:generateContent",
    "https://generativelanguage.googleapis.com/v1beta/models/m:streamGenerateContent",
    "https://generativelanguage.googleapis.com/v1beta/models/m:batchEmbedContents",
    "https://generativelanguage.googleapis.com/v1beta/interactions",
    "https://bedrock-runtime.eu-west-1.amazonaws.com/model/m%3A0/converse-stream",
    "https://bedrock-runtime.eu-west-1.amazonaws.com/model/m/invoke-with-response-stream",
    "https://bedrock-agent-runtime.eu-west-1.amazonaws.com/agents/A/agentAliases/B/sessions/c/text",
    "https://api.cohere.com/v1/chat",
    "https://api.cohere.com/v2/chat",
    "https://api.cohere.com/v2/rerank",
    "http://localhost:11434/api/chat",
    "http://localhost:11434/api/generate",
];

/// Names that readers look for.
const NAMES: [&str; 40] = [
    "messages",
    "input",
    "system",
    "instructions",
    "tools",
    "content",
    "output",
    "choices",
    "usage",
    "error",
    "id",
    "model",
    "stop_reason",
    "status",
    "delta",
    "index",
    "message",
    "content_block",
    "response",
    "tool_calls",
    "function",
    "contents",
    "parts",
    "candidates",
    "usageMetadata",
    "toolUse",
    "toolConfig",
    "metadata",
    "contentBlockIndex",
    "generation",
    "prompt",
    "text",
    "meta",
    "chat_history",
    "data",
    "embeddings",
    "requests",
    "steps",
    "trace",
    "type",
];

fn run(url: &str, request: &[u8], response: &[u8], content_type: Option<&str>) -> Call {
    let given = Exchange {
        url: Some(url),
        request: Some(request),
        status: Some(200),
        content_type,
        response: Some(response),
        ..Exchange::default()
    };
    let once = exchange(&given);
    assert_eq!(once, exchange(&given));
    // A body that is repeated a hundred times in what was read is an attack.
    let size = format!("{once:?}").len();
    assert!(size < 20_000 + 100 * (request.len() + response.len()), "{size}");
    once
}

fn samples() -> Vec<(&'static str, String, String)> {
    let chunk = |text: &str| {
        format!(
            "data: {}\n\n",
            json!({"id": "c", "choices": [{"index": 0, "delta": {"content": text, "tool_calls":
        [{"index": 0, "id": "t", "function": {"name": "get", "arguments": "{\"a\":"}}]}}]})
        )
    };
    let chat = json!({"model": "m", "messages": [{"role": "user", "content": [{"type": "text", "text": "é?"}]},
        {"role": "assistant", "tool_calls": [{"id": "t", "function": {"name": "get", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "t", "content": "rain"}], "tools": [{"function": {"name": "get"}}]});
    let anthropic = json!({"model": "m", "max_tokens": 1, "system": "s", "messages": [{"role": "user", "content": [
        {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "x"}]}]}]});
    let events = [
        json!({"type": "message_start", "message": {"id": "i", "usage": {"input_tokens": 3, "cache_read_input_tokens": 9}}}),
        json!({"type": "content_block_delta", "index": 1, "delta": {"partial_json": "{\"a\": \"\\u00e9"}}),
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 7}}),
    ];
    let sse: String = events.iter().fold(String::new(), |sse, event| format!("{sse}event: e\r\ndata: {event}\r\n\r\n"));
    let gemini = json!({"contents": [{"role": "user", "parts": [{"text": "?"}, {"functionResponse": {"response": {}}}]}],
        "tools": [{"functionDeclarations": [{"name": "get"}]}], "generationConfig": {"maxOutputTokens": 3}});
    let answers = json!([{"candidates": [{"content": {"parts": [{"text": "a", "thought": true}]}}]},
        {"candidates": [{"content": {"parts": [{"functionCall": {"name": "get", "args": {}}}]}, "finishReason": 1}],
         "usageMetadata": {"promptTokenCount": 3, "thoughtsTokenCount": 4}}]);
    let converse = json!({"messages": [{"role": "user", "content": [{"text": "?"}, {"toolResult": {"toolUseId": "t",
        "content": [{"json": {"a": 1}}], "status": "error"}}]}], "toolConfig": {"tools": [{"toolSpec": {"name": "get"}}]}});
    let answer = json!({"output": {"message": {"role": "assistant", "content": [{"toolUse": {"toolUseId": "t", "name": "get",
        "input": {}}}]}}, "stopReason": "tool_use", "usage": {"inputTokens": 3, "cacheWriteInputTokens": 9}});
    let lines =
        "{\"message\":{\"role\":\"assistant\",\"content\":\"a\"},\"done\":false}\n{\"done\":true,\"eval_count\":3}\n";
    vec![
        (PATHS[0], chat.to_string(), chunk("He") + &chunk("llo") + "data: [DONE]\n\n"),
        (PATHS[4], anthropic.to_string(), sse),
        (PATHS[7], gemini.to_string(), answers.to_string()),
        (PATHS[10], converse.to_string(), answer.to_string()),
        (
            PATHS[14],
            chat.to_string(),
            json!({"id": "i", "message": {"role": "assistant", "content": [{"type": "text",
            "text": "a"}], "tool_plan": "p"}, "finish_reason": "COMPLETE", "usage": {"tokens": {"input_tokens": 3}}})
            .to_string(),
        ),
        (PATHS[16], chat.to_string(), lines.to_owned()),
    ]
}

/// A frame of AWS's event stream whose checksums may be anything.
fn frame() -> impl Strategy<Value = Vec<u8>> {
    (0_u32..200, 0_u32..40, any::<u32>(), prop::collection::vec(any::<u8>(), 0..120)).prop_map(
        |(length, headers, crc, rest)| {
            [&length.to_be_bytes()[..], &headers.to_be_bytes(), &crc.to_be_bytes(), &rest].concat()
        },
    )
}

fn odd_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
        Just(json!([])),
        Just(json!({})),
        Just(json!([null, 1, "x", [], {}, {"type": 1}, {"type": null, "id": 3}, {"role": "user", "content": 3}])),
        Just(
            json!({"message": [], "content": {}, "delta": [], "parts": {}, "index": u64::MAX, "type": "message_start"})
        ),
    ]
}

fn body() -> impl Strategy<Value = Value> {
    let name = || prop::sample::select(NAMES.to_vec());
    let flat = || {
        let fields = prop::collection::vec((name(), odd_value()), 0..6);
        fields.prop_map(|fields| fields.into_iter().collect::<Value>())
    };
    (prop::collection::vec((name(), flat()), 0..4), prop::collection::vec((name(), odd_value()), 0..4), flat())
        .prop_map(|(inner, outer, one)| {
            let inner = inner.into_iter().map(|(name, value)| (name, json!([value.clone(), one.clone(), value])));
            inner.chain(outer).collect()
        })
}

#[test]
fn an_exchange_cut_at_any_byte_reads_as_far_as_it_came() {
    for (url, request, response) in samples() {
        let whole = run(url, request.as_bytes(), response.as_bytes(), None);
        assert!(whole.shape.is_some() && !whole.messages_out.is_empty(), "{url} {:?}", whole.remarks);
        for end in 0..response.len() {
            let cut = run(url, request.as_bytes(), &response.as_bytes()[..end], None);
            assert_eq!((cut.shape, &cut.messages_in), (whole.shape, &whole.messages_in), "{url} {end}");
        }
        for end in 0..request.len() {
            run(url, &request.as_bytes()[..end], response.as_bytes(), None);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_changed_byte_anywhere_is_read_or_said(
        sample in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), byte in any::<u8>(), side in any::<bool>(),
    ) {
        let samples = samples();
        let (url, request, response) = sample.get(&samples);
        let (mut request, mut response) = (request.clone().into_bytes(), response.clone().into_bytes());
        let changed = if side { &mut request } else { &mut response };
        let at = at.index(changed.len());
        changed[at] = byte;
        run(url, &request, &response, None);
    }

    #[test]
    fn no_bodies_whatever_make_a_reader_fail(
        path in prop::sample::select(PATHS.to_vec()), request in body(), response in body(), streamed in any::<bool>(),
    ) {
        let response = if streamed { format!("data: {response}\n\ndata: {response}\n\n") } else { response.to_string() };
        run(path, request.to_string().as_bytes(), response.as_bytes(), None);
        let _ = usage::of(&request);
    }

    #[test]
    fn arbitrary_bytes_are_read_or_said(
        path in prop::sample::select(PATHS.to_vec()), request in prop::collection::vec(any::<u8>(), 0..80),
        response in prop::collection::vec(any::<u8>(), 0..200), framed in any::<bool>(),
    ) {
        run(path, &request, &response, framed.then_some("application/vnd.amazon.eventstream"));
    }

    #[test]
    fn frames_of_any_lengths_are_read_or_said(frames in prop::collection::vec(frame(), 0..4)) {
        run(PATHS[10], b"{\"messages\":[]}", &frames.concat(), Some("application/vnd.amazon.eventstream"));
    }
}
