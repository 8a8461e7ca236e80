//! What counts as equal, what the intervals are, and what follows from them.

use arc_model::{Json, Message, NanoUsd, Part, Payload, Role, SpanId, TraceId};
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn said(text: &str) -> Vec<Message> {
    vec![Message::text(Role::Assistant, text)]
}

fn asked(calls: &[(&str, Json)]) -> Vec<Message> {
    let part = |(name, arguments): &(&str, Json)| Part::ToolCall {
        id: None,
        name: (*name).to_owned(),
        arguments: Payload::Json(arguments.clone()),
    };
    vec![Message { role: Role::Assistant, name: None, parts: calls.iter().map(part).collect() }]
}

/// What a comparison says in a line: basis, agreement, what tells them apart.
fn check(recorded: &[Message], replayed: &[Message]) -> String {
    compare(recorded, replayed, None).map_or_else(
        || "nothing to compare".to_owned(),
        |found| {
            let contrast = found.contrast.map(|contrast| format!(": {}", contrast.words())).unwrap_or_default();
            format!("{:?} {:?}{contrast}", found.basis, found.agreement)
        },
    )
}

#[test]
fn tool_calls_are_equal_by_name_and_arguments_in_any_order() {
    let oslo = ("weather", json!({"city": "Oslo", "days": 1}));
    let rome = ("weather", json!({"city": "Rome", "days": 1}));
    let swapped = ("weather", json!({"days": 1.0, "city": "oslo"}));
    let both = asked(&[oslo.clone(), rome.clone()]);
    assert_eq!(check(&both, &asked(&[rome.clone(), swapped])), "ToolCalls Same");
    assert_eq!(
        check(&asked(std::slice::from_ref(&oslo)), &asked(&[rome])),
        "ToolCalls Different: asks for the same tools with other arguments"
    );
    assert_eq!(check(&both, &asked(std::slice::from_ref(&oslo))), "ToolCalls Different: asks for other tools");
    assert_eq!(check(&both, &said("It rains.")), "ToolCalls Different: asks for no tool");
    assert_eq!(check(&said("It rains."), &asked(&[oslo])), "Text Different: asks for a tool instead of answering");
}

#[test]
fn arguments_in_prose_cannot_be_told_to_be_worse() {
    let search = |query: &str| asked(&[("search", json!({"query": query}))]);
    assert_eq!(
        check(&search("cheap flights from Oslo to Rome"), &search("low cost flights Oslo Rome")),
        "ToolCalls Undecided: is in other words"
    );
}

#[test]
fn labels_that_differ_are_different_and_prose_is_undecided() {
    assert_eq!(check(&said("Refund."), &said(" refund\n")), "Text Same");
    assert_eq!(check(&said("Refund"), &said("Exchange")), "Text Different: is another answer");
    assert_eq!(
        check(&said("Take an umbrella, it will rain."), &said("It will rain: bring one.")),
        "Text Undecided: is in other words"
    );
    assert_eq!(check(&said(""), &said("x")), "nothing to compare");
}

