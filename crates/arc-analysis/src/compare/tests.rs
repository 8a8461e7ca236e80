//! What a comparison says of given runs; reference values, and what holds of all comparisons.

use arc_model::{NanoUsd, TaskId, TraceId, Verdict};
use proptest::prelude::*;

use super::*;

fn id(number: u64) -> TraceId {
    TraceId::from_bytes((u128::from(number) + 1).to_be_bytes()).unwrap()
}

/// Trials as text: a task, and one letter per trial (p passes, f fails, ? unknown).
fn trials(lines: &[(&str, &str)]) -> Vec<Trial> {
    let each = |(task, letters): &(&str, &str)| -> Vec<Trial> {
        let verdict = |letter| match letter {
            'p' => Verdict::Succeeded,
            'f' => Verdict::Failed,
            _ => Verdict::Unknown,
        };
        let task = (!task.is_empty()).then(|| TaskId::new(*task));
        let one =
            |letter| Trial { run: id(0), task: task.clone(), verdict: verdict(letter), cost: None, duration_ms: None };
        letters.chars().map(one).collect()
    };
    let mut trials: Vec<Trial> = lines.iter().flat_map(each).collect();
    for (number, trial) in trials.iter_mut().enumerate() {
        trial.run = id(number as u64);
    }
    trials
}

fn of(before: &[(&str, &str)], after: &[(&str, &str)]) -> Comparison {
    compare(("v1", &trials(before)), ("v2", &trials(after)))
}

/// One trial of each of so many tasks: both pass, only the baseline, only the candidate, neither.
fn matched(both: usize, only_before: usize, only_after: usize, neither: usize) -> Comparison {
    let outcomes = [(both, true, true), (only_before, true, false), (only_after, false, true), (neither, false, false)];
    let (mut before, mut after, mut task) = (Vec::new(), Vec::new(), 0);
    for (times, old, new) in outcomes {
        for _ in 0..times {
            let name = format!("task {task:04}");
            let one = |passes| trials(&[(name.as_str(), if passes { "p" } else { "f" })]);
            before.extend(one(old));
            after.extend(one(new));
            task += 1;
        }
    }
    compare(("v1", &before), ("v2", &after))
}

#[test]
fn without_runs_nothing_is_claimed() {
    let nothing = of(&[], &[]);
    assert_eq!((nothing.change, nothing.paired, nothing.unpaired), (Change::NotEnoughData, None, None));
    assert_eq!((nothing.baseline.success.estimate, nothing.cost_nano_usd, nothing.duration_ms), (None, None, None));
}

/// `statsmodels.stats.contingency_tables.mcnemar([[a, b], [c, d]], exact=True)`.
#[test]
fn with_one_trial_per_task_the_test_is_mcnemars() {
    for ((only_before, only_after), p) in [
        ((1, 9), 0.021_484_375),
        ((9, 1), 0.021_484_375),
        ((2, 8), 0.109_375),
        ((0, 5), 0.0625),
        ((4, 4), 1.0),
        ((5, 20), 0.004_077_315_330_505_371),
    ] {
        let paired = matched(7, only_before, only_after, 3).paired.unwrap();
        assert_eq!(paired.test, PairedTest::McnemarExact);
        assert!((paired.p_value - p).abs() < 1e-12, "{} is not {p}", paired.p_value);
    }
    assert_eq!(matched(7, 1, 9, 3).change, Change::Better);
    assert_eq!(matched(7, 9, 1, 3).change, Change::Worse);
    assert_eq!(matched(7, 2, 8, 3).change, Change::NoClearChange);
}

/// R's `mantelhaen.test(UCBAdmissions-like 2×2×K, exact = TRUE)` reduces to Fisher's test for one stratum.
#[test]
fn with_one_task_the_test_is_fishers() {
    let paired = of(&[("a", "ppppppppff")], &[("a", "pfffff")]).paired.unwrap();
    assert_eq!(paired.test, PairedTest::StratifiedExact);
    assert!((paired.p_value - 0.034_965).abs() < 1e-6, "{paired:?}");
    assert_eq!((paired.change, paired.interval), (Change::Worse, None));
}

#[test]
fn tasks_that_changed_are_named_with_their_runs() {
    let comparison = of(
        &[("a", "ppp"), ("b", "ff"), ("c", "pp"), ("d", "pf"), ("e", "p")],
        &[("a", "fff"), ("b", "pp"), ("c", "pf"), ("d", "pp"), ("f", "pf")],
    );
    let names = |list: &[TaskChange]| list.iter().map(|one| one.task.to_string()).collect::<Vec<_>>().join(" ");
    assert_eq!(names(&comparison.newly_failing), "a");
    assert_eq!(names(&comparison.newly_passing), "b");
    assert_eq!(names(&comparison.flaky), "c f");
    assert_eq!(comparison.newly_failing[0].candidate.runs, [id(0), id(1), id(2)]);
    // The failed trial is named first.
    assert_eq!(comparison.flaky[0].candidate.runs, [id(6), id(5)]);
    assert_eq!(comparison.paired.unwrap().tasks, 4);
}

#[test]
fn tasks_that_are_not_shared_are_compared_as_shares() {
    let comparison = of(&[("a", "pppppppp"), ("", "pp")], &[("b", "pfffff")]);
    assert_eq!((comparison.paired.is_none(), comparison.change), (true, Change::Worse));
    let unpaired = comparison.unpaired.unwrap();
    assert_eq!((unpaired.baseline.n, unpaired.candidate.n), (10, 6));
    assert_eq!(unpaired.test, Some(crate::reliability::TrendTest::FisherExact));
}

