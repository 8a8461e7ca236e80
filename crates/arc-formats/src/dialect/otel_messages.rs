//! Messages of OpenTelemetry's conventions: attributes, and the events that carried them before.

use std::sync::Arc;

use arc_model::{FinishReason, Json, Message, Part, Role, SpanEvent, shared};
use serde_json::Map;

use super::{Found, Reading};
use crate::{
    raw::RawSpan,
    read::{
        attributes::Reader,
        halves::without_halves,
        messages,
        parts::{Beside, read_content},
        seen::Seen,
        value::{describe_kind, structured},
    },
};

const INPUT: &str = "gen_ai.input.messages";
const OUTPUT: &str = "gen_ai.output.messages";
const INSTRUCTIONS: &str = "gen_ai.system_instructions";

/// Adds the messages of a span to what is read of it. Attributes go before events.
pub(super) fn read(span: &RawSpan, reading: &mut Reading) {
    let mut found = Messages::default();
    found.add_attributes(Reader::new(&span.attributes), &span.seen, reading, true);
    let in_attributes = !found.input.value.is_empty() || !found.output.value.is_empty();
    if !in_attributes {
        for (index, event) in span.events.iter().enumerate() {
            let whole = found.add_event(event, &span.seen, reading);
            if whole {
                reading.message_events.push(index);
            }
        }
    }
    if reading.finish_reason.is_none() {
        reading.finish_reason = found.finish_reason.map(Found::kept);
    }
    if !found.input.value.is_empty() {
        reading.messages_in = Some(found.input);
    }
    if !found.output.value.is_empty() {
        reading.messages_out = Some(found.output);
    }
}

struct Messages {
    input: Found<Vec<Arc<Message>>>,
    output: Found<Vec<Arc<Message>>>,
    finish_reason: Option<FinishReason>,
}

impl Default for Messages {
    fn default() -> Self {
        Self { input: Found::kept(Vec::new()), output: Found::kept(Vec::new()), finish_reason: None }
    }
}

impl Messages {
    /// Reads the three attributes, of a span or of the event that may carry them instead.
    fn add_attributes(&mut self, attributes: Reader<'_>, seen: &Seen, reading: &mut Reading, consume: bool) {
        if let Some(messages) = attributes.get(INSTRUCTIONS).and_then(|value| instructions(value, seen, reading)) {
            self.input.value.extend(messages);
            self.input.from.extend(consume.then(|| INSTRUCTIONS.to_owned()));
        }
        for (name, is_output) in [(INPUT, false), (OUTPUT, true)] {
            let Some(value) = attributes.get(name) else { continue };
            let from = consume.then(|| name.to_owned());
            if let Some(messages) = seen.messages(value) {
                for (message, finish_reason) in messages {
                    self.push(message, finish_reason, is_output);
                }
                self.side(is_output).from.extend(from);
                continue;
            }
            let Some(list) = list(value) else {
                // Often an exporter's limit on the length of attributes.
                reading.repaired(format!(
                    "`{name}` holds no list of messages but {}, or JSON that breaks off; it is kept as it came",
                    describe_kind(value)
                ));
                continue;
            };
            if value.as_str().is_some_and(|text| without_halves(text).is_some()) {
                reading.repaired(format!(
                    "`{name}` holds half a character, as of a text that was cut inside an emoji; it is U+FFFD now"
                ));
            }
            self.add(name, list, is_output, reading);
            self.side(is_output).from.extend(from);
        }
    }

    fn add(&mut self, name: &str, list: Vec<Json>, is_output: bool, reading: &mut Reading) {
        for (index, value) in list.into_iter().enumerate() {
            let read = messages::read(value);
            if let Some(problem) = read.problem {
                reading.repaired(format!(
                    "message {index} of `{name}`: {problem}; it is kept as a message of an unknown speaker"
                ));
            }
            for field in read.beside.lost.iter().chain(read.rest.keys()) {
                reading.note_once(format!("`{field}` in the messages of `{name}` is not read"));
            }
            self.push(read.message.into(), read.finish_reason, is_output);
        }
    }

    fn push(&mut self, message: Arc<Message>, finish_reason: Option<FinishReason>, is_output: bool) {
        if is_output {
            self.finish_reason = self.finish_reason.take().or(finish_reason);
        }
        self.side(is_output).value.push(message);
    }

    fn side(&mut self, is_output: bool) -> &mut Found<Vec<Arc<Message>>> {
        if is_output { &mut self.output } else { &mut self.input }
    }