#[test]
fn json_is_compared_by_its_values_and_held_to_the_demanded_schema() {
    assert_eq!(check(&said(r#"{"a": 1, "b": "x"}"#), &said("```json\n{\"b\":\"X\",\"a\":1.0}\n```")), "Json Same");
    assert_eq!(check(&said(r#"{"a": 1}"#), &said(r#"{"a": 2}"#)), "Json Different: is another answer");
    assert_eq!(check(&said(r#"{"a": 1}"#), &said("a is 1")), "Json Different: is not JSON of the demanded schema");
    let schema = json!({"type": "object", "required": ["a"]});
    let compared = compare(&said(r#"{"a": 1}"#), &said(r#"{"b": 1}"#), Some(&schema)).unwrap();
    assert_eq!(compared.contrast, Some(Contrast::BrokenJson));
}

fn cluster(worse: u64, n: u64) -> Cluster {
    Cluster { better: 0, worse, n }
}

#[test]
fn the_interval_is_where_the_score_statistic_reaches_the_quantile() {
    // Without differing pairs the ends have a closed form: ±z²/(n + z²).
    let z2 = 1.959_963_984_540_054_f64.powi(2);
    let none = difference(&[cluster(0, 1); 50]).unwrap();
    assert!((none.low + z2 / (50.0 + z2)).abs() < 1e-9 && (none.high - z2 / (50.0 + z2)).abs() < 1e-9, "{none:?}");
    // With many pairs it is Wald's: (150 − 86) / 1600 ± 1.96 · √((236 − 64²/1600)) / 1600.
    let better = [Cluster { better: 1, worse: 0, n: 1 }; 150];
    let many = difference(&[&better[..], &[cluster(1, 1); 86], &vec![cluster(0, 1); 1364]].concat()).unwrap();
    assert!((many.value - 0.04).abs() < 1e-12, "{many:?}");
    assert!((many.low - 0.0213).abs() < 5e-4 && (many.high - 0.0587).abs() < 5e-4, "{many:?}");
    assert_eq!(difference(&[]), None);
}

#[test]
fn calls_of_one_run_tell_less_than_calls_of_many() {
    let together = difference(&[cluster(0, 50)]).unwrap();
    let apart = difference(&[cluster(0, 1); 50]).unwrap();
    assert!(together.low < -0.5 && apart.low > -0.08, "{together:?} {apart:?}");
    let lumped = difference(&[&[cluster(5, 5); 2][..], &[cluster(0, 5); 18]].concat()).unwrap();
    let spread = difference(&[&[cluster(1, 5); 10][..], &[cluster(0, 5); 10]].concat()).unwrap();
    assert!(lumped.low < spread.low, "{lumped:?} {spread:?}");
}

#[test]
fn the_number_of_calls_that_a_margin_needs_is_the_smallest_that_suffices() {
    for margin in [0.02, 0.05, 0.1, 0.2] {
        let needed = usize::try_from(calls_needed(margin, 0.0).unwrap()).unwrap();
        assert!(difference(&vec![cluster(0, 1); needed]).unwrap().low > -margin);
        assert!(difference(&vec![cluster(0, 1); needed - 1]).unwrap().low <= -margin);
    }
    assert_eq!(calls_needed(0.05, 0.05), None);
}

fn pairs(counts: &[(Agreement, u64)], recorded: i64, replayed: i64) -> Vec<Pair> {
    let agreements = counts.iter().flat_map(|(agreement, n)| (0..*n).map(|_| *agreement));
    let pair = |(index, agreement): (usize, Agreement)| {
        let id = index.to_le_bytes();
        Pair {
            trace_id: TraceId::derive(&[&id]),
            span_id: SpanId::derive(&[&id]),
            basis: Basis::ToolCalls,
            agreement,
            contrast: (agreement != Agreement::Same).then_some(Contrast::OtherTools),
            recorded_cost: Some(NanoUsd(recorded)),
            replayed_cost: Some(NanoUsd(replayed + i64::try_from(index % 2).unwrap())),
            recorded_ns: Some(2_000_000),
            replayed_ns: None,
        }
    };
    agreements.enumerate().map(pair).collect()
}

fn verdict(counts: &[(Agreement, u64)], stop: Option<Stop>) -> (ProofVerdict, Reason) {
    let judgement = judge(&pairs(counts, 1_000_000, 250_000), 0.1, stop);
    (judgement.verdict, judgement.reason)
}

#[test]
fn what_is_shown_to_be_no_worse_is_measured_and_what_is_shown_to_be_worse_is_withdrawn() {
    use Agreement::{Different, Same, Undecided};
    use ProofVerdict::{Measured, Stopped, Withdrawn};
    assert_eq!(verdict(&[(Same, 60)], None), (Measured, Reason::NonInferior));
    assert_eq!(verdict(&[(Same, 60)], Some(Stop::SpendCap)), (Measured, Reason::NonInferior));
    assert_eq!(verdict(&[(Same, 40), (Different, 20)], None), (Withdrawn, Reason::Worse));
    assert_eq!(verdict(&[(Same, 5)], None), (Stopped, Reason::TooFew { needed: 35 }));
    assert_eq!(verdict(&[(Same, 5)], Some(Stop::SpendCap)), (Stopped, Reason::SpendCap));
    // Other words prove nothing, neither way.
    assert_eq!(verdict(&[(Same, 40), (Undecided, 20)], None), (Stopped, Reason::Unclear));
    assert_eq!(verdict(&[], Some(Stop::Refused)), (Stopped, Reason::Refused));
}

#[test]
fn as_good_and_dearer_is_withdrawn() {
    let judgement = judge(&pairs(&[(Agreement::Same, 60)], 1_000, 2_000), 0.1, None);
    assert_eq!((judgement.verdict, judgement.reason), (ProofVerdict::Withdrawn, Reason::CostsMore));
}

#[test]
fn a_judgement_says_what_it_rests_on() {
    let judgement = judge(&pairs(&[(Agreement::Same, 58), (Agreement::Different, 2)], 1_000_000, 250_000), 0.2, None);
    assert_eq!((judgement.calls, judgement.runs, judgement.same, judgement.different), (60, 60, 58, 2));
    let cost = judgement.cost.unwrap();
    assert!(cost.n == 60 && (cost.ratio.unwrap() + 0.75).abs() < 1e-4 && cost.difference.unwrap().high < 0.0);
    assert_eq!(judgement.latency, None, "the replayed time is not known");
    assert_eq!(judgement.cited.len(), MOST_CITED);
    assert!(judgement.cited[..2].iter().all(|cited| cited.agreement == Agreement::Different));
}

proptest! {
    #[test]
    fn an_interval_holds_its_value_and_stays_between_minus_one_and_one(
        counts in prop::collection::vec((0_u64..4, 0_u64..4, 0_u64..4), 1..20),
    ) {
        let clusters: Vec<Cluster> = counts
            .into_iter()
            .map(|(better, worse, same)| Cluster { better, worse, n: better + worse + same })
            .collect();
        if let Some(found) = difference(&clusters) {
            prop_assert!(-1.0 <= found.low && found.low <= found.value + 1e-9, "{:?}", found);
            prop_assert!(found.value <= found.high + 1e-9 && found.high <= 1.0, "{:?}", found);
        }
    }

    #[test]
    fn an_answer_agrees_with_itself(text in "[a-zA-Z{}\\[\\]\": ,.0-9]{1,40}") {
        if let Some(compared) = compare(&said(&text), &said(&text), None) {
            prop_assert_eq!(compared.agreement, Agreement::Same);
        }
    }
}
