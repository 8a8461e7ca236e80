//! How long it takes to decode one exchange of about ten kilobytes.

use arc_formats::provider::{Exchange, exchange};
use divan::{Bencher, black_box};
use serde_json::json;

fn main() {
    divan::main();
}

/// A request of about seven kilobytes: a conversation with tools, as agents send it.
fn request() -> String {
    let turn = |index: usize| {
        [
            json!({"role": "assistant", "content": null, "tool_calls": [{"id": format!("call_{index}"), "type": "function",
                "function": {"name": "search", "arguments": json!({"query": "opening hours", "page": index}).to_string()}}]}),
            json!({"role": "tool", "tool_call_id": format!("call_{index}"), "content": "The library opens at nine. ".repeat(20)}),
        ]
    };
    let system = json!({"role": "system", "content": "You help people find things. ".repeat(30)});
    let messages: Vec<_> = std::iter::once(system).chain((0..6).flat_map(turn)).collect();
    let tool = json!({"type": "function", "function": {"name": "search", "description": "Searches.", "parameters":
        {"type": "object", "properties": {"query": {"type": "string"}, "page": {"type": "integer"}}}}});
    json!({"model": "gpt-4o", "temperature": 0.2, "messages": messages, "tools": [tool.clone(), tool]}).to_string()
}

fn bench(bencher: Bencher<'_, '_>, response: &str) {
    let request = request();
    let size = request.len() + response.len();
    assert!((8_000..13_000).contains(&size), "{size}");
    let given = Exchange {
        url: Some("https://api.openai.com/v1/chat/completions"),
        request: Some(request.as_bytes()),
        status: Some(200),
        response: Some(response.as_bytes()),
        ..Exchange::default()
    };
    bencher.counter(divan::counter::BytesCount::new(size)).bench_local(|| exchange(black_box(&given)));
}

#[divan::bench]
fn plain(bencher: Bencher<'_, '_>) {
    let answer = json!({"id": "c", "object": "chat.completion", "model": "gpt-4o", "choices": [{"index": 0, "finish_reason": "stop",
        "message": {"role": "assistant", "content": "It opens at nine and closes at six. ".repeat(80)}}],
        "usage": {"prompt_tokens": 900, "completion_tokens": 700, "total_tokens": 1600}});
    bench(bencher, &answer.to_string());
}

#[divan::bench]
fn streamed(bencher: Bencher<'_, '_>) {
    let chunk = json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "gpt-4o",
        "choices": [{"index": 0, "delta": {"content": " nine"}, "finish_reason": null}]});
    bench(bencher, &(format!("data: {chunk}\n\n").repeat(24) + "data: [DONE]\n\n"));
}
