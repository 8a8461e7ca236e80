//! Published values, and cross-checks of each figure against its definition.

use arc_model::{AgentFigures, DayTally, Interval, Method, TaskId, TaskTally, Timestamp};
use proptest::prelude::*;

use super::*;

fn cluster(successes: u64, n: u64) -> Cluster {
    Cluster { successes, n, times: 1 }
}

fn tally(task: Option<&str>, succeeded: u64, failed: u64, unknown: u64) -> TaskTally {
    TaskTally { task: task.map(TaskId::new), succeeded, failed, unknown }
}

fn of_tasks(tasks: Vec<TaskTally>) -> Reliability {
    let figures = AgentFigures { tasks, ..AgentFigures::default() };
    reliability(&figures, Timestamp::from_millis(0))
}

fn assert_ends(interval: Option<Interval>, low: f64, high: f64, digits: i32) {
    let interval = interval.expect("an interval");
    let slack = 0.5 * 10f64.powi(-digits) + 1e-12;
    assert!((interval.low - low).abs() <= slack && (interval.high - high).abs() <= slack, "{interval:?}");
}

/// R. G. Newcombe, Two-sided confidence intervals for the single proportion, Statistics in Medicine
/// 17, 1998, table I, method 3.
#[test]
fn wilson_gives_the_published_intervals() {
    assert_ends(wilson(81, 263), 0.2553, 0.3662, 4);
    assert_ends(wilson(15, 148), 0.0624, 0.1605, 4);
    assert_ends(wilson(0, 20), 0.0, 0.1611, 4);
    assert_ends(wilson(1, 29), 0.0061, 0.1718, 4);
    assert_ends(wilson(84, 200), 0.3537, 0.4893, 4);
}

#[test]
fn no_trials_have_no_rate() {
    assert_eq!(rate(0, 0), Rate { successes: 0, n: 0, estimate: None, interval: None });
    assert_eq!(task_clustered(&[]), None);
}

#[test]
fn one_task_says_nothing_about_others() {
    assert_eq!(task_clustered(&[cluster(3, 4)]), None);
    assert_eq!(task_clustered(&[cluster(3, 4), cluster(0, 0)]), None);
}

/// Five tasks of four trials: the t interval of the task means, t(0.975; 4) = 2.776445.
#[test]
fn with_equal_counts_the_clustered_interval_is_the_t_interval_of_the_means() {
    let counts = [3, 2, 2, 1, 3];
    let clusters: Vec<_> = counts.map(|count| cluster(count, 4)).to_vec();
    let means = counts.map(|count| float(count) / 4.0);
    let mean = means.iter().sum::<f64>() / 5.0;
    let deviation = (means.iter().map(|share| (share - mean).powi(2)).sum::<f64>() / 4.0).sqrt();
    let reach = 2.776_445 * deviation / 5f64.sqrt();
    assert_ends(task_clustered(&clusters), mean - reach, mean + reach, 6);
    assert_eq!(task_clustered(&clusters).unwrap().method, Method::TaskClusteredT);
}

#[test]
fn tasks_that_all_agree_still_leave_doubt() {
    let all = [cluster(4, 4), cluster(4, 4), cluster(4, 4)];
    assert_eq!(task_clustered(&all), None);
    // Three tasks, as if each had been tried once.
    assert_eq!(clustered_rate(&all).interval, wilson(3, 3));
    assert_eq!((clustered_rate(&all).successes, clustered_rate(&all).n), (12, 12));
}

#[test]
fn tasks_that_do_not_repeat_get_wilson() {
    assert_eq!(clustered_rate(&[cluster(1, 1), cluster(0, 1), cluster(1, 1)]), rate(2, 3));
    assert_eq!(clustered_rate(&[cluster(3, 4)]), rate(3, 4));
}

#[test]
fn a_run_without_a_task_is_a_cluster_of_its_own() {
    let mixed = of_tasks(vec![tally(None, 2, 1, 0), tally(Some("a"), 2, 2, 0)]);
    let spread = [cluster(1, 1), cluster(1, 1), cluster(0, 1), cluster(2, 4)];
    assert_eq!(mixed.success, clustered_rate(&spread));
    assert_eq!(mixed.tasks, TaskCount { count: 1, repeated: 1 });
}

