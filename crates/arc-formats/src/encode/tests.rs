//! What is written for each API, and that what is written reads as what it was.

use arc_model::{Part, Payload, Role};
use serde_json::json;

use super::*;
use crate::provider::{Exchange, exchange};

const OPENAI: &str = "http://localhost:9/v1/chat/completions";
const ANTHROPIC: &str = "http://localhost:9/v1/messages";

fn conversation() -> Vec<Message> {
    let arguments = Payload::Json(json!({"city": "Oslo"}));
    vec![
        Message::text(Role::System, "Be brief."),
        Message::text(Role::User, "Weather in Oslo?"),
        Message {
            role: Role::Assistant,
            name: None,
            parts: vec![
                Part::Reasoning { text: "I have to look.".into() },
                Part::Text { text: "Let me see.".into() },
                Part::ToolCall { id: Some("call_7".into()), name: "weather".into(), arguments },
            ],
        },
        Message {
            role: Role::Tool,
            name: None,
            parts: vec![Part::ToolResult { id: Some("call_7".into()), result: Payload::Text("rain".into()) }],
        },
    ]
}

fn tools() -> Vec<ToolDefinition> {
    let parameters = Some(json!({"type": "object", "properties": {"city": {"type": "string"}}}));
    vec![ToolDefinition { name: "weather".into(), description: Some("Looks it up.".into()), parameters }]
}

