//! Trajectories of SWE-agent, `.traj` files: `{environment, trajectory, history, info}`.
//!
//! `history` is the conversation the model had; `trajectory` repeats its answers with what they did,
//! so it is read only where there is no history. What the run submitted was not checked by it: the
//! outcome stays unknown. `info.model_stats` counts the run, and nobody knows which call used what.

use arc_model::{Json, NanoUsd, Span, TaskId, Termination, Usage};
use serde_json::{Map, json};

use super::{
    Match, Wire,
    conversation::{is_conversation, read_turns},
    describe_json,
    identity::Identities,
    json_documents, place, some_item,
    transcript::{self, Transcript},
};
use crate::{
    document::{Content, Document},
    output::Output,
    read::value::{count, is_blank, number, take_text},
};

/// The wire.
pub struct SweAgent;

impl Wire for SweAgent {
    fn id(&self) -> &'static str {
        "swe-agent"
    }

    fn name(&self) -> &'static str {
        "SWE-agent trajectories"
    }

    fn expects(&self) -> &'static str {
        "a trajectory of SWE-agent, `{trajectory: [{action, observation, …}], history, info}`"
    }

    fn sniff(&self, content: &Content<'_>) -> Option<Match> {
        let Content::Json(value) = content else { return None };
        is_trajectory(value)
            .then_some(Match { score: 90, because: "its `trajectory` has steps with `action` and `observation`" })
    }

    fn decode(&self, documents: Vec<Document<'_>>, out: &mut Output) {
        let mut identities = Identities::default();
        for (line, value) in json_documents(documents, out) {
            read(value, line, &mut identities, out);
        }
    }
}

fn is_step(value: &Json) -> bool {
    value.get("action").is_some() && value.get("observation").is_some()
}

fn is_trajectory(value: &Json) -> bool {
    value.get("trajectory").is_some_and(|steps| some_item(steps, is_step))
}

fn read(value: Json, line: Option<u64>, identities: &mut Identities, out: &mut Output) {
    if !is_trajectory(&value) {
        let found = describe_json(&value);
        out.rejected(place(line, ""), format!("expected {}, found {found}", SweAgent.expects()));
        return;
    }
    let trace_id = identities.of(SweAgent.id(), &value);
    let Json::Object(mut record) = value else { return };
    let steps = record.remove("trajectory");
    let (pointer, messages) = match record.remove("history") {
        Some(history) if is_conversation(&history) => ("/history", history),
        _ => ("/trajectory", from_steps(steps.unwrap_or(Json::Null), line, out)),
    };
    let Json::Array(messages) = messages else { return };
    let turns = read_turns(messages, line, pointer, out);
    let mut root = transcript::root(trace_id);
    root.facts.framework = Some(SweAgent.id().to_owned());
    root.facts.task = take_text(&mut record, &["instance_id"]).map(TaskId::new);
    if let Some(Json::Object(info)) = record.remove("info") {
        settle(&mut root, info);
    }
    root.attributes.extend(record);
    root.attributes.retain(|_, value| !is_blank(value));
    let parameters = std::iter::empty().collect();
    let pointer = pointer.to_owned();
    transcript::push(root, Transcript { turns, model: None, tools: Vec::new(), parameters, line, pointer }, out);
}

/// Writes steps as the conversation they were: an answer of the model, and what it was shown then.
fn from_steps(steps: Json, line: Option<u64>, out: &mut Output) -> Json {
    let Json::Array(steps) = steps else { return Json::Array(Vec::new()) };
    let mut messages = Vec::with_capacity(steps.len() * 2);
    for (index, step) in steps.into_iter().enumerate() {
        if !is_step(&step) {
            let here = place(line, format!("/trajectory/{index}"));
            out.rejected(here, "expected a step with `action` and `observation`");
            continue;
        }
        let said = step.get("response").or_else(|| step.get("action")).cloned();
        messages.push(json!({"role": "assistant", "content": said}));
        messages.push(json!({"role": "user", "content": step.get("observation")}));
    }
    Json::Array(messages)
}

fn settle(root: &mut Span, mut info: Map<String, Json>) {
    let ending = info.get("exit_status").and_then(Json::as_str).unwrap_or_default();
    // A limit on cost or context is no limit on steps; the status itself is kept.
    root.facts.termination = match ending {
        "submitted" => Some(Termination::Completed),
        text if text.contains("timeout") => Some(Termination::Timeout),
        text if text.contains("exit_error") || text.contains("exit_api") => Some(Termination::Exception),
        _ => None,
    };
    let stats = info.get("model_stats").cloned().unwrap_or(Json::Null);
    let at = |name: &str| stats.get(name).and_then(count);
    let usage = Usage { input: at("tokens_sent"), output: at("tokens_received"), ..Usage::default() };
    root.usage = Some(usage).filter(|usage| !usage.is_empty());
    root.reported_cost = stats.get("instance_cost").and_then(number).and_then(NanoUsd::from_usd);
    if let Some(patch) = take_text(&mut info, &["submission"]) {
        root.output = Some(arc_model::Payload::Text(patch));
    }
    root.attributes.extend(info.into_iter().map(|(name, value)| (format!("info.{name}"), value)));
}
