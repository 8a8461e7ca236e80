//! The statistics against `SciPy` and statsmodels (`reference/make.py` wrote the values), and against
//! published runs: METR's, which lie in `../shared/data` beside the checkout or where `ARC_EVAL_DATA`
//! says; without them that test is skipped, loudly.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in its helper functions")]

use std::{collections::BTreeMap, path::PathBuf};

use arc_analysis::{
    compare::{Comparison, Trial, compare},
    reliability::{
        self, Corrected, TrendTest, Verdicts, clearest, jeffreys, prediction_powered, quantile, rate, reliability,
        rogan_gladen, wilson,
    },
};
use arc_model::{AgentFigures, Interval, TaskId, TaskTally, Timestamp, TraceId, Verdict};
use serde_json::Value;

fn values(of: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(include_str!("reference/values.json")).unwrap();
    all.get(of).unwrap().as_array().unwrap().clone()
}

fn whole(value: &Value, pointer: &str) -> u64 {
    value.pointer(pointer).unwrap().as_u64().unwrap()
}

fn number(value: &Value, pointer: &str) -> f64 {
    value.pointer(pointer).unwrap().as_f64().unwrap()
}

fn assert_near(found: f64, expected: f64, what: &Value) {
    assert!((found - expected).abs() < 1e-7, "{found} is not {expected}: {what}");
}

fn assert_ends(interval: Option<Interval>, at: &str, case: &Value) {
    let interval = interval.unwrap();
    assert_near(interval.low, number(case, &format!("{at}/0")), case);
    assert_near(interval.high, number(case, &format!("{at}/1")), case);
}

/// Trials of one task: so many of n succeed.
fn trials(task: &str, successes: u64, n: u64) -> Vec<Trial> {
    let verdict = |number| if number < successes { Verdict::Succeeded } else { Verdict::Failed };
    let one = |number| Trial {
        run: TraceId::from_bytes([1; 16]).unwrap(),
        task: Some(TaskId::new(task)),
        verdict: verdict(number),
        cost: None,
        duration_ms: None,
    };
    (0..n).map(one).collect()
}

fn compared(before: &[Trial], after: &[Trial]) -> Comparison {
    compare(("before", before), ("after", after))
}

#[test]
fn intervals_of_a_share_are_those_of_statsmodels() {
    for case in values("wilson") {
        assert_ends(wilson(whole(&case, "/0"), whole(&case, "/1")), "/2", &case);
    }
    for case in values("jeffreys") {
        assert_ends(jeffreys(whole(&case, "/0"), whole(&case, "/1")), "/2", &case);
    }
    assert_eq!((wilson(0, 0), jeffreys(0, 0)), (None, None));
}

#[test]
fn the_interval_of_a_difference_is_that_of_statsmodels() {
    for case in values("newcombe") {
        let after = trials("a", whole(&case, "/0"), whole(&case, "/1"));
        let before = trials("b", whole(&case, "/2"), whole(&case, "/3"));
        assert_ends(compared(&before, &after).unpaired.unwrap().interval, "/4", &case);
    }
}

#[test]
fn fishers_test_is_that_of_scipy() {
    for case in values("fisher") {
        // Two heaps are compared only from five runs on; with one shared task the test is Fisher's as well.
        let after = trials("a", whole(&case, "/0"), whole(&case, "/1"));
        let before = trials("a", whole(&case, "/2"), whole(&case, "/3"));
        assert_near(compared(&before, &after).paired.unwrap().p_value, number(&case, "/4"), &case);
        let (one, other) = (rate(whole(&case, "/0"), whole(&case, "/1")), rate(whole(&case, "/2"), whole(&case, "/3")));
        let heaps = reliability::compare(one, other);
        if heaps.test == Some(TrendTest::FisherExact) {
            assert_near(heaps.p_value.unwrap(), number(&case, "/4"), &case);
        }
    }
}

#[test]
fn mcnemars_test_is_that_of_statsmodels() {
    for case in values("mcnemar") {
        let (mut before, mut after) = (Vec::new(), Vec::new());
        let cells = [(7, 1, 1), (whole(&case, "/0"), 1, 0), (whole(&case, "/1"), 0, 1), (3, 0, 0)];
        for (cell, (times, old, new)) in cells.into_iter().enumerate() {
            for number in 0..times {
                let task = format!("{cell}/{number}");
                before.extend(trials(&task, old, 1));
                after.extend(trials(&task, new, 1));
            }
        }
        assert_near(compared(&before, &after).paired.unwrap().p_value, number(&case, "/2"), &case);
    }
}

#[test]
fn the_test_within_tasks_is_the_convolution_of_scipys_distributions() {
    for case in values("stratified") {
        let (mut before, mut after) = (Vec::new(), Vec::new());
        for (task, pair) in case.pointer("/0").unwrap().as_array().unwrap().iter().enumerate() {
            before.extend(trials(&task.to_string(), whole(pair, "/0/0"), whole(pair, "/0/1")));
            after.extend(trials(&task.to_string(), whole(pair, "/1/0"), whole(pair, "/1/1")));
        }
        assert_near(compared(&before, &after).paired.unwrap().p_value, number(&case, "/1"), &case);
    }
}

