//! Runs of Agno, as `RunOutput.to_dict()` writes them: `{run_id, agent_id, session_id, content, model, messages, tools,
//! metrics, status}`; runs of teams hold their members' runs.

use arc_model::{AgentName, Json, ModelRef, Payload, SessionId, SpanKind, Status, Termination, TraceId, UserId};
use serde_json::{Map, json};

use super::{
    Match, Wire,
    answers::{About, Answers},
    describe_json, each_record,
    identity::Identities,
    place, some_item, transcript,
};
use crate::{
    document::{Content, Document},
    output::Output,
    read::{
        provider,
        value::{count, is_blank, take, take_text},
    },
};

/// The wire.
pub struct Agno;

impl Wire for Agno {
    fn id(&self) -> &'static str {
        "agno"
    }

    fn name(&self) -> &'static str {
        "Runs of Agno"
    }

    fn expects(&self) -> &'static str {
        "a run of Agno, `{run_id, agent_id or team_id, content, messages, tools, metrics}`, or `{runs: […]}`"
    }

    fn sniff(&self, content: &Content<'_>) -> Option<Match> {
        let Content::Json(value) = content else { return None };
        let runs = value.get("runs").unwrap_or(value);
        (is_run(value) || some_item(runs, is_run)).then_some(Match {
            score: 88,
            because: "it has a `run_id`, an agent or team of Agno, and messages or content",
        })
    }

    fn decode(&self, documents: Vec<Document<'_>>, out: &mut Output) {
        let mut identities = Identities::default();
        each_record(documents, out, |record, line, pointer, out| match record {
            Json::Object(mut session) if session.get("runs").is_some_and(|runs| some_item(runs, is_run)) => {
                let Some(Json::Array(runs)) = session.remove("runs") else { return };
                for (index, run) in runs.into_iter().enumerate() {
                    read(run, (line, format!("{pointer}/runs/{index}")), &mut identities, out);
                }
            }
            run => read(run, (line, pointer), &mut identities, out),
        });
    }
}

fn is_run(value: &Json) -> bool {
    let has = |name: &str| value.get(name).is_some();
    let is_agno = ["agent_id", "team_id", "agent_name", "team_name"].into_iter().any(has);
    value.get("run_id").is_some_and(Json::is_string)
        && is_agno
        && (has("content") || has("messages"))
        && (has("metrics") || has("messages") || has("content_type") || has("tools"))
}

fn read(run: Json, at: (Option<u64>, String), identities: &mut Identities, out: &mut Output) {
    let (line, pointer) = at;
    if !is_run(&run) {
        let found = describe_json(&run);
        out.rejected(place(line, pointer), format!("expected {}, found {found}", Agno.expects()));
        return;
    }
    let otherwise = identities.of(Agno.id(), &run);
    let Json::Object(mut run) = run else { return };
    let id = take_text(&mut run, &["run_id"]);
    let trace_id = id.map_or(otherwise, |id| TraceId::derive(&[Agno.id().as_bytes(), id.as_bytes()]));
    let mut root = transcript::root(trace_id);
    root.facts.framework = Some(Agno.id().to_owned());
    root.facts.agent = take_text(&mut run, &["agent_name", "team_name", "agent_id", "team_id"]).map(AgentName::new);
    root.facts.session = take_text(&mut run, &["session_id"]).map(SessionId::new);
    root.facts.user = take_text(&mut run, &["user_id"]).map(UserId::new);
    let content = take(&mut run, &["content"]).filter(|content| !is_blank(content)).map(Payload::from_json);
    match take_text(&mut run, &["status"]).as_deref() {
        Some("COMPLETED") => root.facts.termination = Some(Termination::Completed),
        Some("CANCELLED") => root.facts.termination = Some(Termination::Cancelled),
        Some("ERROR") => {
            root.facts.termination = Some(Termination::Exception);
            let message = content.as_ref().map(Payload::to_text).unwrap_or_default();
            root.status = Status::Error { kind: None, message };
        }
        _ => {}
    }
    root.output = content;
    let provider_name = take_text(&mut run, &["model_provider"]);
    let model = take_text(&mut run, &["model"]).map(|model| ModelRef {
        request: Some(model),
        provider: provider_name.map(|name| provider::canonical(&name)),
        ..ModelRef::default()
    });
    let usage = run.get("metrics").and_then(shaped).as_ref().and_then(crate::provider::usage::of);
    let messages = match run.remove("messages") {
        Some(Json::Array(messages)) => messages,
        _ => Vec::new(),
    };
    let tools = match run.remove("tools") {
        Some(Json::Array(tools)) => tools,
        _ => Vec::new(),
    };
    let members = run.remove("member_responses");
    for repeated in ["created_at", "content_type", "input", "events"] {
        run.remove(repeated);
    }
    run.retain(|_, value| !is_blank(value));
    root.attributes = run.into_iter().collect();

    let mut answers = Answers::default();
    let is_told = !messages.is_empty();
    for (index, message) in messages.into_iter().enumerate() {
        let here = place(line, format!("{pointer}/messages/{index}"));
        match message {
            // What earlier runs of the session said belongs to them, but the model saw it.
            Json::Object(message) => answers.add(of_message(message, &tools), None, here),
            other => out.rejected(here, format!("expected a message, found {}", describe_json(&other))),
        }
    }
    if !is_told {
        add_tools(tools, &place(line, format!("{pointer}/tools")), &mut answers);
    }
    let first = out.spans.len();
    let root_id = root.span_id;
    let pointer_of_messages = format!("{pointer}/messages");
    answers.push(root, About { model, line, pointer: pointer_of_messages, usage, ..About::default() }, out);
    if !is_told {
        // Nobody recorded the answers that asked for the tools.
        let mut kept = out.spans.split_off(first.min(out.spans.len()));
        kept.retain(|span| span.kind != SpanKind::Llm);
        out.spans.append(&mut kept);
    }
    if let Some(Json::Array(members)) = members {
        for (index, member) in members.into_iter().enumerate() {
            let own = out.spans.len();
            read(member, (line, format!("{pointer}/member_responses/{index}")), identities, out);
            adopt(trace_id, root_id, own, out);
        }
    }
}

