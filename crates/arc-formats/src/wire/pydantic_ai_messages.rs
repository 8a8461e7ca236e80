//! Messages of Pydantic AI, as `all_messages_json()` writes them: `[{kind: "request", parts: [{part_kind, content}]},
//! {kind: "response", parts, usage, model_name}]`, or a record around such a list.

use arc_model::{AgentName, Json, Place, SessionId, Span};
use serde_json::{Map, json};

use super::{
    Match, Wire,
    answers::{About, Answers},
    describe_json,
    identity::Identities,
    json_documents, place, some_item, transcript,
};
use crate::{
    document::{Content, Document},
    output::Output,
    read::value::{count, is_blank, take, take_text},
};

/// The wire.
pub struct PydanticAiMessages;

impl Wire for PydanticAiMessages {
    fn id(&self) -> &'static str {
        "pydantic-ai-messages"
    }

    fn name(&self) -> &'static str {
        "Messages of Pydantic AI"
    }

    fn expects(&self) -> &'static str {
        "messages of Pydantic AI, `[{kind: \"request\" or \"response\", parts: [{part_kind, …}]}, …]`"
    }

    fn sniff(&self, content: &Content<'_>) -> Option<Match> {
        let Content::Json(value) = content else { return None };
        let fits = is_message(value)
            || is_list(value)
            || is_record(value)
            || some_item(value, is_list)
            || some_item(value, is_record);
        fits.then_some(Match { score: 90, because: "its messages have a `kind` and parts with a `part_kind`" })
    }

    fn decode(&self, documents: Vec<Document<'_>>, out: &mut Output) {
        let mut identities = Identities::default();
        let mut lines = Vec::new();
        let mut first_line = None;
        for (line, value) in json_documents(documents, out) {
            if is_message(&value) {
                first_line = first_line.or(line);
                lines.push(value);
                continue;
            }
            read_value(value, line, "", &mut identities, out);
        }
        if !lines.is_empty() {
            read_value(Json::Array(lines), first_line, "", &mut identities, out);
        }
    }
}

fn is_message(value: &Json) -> bool {
    let kind = value.get("kind").and_then(Json::as_str);
    let has_kind = |part: &Json| part.get("part_kind").is_some();
    matches!(kind, Some("request" | "response")) && value.get("parts").is_some_and(|parts| some_item(parts, has_kind))
}

fn is_list(value: &Json) -> bool {
    some_item(value, is_message)
}

const LISTS: &[&str] = &["messages", "all_messages", "message_history", "new_messages"];

fn is_record(value: &Json) -> bool {
    LISTS.iter().any(|name| value.get(*name).is_some_and(is_list))
}

fn read_value(value: Json, line: Option<u64>, pointer: &str, identities: &mut Identities, out: &mut Output) {
    if !(is_list(&value) || is_record(&value)) {
        match value {
            Json::Array(records) if pointer.is_empty() => {
                for (index, record) in records.into_iter().enumerate() {
                    read_value(record, line, &format!("/{index}"), identities, out);
                }
            }
            other => {
                let found = describe_json(&other);
                out.rejected(place(line, pointer), format!("expected {}, found {found}", PydanticAiMessages.expects()));
            }
        }
        return;
    }
    let mut root = transcript::root(identities.of(PydanticAiMessages.id(), &value));
    root.facts.framework = Some("pydantic-ai".to_owned());
    match value {
        Json::Array(messages) => push(messages, root, line, pointer.to_owned(), out),
        Json::Object(mut record) => {
            let name = LISTS.iter().find(|name| record.get(**name).is_some_and(is_list)).copied().unwrap_or_default();
            let Some(Json::Array(messages)) = record.remove(name) else { return };
            root.facts.agent = take_text(&mut record, &["agent_name", "agent"]).map(AgentName::new);
            root.facts.session = take_text(&mut record, &["conversation_id", "session_id"]).map(SessionId::new);
            root.attributes = record.into_iter().filter(|(_, value)| !is_blank(value)).collect();
            push(messages, root, line, format!("{pointer}/{name}"), out);
        }
        _ => {}
    }
}

fn push(messages: Vec<Json>, root: Span, line: Option<u64>, pointer: String, out: &mut Output) {
    let mut answers = Answers::default();
    let mut instructions = None;
    for (index, message) in messages.into_iter().enumerate() {
        let here = place(line, format!("{pointer}/{index}"));
        let Json::Object(mut message) = message else {
            out.rejected(here, format!("expected a message with a `kind`, found {}", describe_json(&message)));
            continue;
        };
        let parts = match message.remove("parts") {
            Some(Json::Array(parts)) => parts,
            _ => Vec::new(),
        };
        match message.get("kind").and_then(Json::as_str) {
            Some("request") => {
                // Instructions come with every request and are no part of the history.
                let given = message.remove("instructions").filter(|text| !is_blank(text));
                if given.is_some() && given != instructions {
                    instructions.clone_from(&given);
                    add("system", given.unwrap_or_default(), here.clone(), &mut answers);
                }
                for part in parts {
                    add_asked(part, here.clone(), &mut answers, out);
                }
            }
            Some("response") => add_answer(message, parts, &here, &mut answers, out),
            _ => out.rejected(here, "expected a message whose `kind` is `request` or `response`"),
        }
    }
    answers.push(root, About { line, pointer, ..About::default() }, out);
}

fn add(role: &str, content: Json, here: Place, answers: &mut Answers) {
    let message = Map::from_iter([("role".to_owned(), Json::from(role)), ("content".to_owned(), content)]);
    answers.add(message, None, here);
}

