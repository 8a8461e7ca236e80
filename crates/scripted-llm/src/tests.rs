//! Plays scripts over the router; `ask` is the one way in: a script and a request, to status and body.

use std::sync::Arc;

use axum::{body::Body, http::Request};
use expect_test::{Expect, expect};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::{desk::Desk, http::router, script::Script};

struct Server(axum::Router);

impl Server {
    fn play(script: &str) -> Self {
        Self(router(Arc::new(Desk::new(Script::parse(script).unwrap()))))
    }

    async fn send(&self, method: &str, path: &str, body: String) -> (u16, String) {
        let request = Request::builder().method(method).uri(path).header("authorization", "Bearer sk-secret");
        let response = self.0.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
        let status = response.status().as_u16();
        // A cut connection is an error of the body.
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await;
        (
            status,
            body.map_or_else(|_| "(connection cut)".to_owned(), |bytes| String::from_utf8_lossy(&bytes).into_owned()),
        )
    }

    async fn ask(&self, path: &str, body: Value) -> (u16, String) {
        self.send("POST", path, body.to_string()).await
    }

    async fn answer(&self, path: &str, body: Value) -> Value {
        serde_json::from_str(&self.ask(path, body).await.1).unwrap()
    }

    async fn chat(&self, model: &str, text: &str) -> String {
        let body = json!({"model": model, "messages": [{"role": "user", "content": text}]});
        let answer = self.answer("/v1/chat/completions", body).await;
        let text = answer.pointer("/choices/0/message/content").or_else(|| answer.pointer("/error/message"));
        text.unwrap().as_str().unwrap().to_owned()
    }
}

fn check(found: &str, expected: &Expect) {
    expected.assert_eq(found);
}

#[tokio::test]
async fn the_first_rule_that_fits_and_is_not_used_up_answers() {
    let server = Server::play(
        r#"
        [[reply]]
        match = { model = "gpt-4o*", contains = "weather" }
        times = 1
        text = "once"

        [[reply]]
        match = { contains = "weather" }
        text = "again"

        [[reply]]
        text = "anything"
        "#,
    );
    assert_eq!(server.chat("gpt-4o-mini", "the weather?").await, "once");
    assert_eq!(server.chat("gpt-4o-mini", "the weather?").await, "again");
    assert_eq!(server.chat("o3", "the time?").await, "anything");
}

#[tokio::test]
async fn a_request_nobody_expects_gets_a_404_that_names_the_rules_tried() {
    let server = Server::play(
        r#"
        [[reply]]
        name = "greeting"
        match = { model = "gpt-4o" }
        times = 1
        text = "hello"

        [[reply]]
        match = { contains = "bye", last_role = "user" }
        text = "bye"

        [[reply]]
        match = { headers = { x-part = "2" } }
        "#,
    );
    server.chat("gpt-4o", "hi").await;
    let (status, body) = server.ask("/v1/messages", json!({"model": "claude", "messages": []})).await;
    assert_eq!(status, 404);
    check(
        &body,
        &expect![[
            r#"{"error":{"message":"no rule of the script answers this messages request for model `claude` whose last message () is ``. Tried: rule 1 `greeting`: used up after 1; rule 2: expects `bye` in the last message; rule 3: expects header x-part `2`, the request has ``","type":"not_found_error"},"type":"error"}"#
        ]],
    );
}

#[tokio::test]
async fn a_tool_result_is_the_last_message_in_every_interface() {
    let server = Server::play(
        r#"
        [[reply]]
        match = { last_role = "tool", contains = "sunny" }
        text = "take a hat"
        "#,
    );
    let chat = json!({"messages": [{"role": "user", "content": "weather?"}, {"role": "tool", "content": "sunny"},
        {"role": "tool", "content": "21 degrees"}]});
    let items = json!({"input": [{"role": "user", "content": "weather?"}, {"type": "function_call_output", "output": "sunny"}]});
    let blocks = json!({"messages": [{"role": "user", "content": [
        {"type": "tool_result", "content": [{"type": "text", "text": "sunny"}]}]}]});
    for (path, body) in [("/v1/chat/completions", chat), ("/v1/responses", items), ("/v1/messages", blocks)] {
        let (status, body) = server.ask(path, body).await;
        assert!(status == 200 && body.contains("take a hat"), "{path}: {body}");
    }
}

const ANSWER: &str = r#"
[[reply]]
text = "It is sunny in Oslo."
tool_calls = [{ name = "search", arguments = { query = "hats", limit = 3 } }]
usage = { input = 1200, output = 30, cached = 1024, cache_write = 100, reasoning = 8 }
model = "model-2024-08-06"
"#;