#[test]
fn quantiles_have_the_interval_of_order_statistics() {
    for case in values("quantile") {
        let sample: Vec<f64> = (1..=u32::try_from(whole(&case, "/0")).unwrap()).map(f64::from).collect();
        let found = quantile(&sample, number(&case, "/1")).unwrap();
        let end = |pointer| case.pointer(pointer).unwrap().as_f64();
        assert_eq!((found.low, found.high), (end("/2/0"), end("/2/1")), "{case}");
    }
    assert_eq!(quantile(&[], 0.5), None);
}

#[expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "the test finds its data, and says when there is none"
)]
fn metr() -> Option<String> {
    let named = std::env::var("ARC_EVAL_DATA").map(PathBuf::from);
    let folder = named.unwrap_or_else(|_| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")));
    let path = folder.join("metr/runs.jsonl");
    let text = std::fs::read_to_string(&path).ok();
    if text.is_none() {
        eprintln!("SKIPPED: {} is absent; set ARC_EVAL_DATA to the folder of published runs", path.display());
    }
    text
}

#[test]
fn on_published_runs_macro_and_pooled_differ_and_tasks_drop_out_as_k_grows() {
    let Some(text) = metr() else { return };
    let mut models: BTreeMap<String, BTreeMap<String, (u64, u64)>> = BTreeMap::new();
    for line in text.lines() {
        let run: Value = serde_json::from_str(line).unwrap();
        let Some(score) = run.get("score_binarized").and_then(Value::as_f64) else { continue };
        let name = |key: &str| run.get(key).unwrap().as_str().unwrap().to_owned();
        let counts = models.entry(name("alias")).or_default().entry(name("task_id")).or_default();
        counts.0 += u64::from(score > 0.5);
        counts.1 += 1;
    }
    assert!(models.len() >= 6);
    let mut apart = 0;
    for (model, tasks) in models {
        let tally = |(task, (successes, n)): (&String, &(u64, u64))| TaskTally {
            task: Some(TaskId::new(task.as_str())),
            succeeded: *successes,
            failed: n - successes,
            unknown: 0,
        };
        let figures = AgentFigures { tasks: tasks.iter().map(tally).collect(), ..AgentFigures::default() };
        let found = reliability(&figures, Timestamp::from_millis(0));
        let (successes, n) = tasks.values().fold((0, 0), |sum, task| (sum.0 + task.0, sum.1 + task.1));
        #[expect(clippy::cast_precision_loss, reason = "a few thousand runs")]
        let (pooled, of_tasks) = (
            successes as f64 / n as f64,
            tasks.values().map(|(successes, n)| *successes as f64 / *n as f64).sum::<f64>() / tasks.len() as f64,
        );
        let macro_mean = found.success_macro.unwrap();
        assert!((found.success.estimate.unwrap() - pooled).abs() < 1e-12, "{model}");
        assert!((macro_mean.value - of_tasks).abs() < 1e-12, "{model}");
        apart += u32::from((pooled - of_tasks).abs() > 0.01);
        let counts: Vec<u64> = found.pass_hat_k.iter().map(|pass| pass.tasks).collect();
        assert_eq!(found.tasks_change_with_k, counts.first() != counts.last(), "{model}: {counts:?}");
    }
    assert!(apart >= 1, "macro and pooled never differ by a point");
}

/// Returns the counts at the beginning of a case.
fn verdicts(case: &Value) -> Verdicts {
    Verdicts {
        judge_only: whole(case, "/0"),
        judge_only_passed: whole(case, "/1"),
        both_passed: whole(case, "/2"),
        missed: whole(case, "/3"),
        wrongly_passed: whole(case, "/4"),
        both_failed: whole(case, "/5"),
    }
}

fn assert_corrected(corrected: &Corrected, case: &Value) {
    let known = match corrected {
        Corrected::Known { estimate, interval } => Some((*estimate, *interval)),
        Corrected::Refused { .. } => None,
    };
    let (estimate, interval) = known.unwrap();
    assert_near(estimate, number(case, "/6/0"), case);
    assert_near(interval.low, number(case, "/6/1"), case);
    assert_near(interval.high, number(case, "/6/2"), case);
}

#[test]
fn prediction_powered_rates_are_those_of_ppi_python() {
    for case in values("prediction_powered") {
        assert_corrected(&prediction_powered(&verdicts(&case)), &case);
    }
}

#[test]
fn rates_corrected_for_a_judges_errors_are_those_of_the_formula() {
    for case in values("rogan_gladen") {
        assert_corrected(&rogan_gladen(&verdicts(&case)), &case);
    }
}

#[test]
fn the_clearest_change_is_where_scipys_likelihood_says() {
    for case in values("change_point") {
        let pattern: Vec<bool> = case[0].as_str().unwrap().chars().map(|c| c == '1').collect();
        let (place, ratio) = clearest(&pattern).unwrap();
        assert_eq!(place as u64, whole(&case, "/1"), "{case}");
        assert!((ratio - number(&case, "/2")).abs() < 1e-6, "{ratio}: {case}");
    }
}