fn add_asked(part: Json, here: Place, answers: &mut Answers, out: &mut Output) {
    let Json::Object(mut part) = part else {
        out.rejected(here, format!("expected a part with a `part_kind`, found {}", describe_json(&part)));
        return;
    };
    let kind = take_text(&mut part, &["part_kind"]).unwrap_or_default();
    let content = take(&mut part, &["content"]).unwrap_or_default();
    let tool = take_text(&mut part, &["tool_name"]);
    match kind.as_str() {
        "system-prompt" => add("system", content, here, answers),
        "user-prompt" => add("user", contents(content), here, answers),
        // Without a tool it tells the model that its answer was not accepted.
        "retry-prompt" if tool.is_none() => add("user", content_of_retry(content), here, answers),
        "tool-return" | "builtin-tool-return" | "retry-prompt" => {
            let is_error = (kind == "retry-prompt").then_some(true);
            add_result(&part, tool.as_deref(), &content_of_retry(content), is_error, here, answers);
        }
        other => out.note_once(here, format!("parts of the kind `{other}` in requests are not read")),
    }
}

/// Adds what a tool returned, from what is left of its part.
fn add_result(
    part: &Map<String, Json>,
    tool: Option<&str>,
    content: &Json,
    is_error: Option<bool>,
    here: Place,
    answers: &mut Answers,
) {
    let field = |name: &str| part.get(name).cloned().unwrap_or_default();
    let message = json!({"role": "tool", "name": tool, "tool_call_id": field("tool_call_id"), "content": content,
        "is_error": is_error, "timestamp": field("timestamp")});
    if let Json::Object(mut message) = message {
        message.retain(|name, value| name == "content" || !value.is_null());
        answers.add(message, None, here);
    }
}

/// A retry says what is wrong in words, or as a list of what does not fit the schema.
fn content_of_retry(content: Json) -> Json {
    match content {
        Json::Array(_) | Json::Object(_) => Json::from(content.to_string()),
        text => text,
    }
}

/// Parts of a user's message: texts, and media by their address.
fn contents(content: Json) -> Json {
    let Json::Array(items) = content else { return content };
    let part = |item: Json| match item.get("kind").and_then(Json::as_str) {
        Some(kind) if kind.ends_with("-url") => {
            json!({"type": "uri", "uri": item.get("url"), "mime_type": item.get("media_type")})
        }
        Some("binary") => json!({"type": "blob", "content": "", "mime_type": item.get("media_type")}),
        _ => item,
    };
    Json::Array(items.into_iter().map(part).collect())
}

fn add_answer(mut message: Map<String, Json>, parts: Vec<Json>, here: &Place, answers: &mut Answers, out: &mut Output) {
    let (mut said, mut calls, mut results) = (Vec::new(), Vec::new(), Vec::new());
    for part in parts {
        let field = |name: &str| part.get(name).cloned().unwrap_or_default();
        match part.get("part_kind").and_then(Json::as_str).unwrap_or_default() {
            "text" => said.push(json!({"type": "text", "text": field("content")})),
            "thinking" => {
                if part.get("content").and_then(Json::as_str).is_some_and(|text| !text.is_empty()) {
                    said.push(json!({"type": "reasoning", "content": field("content")}));
                } else {
                    out.note_once(here.clone(), "reasoning that is encrypted is not read");
                }
            }
            "tool-call" | "builtin-tool-call" => {
                calls
                    .push(json!({"id": field("tool_call_id"), "name": field("tool_name"), "arguments": field("args")}));
            }
            "builtin-tool-return" => results.push(part),
            "file" => {
                said.push(json!({"type": "blob", "content": "", "mime_type": part.pointer("/content/media_type")}));
            }
            _ => said.push(part),
        }
    }
    let mut answer = Map::from_iter([
        ("role".to_owned(), Json::from("assistant")),
        ("content".to_owned(), Json::Array(said)),
        ("tool_calls".to_owned(), Json::Array(calls)),
    ]);
    for (names, name) in [
        (&["model_name"][..], "model"),
        (&["provider_response_id", "vendor_id"][..], "id"),
        (&["timestamp"][..], "timestamp"),
        (&["finish_reason"][..], "finish_reason"),
    ] {
        if let Some(value) = take(&mut message, names).filter(|value| !is_blank(value)) {
            answer.insert(name.to_owned(), value);
        }
    }
    if let Some(counts) = message.remove("usage").as_ref().and_then(usage) {
        answer.insert("usage".to_owned(), counts);
    }
    message.remove("kind");
    answer.extend(message.into_iter().filter(|(_, value)| !is_blank(value)));
    answers.add(answer, None, here.clone());
    for result in results {
        add_asked(result, here.clone(), answers, out);
    }
}

/// Counts, in the names of version 1 or those before it; the input includes what was cached.
fn usage(counts: &Json) -> Option<Json> {
    let at = |names: [&str; 2]| names.iter().find_map(|name| counts.get(*name).and_then(count));
    let (input, output) = (at(["input_tokens", "request_tokens"]), at(["output_tokens", "response_tokens"]));
    // Zeros stand for counts that the provider did not report.
    if input.unwrap_or(0) == 0 && output.unwrap_or(0) == 0 {
        return None;
    }
    let detail = |name: &str| counts.get("details").and_then(|details| details.get(name)).and_then(count);
    let read = at(["cache_read_tokens", "cached_tokens"]).or_else(|| detail("cached_tokens"));
    Some(json!({
        "prompt_tokens": input,
        "completion_tokens": output,
        "prompt_tokens_details": {"cached_tokens": read, "cache_write_tokens": at(["cache_write_tokens", "cache_write_tokens"]),
            "audio_tokens": at(["input_audio_tokens", "input_audio_tokens"])},
        "completion_tokens_details": {"reasoning_tokens": detail("reasoning_tokens").or_else(|| detail("thoughts_tokens")),
            "audio_tokens": at(["output_audio_tokens", "output_audio_tokens"])},
    }))
}
