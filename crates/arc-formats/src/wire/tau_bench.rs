//! Result files of τ-bench: `[{task_id, trial, reward, traj, info}, …]`, one record for each run.
//!
//! `traj` is a chat transcript. The reward is the environment's check of the final state, so it is a
//! claim with the source "check". `info.user_cost` is what the simulated user cost, never the
//! agent's cost: it stays a raw attribute, like the expected actions.

use arc_model::{Json, OutcomeClaim, OutcomeSource, Role, Span, SpanEvent, Status, TaskId, Termination, Verdict};
use serde_json::Map;

use super::{
    Match, Wire,
    conversation::{Turn, read_turns},
    describe_json,
    identity::Identities,
    json_documents, place, some_item,
    transcript::{self, Transcript},
};
use crate::{
    document::{Content, Document},
    output::Output,
    read::value::{count, is_blank, number, take_name},
};

/// The wire.
pub struct TauBench;

impl Wire for TauBench {
    fn id(&self) -> &'static str {
        "tau-bench"
    }

    fn name(&self) -> &'static str {
        "τ-bench results"
    }

    fn expects(&self) -> &'static str {
        "τ-bench results, `[{task_id, trial, reward, traj, info}, …]`"
    }

    fn sniff(&self, content: &Content<'_>) -> Option<Match> {
        let Content::Json(value) = content else { return None };
        (is_run(value) || some_item(value, is_run))
            .then_some(Match { score: 95, because: "its records have `task_id` and `traj`" })
    }

    fn decode(&self, documents: Vec<Document<'_>>, out: &mut Output) {
        let mut identities = Identities::default();
        for (line, value) in json_documents(documents, out) {
            match value {
                Json::Array(runs) => {
                    for (index, run) in runs.into_iter().enumerate() {
                        read_run(run, line, &format!("/{index}"), &mut identities, out);
                    }
                }
                run => read_run(run, line, "", &mut identities, out),
            }
        }
    }
}

fn is_run(value: &Json) -> bool {
    value.get("traj").is_some_and(Json::is_array) && value.get("task_id").is_some()
}

fn read_run(run: Json, line: Option<u64>, pointer: &str, identities: &mut Identities, out: &mut Output) {
    if !is_run(&run) {
        let expected = "expected a run with `task_id` and a list `traj`";
        out.rejected(place(line, pointer), format!("{expected}, found {}", describe_json(&run)));
        return;
    }
    let trace_id = identities.of(TauBench.id(), &run);
    let Json::Object(mut run) = run else { return };
    let Some(Json::Array(messages)) = run.remove("traj") else { return };
    let here = pointer;
    let pointer = format!("{here}/traj");
    let turns = read_turns(messages, line, &pointer, out);
    let mut root = transcript::root(trace_id);
    root.facts.task = take_name(&mut run, &["task_id"]).map(TaskId::new);
    root.facts.trial = take_trial(&mut run);
    settle(&mut root, &run, &turns);
    if run.remove("reward").as_ref().is_some_and(|reward| number(reward).is_none()) {
        out.note(place(line, here), "the `reward` is not a number: whether the run succeeded is unknown");
    }
    if let Some(Json::Object(info)) = run.remove("info") {
        root.attributes.extend(info.into_iter().map(|(name, value)| (format!("info.{name}"), value)));
    }
    root.attributes.extend(run);
    root.attributes.retain(|_, value| !value.is_null());
    let transcript =
        Transcript { turns, model: None, tools: Vec::new(), parameters: std::iter::empty().collect(), line, pointer };
    transcript::push(root, transcript, out);
}

/// Takes the number of the trial; one that is not a number stays where it is.
pub(crate) fn take_trial(record: &mut Map<String, Json>) -> Option<u32> {
    let trial = u32::try_from(count(record.get("trial")?)?).ok()?;
    record.remove("trial");
    Some(trial)
}

/// Says how the run ended and whether it succeeded, from the structure of the record.
fn settle(root: &mut Span, run: &Map<String, Json>, turns: &[Turn]) {
    let info = run.get("info").and_then(Json::as_object);
    let field = |name: &str| info.and_then(|info| info.get(name)).filter(|value| !value.is_null());
    let reward = run.get("reward").and_then(number);
    let mut why = None;
    if let Some(error) = field("error") {
        // The runner writes this, with an empty trajectory, when the agent or the environment raised.
        let message = error.as_str().map_or_else(|| error.to_string(), str::to_owned);
        root.facts.termination = Some(Termination::Exception);
        root.status = Status::Error { kind: None, message: message.clone() };
        let mut attributes = arc_model::Attributes::from([("exception.message".to_owned(), Json::from(message))]);
        if let Some(trace) = field("traceback") {
            attributes.insert("exception.stacktrace".to_owned(), trace.clone());
        }
        root.events.push(SpanEvent { at: None, name: "exception".to_owned(), attributes });
        why = Some("an exception ended the run".to_owned());
    } else if field("reward_info").is_some_and(|scored| !is_blank(scored)) {
        root.facts.termination = Some(Termination::Completed);
        why = describe_score(field("reward_info"));
    } else if is_unscored(info, turns) && reward == Some(0.0) {
        // The environment fills `reward_info` when the conversation is over, and the runner stops asking
        // the agent after `max_num_steps` model calls. A run with messages that was never scored is
        // one whose conversation was not over: it was stopped at that limit, and the number of its
        // model calls is the limit.
        root.facts.termination = Some(Termination::StepLimit);
        let steps = turns.iter().filter(|turn| turn.message.role == Role::Assistant).count();
        root.facts.step_limit = u32::try_from(steps).ok();
        why = Some(format!("stopped after {steps} steps; the environment never scored the run"));
    }
    if let Some(score) = reward {
        // Rewards are 0 or 1; the benchmark itself counts with this tolerance.
        let verdict = if (score - 1.0).abs() <= 1e-6 { Verdict::Succeeded } else { Verdict::Failed };
        let reason = Some(why.unwrap_or_else(|| format!("reward {score}")));
        let claim = OutcomeClaim {
            verdict,
            source: OutcomeSource::Check,
            score: Some(score),
            reason,
            span_id: Some(root.span_id),
        };
        root.facts.outcomes.push(claim);
    }
}

/// Returns whether the environment reported on the run without ever scoring it.
fn is_unscored(info: Option<&Map<String, Json>>, turns: &[Turn]) -> bool {
    let reported = info.is_some_and(|info| ["task", "source", "user_cost"].iter().any(|name| info.contains_key(*name)));
    reported && turns.iter().any(|turn| turn.message.role == Role::Assistant)
}

/// Says what the reward rests on.
fn describe_score(scored: Option<&Json>) -> Option<String> {
    let scored = scored?;
    let reward = number(scored.get("reward")?)?;
    let parts = scored.get("info").and_then(Json::as_object);
    let named = [("r_actions", "the final state"), ("r_outputs", "the required outputs")];
    let parts = named.iter().filter_map(|(field, words)| {
        let part = parts?.get(*field).and_then(number)?;
        Some(format!("{words} {}", if part >= 1.0 { "as expected" } else { "not as expected" }))
    });
    let parts: Vec<_> = parts.collect();
    let parts = if parts.is_empty() { String::new() } else { format!(": {}", parts.join(", ")) };
    Some(format!("reward {reward}{parts}"))
}