#[test]
fn runs_of_unknown_outcome_are_counted_and_count_in_no_rate() {
    let some = of_tasks(vec![tally(None, 0, 0, 5), tally(Some("a"), 1, 1, 2), tally(Some("b"), 0, 0, 3)]);
    assert_eq!((some.runs, some.unknown_outcomes, some.success_naive), (12, 10, rate(1, 2)));
    assert_eq!(some.tasks, TaskCount { count: 2, repeated: 1 });
    assert_eq!(some.pass_hat_k.iter().map(|pass| (pass.k, pass.tasks)).collect::<Vec<_>>(), [(1, 1), (2, 1)]);

    let none = of_tasks(vec![tally(None, 0, 0, 5)]);
    assert_eq!((none.success.estimate, none.grade, none.pass_hat_k.len()), (None, None, 0));
    assert_eq!(none.trend.direction, Direction::NotEnoughData);
}

#[test]
fn tasks_with_fewer_than_k_trials_drop_out_and_k_ends_at_eight() {
    let result = of_tasks(vec![tally(Some("a"), 20, 0, 0), tally(Some("b"), 1, 2, 0)]);
    let tasks: Vec<_> = result.pass_hat_k.iter().map(|pass| pass.tasks).collect();
    assert_eq!(tasks, [2, 2, 2, 1, 1, 1, 1, 1]);
    assert!((result.pass_hat_k[0].value - 2.0 / 3.0).abs() < 1e-12);
    assert!((result.pass_at_k[2].value - 1.0).abs() < 1e-12);
}

#[test]
fn pass_k_of_huge_counts_is_a_number() {
    let huge = [Trials { successes: 999_999_999_999, n: 1_000_000_000_000 }];
    let pass = pass_hat_k(&huge, 8).unwrap().value;
    assert!((pass - (1.0 - 8e-12)).abs() < 1e-15, "{pass}");
    assert_eq!(pass_hat_k(&huge, 0), None);
}

#[test]
fn small_windows_are_compared_by_fishers_exact_test() {
    let trend = compare(rate(8, 10), rate(1, 6));
    assert_eq!((trend.test, trend.direction), (Some(TrendTest::FisherExact), Direction::Improving));
    assert!((trend.p_value.unwrap() - 0.034_965).abs() < 1e-6, "{trend:?}");
}

#[test]
fn large_windows_are_compared_by_the_pooled_z_test() {
    let trend = compare(rate(60, 100), rate(45, 100));
    // z = 0.15 / √(0.525 · 0.475 · 0.02) = 2.12398
    assert_eq!((trend.test, trend.direction), (Some(TrendTest::PooledZ), Direction::Improving));
    assert!((trend.p_value.unwrap() - 0.033_672).abs() < 1e-5, "{trend:?}");
    assert!((trend.change_points.unwrap() - 15.0).abs() < 1e-9);
    assert_eq!(compare(rate(45, 100), rate(60, 100)).direction, Direction::Declining);
    assert_eq!(compare(rate(50, 100), rate(45, 100)).direction, Direction::NoClearChange);
}

#[test]
fn four_runs_are_not_enough_for_a_trend() {
    let trend = compare(rate(4, 4), rate(0, 1000));
    assert_eq!((trend.direction, trend.test, trend.p_value), (Direction::NotEnoughData, None, None));
    assert_eq!(compare(rate(5, 5), rate(0, 5)).direction, Direction::Improving);
}

#[test]
fn equal_windows_without_any_spread_show_no_change() {
    let trend = compare(rate(10_000, 10_000), rate(10_000, 10_000));
    assert_eq!((trend.direction, trend.p_value), (Direction::NoClearChange, Some(1.0)));
}

