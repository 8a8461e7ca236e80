//! Logs of Inspect: a `.json` log, or the header and the samples out of an `.eval` archive.
//!
//! Every sample is a run, its epoch a trial. What each call of the model used is in the sample's events, joined by the
//! message it answered with; a log without events has the tokens of the whole sample only. Scores are claims: of a
//! program's check, or of a judge where the scorer is a model. A score between right and wrong is no verdict.

use std::collections::BTreeMap;

use arc_model::{
    AgentName, InputRule, Json, ModelRef, OutcomeClaim, OutcomeSource, Span, Status, TaskId, Termination, Usage,
    Verdict,
};
use serde_json::{Map, json};

use super::{
    Match, Wire,
    answers::{About, Answers, shortened},
    describe_json, each_record,
    identity::Identities,
    place, some_item, transcript,
};
use crate::{
    document::{Content, Document},
    output::Output,
    read::value::{count, is_blank, name, number, take_text},
};

/// The wire.
pub struct InspectAi;

impl Wire for InspectAi {
    fn id(&self) -> &'static str {
        "inspect-ai"
    }

    fn name(&self) -> &'static str {
        "Logs of Inspect (`inspect_ai`), `.json` and `.eval`"
    }

    fn expects(&self) -> &'static str {
        "a log of Inspect, `{eval: {task, model, …}, samples: [{id, epoch, messages, scores, …}]}`, or a sample of one"
    }

    fn sniff(&self, content: &Content<'_>) -> Option<Match> {
        let Content::Json(value) = content else { return None };
        if is_log(value) {
            return Some(Match { score: 95, because: "its `eval` names a task and a model" });
        }
        (is_sample(value) || some_item(value, is_sample))
            .then_some(Match { score: 92, because: "it has `messages`, an `epoch` and a `target`" })
    }

    fn decode(&self, documents: Vec<Document<'_>>, out: &mut Output) {
        let mut identities = Identities::default();
        let mut header = Header::default();
        each_record(documents, out, |record, line, pointer, out| {
            if is_sample(&record) {
                read_sample(record, &header, (line, pointer), &mut identities, out);
                return;
            }
            if !is_log(&record) {
                let found = describe_json(&record);
                out.rejected(place(line, pointer), format!("expected {}, found {found}", InspectAi.expects()));
                return;
            }
            let Json::Object(mut log) = record else { return };
            header = Header::take(&mut log);
            let Some(Json::Array(samples)) = log.remove("samples") else { return };
            for (index, sample) in samples.into_iter().enumerate() {
                let pointer = format!("{pointer}/samples/{index}");
                if is_sample(&sample) {
                    read_sample(sample, &header, (line, pointer), &mut identities, out);
                } else {
                    let found = describe_json(&sample);
                    out.rejected(place(line, pointer), format!("expected a sample with `messages`, found {found}"));
                }
            }
        });
    }
}

fn is_log(value: &Json) -> bool {
    value.get("eval").is_some_and(|eval| eval.get("task").is_some() && eval.get("model").is_some())
}

fn is_sample(value: &Json) -> bool {
    let has = |name: &str| value.get(name).is_some();
    has("epoch") && has("id") && value.get("messages").is_some_and(Json::is_array) && (has("target") || has("scores"))
}

/// Bytes of a value that every run of a log gets from its header.
const MOST_BYTES: usize = 256;

/// What a log says of all its samples.
#[derive(Default)]
struct Header {
    task: Option<String>,
    model: Option<String>,
    agent: Option<String>,
    attributes: Map<String, Json>,
}

impl Header {
    fn take(log: &mut Map<String, Json>) -> Self {
        let Some(Json::Object(mut eval)) = log.remove("eval") else { return Self::default() };
        let agent = take_text(&mut eval, &["solver"]);
        // Every run of the log has these, so they may not be long.
        let is_short = |value: &Json| match value {
            Json::String(text) => !text.is_empty() && text.len() <= MOST_BYTES,
            Json::Number(_) | Json::Bool(_) => true,
            _ => false,
        };
        let kept = ["run_id", "task_version", "created"];
        let attributes = kept.iter().filter_map(|name| Some((format!("eval.{name}"), eval.remove(*name)?)));
        Self {
            attributes: attributes.filter(|(_, value)| is_short(value)).collect(),
            task: take_text(&mut eval, &["task"]).map(shortened),
            model: take_text(&mut eval, &["model"]).map(shortened),
            agent: agent.map(shortened),
        }
    }
}