    /// Reads an event; returns whether the messages hold all of it.
    fn add_event(&mut self, event: &SpanEvent, seen: &Seen, reading: &mut Reading) -> bool {
        let attributes = Reader::new(&event.attributes);
        let (carrier, list) = match event.name.as_str() {
            "gen_ai.content.prompt" => {
                ("gen_ai.prompt", attributes.get("gen_ai.prompt").map(|value| text_or_list(value, "user")))
            }
            "gen_ai.content.completion" => {
                ("gen_ai.completion", attributes.get("gen_ai.completion").map(|value| text_or_list(value, "assistant")))
            }
            "gen_ai.client.inference.operation.details" => {
                self.add_attributes(attributes, seen, reading, false);
                return false;
            }
            "gen_ai.choice" => ("gen_ai.event.content", Some(vec![choice(event)])),
            name => {
                let role = name.strip_prefix("gen_ai.").and_then(|name| name.strip_suffix(".message"));
                let Some(role) = role else { return false };
                ("gen_ai.event.content", Some(vec![with_role(body(event), role)]))
            }
        };
        let Some(list) = list else { return false };
        let is_output = matches!(event.name.as_str(), "gen_ai.content.completion" | "gen_ai.choice");
        self.add(&event.name, list, is_output, reading);
        let described = |name: &str| ENVELOPE.contains(&name) || name == carrier || BODY.contains(&name);
        event.attributes.keys().all(|name| described(name))
    }
}

/// Attributes of an event that only say whose event it is.
const ENVELOPE: &[&str] = &["gen_ai.system", "gen_ai.provider.name", "event.name"];

/// Fields of a message or choice that some emitters write as attributes of the event.
const BODY: &[&str] = &["content", "role", "tool_calls", "id", "name", "message", "finish_reason", "index"];

fn list(value: &Json) -> Option<Vec<Json>> {
    match structured(value)? {
        Json::Array(items) => Some(items),
        single => Some(vec![single]),
    }
}

fn text_or_list(value: &Json, role: &str) -> Vec<Json> {
    list(value).unwrap_or_else(|| {
        let fields = [("role".to_owned(), Json::from(role)), ("content".to_owned(), value.clone())];
        vec![Json::Object(fields.into_iter().collect())]
    })
}

/// Reads instructions: parts, a text, or messages.
fn instructions(value: &Json, seen: &Seen, reading: &mut Reading) -> Option<Vec<Arc<Message>>> {
    if let Some(messages) = seen.instructions(value) {
        return Some(messages);
    }
    let items = list(value).unwrap_or_else(|| vec![value.clone()]);
    if items.iter().any(|item| item.get("role").is_some()) {
        return Some(shared(items.into_iter().map(|item| messages::read(item).message)));
    }
    let mut beside = Beside::default();
    let parts = read_content(Json::Array(items), &mut beside);
    let is_whole = beside.lost.is_empty();
    for field in beside.lost {
        reading.note_once(format!("`{field}` in the parts of `{INSTRUCTIONS}` is not read"));
    }
    let says_something = parts.iter().any(|part| !matches!(part, Part::Text { text } if text.is_empty()));
    let messages = says_something.then(|| shared([Message { role: Role::System, name: None, parts }]))?;
    if is_whole {
        seen.keep_instructions(value, &messages);
    }
    Some(messages)
}

/// Returns what an event says: its content as JSON, or its attributes.
fn body(event: &SpanEvent) -> Map<String, Json> {
    let content = event.attributes.get("gen_ai.event.content").and_then(structured);
    if let Some(Json::Object(fields)) = content {
        return fields;
    }
    let fields = event.attributes.iter().filter(|(name, _)| BODY.contains(&name.as_str()));
    let parsed = |name: &str, value: &Json| match name {
        "tool_calls" | "message" => structured(value).unwrap_or_else(|| value.clone()),
        _ => value.clone(),
    };
    fields.map(|(name, value)| (name.clone(), parsed(name, value))).collect()
}

fn with_role(mut fields: Map<String, Json>, role: &str) -> Json {
    if role == "tool"
        && let Some(id) = fields.remove("id")
    {
        fields.insert("tool_call_id".to_owned(), id);
    }
    fields.entry("role").or_insert_with(|| Json::from(role));
    Json::Object(fields)
}

/// Returns the message of a choice, with its finish reason.
fn choice(event: &SpanEvent) -> Json {
    let mut fields = body(event);
    let finish_reason = fields.remove("finish_reason");
    fields.remove("index");
    let mut message = match fields.remove("message") {
        Some(Json::Object(message)) => message,
        Some(text @ Json::String(_)) => Map::from_iter([("content".to_owned(), text)]),
        _ => fields,
    };
    if let Some(reason) = finish_reason {
        message.insert("finish_reason".to_owned(), reason);
    }
    with_role(message, "assistant")
}
