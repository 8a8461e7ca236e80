//! `AgentDojo` runs: JSON Lines, a header and one record for each run, clean or attacked.
//!
//! `metadata.success` is the benchmark's check of the user's task, so it is a claim with the source
//! "check". `metadata.security` never is: on a run with an `injection_task_id` it says whether the
//! attack succeeded, and on a clean run nothing. It stays a raw attribute, like all of `metadata`.

use arc_model::{AgentName, Json, ModelRef, OutcomeClaim, OutcomeSource, Span, TaskId, Verdict};
use serde_json::Map;

use super::{
    Match, Wire,
    conversation::read_turns,
    describe_json,
    identity::Identities,
    json_documents, place, some_item,
    transcript::{self, Transcript},
};
use crate::{
    document::{Content, Document},
    output::Output,
    read::value::{is_blank, take_text},
};

/// The wire.
pub struct AgentDojo;

impl Wire for AgentDojo {
    fn id(&self) -> &'static str {
        "agentdojo"
    }

    fn name(&self) -> &'static str {
        "AgentDojo runs"
    }

    fn expects(&self) -> &'static str {
        "AgentDojo runs, each `{messages, metadata: {suite_name, user_task_id, success, …}}`"
    }

    fn sniff(&self, content: &Content<'_>) -> Option<Match> {
        let Content::Json(value) = content else { return None };
        if is_run(value) || some_item(value, is_run) {
            return Some(Match { score: 95, because: "its records have `messages` and `metadata.user_task_id`" });
        }
        is_header(value).then_some(Match { score: 90, because: "its `metadata.benchmark` is agent-dojo" })
    }

    fn decode(&self, documents: Vec<Document<'_>>, out: &mut Output) {
        let mut identities = Identities::default();
        let mut pipeline = None;
        for (line, value) in json_documents(documents, out) {
            match value {
                Json::Array(runs) => {
                    for (index, run) in runs.into_iter().enumerate() {
                        read_record(run, line, &format!("/{index}"), &mut pipeline, &mut identities, out);
                    }
                }
                run => read_record(run, line, "", &mut pipeline, &mut identities, out),
            }
        }
    }
}

fn is_run(value: &Json) -> bool {
    let task = value.get("metadata").and_then(|metadata| metadata.get("user_task_id"));
    task.is_some() && value.get("messages").is_some_and(Json::is_array)
}

/// The first line names the pipeline that was tried; its accuracy repeats what the runs say.
fn is_header(value: &Json) -> bool {
    let benchmark = value.get("metadata").and_then(|metadata| metadata.get("benchmark"));
    benchmark.and_then(Json::as_str) == Some("agent-dojo") && value.get("messages").is_none()
}

fn read_record(
    record: Json,
    line: Option<u64>,
    pointer: &str,
    pipeline: &mut Option<String>,
    identities: &mut Identities,
    out: &mut Output,
) {
    if is_header(&record) {
        *pipeline = record.pointer("/metadata/name").and_then(Json::as_str).map(str::to_owned);
        return;
    }
    if !is_run(&record) {
        let expected = "expected a run with `messages` and `metadata.user_task_id`";
        out.rejected(place(line, pointer), format!("{expected}, found {}", describe_json(&record)));
        return;
    }
    let trace_id = identities.of(AgentDojo.id(), &record);
    let Json::Object(mut record) = record else { return };
    let Some(Json::Array(messages)) = record.remove("messages") else { return };
    let Some(Json::Object(metadata)) = record.remove("metadata") else { return };
    let here = pointer;
    let pointer = format!("{here}/messages");
    let turns = read_turns(messages, line, &pointer, out);
    let mut root = transcript::root(trace_id);
    root.facts.agent = pipeline.clone().map(AgentName::new);
    root.facts.task = task(&metadata);
    match metadata.get("success") {
        Some(Json::Bool(success)) => claim(&mut root, *success),
        Some(Json::Null) | None => {}
        Some(_) => {
            out.note(place(line, here), "`metadata.success` is not a boolean: whether the run succeeded is unknown");
        }
    }
    // Pipelines are named after their model, with the defence appended; only a name of its own is the model's.
    let model = metadata.get("model").and_then(Json::as_str).filter(|model| Some(*model) != pipeline.as_deref());
    let model = model.map(|model| ModelRef { request: Some(model.to_owned()), ..ModelRef::default() });
    root.attributes.extend(metadata.into_iter().map(|(name, value)| (format!("metadata.{name}"), value)));
    // An error of the pipeline itself, in records that have one; tools' errors are at their messages.
    if let Some(message) = take_text(&mut record, &["error"]) {
        root.status = arc_model::Status::Error { kind: None, message };
    }
    root.attributes.extend(record);
    root.attributes.retain(|_, value| !is_blank(value));
    let parameters = std::iter::empty().collect();
    transcript::push(root, Transcript { turns, model, tools: Vec::new(), parameters, line, pointer }, out);
}

/// Names the task: suite and user task, and on an attacked run what the attacker wants done.
fn task(metadata: &Map<String, Json>) -> Option<TaskId> {
    let text = |name: &str| metadata.get(name).and_then(Json::as_str).filter(|text| !text.is_empty());
    let parts: Vec<&str> = ["suite_name", "user_task_id", "injection_task_id"].into_iter().filter_map(text).collect();
    text("user_task_id").map(|_| TaskId::new(parts.join("/")))
}

fn claim(root: &mut Span, success: bool) {
    root.facts.outcomes.push(OutcomeClaim {
        verdict: if success { Verdict::Succeeded } else { Verdict::Failed },
        source: OutcomeSource::Check,
        score: None,
        reason: Some(format!("the check of the user's task says {success}")),
        span_id: Some(root.span_id),
    });
}
