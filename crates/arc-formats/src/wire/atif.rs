//! Agent Trajectory Interchange Format: `{schema_version: "ATIF-v1.…", agent, steps, final_metrics}`.
//!
//! A step of the agent that has `metrics` is a model call. Converters of logs write one step for each
//! tool call an answer asked for, with the answer's own time and without metrics: those are parts of
//! that answer, not calls of the model. `prompt_tokens` include the cached ones, as the format says.

use arc_model::{AgentName, InputRule, Json, ModelRef, NanoUsd, Place, SessionId, Timestamp, Usage};
use serde_json::Map;

use super::{
    Match, Wire,
    answers::{Answers, finish_calls},
    describe_json,
    identity::Identities,
    json_documents, place, some_item,
    transcript::{self, Transcript},
};
use crate::{
    document::{Content, Document},
    output::Output,
    read::{
        tools,
        value::{count, is_blank, number, take_name, take_text},
    },
};

/// The wire.
pub struct Atif;

impl Wire for Atif {
    fn id(&self) -> &'static str {
        "atif"
    }

    fn name(&self) -> &'static str {
        "Agent trajectories, ATIF"
    }

    fn expects(&self) -> &'static str {
        "a trajectory, `{schema_version: \"ATIF-…\", agent, steps: […]}`"
    }

    fn sniff(&self, content: &Content<'_>) -> Option<Match> {
        let Content::Json(value) = content else { return None };
        (is_trajectory(value) || some_item(value, is_trajectory))
            .then_some(Match { score: 95, because: "its `schema_version` begins with ATIF" })
    }

    fn decode(&self, documents: Vec<Document<'_>>, out: &mut Output) {
        let mut identities = Identities::default();
        for (line, value) in json_documents(documents, out) {
            match value {
                Json::Array(all) => {
                    for (index, one) in all.into_iter().enumerate() {
                        read_trajectory(one, line, &format!("/{index}"), &mut identities, out);
                    }
                }
                one => read_trajectory(one, line, "", &mut identities, out),
            }
        }
    }
}

fn is_trajectory(value: &Json) -> bool {
    let version = value.get("schema_version").and_then(Json::as_str);
    version.is_some_and(|version| version.starts_with("ATIF")) && value.get("steps").is_some_and(Json::is_array)
}

fn read_trajectory(value: Json, line: Option<u64>, pointer: &str, identities: &mut Identities, out: &mut Output) {
    if !is_trajectory(&value) {
        let found = describe_json(&value);
        out.rejected(place(line, pointer), format!("expected {}, found {found}", Atif.expects()));
        return;
    }
    let trace_id = identities.of(Atif.id(), &value);
    let Json::Object(mut record) = value else { return };
    let Some(Json::Array(steps)) = record.remove("steps") else { return };
    let pointer = format!("{pointer}/steps");
    let mut root = transcript::root(trace_id);
    let times = steps.iter().filter_map(|step| Timestamp::parse(step.get("timestamp")?.as_str()?));
    root.start = times.clone().min();
    root.end = times.max();
    root.facts.session = take_name(&mut record, &["session_id"]).map(SessionId::new);
    let mut model = None;
    let mut offered = Vec::new();
    if let Some(Json::Object(mut agent)) = record.remove("agent") {
        root.facts.agent = take_text(&mut agent, &["name"]).map(AgentName::new);
        root.facts.agent_version = take_name(&mut agent, &["version"]);
        model = take_text(&mut agent, &["model_name"])
            .map(|model| ModelRef { request: Some(model), ..ModelRef::default() });
        if let Some(list) = agent.get("tool_definitions") {
            let (read, unread) = tools::read_all(list);
            if unread.is_empty() {
                agent.remove("tool_definitions");
            }
            offered = read;
        }
        root.attributes.extend(agent.into_iter().map(|(name, value)| (format!("agent.{name}"), value)));
    }
    let cost = record.get("final_metrics").and_then(|totals| totals.get("total_cost_usd")).and_then(number);
    root.reported_cost = cost.and_then(NanoUsd::from_usd);
    root.attributes.extend(record);
    root.attributes.retain(|_, value| !is_blank(value));

    let mut answers = Answers::default();
    for (index, step) in steps.into_iter().enumerate() {
        read_step(step, place(line, format!("{pointer}/{index}")), &mut answers, out);
    }
    let mut turns = answers.into_turns(out);
    for turn in &mut turns {
        if let Some(metrics) = turn.rest.get("metrics") {
            turn.usage = Some(usage(metrics)).filter(|usage| !usage.is_empty());
        }
    }
    let first = out.spans.len();
    let parameters = std::iter::empty().collect();
    transcript::push(root, Transcript { turns, model, tools: offered, parameters, line, pointer }, out);
    finish_calls(out.spans.get_mut(first..).unwrap_or_default());
}