/// Newcombe 1998, table II, method 10: 56/70 − 48/80 has (0.0524, 0.3339); 9/10 − 3/10 (0.1705, 0.8090).
#[test]
fn the_interval_of_two_shares_is_the_published_one() {
    let heaps = |successes: usize, n: usize| trials(&[("", &("p".repeat(successes) + &"f".repeat(n - successes)))]);
    for ((s1, n1), (s2, n2), low, high) in [((56, 70), (48, 80), 0.0524, 0.3339), ((9, 10), (3, 10), 0.1705, 0.8090)] {
        let comparison = compare(("v1", &heaps(s2, n2)), ("v2", &heaps(s1, n1)));
        let interval = comparison.unpaired.unwrap().interval.unwrap();
        assert!((interval.low - low).abs() < 6e-5 && (interval.high - high).abs() < 6e-5, "{interval:?}");
    }
}

#[test]
fn a_task_whose_outcome_is_unknown_on_one_side_is_not_shared() {
    let comparison = of(&[("a", "ppppp")], &[("a", "?????"), ("b", "fffff")]);
    assert_eq!(comparison.paired, None);
    assert_eq!(comparison.candidate.unknown_outcomes, 5);
    assert_eq!(comparison.unpaired.unwrap().baseline.n, 5);
}

#[test]
fn cost_and_time_differ_by_the_mean_over_shared_tasks() {
    let priced = |costs: &[(&str, i64)]| -> Vec<Trial> {
        let one = |(number, (task, cost)): (usize, &(&str, i64))| Trial {
            run: id(number as u64),
            task: Some(TaskId::new(*task)),
            verdict: Verdict::Unknown,
            cost: Some(NanoUsd(*cost)),
            duration_ms: None,
        };
        costs.iter().enumerate().map(one).collect()
    };
    let before = priced(&[("a", 100), ("b", 200), ("b", 400), ("x", 9_000)]);
    let after = priced(&[("a", 110), ("b", 330)]);
    let cost = compare(("v1", &before), ("v2", &after)).cost_nano_usd.unwrap();
    assert_eq!((cost.shared_tasks, cost.candidate.runs), (2, 2));
    assert!((cost.difference - 20.0).abs() < 1e-9, "{cost:?}");
    assert_eq!(compare(("v1", &before), ("v2", &after)).duration_ms, None);
}

/// `scipy.stats.ttest_ind(after, before, equal_var=False).confidence_interval()`.
#[test]
fn times_of_runs_without_tasks_have_welchs_interval() {
    let timed = |times: &[f64]| -> Vec<Trial> {
        let one = |(number, ms): (usize, &f64)| Trial {
            run: id(number as u64),
            task: None,
            verdict: Verdict::Unknown,
            cost: None,
            duration_ms: Some(*ms),
        };
        times.iter().enumerate().map(one).collect()
    };
    let (before, after) = (timed(&[1.0, 2.0, 3.0, 4.0]), timed(&[5.0, 7.0, 9.0, 4.0, 6.0]));
    let time = compare(("v1", &before), ("v2", &after)).duration_ms.unwrap();
    let interval = time.interval.unwrap();
    assert!((time.difference - 3.7).abs() < 1e-12);
    assert!((interval.low - 1.147_018_6).abs() < 1e-6 && (interval.high - 6.252_981_4).abs() < 1e-6, "{interval:?}");
    assert_eq!(time.change, Change::Worse);
}

fn some_trials() -> impl Strategy<Value = Vec<(u8, u8)>> {
    prop::collection::vec((0u8..8, 0u8..3), 0..60)
}

fn built(picks: &[(u8, u8)], offset: u64) -> Vec<Trial> {
    let one = |(number, (task, verdict)): (usize, &(u8, u8))| Trial {
        run: id(offset + number as u64),
        task: (*task > 0).then(|| TaskId::new(format!("t{task}"))),
        verdict: [Verdict::Failed, Verdict::Succeeded, Verdict::Unknown][usize::from(*verdict)],
        cost: Some(NanoUsd(i64::from(*task) * 1_000 + i64::from(*verdict))),
        duration_ms: Some(f64::from(*task) * 1.5 + f64::from(*verdict) / 3.0),
    };
    picks.iter().enumerate().map(one).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn the_order_of_runs_does_not_matter(before in some_trials(), after in some_trials()) {
        let (before, after) = (built(&before, 0), built(&after, 1_000));
        let (mut shuffled_before, mut shuffled_after) = (before.clone(), after.clone());
        shuffled_before.reverse();
        let middle = shuffled_after.len() / 2;
        shuffled_after.rotate_left(middle);
        prop_assert_eq!(
            compare(("a", &before), ("b", &after)),
            compare(("a", &shuffled_before), ("b", &shuffled_after))
        );
    }

    #[test]
    fn a_version_is_like_itself(runs in some_trials()) {
        let runs = built(&runs, 0);
        let same = compare(("a", &runs), ("a", &runs));
        prop_assert!(matches!(same.change, Change::NoClearChange | Change::NotEnoughData));
        prop_assert!(same.newly_failing.is_empty() && same.newly_passing.is_empty());
        prop_assert!(same.paired.is_none_or(|paired| paired.difference.abs() < 1e-12));
    }

    #[test]
    fn the_other_way_round_it_is_the_other_way_round(before in some_trials(), after in some_trials()) {
        let (before, after) = (built(&before, 0), built(&after, 1_000));
        let (there, back) = (compare(("a", &before), ("b", &after)), compare(("b", &after), ("a", &before)));
        let turned = match there.change {
            Change::Better => Change::Worse,
            Change::Worse => Change::Better,
            same => same,
        };
        prop_assert_eq!(back.change, turned);
        let p = |one: &Comparison| one.paired.as_ref().map_or(1.0, |paired| paired.p_value);
        prop_assert!((p(&there) - p(&back)).abs() < 1e-9);
    }
}
