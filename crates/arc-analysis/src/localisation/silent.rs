//! Silent failures: runs that end politely without having done what they should.
//!
//! What a run shows by itself says little. What says more is the agent's own baseline: other trials of the same task
//! that did something else. Only changes count: a call of a tool that reads changes nothing.

use std::collections::BTreeSet;

use arc_model::{Payload, Role, Span, SpanKind, Trace};

use super::{
    features::Features,
    text::{Text, hash, ratio},
};
use crate::failures::View;

/// Verbs at the beginning of names of tools that only read.
const READS: &[&str] = &[
    "calc",
    "check",
    "count",
    "describe",
    "fetch",
    "find",
    "get",
    "inspect",
    "list",
    "look",
    "open",
    "query",
    "read",
    "retrieve",
    "search",
    "select",
    "show",
    "think",
    "transfer_to_human",
    "view",
    "visit",
];

/// Returns whether a tool changes something, as far as its name says.
pub(crate) fn changes_something(name: &str) -> bool {
    let name = name.to_lowercase();
    !READS.iter().any(|verb| name.starts_with(verb))
}

/// Returns what is told to the models about a whole run, beside other trials of its task where there are some.
pub fn run_features(trace: &Trace, trials: &[Trace]) -> Features {
    let mut features = alone(trace);
    let facts = trace.facts();
    let is_trial = |other: &&Trace| {
        let its = other.facts();
        other.id() != trace.id() && its.task.is_some() && its.task == facts.task && its.agent == facts.agent
    };
    let others: Vec<BTreeSet<u64>> = trials.iter().filter(is_trial).map(changes).collect();
    if others.is_empty() {
        return features;
    }
    let own = changes(trace);
    let agree = others.iter().filter(|other| **other == own).count();
    let most = others.iter().map(|one| others.iter().filter(|other| *other == one).count()).max().unwrap_or(0);
    let different: BTreeSet<&BTreeSet<u64>> = others.iter().chain([&own]).collect();
    let changing = others.iter().filter(|other| !other.is_empty()).count();
    features.extend([
        ("trials that changed the same", ratio(agree, others.len())),
        ("largest agreement of other trials", ratio(most, others.len())),
        ("different changes among trials", ratio(different.len(), others.len() + 1)),
        ("other trials that changed something", ratio(changing, others.len())),
        ("changed nothing, others did", f32::from(u8::from(own.is_empty() && changing > 0))),
    ]);
    features.retain(|(_, value)| *value != 0.0);
    features
}

/// Returns what a run changed: calls that were not refused, with their arguments.
fn changes(trace: &Trace) -> BTreeSet<u64> {
    let view = View::new(trace);
    let calls = view.calls().iter().enumerate();
    let changing = calls.filter(|(index, call)| changes_something(call.name) && view.error(*index).is_none());
    changing
        .map(|(_, call)| hash(&format!("{} {}", call.name, call.arguments.map(Payload::to_text).unwrap_or_default())))
        .collect()
}

fn alone(trace: &Trace) -> Features {
    let view = View::new(trace);
    let calls = view.calls();
    let failed = |index: usize| view.error(index).is_some();
    let changing: Vec<usize> =
        calls.iter().enumerate().filter(|(_, call)| changes_something(call.name)).map(|(index, _)| index).collect();
    let refused = changing.iter().filter(|index| failed(**index)).count();
    let errors = (0..calls.len()).filter(|index| failed(*index)).count();
    let names: BTreeSet<&str> = calls.iter().map(|call| call.name).collect();
    let asked: BTreeSet<(&str, String)> =
        calls.iter().map(|call| (call.name, call.arguments.map(Payload::to_text).unwrap_or_default())).collect();
    let answers: Vec<Text> = view.models().iter().map(|span| Text::read(&answer(span))).collect();
    let users = trace.roots().flat_map(|root| &root.messages_in).filter(|message| message.role == Role::User).count();
    let handed_over =
        names.iter().any(|name| ["transfer", "escalat", "handoff", "human"].iter().any(|word| name.contains(word)));
    let mut features = vec![
        ("run: model calls", ratio(view.models().len(), 1).ln_1p()),
        ("run: tool calls", ratio(calls.len(), 1).ln_1p()),
        ("run: messages of the user", ratio(users, 1).ln_1p()),
        ("run: failed calls", ratio(errors.min(6), 3)),
        ("run: changes", ratio((changing.len() - refused).min(6), 2)),
        ("run: refused changes", ratio(refused.min(3), 1)),
        ("run: changed nothing", f32::from(u8::from(changing.len() == refused))),
        ("run: different tools", ratio(names.len(), 5)),
        ("run: repeated calls", ratio((calls.len() - asked.len()).min(9), 3)),
        ("run: answers that give up", ratio(answers.iter().filter(|text| text.refusals > 0).count().min(9), 3)),
        ("run: last answer gives up", f32::from(u8::from(answers.last().is_some_and(|text| text.refusals > 0)))),
        ("run: handed over", f32::from(u8::from(handed_over))),
        (
            "run: last is a tool",
            f32::from(u8::from(trace.spans().last().is_some_and(|span| span.kind == SpanKind::Tool))),
        ),
    ];
    features.retain(|(_, value)| *value != 0.0);
    features
}

fn answer(span: &Span) -> String {
    span.messages_out.iter().map(|message| message.joined_text()).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use arc_model::{TraceId, sketch};

    use super::*;

    fn run(id: u8, text: &str) -> Trace {
        let trace = sketch::parse(text).unwrap();
        let id = TraceId::from_bytes([id; 16]).unwrap();
        Trace::new(id, trace.spans().iter().cloned().map(|span| Span { trace_id: id, ..span }))
    }

    fn value(features: &Features, name: &str) -> f32 {
        features.iter().find(|(known, _)| *known == name).map_or(0.0, |(_, value)| *value)
    }

    #[test]
    fn only_names_that_do_not_begin_with_a_reading_verb_change_something() {
        assert!(changes_something("cancel_reservation") && changes_something("send_email"));
        assert!(!changes_something("get_user") && !changes_something("Search_flights"));
    }

    #[test]
    fn a_trial_that_does_something_else_than_the_others_disagrees() {
        let same = "agent a task=t\n  tool book {seat: 1} -> \"ok\"\n  tool get_seat {} -> 1";
        let other = "agent a task=t\n  tool book {seat: 2} -> \"ok\"";
        let trials = [run(1, same), run(2, same), run(3, other)];
        let agreement = |trial: &Trace| value(&run_features(trial, &trials), "trials that changed the same");
        assert!((agreement(&trials[0]) - 0.5).abs() < 1e-6);
        assert!(agreement(&trials[2]).abs() < 1e-6);
    }

    #[test]
    fn without_other_trials_nothing_is_said_about_agreement() {
        let only = run(1, "agent a task=t\n  tool book {seat: 1} -> \"ok\"");
        assert!(run_features(&only, std::slice::from_ref(&only)).iter().all(|(name, _)| name.starts_with("run: ")));
    }
}