#[test]
fn days_add_up_to_tool_accuracy_and_limits() {
    let day = |tool_calls_correct, tool_calls_judged, step_limit, timeout| DayTally {
        tool_calls_correct,
        tool_calls_judged,
        step_limit,
        timeout,
        ..DayTally::default()
    };
    let figures = AgentFigures { days: vec![day(3, 4, 1, 0), day(5, 6, 4, 2)], ..AgentFigures::default() };
    let result = reliability(&figures, Timestamp::from_millis(0));
    assert_eq!(result.tool_accuracy, rate(8, 10));
    assert_eq!((result.step_limit_failures, result.timeout_failures), (5, 2));
}

/// Counts of at most `limit` trials.
#[test]
fn all_passed_all_failed_and_nothing_known_are_three_different_answers() {
    let passed = of_tasks(vec![tally(Some("a"), 9, 0, 0)]);
    let failed = of_tasks(vec![tally(Some("a"), 0, 9, 0)]);
    let nothing = of_tasks(Vec::new());
    assert_eq!(
        (passed.success.estimate, failed.success.estimate, nothing.success.estimate),
        (Some(1.0), Some(0.0), None)
    );
    let letter = |of: &Reliability| of.grade.as_ref().map(|grade| grade.letter);
    assert_ne!(letter(&passed), letter(&failed));
    assert_eq!((letter(&nothing), nothing.success.interval, nothing.success_macro), (None, None, None));
}

fn trials(limit: u64) -> impl Strategy<Value = (u64, u64)> {
    (1..=limit).prop_flat_map(|n| (0..=n, Just(n)))
}

/// The share of all ways to pick k of n trials for which `holds` is true of the successes picked.
fn enumerate(successes: u32, n: u32, k: u32, holds: fn(u32, u32) -> bool) -> f64 {
    let (mut all, mut held) = (0u32, 0u32);
    for picks in (0u32..1 << n).filter(|picks| picks.count_ones() == k) {
        all += 1;
        held += u32::from(holds((picks & ((1 << successes) - 1)).count_ones(), k));
    }
    f64::from(held) / f64::from(all)
}

/// Chances of all tables with the margins of this one, as exact integers over one denominator.
fn exact_fisher(successes: u64, n: u64, other: u64, other_n: u64) -> f64 {
    let choose = |n: u64, k: u64| (0..k).fold(1u128, |c, i| c * u128::from(n - i) / u128::from(i + 1));
    let marked = successes + other;
    let ways = |x: u64| choose(n, x) * choose(other_n, marked - x);
    let tables = marked.saturating_sub(other_n)..=marked.min(n);
    let extreme: u128 = tables.clone().map(ways).filter(|&ways_x| ways_x <= ways(successes)).sum();
    #[expect(clippy::cast_precision_loss, reason = "a test's tolerance covers it")]
    let p = extreme as f64 / tables.map(ways).sum::<u128>() as f64;
    p
}