/// Puts a member's run below the run of its team.
fn adopt(trace_id: TraceId, parent: arc_model::SpanId, first: usize, out: &mut Output) {
    let after = out.spans.get(..first).and_then(|spans| spans.last()).map_or(0, |span| span.sequence);
    for span in out.spans.iter_mut().skip(first).filter(|span| span.trace_id != trace_id) {
        span.trace_id = trace_id;
        span.parent_id = span.parent_id.or(Some(parent));
        span.sequence = span.sequence.saturating_add(after).saturating_add(1);
    }
}

fn of_message(mut message: Map<String, Json>, tools: &[Json]) -> Map<String, Json> {
    if let Some(counts) = message.remove("metrics").as_ref().and_then(shaped) {
        message.insert("usage".to_owned(), counts);
    }
    if let Some(at) = message.remove("created_at") {
        message.insert("timestamp".to_owned(), at);
    }
    if message.get("role").and_then(Json::as_str) == Some("tool") {
        if let Some(name) = message.remove("tool_name").filter(|name| !is_blank(name)) {
            message.insert("name".to_owned(), name);
        }
        let ran = tools
            .iter()
            .find(|tool| tool.get("tool_call_id").is_some_and(|id| Some(id) == message.get("tool_call_id")));
        let failed = message.remove("tool_call_error").filter(|error| !error.is_null());
        let failed = failed.or_else(|| ran?.get("tool_call_error").filter(|error| error.is_boolean()).cloned());
        if let Some(failed) = failed {
            message.insert("is_error".to_owned(), failed);
        }
        message.remove("tool_args");
    }
    for own in ["id", "from_history", "stop_after_tool_call", "add_to_agent_memory", "temporary"] {
        message.remove(own);
    }
    message
}

/// Writes the tools a run says it used as calls, where it kept no messages.
fn add_tools(tools: Vec<Json>, here: &arc_model::Place, answers: &mut Answers) {
    for tool in tools {
        let field = |name: &str| tool.get(name).cloned().unwrap_or_default();
        let call = json!({"id": field("tool_call_id"), "name": field("tool_name"), "arguments": field("tool_args")});
        let asked = json!({"role": "assistant", "tool_calls": [call]});
        let answered = json!({"role": "tool", "tool_call_id": field("tool_call_id"), "content": field("result"),
            "is_error": tool.get("tool_call_error")});
        for message in [asked, answered] {
            if let Json::Object(message) = message {
                answers.add(message, None, here.clone());
            }
        }
    }
}

/// Gives counts the names of `OpenAI`'s. Older versions keep a list of counts, one for each call.
fn shaped(metrics: &Json) -> Option<Json> {
    let at = |names: &[&str]| {
        let sum = |value: &Json| match value {
            Json::Array(counts) => counts.iter().filter_map(count).reduce(u64::saturating_add),
            single => count(single),
        };
        names.iter().find_map(|name| metrics.get(*name).and_then(sum))
    };
    let (input, output) = (at(&["input_tokens", "prompt_tokens"]), at(&["output_tokens", "completion_tokens"]));
    if input.unwrap_or(0) == 0 && output.unwrap_or(0) == 0 {
        return None;
    }
    Some(json!({
        "prompt_tokens": input,
        "completion_tokens": output,
        "prompt_tokens_details": {"cached_tokens": at(&["cache_read_tokens", "cached_tokens"]),
            "cache_write_tokens": at(&["cache_write_tokens"])},
        "completion_tokens_details": {"reasoning_tokens": at(&["reasoning_tokens"])},
    }))
}