#[tokio::test]
async fn usage_follows_each_providers_rule_of_inclusion() {
    let server = Server::play(ANSWER);
    let chat = server.answer("/v1/chat/completions", json!({"model": "m"})).await;
    assert_eq!(chat["usage"]["prompt_tokens"], 1200);
    assert_eq!(chat["usage"]["prompt_tokens_details"]["cached_tokens"], 1024);
    assert_eq!(chat["usage"]["completion_tokens_details"]["reasoning_tokens"], 8);
    let response = server.answer("/v1/responses", json!({"model": "m"})).await;
    assert_eq!(response["usage"]["total_tokens"], 1230);
    assert_eq!(response["usage"]["input_tokens_details"]["cached_tokens"], 1024);
    let message = server.answer("/v1/messages", json!({"model": "m"})).await;
    assert_eq!(message["usage"]["input_tokens"], 1200 - 1024 - 100);
    assert_eq!(message["usage"]["cache_read_input_tokens"], 1024);
    assert_eq!(message["usage"]["cache_creation_input_tokens"], 100);
}

#[tokio::test]
async fn usage_the_script_does_not_give_is_counted_in_words() {
    let server = Server::play("[[reply]]\ntext = \"one two three\"");
    let answer = server.answer("/v1/messages", json!({"system": "be brief", "messages": [{"content": "count"}]})).await;
    assert_eq!(answer["usage"]["input_tokens"], 3);
    assert_eq!(answer["usage"]["output_tokens"], 3);
}

#[tokio::test]
async fn the_three_interfaces_render_one_answer_in_their_own_words() {
    let server = Server::play(ANSWER);
    let chat = server.answer("/v1/chat/completions", json!({"model": "m"})).await;
    check(
        &chat["choices"].to_string(),
        &expect![[
            r#"[{"finish_reason":"tool_calls","index":0,"logprobs":null,"message":{"annotations":[],"content":"It is sunny in Oslo.","refusal":null,"role":"assistant","tool_calls":[{"function":{"arguments":"{\"limit\":3,\"query\":\"hats\"}","name":"search"},"id":"call_1","type":"function"}]}}]"#
        ]],
    );
    let response = server.answer("/v1/responses", json!({"model": "m"})).await;
    check(
        &response["output"].to_string(),
        &expect![[
            r#"[{"content":[{"annotations":[],"logprobs":[],"text":"It is sunny in Oslo.","type":"output_text"}],"id":"msg_2","role":"assistant","status":"completed","type":"message"},{"arguments":"{\"limit\":3,\"query\":\"hats\"}","call_id":"call_2","id":"fc_2","name":"search","status":"completed","type":"function_call"}]"#
        ]],
    );
    let message = server.answer("/v1/messages", json!({"model": "m"})).await;
    check(
        &message.to_string(),
        &expect![[
            r#"{"content":[{"text":"It is sunny in Oslo.","type":"text"},{"id":"toolu_3","input":{"limit":3,"query":"hats"},"name":"search","type":"tool_use"}],"id":"msg_3","model":"model-2024-08-06","role":"assistant","stop_reason":"tool_use","stop_sequence":null,"type":"message","usage":{"cache_creation":{"ephemeral_1h_input_tokens":0,"ephemeral_5m_input_tokens":100},"cache_creation_input_tokens":100,"cache_read_input_tokens":1024,"input_tokens":76,"output_tokens":30,"service_tier":"standard"}}"#
        ]],
    );
}