fn read_sample(
    sample: Json,
    header: &Header,
    at: (Option<u64>, String),
    identities: &mut Identities,
    out: &mut Output,
) {
    let (line, pointer) = at;
    let trace_id = identities.of(InspectAi.id(), &sample);
    let Json::Object(mut sample) = sample else { return };
    let Some(Json::Array(messages)) = sample.remove("messages") else { return };
    let calls = calls(sample.remove("events"));
    let mut root = transcript::root(trace_id);
    root.facts.framework = Some(InspectAi.id().to_owned());
    root.facts.agent = header.agent.clone().or_else(|| header.task.clone()).map(AgentName::new);
    let id = sample.remove("id").as_ref().and_then(name).unwrap_or_default();
    root.facts.task = Some(TaskId::new(match &header.task {
        Some(task) => format!("{task}/{id}"),
        None => id,
    }));
    let epoch = sample.remove("epoch").as_ref().and_then(count).and_then(|epoch| u32::try_from(epoch).ok());
    root.facts.trial = epoch.map(|epoch| epoch.saturating_sub(1));
    settle(&mut root, &mut sample);
    let usage = sample.get("model_usage").and_then(of_one_model);
    // The last answer again, the choices it had, and what the messages say.
    for repeated in ["output", "attachments", "store", "input"] {
        sample.remove(repeated);
    }
    sample.retain(|_, value| !is_blank(value));
    root.attributes = sample.into_iter().chain(header.attributes.clone()).collect();

    let mut answers = Answers::default();
    for (index, message) in messages.into_iter().enumerate() {
        let here = place(line, format!("{pointer}/messages/{index}"));
        match message {
            Json::Object(message) => answers.add(of_message(message, &calls), None, here),
            other => out.rejected(here, format!("expected a message, found {}", describe_json(&other))),
        }
    }
    let model = header.model.clone().map(|model| ModelRef { request: Some(model), ..ModelRef::default() });
    let pointer = format!("{pointer}/messages");
    answers.push(root, About { model, line, pointer, usage, ..About::default() }, out);
}

/// What the events say of each call of the model, by the id of the message it answered with.
fn calls(events: Option<Json>) -> BTreeMap<String, Map<String, Json>> {
    let Some(Json::Array(events)) = events else { return BTreeMap::new() };
    let is_call = |event: &Json| event.get("event").and_then(Json::as_str) == Some("model");
    let mut calls = BTreeMap::new();
    for event in events.iter().filter(|event| is_call(event)) {
        let Some(id) = event.pointer("/output/choices/0/message/id").and_then(Json::as_str) else { continue };
        let mut call = Map::new();
        for (pointer, name) in [
            ("/output/usage", "usage"),
            ("/output/model", "model"),
            ("/output/choices/0/stop_reason", "finish_reason"),
            ("/completed", "timestamp"),
        ] {
            if let Some(value) = event.pointer(pointer).filter(|value| !is_blank(value)) {
                call.insert(name.to_owned(), value.clone());
            }
        }
        calls.insert(id.to_owned(), call);
    }
    calls
}

