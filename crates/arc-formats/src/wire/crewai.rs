//! What a crew of `CrewAI` returns: `{raw, tasks_output: [{description, agent, raw, …}], token_usage}`.
//!
//! A task is a step of the run, done by the agent it names. The counts are the crew's: nobody knows which call used
//! what, and the calls themselves are recorded only where a task has its `messages`.

use arc_model::{AgentName, InputRule, Json, Message, Payload, Role, Span, SpanKind, Usage, shared};
use serde_json::Map;

use super::{
    Match, Wire,
    conversation::read_turn,
    describe_json, each_record,
    identity::{Identities, span_id},
    place, some_item, transcript,
};
use crate::{
    document::{Content, Document},
    output::Output,
    read::value::{count, is_blank, take, take_text},
};

/// The wire.
pub struct Crewai;

impl Wire for Crewai {
    fn id(&self) -> &'static str {
        "crewai"
    }

    fn name(&self) -> &'static str {
        "Outputs of CrewAI's crews"
    }

    fn expects(&self) -> &'static str {
        "the output of a crew, `{raw, tasks_output: [{description, agent, raw}], token_usage}`"
    }

    fn sniff(&self, content: &Content<'_>) -> Option<Match> {
        let Content::Json(value) = content else { return None };
        (is_output(value) || some_item(value, is_output))
            .then_some(Match { score: 90, because: "its `tasks_output` has tasks with a `description` and an output" })
    }

    fn decode(&self, documents: Vec<Document<'_>>, out: &mut Output) {
        let mut identities = Identities::default();
        each_record(documents, out, |record, line, pointer, out| {
            if !is_output(&record) {
                let found = describe_json(&record);
                out.rejected(place(line, pointer), format!("expected {}, found {found}", Crewai.expects()));
                return;
            }
            let root = transcript::root(identities.of(Crewai.id(), &record));
            if let Json::Object(record) = record {
                read(record, root, line, &pointer, out);
            }
        });
    }
}

fn is_task(value: &Json) -> bool {
    let has = |name: &str| value.get(name).is_some();
    has("raw") && (has("description") || has("agent"))
}

fn is_output(value: &Json) -> bool {
    let tasks = value.get("tasks_output").is_some_and(|tasks| some_item(tasks, is_task));
    tasks || value.get("tasks_output").is_some_and(Json::is_array) && value.get("token_usage").is_some()
}

fn read(mut record: Map<String, Json>, mut root: Span, line: Option<u64>, pointer: &str, out: &mut Output) {
    root.facts.framework = Some(Crewai.id().to_owned());
    root.facts.agent = take_text(&mut record, &["crew_name", "name"]).map(AgentName::new);
    root.usage = record.get("token_usage").and_then(usage);
    let input = take(&mut record, &["inputs", "input"]).filter(|value| !is_blank(value));
    root.input = input.map(Payload::from_json);
    root.output = output(&mut record);
    let tasks = record.remove("tasks_output");
    record.retain(|_, value| !is_blank(value));
    root.attributes = record.into_iter().collect();
    let mut spans = Vec::new();
    let Some(Json::Array(tasks)) = tasks else { return };
    for (index, task) in tasks.into_iter().enumerate() {
        let here = place(line, format!("{pointer}/tasks_output/{index}"));
        match task {
            Json::Object(task) => spans.push(read_task(task, &root, index, &here, out)),
            // Older exports keep only what a task said.
            Json::String(said) => {
                spans.push(read_task(Map::from_iter([("raw".to_owned(), said.into())]), &root, index, &here, out));
            }
            other => out.rejected(here, format!("expected a task, found {}", describe_json(&other))),
        }
    }
    let first = spans.first().and_then(|span: &Span| span.input.clone());
    root.input = root.input.take().or(first);
    out.spans.push(root);
    out.spans.append(&mut spans);
}

/// What was said, or the object it was told to be.
fn output(fields: &mut Map<String, Json>) -> Option<Payload> {
    let raw = take(fields, &["raw"]).filter(|value| !is_blank(value));
    let shaped = take(fields, &["json_dict", "pydantic"]).filter(|value| !is_blank(value));
    if raw.is_some() {
        // The same again, parsed.
        return raw.map(Payload::from_json);
    }
    shaped.map(Payload::from_json)
}

fn read_task(
    mut task: Map<String, Json>,
    root: &Span,
    index: usize,
    here: &arc_model::Place,
    out: &mut Output,
) -> Span {
    let sequence = u32::try_from(index + 1).unwrap_or(u32::MAX);
    let agent = take_text(&mut task, &["agent"]);
    let name = take_text(&mut task, &["name"]).or_else(|| agent.clone()).unwrap_or_else(|| "task".to_owned());
    let kind = if agent.is_some() { SpanKind::Agent } else { SpanKind::Step };
    let mut span = Span::new(root.trace_id, span_id(root.trace_id, sequence), kind, name);
    span.parent_id = Some(root.span_id);
    span.sequence = sequence;
    span.revision = 1;
    span.output = output(&mut task);
    span.input = take_text(&mut task, &["description"]).map(Payload::Text);
    if let Some(agent) = agent {
        task.insert("agent".to_owned(), Json::from(agent));
    }
    if let Some(Json::Array(messages)) = task.remove("messages") {
        let mut said: Vec<Message> =
            messages.into_iter().map(|message| read_turn(message, here, out).message).collect();
        if said.last().is_some_and(|last| last.role == Role::Assistant) {
            span.messages_out = shared(said.pop());
        }
        span.messages_in = shared(said);
    }
    // The beginning of the description.
    task.remove("summary");
    task.retain(|_, value| !is_blank(value));
    span.attributes = task.into_iter().collect();
    span
}

/// Counts of the crew; cached tokens are in the prompt's, as in those of `LiteLLM`.
fn usage(counts: &Json) -> Option<Usage> {
    let at = |name: &str| counts.get(name).and_then(count);
    let usage = Usage {
        input: at("prompt_tokens"),
        output: at("completion_tokens"),
        cache_read: at("cached_prompt_tokens"),
        cache_write: at("cache_creation_tokens"),
        reasoning: at("reasoning_tokens"),
        input_rule: InputRule::Inclusive,
        ..Usage::default()
    };
    Some(usage).filter(|usage| !usage.is_empty())
}
