//! Result files of τ²-bench: `{info, tasks, simulations: [{task_id, trial, reward_info, messages}]}`.
//!
//! The reward is the environment's check. Messages of the simulated user are not the agent's, nor is
//! what they cost; the cost the file has for an answer of the agent is kept as the reported one.

use arc_model::{Json, ModelRef, NanoUsd, OutcomeClaim, OutcomeSource, TaskId, Termination, Timestamp, Verdict};

use super::{
    Match, Wire,
    answers::finish_calls,
    conversation::read_turns,
    describe_json,
    identity::Identities,
    json_documents, place, some_item, tau_bench,
    transcript::{self, Transcript},
};
use crate::{
    document::{Content, Document},
    output::Output,
    read::value::{is_blank, number, take_name, take_text},
};

/// The wire.
pub struct Tau2;

impl Wire for Tau2 {
    fn id(&self) -> &'static str {
        "tau2"
    }

    fn name(&self) -> &'static str {
        "τ²-bench results"
    }

    fn expects(&self) -> &'static str {
        "τ²-bench results, `{info, simulations: [{task_id, messages, reward_info, …}]}`"
    }

    fn sniff(&self, content: &Content<'_>) -> Option<Match> {
        let Content::Json(value) = content else { return None };
        is_results(value).then_some(Match { score: 95, because: "its `simulations` have `task_id` and `messages`" })
    }

    fn decode(&self, documents: Vec<Document<'_>>, out: &mut Output) {
        let mut identities = Identities::default();
        for (line, value) in json_documents(documents, out) {
            if !is_results(&value) {
                let found = describe_json(&value);
                out.rejected(place(line, ""), format!("expected {}, found {found}", Tau2.expects()));
                continue;
            }
            let model = value.pointer("/info/agent_info/llm").and_then(Json::as_str).map(str::to_owned);
            let Json::Object(mut results) = value else { continue };
            let Some(Json::Array(runs)) = results.remove("simulations") else { continue };
            for (index, run) in runs.into_iter().enumerate() {
                read_run(run, model.as_deref(), line, &format!("/simulations/{index}"), &mut identities, out);
            }
        }
    }
}

fn is_run(value: &Json) -> bool {
    value.get("task_id").is_some() && value.get("messages").is_some_and(Json::is_array)
}

fn is_results(value: &Json) -> bool {
    value.get("simulations").is_some_and(|runs| some_item(runs, is_run))
}

fn read_run(
    run: Json,
    model: Option<&str>,
    line: Option<u64>,
    pointer: &str,
    identities: &mut Identities,
    out: &mut Output,
) {
    if !is_run(&run) {
        let found = describe_json(&run);
        out.rejected(place(line, pointer), format!("expected a run with `task_id` and `messages`, found {found}"));
        return;
    }
    let trace_id = identities.of(Tau2.id(), &run);
    let Json::Object(mut run) = run else { return };
    let Some(Json::Array(messages)) = run.remove("messages") else { return };
    let pointer = format!("{pointer}/messages");
    let turns = read_turns(messages.into_iter().map(rename).collect(), line, &pointer, out);
    let mut root = transcript::root(trace_id);
    root.facts.task = take_name(&mut run, &["task_id"]).map(TaskId::new);
    root.facts.trial = tau_bench::take_trial(&mut run);
    root.reported_cost = run.get("agent_cost").and_then(number).and_then(NanoUsd::from_usd);
    let mut time = |name: &str| take_text(&mut run, &[name]).and_then(|text| Timestamp::parse(&text));
    (root.start, root.end) = (time("start_time"), time("end_time"));
    root.facts.termination = match run.get("termination_reason").and_then(Json::as_str) {
        Some("user_stop" | "agent_stop") => Some(Termination::Completed),
        Some("max_steps") => Some(Termination::StepLimit),
        Some("agent_error" | "user_error") => Some(Termination::Exception),
        _ => None,
    };
    let reward = run.get("reward_info").and_then(|scored| scored.get("reward")).and_then(number);
    if let Some(score) = reward {
        root.facts.outcomes.push(OutcomeClaim {
            verdict: if (score - 1.0).abs() <= 1e-6 { Verdict::Succeeded } else { Verdict::Failed },
            source: OutcomeSource::Check,
            score: Some(score),
            reason: Some(format!("reward {score}")),
            span_id: Some(root.span_id),
        });
    }
    root.attributes = run.into_iter().filter(|(_, value)| !is_blank(value)).collect();
    let model = model.map(|model| ModelRef { request: Some(model.to_owned()), ..ModelRef::default() });
    let first = out.spans.len();
    let parameters = std::iter::empty().collect();
    transcript::push(root, Transcript { turns, model, tools: Vec::new(), parameters, line, pointer }, out);
    finish_calls(out.spans.get_mut(first..).unwrap_or_default());
}

/// Gives the fields of a message the names they have elsewhere.
fn rename(message: Json) -> Json {
    let Json::Object(mut fields) = message else { return message };
    let role = fields.get("role").and_then(Json::as_str).unwrap_or_default().to_owned();
    for (of, name, new_name) in
        [("tool", "id", "tool_call_id"), ("tool", "error", "is_error"), ("assistant", "cost", "cost_usd")]
    {
        if role == of
            && let Some(value) = fields.remove(name)
        {
            fields.insert(new_name.to_owned(), value);
        }
    }
    Json::Object(fields)
}