fn read_step(step: Json, here: Place, answers: &mut Answers, out: &mut Output) {
    let source = step.get("source").and_then(Json::as_str).unwrap_or_default().to_owned();
    let Json::Object(mut step) = step else {
        out.rejected(here, "expected a step, an object with a `source`");
        return;
    };
    let text = step.remove("message").unwrap_or(Json::Null);
    match source.as_str() {
        "agent" => {
            let observed = step.remove("observation");
            let failed = step.get("extra").and_then(|extra| extra.get("tool_result_is_error")).cloned();
            add_answer(step, text, here.clone(), answers);
            if let Some(observed) = observed.filter(|observed| !is_blank(observed)) {
                add_results(&observed, failed.as_ref(), &here, answers, out);
            }
        }
        "user" | "system" => {
            let message = [("role", Json::from(source)), ("content", text)];
            answers.add(message.map(|(name, value)| (name.to_owned(), value)).into_iter().collect(), None, here);
        }
        _ => out.rejected(here, "expected a step whose `source` is `user`, `agent` or `system`"),
    }
}

fn add_answer(mut step: Map<String, Json>, text: Json, here: Place, answers: &mut Answers) {
    let at = step.get("timestamp").and_then(Json::as_str).map(str::to_owned);
    let counted = step.get("metrics").is_some_and(|metrics| !is_blank(metrics));
    // A step without metrics belongs to the counted answer of the same time, if there is one.
    let key = at.filter(|at| counted || answers.holds(at));
    let mut message = Map::from_iter([("role".to_owned(), Json::from("assistant"))]);
    if let Some(Json::Array(calls)) = step.remove("tool_calls") {
        let only_says_so = calls.iter().any(|call| {
            let part = |name: &str| call.get(name).and_then(Json::as_str).unwrap_or_default();
            text.as_str() == Some(&format!("Executed {} {}", part("function_name"), part("tool_call_id")))
        });
        if !only_says_so {
            message.insert("content".to_owned(), text);
        }
        let calls = calls.into_iter().map(rename_call);
        message.insert("tool_calls".to_owned(), Json::Array(calls.collect()));
    } else {
        message.insert("content".to_owned(), text);
        // Later records append to it.
        message.insert("tool_calls".to_owned(), Json::Array(Vec::new()));
    }
    let metrics = step.get("metrics").and_then(Json::as_object);
    if let Some(cost) = metrics.and_then(|metrics| metrics.get("cost_usd")) {
        message.insert("cost_usd".to_owned(), cost.clone());
    }
    if let Some(reason) = step.get("extra").and_then(|extra| extra.get("stop_reason")) {
        message.insert("finish_reason".to_owned(), reason.clone());
    }
    for (name, new_name) in [
        ("model_name", "model"),
        ("reasoning_content", "reasoning_content"),
        ("reasoning_effort", "reasoning_effort"),
        ("metrics", "metrics"),
        ("timestamp", "timestamp"),
    ] {
        if let Some(value) = step.remove(name) {
            message.insert(new_name.to_owned(), value);
        }
    }
    answers.add(message, key, here);
}

fn rename_call(call: Json) -> Json {
    let Json::Object(mut call) = call else { return call };
    for (name, new_name) in [("tool_call_id", "id"), ("function_name", "name")] {
        if let Some(value) = call.remove(name) {
            call.insert(new_name.to_owned(), value);
        }
    }
    Json::Object(call)
}

/// What the environment answered: a result of a call, or something the agent sees.
fn add_results(observed: &Json, failed: Option<&Json>, here: &Place, answers: &mut Answers, out: &mut Output) {
    let Some(Json::Array(results)) = observed.get("results") else {
        out.rejected(here.clone(), "expected `observation.results`, a list");
        return;
    };
    for result in results {
        let content = result.get("content").cloned().unwrap_or(Json::Null);
        let mut message = Map::new();
        match result.get("source_call_id").and_then(Json::as_str) {
            Some(id) => {
                message.insert("role".to_owned(), Json::from("tool"));
                message.insert("tool_call_id".to_owned(), Json::from(id));
                if let Some(failed) = failed.filter(|failed| failed.is_boolean()) {
                    message.insert("is_error".to_owned(), failed.clone());
                }
            }
            None => {
                message.insert("role".to_owned(), Json::from("user"));
            }
        }
        message.insert("content".to_owned(), content);
        answers.add(message, None, here.clone());
    }
}

fn usage(metrics: &Json) -> Usage {
    let at = |pointer: &str| metrics.pointer(pointer).and_then(count);
    Usage {
        input: at("/prompt_tokens"),
        output: at("/completion_tokens"),
        cache_read: at("/cached_tokens"),
        cache_write: at("/extra/cache_creation_input_tokens"),
        input_rule: InputRule::Inclusive,
        ..Usage::default()
    }
}