proptest! {
    #[test]
    fn pass_k_is_the_share_of_picks((successes, n) in trials(10), k in 1u64..=10) {
        prop_assume!(k <= n);
        let small = |count: u64| u32::try_from(count).unwrap();
        let task = [Trials { successes, n }];
        let all = enumerate(small(successes), small(n), small(k), |picked, k| picked == k);
        let any = enumerate(small(successes), small(n), small(k), |picked, _| picked > 0);
        prop_assert!((pass_hat_k(&task, k).unwrap().value - all).abs() < 1e-12);
        prop_assert!((pass_at_k(&task, k).unwrap().value - any).abs() < 1e-12);
    }

    #[test]
    fn pass_hat_k_falls_and_pass_at_k_rises_with_k((successes, n) in trials(200)) {
        let task = [Trials { successes, n }];
        let values = |pass: fn(&[Trials], u64) -> Option<PassAtK>| -> Vec<f64> {
            (1..=n).map(|k| pass(&task, k).unwrap().value).collect()
        };
        prop_assert!(values(pass_hat_k).windows(2).all(|pair| pair[1] <= pair[0] + 1e-12));
        prop_assert!(values(pass_at_k).windows(2).all(|pair| pair[1] + 1e-12 >= pair[0]));
    }

    /// Wilson's interval holds exactly the shares that a score test would not reject.
    #[test]
    fn a_run_that_succeeds_instead_of_failing_never_lowers_a_rate(
        counts in prop::collection::vec((0u64..6, 1u64..6), 1..10), better in any::<prop::sample::Index>()
    ) {
        let tasks = |counts: &[(u64, u64)]| counts.iter().enumerate()
            .map(|(index, (good, bad))| tally(Some(&index.to_string()), *good, *bad, 0)).collect();
        let before = of_tasks(tasks(&counts));
        let mut improved = counts.clone();
        let one = &mut improved[better.index(counts.len())];
        *one = (one.0 + 1, one.1 - 1);
        let after = of_tasks(tasks(&improved));
        prop_assert!(after.success.estimate > before.success.estimate);
        let mean = |of: &Reliability| of.success_macro.as_ref().map(|mean| mean.value);
        prop_assert!(mean(&after) > mean(&before));
        let low = |of: &Reliability| of.success_naive.interval.map(|ends| ends.low);
        prop_assert!(low(&after) > low(&before));
        for (one, other) in before.pass_hat_k.iter().zip(&after.pass_hat_k).chain(before.pass_at_k.iter().zip(&after.pass_at_k)) {
            prop_assert!(other.value + 1e-12 >= one.value);
        }
    }

    #[test]
    fn the_order_in_which_runs_arrive_changes_no_figure(counts in prop::collection::vec((0u64..6, 0u64..6), 0..10)) {
        let tasks = |numbers: &mut dyn Iterator<Item = usize>| numbers
            .map(|index| tally(Some(&index.to_string()), counts[index].0, counts[index].1, 0)).collect();
        let forward = of_tasks(tasks(&mut (0..counts.len())));
        let backward = of_tasks(tasks(&mut (0..counts.len()).rev()));
        let close = |a: f64, b: f64| (a - b).abs() < 1e-9;
        prop_assert_eq!(forward.success.successes, backward.success.successes);
        let ends = |of: &Reliability| of.success.interval.map_or((0.0, 0.0), |ends| (ends.low, ends.high));
        let (a, b) = (ends(&forward), ends(&backward));
        prop_assert!(close(a.0, b.0) && close(a.1, b.1), "{:?} {:?}", a, b);
        prop_assert_eq!(forward.grade.map(|grade| grade.letter), backward.grade.map(|grade| grade.letter));
    }

    #[test]
    fn wilsons_ends_are_where_the_score_test_turns((successes, n) in trials(5_000)) {
        let interval = wilson(successes, n).unwrap();
        let (share, n) = (float(successes) / float(n), float(n));
        prop_assert!(0.0 <= interval.low && interval.low <= share && share <= interval.high && interval.high <= 1.0);
        for end in [interval.low, interval.high] {
            let z = (share - end).abs() / (end * (1.0 - end) / n).sqrt();
            prop_assert!(!(0.0 < end && end < 1.0) || (z - 1.959_964).abs() < 1e-4, "{z}");
        }
    }

    #[test]
    fn every_clustered_interval_holds_its_estimate(counts in prop::collection::vec(trials(20), 1..12)) {
        let clusters: Vec<_> = counts.into_iter().map(|(successes, n)| cluster(successes, n)).collect();
        let rate = clustered_rate(&clusters);
        let (interval, estimate) = (rate.interval.unwrap(), rate.estimate.unwrap());
        prop_assert!(0.0 <= interval.low && interval.low <= estimate + 1e-12);
        prop_assert!(estimate <= interval.high + 1e-12 && interval.high <= 1.0);
        prop_assert!(interval.low < interval.high);
    }

    #[test]
    fn fishers_test_is_exact((successes, n) in trials(24), (other, other_n) in trials(24)) {
        prop_assume!(n >= ENOUGH_RUNS && other_n >= ENOUGH_RUNS);
        let trend = compare(rate(successes, n), rate(other, other_n));
        prop_assume!(trend.test == Some(TrendTest::FisherExact));
        let exact = exact_fisher(successes, n, other, other_n);
        prop_assert!((trend.p_value.unwrap() - exact).abs() < 1e-9, "{trend:?} {exact}");
    }
}
