//! Pydantic AI and Logfire: `agent_name`, `all_messages_events`, `final_result`, `tool_arguments`.
//!
//! Most of its attributes are OpenTelemetry's. Its own are bare words, which mean something only on a
//! span that is known to be Pydantic AI's.

use arc_model::{AgentName, Json, Message, Role, RunFacts, SpanKind};

use super::{Dialect, Found, Reading};
use crate::{
    raw::RawSpan,
    read::{attributes::Reader, messages, tools, value::structured},
};

/// The dialect.
pub struct PydanticAi;

/// Whole conversations, the newer name first.
const ALL_MESSAGES: &[&str] = &["pydantic_ai.all_messages", "all_messages_events"];

impl Dialect for PydanticAi {
    fn id(&self) -> &'static str {
        "pydantic-ai"
    }

    fn name(&self) -> &'static str {
        "Pydantic AI and Logfire"
    }

    fn speaks(&self, span: &RawSpan) -> bool {
        span.scope.as_ref().is_some_and(|scope| scope.name == "pydantic-ai")
            || Reader::new(&span.attributes).speaks(&["pydantic_ai.", "logfire.", "model_request_parameters"])
    }

    fn read(&self, span: &RawSpan) -> Reading {
        let attributes = Reader::new(&span.attributes);
        let kind = kind(attributes);
        let mut reading = Reading {
            kind: kind.map(Found::kept),
            tool_arguments: attributes.payload(&["tool_arguments"]),
            tool_result: attributes.payload(&["tool_response"]),
            ..Reading::default()
        };
        if kind == Some(SpanKind::Agent) {
            reading.request_model = attributes.name(&["model_name"]);
            reading.output = attributes.payload(&["final_result"]);
            let mut facts = Found::kept(RunFacts::default());
            facts.value.agent = facts.keep(attributes.name(&["agent_name"])).map(AgentName::new);
            reading.facts = Some(facts).filter(|facts| !facts.value.is_empty());
        }
        for name in ALL_MESSAGES.iter().chain(&["events"]) {
            if reading.messages_in.is_none() && reading.messages_out.is_none() {
                read_conversation(attributes, name, &mut reading);
            }
        }
        read_tools_offered(attributes, &mut reading);
        reading
    }
}

fn kind(attributes: Reader<'_>) -> Option<SpanKind> {
    let has = |name: &str| attributes.get(name).is_some();
    if has("tool_arguments") || has("tool_response") {
        return Some(SpanKind::Tool);
    }
    // Several tools that run at once are below a span that names them.
    if has("tools") {
        return Some(SpanKind::Step);
    }
    (has("agent_name") || ALL_MESSAGES.iter().any(|name| has(name))).then_some(SpanKind::Agent)
}

/// Reads a conversation: messages, or the events that older versions made of them. What the model
/// said last is what came out.
fn read_conversation(attributes: Reader<'_>, name: &'static str, reading: &mut Reading) {
    let Some(value) = attributes.get(name) else { return };
    let Some(Json::Array(items)) = structured(value) else {
        reading.repaired(format!("`{name}` holds no list of messages, or JSON that breaks off; it is kept as it came"));
        return;
    };
    let mut conversation: Vec<Message> = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        let read = messages::read(of_event(item));
        if let Some(problem) = read.problem {
            reading.repaired(format!(
                "message {index} of `{name}`: {problem}; it is kept as a message of an unknown speaker"
            ));
        }
        for field in read.beside.lost.iter().chain(read.rest.keys()) {
            reading.note_once(format!("`{field}` in the messages of `{name}` is not read"));
        }
        conversation.push(read.message);
    }
    let said = match conversation.last() {
        Some(last) if last.role == Role::Assistant => conversation.pop(),
        _ => None,
    };
    if !conversation.is_empty() {
        reading.messages_in = Some(Found::new(conversation, name).shared());
    }
    if let Some(said) = said {
        reading.messages_out = Some(Found::new(vec![said.into()], name));
    }
}

/// Returns the message of an event; a message is returned as it is.
fn of_event(value: Json) -> Json {
    let Json::Object(mut fields) = value else { return value };
    for name in ["event.name", "gen_ai.message.index", "gen_ai.system", "index"] {
        fields.remove(name);
    }
    match fields.remove("message") {
        Some(message @ Json::Object(_)) => message,
        Some(other) => {
            fields.insert("message".to_owned(), other);
            Json::Object(fields)
        }
        None => {
            // A tool's answer names the call by `id`.
            if fields.get("role").and_then(Json::as_str) == Some("tool")
                && let Some(id) = fields.remove("id")
            {
                fields.insert("tool_call_id".to_owned(), id);
            }
            Json::Object(fields)
        }
    }
}

fn read_tools_offered(attributes: Reader<'_>, reading: &mut Reading) {
    let parameters = attributes.get("model_request_parameters").and_then(structured);
    let Some(Json::Array(offered)) = parameters.and_then(|mut found| found.get_mut("function_tools").map(Json::take))
    else {
        return;
    };
    let offered: Vec<_> = offered.into_iter().filter_map(tools::read).collect();
    if !offered.is_empty() {
        // It also says how outputs were to look.
        reading.tools_offered = Some(Found::kept(offered).shared());
    }
}
