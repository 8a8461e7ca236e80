//! Steps of smolagents, as `agent.memory.get_full_steps()` and `RunResult.dict()` write them: a system prompt, tasks,
//! plans, and actions `{step_number, model_output, tool_calls, observations, error, token_usage}`.
//!
//! An action is an answer of the model, and the tools it ran. Its calls are those the framework made of it; where the
//! agent writes code, the call is that of the interpreter.

use arc_model::{AgentName, Json, Payload, Place, Span, Termination};
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
    read::value::{is_blank, take, take_text},
};

/// The wire.
pub struct Smolagents;

impl Wire for Smolagents {
    fn id(&self) -> &'static str {
        "smolagents"
    }

    fn name(&self) -> &'static str {
        "Steps of smolagents"
    }

    fn expects(&self) -> &'static str {
        "steps of smolagents, `[{task}, {step_number, model_output, tool_calls, observations}, …]` or `{steps: […], output}`"
    }

    fn sniff(&self, content: &Content<'_>) -> Option<Match> {
        let Content::Json(value) = content else { return None };
        let fits = is_list(value)
            || is_result(value)
            || some_item(value, is_list)
            || some_item(value, is_result)
            || is_action(value);
        fits.then_some(Match {
            score: 88,
            because: "its steps have a `step_number`, and a model's output or observations",
        })
    }

    fn decode(&self, documents: Vec<Document<'_>>, out: &mut Output) {
        let mut identities = Identities::default();
        let mut lines = Vec::new();
        let mut first_line = None;
        for (line, value) in json_documents(documents, out) {
            if is_action(&value) {
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

fn is_action(value: &Json) -> bool {
    let has = |name: &str| value.get(name).is_some();
    has("step_number") && (has("model_output") || has("model_output_message") || has("observations"))
}

fn is_list(value: &Json) -> bool {
    some_item(value, is_action)
}

const LISTS: &[&str] = &["steps", "messages"];

fn is_result(value: &Json) -> bool {
    LISTS.iter().any(|name| value.get(*name).is_some_and(is_list))
}

fn read_value(value: Json, line: Option<u64>, pointer: &str, identities: &mut Identities, out: &mut Output) {
    if !(is_list(&value) || is_result(&value)) {
        match value {
            Json::Array(records) if pointer.is_empty() => {
                for (index, record) in records.into_iter().enumerate() {
                    read_value(record, line, &format!("/{index}"), identities, out);
                }
            }
            other => {
                let found = describe_json(&other);
                out.rejected(place(line, pointer), format!("expected {}, found {found}", Smolagents.expects()));
            }
        }
        return;
    }
    let mut root = transcript::root(identities.of(Smolagents.id(), &value));
    root.facts.framework = Some(Smolagents.id().to_owned());
    match value {
        Json::Array(steps) => push(steps, root, line, pointer.to_owned(), out),
        Json::Object(mut record) => {
            let name = LISTS.iter().find(|name| record.get(**name).is_some_and(is_list)).copied().unwrap_or_default();
            let Some(Json::Array(steps)) = record.remove(name) else { return };
            root.facts.agent = take_text(&mut record, &["agent_name", "name"]).map(AgentName::new);
            root.output = take(&mut record, &["output"]).filter(|value| !is_blank(value)).map(Payload::from_json);
            root.facts.termination = match record.get("state").and_then(Json::as_str) {
                Some("success") => Some(Termination::Completed),
                Some("max_steps_error") => Some(Termination::StepLimit),
                _ => None,
            };
            // The sums of what the steps say, and the steps again.
            for repeated in ["token_usage", "timing", "messages", "state"] {
                record.remove(repeated);
            }
            root.attributes = record.into_iter().filter(|(_, value)| !is_blank(value)).collect();
            push(steps, root, line, format!("{pointer}/{name}"), out);
        }
        _ => {}
    }
}

fn push(steps: Vec<Json>, mut root: Span, line: Option<u64>, pointer: String, out: &mut Output) {
    let mut answers = Answers::default();
    for (index, step) in steps.into_iter().enumerate() {
        let here = place(line, format!("{pointer}/{index}"));
        let Json::Object(mut step) = step else {
            out.rejected(here, format!("expected a step, found {}", describe_json(&step)));
            continue;
        };
        if let Some(text) = take_text(&mut step, &["system_prompt"]) {
            say("system", Json::from(text), here, &mut answers);
        } else if let Some(text) = take_text(&mut step, &["task"]) {
            say("user", Json::from(text), here, &mut answers);
        } else if step.contains_key("step_number") {
            add_action(step, here, &mut root, &mut answers);
        } else if let Some(plan) = take_text(&mut step, &["plan"]) {
            let mut message = answer(&mut step, Json::from(plan));
            message.insert("plan".to_owned(), Json::from(true));
            answers.add(message, None, here);
        } else if let Some(output) = step.remove("output") {
            root.output = root.output.take().or_else(|| Some(Payload::from_json(output)));
        } else {
            let found = describe_json(&Json::Object(step));
            out.rejected(here, format!("expected a step with a `task`, a `plan` or a `step_number`, found {found}"));
        }
    }
    answers.push(root, About { line, pointer, ..About::default() }, out);
}

fn say(role: &str, content: Json, here: Place, answers: &mut Answers) {
    let message = Map::from_iter([("role".to_owned(), Json::from(role)), ("content".to_owned(), content)]);
    answers.add(message, None, here);
}

/// Writes what the model said in a step as its message.
fn answer(step: &mut Map<String, Json>, said: Json) -> Map<String, Json> {
    let mut message = Map::from_iter([("role".to_owned(), Json::from("assistant")), ("content".to_owned(), said)]);
    if let Some(counts) = step.remove("token_usage").filter(|counts| !is_blank(counts)) {
        message.insert("usage".to_owned(), counts);
    }
    if let Some(end) = step.get("timing").and_then(|timing| timing.get("end_time")) {
        message.insert("timestamp".to_owned(), end.clone());
    }
    message
}

fn add_action(mut step: Map<String, Json>, here: Place, root: &mut Span, answers: &mut Answers) {
    let said = take(&mut step, &["model_output"]).filter(|said| !is_blank(said));
    let of_message =
        step.get_mut("model_output_message").and_then(|message| message.get_mut("content")).map(Json::take);
    let mut message = answer(&mut step, said.or(of_message).unwrap_or_default());
    let error = step.remove("error").filter(|error| !is_blank(error));
    let observed = step.remove("observations").filter(|value| !is_blank(value));
    let calls = match step.remove("tool_calls") {
        Some(Json::Array(calls)) => calls,
        _ => Vec::new(),
    };
    let ids: Vec<Json> = calls.iter().filter_map(|call| call.get("id").cloned()).collect();
    message.insert("tool_calls".to_owned(), Json::Array(calls));
    if let Some(number) = step.remove("step_number") {
        message.insert("step_number".to_owned(), number);
    }
    // A step that ended before the model said anything has no answer.
    let is_silent = ids.is_empty() && message.get("content").is_none_or(is_blank) && !message.contains_key("usage");
    if !is_silent {
        answers.add(message, None, here.clone());
    }
    let words = error.as_ref().map(|error| match error.get("message").and_then(Json::as_str) {
        Some(words) => Json::from(words),
        None => Json::from(error.to_string()),
    });
    match ids.split_last() {
        // What all calls of a step returned is one text; it stands at the last of them.
        Some((last, others)) => {
            for id in others {
                answer_call(id, &Json::from(""), None, here.clone(), answers);
            }
            let content = observed.or_else(|| words.clone()).unwrap_or_default();
            let failed = words.is_some().then_some(true);
            let error = words.filter(|words| *words != content);
            answer_call(last, &content, failed, here.clone(), answers);
            if let Some(words) = error {
                say("user", words, here, answers);
            }
        }
        // The framework tells the model what was wrong with its answer.
        None => {
            for words in observed.into_iter().chain(words) {
                say("user", words, here.clone(), answers);
            }
        }
    }
    if step.get("is_final_answer") == Some(&Json::Bool(true)) {
        root.output = step.remove("action_output").filter(|value| !value.is_null()).map(Payload::from_json);
        root.facts.termination = root.facts.termination.or(Some(Termination::Completed));
    }
}

fn answer_call(id: &Json, content: &Json, is_error: Option<bool>, here: Place, answers: &mut Answers) {
    let message = json!({"role": "tool", "tool_call_id": id, "content": content, "is_error": is_error});
    if let Json::Object(message) = message {
        answers.add(message, None, here);
    }
}