fn of_message(mut message: Map<String, Json>, calls: &BTreeMap<String, Map<String, Json>>) -> Map<String, Json> {
    if let Some(call) = message.remove("id").as_ref().and_then(Json::as_str).and_then(|id| calls.get(id)) {
        for (name, value) in call {
            message.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }
    if let Some(counts) = message.get("usage").and_then(usage_shape) {
        message.insert("usage".to_owned(), counts);
    }
    if let Some(Json::Array(asked)) = message.get_mut("tool_calls") {
        for call in asked.iter_mut().filter_map(Json::as_object_mut) {
            if let Some(function) = call.remove("function") {
                call.insert("name".to_owned(), function);
            }
        }
    }
    if message.get("role").and_then(Json::as_str) == Some("tool")
        && let Some(function) = message.remove("function")
    {
        message.insert("name".to_owned(), function);
    }
    // Where the message came from; that it was generated says its role.
    message.remove("source");
    message
}

/// Inspect leaves cached tokens out of the input, as its total tells; where the total says otherwise, they are in it.
fn usage(counts: &Json) -> Option<Usage> {
    let at = |name: &str| counts.get(name).and_then(count);
    let (read, write) = (at("input_tokens_cache_read"), at("input_tokens_cache_write"));
    let (input, output) = (at("input_tokens"), at("output_tokens"));
    let cached = read.unwrap_or(0).saturating_add(write.unwrap_or(0));
    let parts = input.unwrap_or(0).saturating_add(output.unwrap_or(0)).saturating_add(cached);
    let is_exclusive = cached > 0 && at("total_tokens") == Some(parts);
    let usage = Usage {
        input: if is_exclusive { input.map(|input| input.saturating_add(cached)) } else { input },
        output,
        cache_read: read,
        cache_write: write,
        reasoning: at("reasoning_tokens"),
        input_rule: if is_exclusive { InputRule::ExclusiveByArithmetic } else { InputRule::Inclusive },
        ..Usage::default()
    };
    Some(usage).filter(|usage| !usage.is_empty())
}

/// Writes counts as `OpenAI`'s, whose input includes what was cached.
fn usage_shape(counts: &Json) -> Option<Json> {
    let usage = usage(counts)?;
    Some(json!({
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "prompt_tokens_details": {"cached_tokens": usage.cache_read, "cache_write_tokens": usage.cache_write},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }))
}

/// A sample of which one model alone was asked: its tokens are that model's.
fn of_one_model(models: &Json) -> Option<Usage> {
    let models = models.as_object()?;
    let mut all = models.values();
    all.next().filter(|_| models.len() == 1).and_then(usage)
}

/// Reads how the run ended and what the scorers say.
fn settle(root: &mut Span, sample: &mut Map<String, Json>) {
    let limit = sample.get("limit").and_then(|limit| limit.get("type")).and_then(Json::as_str).map(str::to_owned);
    root.facts.termination = match limit.as_deref() {
        Some("message" | "turn") => Some(Termination::StepLimit),
        Some("time" | "working") => Some(Termination::Timeout),
        Some("operator") => Some(Termination::Cancelled),
        _ => None,
    };
    if let Some(Json::Object(mut error)) = sample.remove("error") {
        root.facts.termination = Some(Termination::Exception);
        root.status = Status::Error { kind: None, message: take_text(&mut error, &["message"]).unwrap_or_default() };
    }
    let scores = sample.get("scores").and_then(Json::as_object).cloned().unwrap_or_default();
    for (scorer, score) in &scores {
        let Some((verdict, value)) = score.get("value").and_then(verdict) else { continue };
        let by_model = scorer.starts_with("model_graded") || scorer.contains("judge");
        let reason = score.get("explanation").and_then(Json::as_str).filter(|text| !text.is_empty());
        root.facts.outcomes.push(OutcomeClaim {
            verdict,
            source: if by_model { OutcomeSource::Judge } else { OutcomeSource::Check },
            score: value,
            reason: Some(reason.map_or_else(|| format!("the score of `{scorer}`"), |text| format!("{scorer}: {text}"))),
            span_id: Some(root.span_id),
        });
    }
}

/// Reads a score as right or wrong; one that is neither is `None`.
fn verdict(value: &Json) -> Option<(Verdict, Option<f64>)> {
    let of = |right: bool| if right { Verdict::Succeeded } else { Verdict::Failed };
    match value {
        Json::String(text) if text == "C" => Some((of(true), None)),
        Json::String(text) if text == "I" || text == "N" => Some((of(false), None)),
        Json::Bool(right) => Some((of(*right), None)),
        other => {
            let score = number(other)?;
            let is_right = [(1.0, true), (0.0, false)].into_iter().find(|(end, _)| (score - end).abs() < f64::EPSILON);
            is_right.map(|(_, right)| (of(right), Some(score)))
        }
    }
}