#[tokio::test]
async fn a_chat_stream_splits_text_and_arguments_and_ends_with_the_usage_asked_for() {
    let server = Server::play(ANSWER);
    let body = json!({"model": "m", "stream": true, "stream_options": {"include_usage": true}});
    let (_, text) = server.ask("/v1/chat/completions", body).await;
    check(
        &summary(&text, &["choices", "usage"]),
        &expect![[r#"
        data choices=[{"delta":{"content":"","refusal":null,"role":"assistant"},"finish_reason":null,"index":0,"logprobs":null}] usage=null
        data choices=[{"delta":{"content":"It is sunny "},"finish_reason":null,"index":0,"logprobs":null}] usage=null
        data choices=[{"delta":{"content":"in Oslo."},"finish_reason":null,"index":0,"logprobs":null}] usage=null
        data choices=[{"delta":{"tool_calls":[{"function":{"arguments":"","name":"search"},"id":"call_1","index":0,"type":"function"}]},"finish_reason":null,"index":0,"logprobs":null}] usage=null
        data choices=[{"delta":{"tool_calls":[{"function":{"arguments":"{\"limit\":3,\""},"index":0}]},"finish_reason":null,"index":0,"logprobs":null}] usage=null
        data choices=[{"delta":{"tool_calls":[{"function":{"arguments":"query\":\"hats"},"index":0}]},"finish_reason":null,"index":0,"logprobs":null}] usage=null
        data choices=[{"delta":{"tool_calls":[{"function":{"arguments":"\"}"},"index":0}]},"finish_reason":null,"index":0,"logprobs":null}] usage=null
        data choices=[{"delta":{},"finish_reason":"tool_calls","index":0,"logprobs":null}] usage=null
        data choices=[] usage={"completion_tokens":30,"completion_tokens_details":{"accepted_prediction_tokens":0,"audio_tokens":0,"reasoning_tokens":8,"rejected_prediction_tokens":0},"prompt_tokens":1200,"prompt_tokens_details":{"audio_tokens":0,"cached_tokens":1024},"total_tokens":1230}
        data [DONE]
    "#]],
    );
    let (_, text) = server.ask("/v1/chat/completions", json!({"stream": true})).await;
    assert!(!text.contains("usage") && text.ends_with("data: [DONE]\n\n"), "{text}");
}

#[tokio::test]
async fn a_responses_stream_numbers_its_events_from_created_to_completed() {
    let (_, text) = Server::play(ANSWER).ask("/v1/responses", json!({"model": "m", "stream": true})).await;
    let fields = ["sequence_number", "output_index", "delta", "text", "arguments"];
    check(
        &summary(&text, &fields),
        &expect![[r#"
        response.created sequence_number=0
        response.in_progress sequence_number=1
        response.output_item.added sequence_number=2 output_index=0
        response.content_part.added sequence_number=3 output_index=0
        response.output_text.delta sequence_number=4 output_index=0 delta="It is sunny "
        response.output_text.delta sequence_number=5 output_index=0 delta="in Oslo."
        response.output_text.done sequence_number=6 output_index=0 text="It is sunny in Oslo."
        response.content_part.done sequence_number=7 output_index=0
        response.output_item.done sequence_number=8 output_index=0
        response.output_item.added sequence_number=9 output_index=1
        response.function_call_arguments.delta sequence_number=10 output_index=1 delta="{\"limit\":3,\""
        response.function_call_arguments.delta sequence_number=11 output_index=1 delta="query\":\"hats"
        response.function_call_arguments.delta sequence_number=12 output_index=1 delta="\"}"
        response.function_call_arguments.done sequence_number=13 output_index=1 arguments="{\"limit\":3,\"query\":\"hats\"}"
        response.output_item.done sequence_number=14 output_index=1
        response.completed sequence_number=15
    "#]],
    );
}

#[tokio::test]
async fn a_messages_stream_wraps_each_block_and_ends_with_the_final_usage() {
    let (_, text) = Server::play(ANSWER).ask("/v1/messages", json!({"model": "m", "stream": true})).await;
    check(
        &summary(&text, &["index", "content_block", "delta", "usage"]),
        &expect![[r#"
        message_start
        ping
        content_block_start index=0 content_block={"text":"","type":"text"}
        content_block_delta index=0 delta={"text":"It is sunny ","type":"text_delta"}
        content_block_delta index=0 delta={"text":"in Oslo.","type":"text_delta"}
        content_block_stop index=0
        content_block_start index=1 content_block={"id":"toolu_1","input":{},"name":"search","type":"tool_use"}
        content_block_delta index=1 delta={"partial_json":"","type":"input_json_delta"}
        content_block_delta index=1 delta={"partial_json":"{\"limit\":3,\"","type":"input_json_delta"}
        content_block_delta index=1 delta={"partial_json":"query\":\"hats","type":"input_json_delta"}
        content_block_delta index=1 delta={"partial_json":"\"}","type":"input_json_delta"}
        content_block_stop index=1
        message_delta delta={"stop_reason":"tool_use","stop_sequence":null} usage={"cache_creation_input_tokens":100,"cache_read_input_tokens":1024,"input_tokens":76,"output_tokens":30}
        message_stop
    "#]],
    );
}

/// Shows a stream: one line per event, with its name and the named fields of its data.
fn summary(stream: &str, fields: &[&str]) -> String {
    let mut out = String::new();
    for frame in stream.split_terminator("\n\n") {
        let name = frame.lines().find_map(|line| line.strip_prefix("event: ")).unwrap_or("data");
        let data = frame.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
        let shown = serde_json::from_str::<Value>(data).map_or_else(
            |_| data.to_owned(),
            |data| {
                fields
                    .iter()
                    .filter_map(|field| Some(format!("{field}={}", data.get(field)?)))
                    .collect::<Vec<_>>()
                    .join(" ")
            },
        );
        out.push_str(format!("{name} {shown}").trim_end());
        out.push('\n');
    }
    out
}

#[tokio::test]
async fn failures_have_the_status_and_the_shape_of_their_provider() {
    let server = Server::play(
        r#"
        [[reply]]
        times = 1
        error = "rate_limit"
        [[reply]]
        times = 1
        error = "overloaded"
        error_message = "try later"
        [[reply]]
        error = "server_error"
        "#,
    );
    let mut shown = String::new();
    for path in ["/v1/chat/completions", "/v1/messages", "/v1/responses"] {
        let (status, body) = server.ask(path, json!({})).await;
        shown = format!("{shown}{status} {body}\n");
    }
    check(
        &shown,
        &expect![[r#"
        429 {"error":{"code":null,"message":"rate limit reached","param":null,"type":"rate_limit_exceeded"}}
        529 {"error":{"message":"try later","type":"overloaded_error"},"type":"error"}
        500 {"error":{"code":null,"message":"the server had an error","param":null,"type":"server_error"}}
    "#]],
    );
}

#[tokio::test]
async fn a_rate_limit_says_when_to_come_back() {
    let router =
        router(Arc::new(Desk::new(Script::parse("[[reply]]\nerror = \"rate_limit\"\nretry_after_ms = 1500").unwrap())));
    let request = Request::post("/v1/responses").body(Body::from("{}")).unwrap();
    let response = router.oneshot(request).await.unwrap();
    assert_eq!(response.headers()["retry-after"], "2");
    assert_eq!(response.headers()["retry-after-ms"], "1500");
}

#[tokio::test]
async fn answers_can_break_in_the_middle() {
    let streamed = json!({"stream": true});
    let cut = Server::play("[[reply]]\ntext = \"a longer text to cut in two\"\nerror = \"cut\"");
    assert_eq!(cut.ask("/v1/messages", streamed.clone()).await.1, "(connection cut)");
    assert_eq!(cut.ask("/v1/messages", json!({})).await.1, "(connection cut)");
    let silent = Server::play("[[reply]]\nerror = \"timeout\"\nhang_ms = 1");
    assert_eq!(silent.ask("/v1/messages", json!({})).await.1, "(connection cut)");
    let malformed = Server::play("[[reply]]\ntext = \"hello\"\nerror = \"malformed\"");
    let (status, body) = malformed.ask("/v1/responses", json!({})).await;
    assert!(status == 200 && serde_json::from_str::<Value>(&body).is_err(), "{body}");
    let error = Server::play("[[reply]]\ntext = \"hello\"\nerror = \"stream_error\"");
    let (status, body) = error.ask("/v1/messages", streamed).await;
    assert!(status == 200 && body.contains("event: error\n") && !body.contains("message_stop"), "{body}");
}

#[tokio::test]
async fn a_script_starts_over_after_a_reset_and_gives_the_same_ids() {
    let server = Server::play(ANSWER);
    let first = server.answer("/v1/chat/completions", json!({"model": "m"})).await;
    assert_ne!(server.answer("/v1/chat/completions", json!({"model": "m"})).await, first);
    assert_eq!(server.send("POST", "/reset", String::new()).await.0, 204);
    assert_eq!(server.answer("/v1/chat/completions", json!({"model": "m"})).await, first);
}

#[tokio::test]
async fn the_log_shows_what_was_asked_and_hides_credentials() {
    let server = Server::play("[[reply]]\nname = \"any\"\nmatch = { contains = \"hi\" }\ntext = \"hello\"");
    server.chat("m", "hi").await;
    server.chat("m", "what").await;
    let (_, log) = server.send("GET", "/requests", String::new()).await;
    assert!(!log.contains("sk-secret"), "{log}");
    let log: Value = serde_json::from_str(&log).unwrap();
    assert_eq!((&log["requests"][0]["rule_name"], &log["requests"][1]["rule"]), (&json!("any"), &Value::Null));
    assert_eq!(log["requests"][1]["body"]["messages"][0]["content"], "what");
}

#[tokio::test]
async fn the_models_of_the_script_are_listed() {
    let server = Server::play("[[reply]]\nmatch = { model = \"gpt-4o\" }\n[[reply]]\nmatch = { model = \"claude*\" }");
    let (_, body) = server.send("GET", "/v1/models", String::new()).await;
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&body["data"][0]["id"], &body["data"][1]), (&json!("gpt-4o"), &Value::Null));
}

#[test]
fn a_misspelled_key_is_an_error_with_its_place() {
    let error = Script::parse("[[reply]]\ntext = \"a\"\ntool_call = []").unwrap_err().to_string();
    assert!(error.contains("line 3") && error.contains("tool_call"), "{error}");
}

const RAIN: &str = r#"
    [[reply]]
    match = { last_role = "tool", contains = "rain" }
    text = "Take an umbrella."
    usage = { input = 20, output = 5, cached = 8 }

    [[reply]]
    match = { model = "m-1" }
    tool_calls = [{ name = "look", arguments = { city = "Oslo" } }]
    usage = { input = 10, output = 3 }
"#;

#[tokio::test]
async fn gemini_names_the_model_and_the_stream_in_its_path() {
    let server = Server::play(RAIN);
    let asked = json!({"contents": [{"role": "user", "parts": [{"text": "rain?"}]}]});
    let answer = server.answer("/v1beta/models/m-1:generateContent", asked).await;
    assert_eq!(
        answer.pointer("/candidates/0/content/parts/0/functionCall"),
        Some(&json!({"name": "look", "args": {"city": "Oslo"}}))
    );
    assert_eq!(answer.pointer("/usageMetadata/promptTokenCount"), Some(&json!(10)));
    let result = json!({"functionResponse": {"name": "look", "response": {"result": "rain"}}});
    let told = json!({"contents": [{"role": "user", "parts": [result]}]});
    let (_, text) = server.ask("/v1beta/models/m-1:streamGenerateContent?alt=sse", told).await;
    assert_eq!(text.matches("data: ").count(), 2);
    assert!(text.contains("\"finishReason\":\"STOP\""), "{text}");
}

#[tokio::test]
async fn bedrock_streams_in_frames_under_checksums() {
    let server = Server::play(RAIN);
    let asked = json!({"messages": [{"role": "user", "content": [{"text": "rain?"}]}]});
    let answer = server.answer("/model/m-1/converse", asked.clone()).await;
    assert_eq!(
        answer.pointer("/output/message/content/0/toolUse"),
        Some(&json!({"toolUseId": "tooluse_1", "name": "look", "input": {"city": "Oslo"}}))
    );
    let (status, _) = server.ask("/model/m-1/converse-stream", asked).await;
    assert_eq!(status, 200);
    let frame = crate::bedrock::frame("messageStop", &json!({"stopReason": "end_turn"})).into_bytes();
    let length = u32::try_from(frame.len()).unwrap().to_be_bytes();
    assert_eq!(frame[..4], length);
    assert_eq!(frame[frame.len() - 4..], crc32fast::hash(&frame[..frame.len() - 4]).to_be_bytes());
}

#[tokio::test]
async fn cohere_and_ollama_answer_in_their_own_words() {
    let server = Server::play(RAIN);
    let told = json!({"model": "m", "messages": [{"role": "tool", "tool_call_id": "1", "content": "rain"}]});
    let cohere = server.answer("/v2/chat", told.clone()).await;
    assert_eq!(cohere.get("finish_reason"), Some(&json!("COMPLETE")));
    assert_eq!(cohere.pointer("/usage/tokens/input_tokens"), Some(&json!(20)));
    let (_, lines) = server.ask("/api/chat", told).await;
    let last: Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
    assert_eq!((last.get("done"), last.get("eval_count")), (Some(&json!(true)), Some(&json!(5))));
}

#[tokio::test]
async fn embeddings_have_one_vector_for_each_text() {
    let server = Server::play("[[reply]]\nusage = { input = 4 }");
    let answer = server.answer("/v1/embeddings", json!({"model": "e", "input": ["a", "b"]})).await;
    assert_eq!(answer.get("data").and_then(Value::as_array).unwrap().len(), 2);
    assert_eq!(answer.pointer("/usage/prompt_tokens"), Some(&json!(4)));
}

#[tokio::test]
async fn a_failure_is_told_as_the_provider_would() {
    let server = Server::play("[[reply]]\nerror = \"rate_limit\"\nerror_message = \"slow down\"");
    let ask = async |path: &str| server.ask(path, json!({"messages": []})).await;
    let gemini = json!({"error": {"code": 429, "message": "slow down", "status": "RESOURCE_EXHAUSTED"}});
    assert_eq!(ask("/v1beta/models/m:generateContent").await, (429, gemini.to_string()));
    assert_eq!(ask("/model/m/converse").await, (429, json!({"message": "slow down"}).to_string()));
    assert_eq!(ask("/api/chat").await, (429, json!({"error": "slow down"}).to_string()));
}