fn parameters(value: &Json) -> Attributes {
    value.as_object().unwrap().iter().map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn encoded(api: Api, url: &str, messages: &[Message], settings: &Json) -> Result<Encoded, CannotEncode> {
    let (tools, parameters) = (tools(), parameters(settings));
    let ask = Ask { model: "m", url, messages, system: None, tools: &tools, parameters: &parameters };
    encode(api, &ask)
}

#[test]
fn a_chat_is_written_as_openai_reads_it() {
    let settings = json!({"temperature": 0.5, "max_tokens": 9, "stop_sequences": ["x"], "tool_choice": {"type": "any"},
        "stream": true, "choice.count": 1, "top_k": 3});
    let written = encoded(Api::OpenAi, OPENAI, &conversation(), &settings).unwrap();
    assert_eq!(
        written.body,
        json!({
            "model": "m",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "Weather in Oslo?"},
                {"role": "assistant", "content": "Let me see.", "tool_calls": [{"id": "call_7", "type": "function",
                    "function": {"name": "weather", "arguments": "{\"city\":\"Oslo\"}"}}]},
                {"role": "tool", "tool_call_id": "call_7", "content": "rain"},
            ],
            "tools": [{"type": "function", "function": {"name": "weather", "description": "Looks it up.",
                "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}],
            "temperature": 0.5, "max_tokens": 9, "stop": ["x"], "tool_choice": "required",
        })
    );
    let left_out: Vec<&str> = written.left_out.iter().map(String::as_str).collect();
    assert_eq!(left_out, ["the reasoning of earlier answers", "the setting top_k"]);
    let own = encoded(Api::OpenAi, "https://api.openai.com/v1/chat/completions", &conversation(), &settings).unwrap();
    assert_eq!((&own.body["max_completion_tokens"], own.body.get("max_tokens")), (&json!(9), None));
}

#[test]
fn a_chat_is_written_as_anthropic_reads_it() {
    let settings = json!({"temperature": 1.5, "tool_choice": "required", "parallel_tool_calls": false, "seed": 1});
    let written = encoded(Api::Anthropic, ANTHROPIC, &conversation(), &settings).unwrap();
    assert_eq!(
        written.body,
        json!({
            "model": "m",
            "system": "Be brief.",
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "Weather in Oslo?"}]},
                {"role": "assistant", "content": [{"type": "text", "text": "Let me see."},
                    {"type": "tool_use", "id": "call_7", "name": "weather", "input": {"city": "Oslo"}}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_7", "content": "rain"}]},
            ],
            "tools": [{"name": "weather", "description": "Looks it up.",
                "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}],
            "max_tokens": 4096, "tool_choice": {"type": "any", "disable_parallel_tool_use": true},
        })
    );
    assert!(written.left_out.contains("the setting temperature") && written.left_out.contains("the setting seed"));
}

#[test]
fn what_is_written_reads_as_the_call_it_was() {
    let mut expected = conversation();
    // Reasoning is the provider's own, and not sent to another.
    expected[2].parts.remove(0);
    for (api, url) in [(Api::OpenAi, OPENAI), (Api::Anthropic, ANTHROPIC)] {
        let body = encoded(api, url, &conversation(), &json!({"max_tokens": 9})).unwrap().body.to_string();
        let read = exchange(&Exchange { url: Some(url), request: Some(body.as_bytes()), ..Exchange::default() });
        assert_eq!(read.messages_in, expected, "{url}");
        assert_eq!(read.tools_offered, tools(), "{url}");
        assert_eq!((read.request_model.as_deref(), &read.parameters["max_tokens"]), (Some("m"), &json!(9)), "{url}");
    }
}

#[test]
fn other_instructions_stand_in_for_those_of_the_conversation() {
    let (messages, none) = (conversation(), Attributes::new());
    let ask =
        Ask { model: "m", url: OPENAI, messages: &messages, system: Some("Rhyme."), tools: &[], parameters: &none };
    let body = encode(Api::OpenAi, &ask).unwrap().body;
    let systems = body["messages"].as_array().unwrap().iter().filter(|message| message["role"] == "system");
    assert_eq!(systems.collect::<Vec<_>>(), [&json!({"role": "system", "content": "Rhyme."})]);
}

#[test]
fn calls_without_ids_get_one_and_their_results_follow_in_order() {
    let call = |name: &str| Part::ToolCall { id: None, name: name.into(), arguments: Payload::Json(json!({})) };
    let result = |text: &str| Part::ToolResult { id: None, result: Payload::Text(text.into()) };
    let message = |role, parts| Message { role, name: None, parts };
    let messages = [
        Message::text(Role::User, "go"),
        message(Role::Assistant, vec![call("a"), call("b")]),
        message(Role::Tool, vec![result("1")]),
        message(Role::Tool, vec![result("2")]),
    ];
    let body = encoded(Api::OpenAi, OPENAI, &messages, &json!({})).unwrap().body;
    let ids: Vec<&Json> =
        [("/messages/1/tool_calls/0/id"), ("/messages/1/tool_calls/1/id")].map(|at| body.pointer(at).unwrap()).to_vec();
    assert_eq!(ids, [&body["messages"][2]["tool_call_id"], &body["messages"][3]["tool_call_id"]]);
    assert_ne!(ids[0], ids[1]);
}

#[test]
fn what_cannot_be_asked_as_it_was_is_refused_with_its_reason() {
    let part = |role: Role, part: Part| vec![Message { role, name: None, parts: vec![part] }];
    let text = |text: &str| Part::Text { text: text.into() };
    let orphan = Part::ToolResult { id: Some("x".into()), result: Payload::Text("r".into()) };
    let inline = Part::Media { mime_type: Some("image/png".into()), reference: "inline".into() };
    let mut unanswered = conversation();
    unanswered.pop();
    for (messages, why) in [
        (Vec::new(), CannotEncode::NoMessages),
        (vec![Message::text(Role::System, "only this")], CannotEncode::NoMessages),
        (part(Role::User, text("blake3:0123456789abcdef")), CannotEncode::ContentTreated),
        (part(Role::User, text("long …[12 characters cut]")), CannotEncode::ContentTreated),
        (part(Role::User, inline), CannotEncode::InlineMedia),
        (part(Role::Tool, orphan), CannotEncode::Continued),
        (unanswered, CannotEncode::NoResult),
        (part(Role::Other("critic".into()), text("no")), CannotEncode::UnknownPart),
    ] {
        assert_eq!(encoded(Api::OpenAi, OPENAI, &messages, &json!({})), Err(why), "{messages:?}");
    }
}

#[test]
fn the_base_url_is_the_one_that_the_providers_own_clients_take() {
    assert_eq!(Api::OpenAi.url("https://api.openai.com/v1/"), "https://api.openai.com/v1/chat/completions");
    assert_eq!(Api::Anthropic.url("https://api.anthropic.com"), "https://api.anthropic.com/v1/messages");
    assert_eq!(Api::Anthropic.url("https://gateway.example/v1"), "https://gateway.example/v1/messages");
}
