use arc_catalog::Catalog;
use arc_model::{Timestamp, sketch};
use proptest::prelude::*;

use super::*;
use crate::{Context, analyse};

const NOON: &str = "2026-03-02T12:00:00Z";

/// What a run of these lines contributes.
fn contribution(number: u32, lines: &str) -> Contribution {
    let text = format!("trace {number:032x} at {NOON}\n{lines}");
    let trace = sketch::parse(&text).unwrap();
    let context = Context {
        received_at: Timestamp::parse(NOON).unwrap(),
        agent: None,
        is_running: false,
        checks: crate::checks::Checks::default(),
    };
    let analysis = analyse(&trace, &context, Catalog::builtin());
    Contribution {
        trace_id: trace.id(),
        agent: analysis.run.agent.name.clone(),
        version: analysis.run.agent.version.clone(),
        at: analysis.run.at(),
        sightings: sightings(&trace, &analysis.run, &analysis.findings),
        trials: Vec::new(),
    }
}

fn failing(number: u32, version: &str, seconds: i64, error: &str) -> Contribution {
    let lines = format!(
        "agent shop agent=shop version={version} @{seconds}s +2s failed by check\n  \
         tool book {{seat: \"4A\"}} @{seconds}s +1s !\"{error}\"\n"
    );
    contribution(number, &lines)
}

fn part(run: &Contribution) -> Part {
    Part::of(run, |_| true).unwrap()
}

fn issue_of(runs: &[Contribution]) -> Issue {
    let first = &runs[0].sightings[0];
    let mut issue = Issue::new(&first.strand, &first.fingerprint, "Tool call failed");
    for run in runs {
        issue.add(&part(run));
    }
    issue
}

#[test]
fn the_same_failure_has_the_same_fingerprint_whatever_its_numbers() {
    let (one, other) = (failing(1, "1", 0, "no answer after 500 ms"), failing(2, "2", 60, "no answer after 750 ms"));
    assert_eq!(one.sightings[0].fingerprint, other.sightings[0].fingerprint);
    let Fingerprint { leaf, place, template, framework } = &one.sightings[0].fingerprint;
    assert_eq!(
        (leaf.as_str(), place.as_str(), template.as_str(), framework),
        ("tool-error", "book", "no answer after <*> ms", &None)
    );
    let third = failing(3, "1", 0, "no such seat");
    assert_ne!(one.sightings[0].strand, third.sightings[0].strand);
}

#[test]
fn what_follows_from_a_failure_is_told_with_it_and_no_issue_of_its_own() {
    let run = contribution(
        1,
        "agent shop agent=shop @0s +3s !ConnectionError \"ConnectionError: refused\"\n  tool book {} @0s +1s \
         !ConnectionError \"ConnectionError: refused\"\n",
    );
    assert_eq!(run.sightings.len(), 1, "{:#?}", run.sightings);
    let sighting = &run.sightings[0];
    assert_eq!((sighting.fingerprint.leaf.as_str(), sighting.step.name.as_str()), ("tool-error", "book"));
    let effects: Vec<&str> = sighting.effects.iter().map(|effect| effect.leaf.as_str()).collect();
    assert_eq!(effects, ["unhandled-exception"]);
}

#[test]
fn an_issue_counts_runs_by_day_agent_and_version() {
    let runs = [
        failing(1, "1", 0, "no answer after 1 ms"),
        failing(2, "1", 60, "no answer after 2 ms"),
        failing(3, "2", 86_400, "no answer after 3 ms"),
    ];
    let issue = issue_of(&runs);
    assert_eq!(issue.title, "Tool call failed in book: no answer after <*> ms");
    assert_eq!((issue.runs, issue.findings, issue.members.len()), (3, 3, 1));
    assert_eq!(issue.findings_on(Timestamp::parse("2026-03-02T23:00:00Z").unwrap()), 2);
    assert_eq!(issue.findings_on(Timestamp::parse("2026-03-03T00:00:00Z").unwrap()), 1);
    let versions: Vec<_> =
        issue.agents[0].versions.iter().map(|tally| (tally.version.as_deref(), tally.runs)).collect();
    assert_eq!(versions, [(Some("1"), 2), (Some("2"), 1)]);
    assert_eq!(issue.latest[0].trace_id, runs[2].trace_id);
    let detail =
        IssueDetail::of(issue, &[("shop".into(), 12)].into(), Timestamp::parse("2026-03-03T08:00:00Z").unwrap());
    let share = &detail.shares[0].rate;
    assert_eq!((detail.today, share.successes, share.n, share.interval.is_some()), (1, 3, 12, true));
}

#[test]
fn a_fix_holds_until_the_failure_is_seen_after_it_where_it_should_not_be() {
    let start = Timestamp::parse(NOON).unwrap();
    let fixed_at = start.plus_nanos(100_000_000_000);
    let mut issue = issue_of(&[failing(1, "1", 0, "gone 1")]);
    issue.mark_fixed(fixed_at, Some("2".to_owned()));
    // A run from before, told late; and one of the old version, still deployed somewhere.
    assert!(!issue.add(&part(&failing(2, "2", 50, "gone 2"))));
    assert!(!issue.add(&part(&failing(3, "1", 200, "gone 3"))));
    assert_eq!(issue.state, IssueState::Fixed);
    assert!(issue.add(&part(&failing(4, "3", 300, "gone 4"))));
    assert_eq!(issue.state, IssueState::Regressed);
    assert_eq!(issue.regressed_at, Some(start.plus_nanos(300_000_000_000)));
    // It regresses once.
    assert!(!issue.add(&part(&failing(5, "3", 400, "gone 5"))));
    issue.reopen();
    assert_eq!((issue.state, &issue.fix), (IssueState::Open, &None));
    // Without a version any later run is a regression.
    issue.mark_fixed(fixed_at, None);
    assert!(issue.add(&part(&failing(6, "1", 500, "gone 6"))));
}

#[test]
fn errors_that_differ_in_one_word_of_many_are_one_issue() {
    let mut family = Family::default();
    let (first, is_new) = family.assign("a", "user alice was not found");
    assert_eq!((first.as_str(), is_new), ("a", true));
    assert_eq!(family.assign("b", "user bob was not found"), ("a".to_owned(), true));
    assert_eq!(family.assign("b", "user bob was not found"), ("a".to_owned(), false));
    assert_eq!(family.assign("c", "user table is locked now").0, "c");
    // Few words: each may be all the meaning. Kept numbers: they tell failures apart.
    assert_eq!(family.assign("d", "no such user").0, "d");
    assert_eq!(family.assign("e", "no such order").0, "e");
    assert_eq!(family.assign("f", "server said status 500 again").0, "f");
    assert_eq!(family.assign("g", "server said status 404 again").0, "g");
    assert_eq!(merged_template(["user alice was not found", "user bob was not found"]), "user <*> was not found");
    assert!(family.reassign(&["b".to_owned()], "b"));
    assert_eq!(family.issue_of("b"), Some("b"));
}

#[test]
fn a_full_family_takes_in_no_more() {
    let mut family = Family::default();
    for number in 0..256 {
        let word = format!("w{}", "x".repeat(number));
        family.assign(&number.to_string(), &format!("{word} {word} {word} {word}"));
    }
    let (issue, changed) = family.assign("late", "a b c d");
    assert!(!changed && family.strands.len() == 256 && issue != "late");
}

fn counted(issue: &Issue) -> impl PartialEq + std::fmt::Debug + use<> {
    let Issue { findings, runs, first_seen, last_seen, agents, days, .. } = issue.clone();
    (findings, runs, first_seen, last_seen, agents, days)
}

fn errors() -> impl Strategy<Value = Vec<(u8, i64, u16)>> {
    prop::collection::vec((1_u8..4, 0_i64..400_000, 0_u16..999), 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn masking_never_fails_and_masking_again_changes_nothing_but_punctuation(text in ".{0,300}") {
        let once = mask(&text);
        prop_assert!(once.split(' ').count() <= 20);
        let _ = mask_name(&text);
    }

    #[test]
    fn any_number_in_any_place_gives_the_same_template(a in 0_u64.., b in 0_u32..) {
        prop_assert_eq!(
            mask(&format!("order {a} of user-{b} at 10.0.0.{} took {a}.{b}s", b % 256)),
            mask("order 7 of user-8 at 10.0.0.9 took 1.5s")
        );
    }

    #[test]
    fn the_order_of_arrival_changes_neither_fingerprints_nor_counts(runs in errors(), seed in any::<u64>()) {
        let made: Vec<Contribution> = runs.iter().enumerate().map(|(index, (version, seconds, ms))| {
            failing(u32::try_from(index).unwrap() + 1, &version.to_string(), *seconds, &format!("no answer after {ms} ms"))
        }).collect();
        let mut shuffled = made.clone();
        // A shuffle that depends on the seed alone.
        shuffled.sort_by_key(|run| hash(seed, run));
        let strands: std::collections::BTreeSet<_> = made.iter().map(|run| run.sightings[0].strand.clone()).collect();
        prop_assert_eq!(strands.len(), 1);
        let (one, other) = (issue_of(&made), issue_of(&shuffled));
        prop_assert_eq!(counted(&one), counted(&other));
        prop_assert_eq!(one.latest, other.latest);
    }

    #[test]
    fn names_in_one_slot_are_one_issue_in_any_order(names in prop::collection::btree_set("[a-z]{3,9}", 1..20), seed in any::<u64>()) {
        let mut templates: Vec<String> = names.iter().map(|name| format!("the account of {name} is locked")).collect();
        templates.sort_by_key(|template| blake3::hash(format!("{seed}{template}").as_bytes()).to_hex().to_string());
        let mut family = Family::default();
        let issues: std::collections::BTreeSet<_> =
            templates.iter().map(|template| family.assign(template, template).0).collect();
        prop_assert_eq!(issues.len(), 1);
    }

    #[test]
    fn what_is_taken_back_leaves_what_the_others_said(runs in errors(), taken in 0_usize..12) {
        let made: Vec<Contribution> = runs.iter().enumerate().map(|(index, (version, seconds, ms))| {
            failing(u32::try_from(index).unwrap() + 1, &version.to_string(), *seconds, &format!("no answer after {ms} ms"))
        }).collect();
        let taken = taken % made.len();
        let mut issue = issue_of(&made);
        let must_look = issue.remove(&part(&made[taken]));
        let rest: Vec<Contribution> =
            made.iter().enumerate().filter(|(index, _)| *index != taken).map(|(_, run)| run.clone()).collect();
        if rest.is_empty() {
            prop_assert_eq!((issue.runs, issue.findings, issue.agents.len(), issue.days.len()), (0, 0, 0, 0));
        } else {
            let expected = issue_of(&rest);
            prop_assert_eq!((issue.runs, issue.findings), (expected.runs, expected.findings));
            prop_assert_eq!(&issue.agents, &expected.agents);
            prop_assert_eq!(&issue.days, &expected.days);
            if !must_look {
                prop_assert_eq!(counted(&issue), counted(&expected));
                prop_assert_eq!(issue.latest, expected.latest);
            }
        }
    }
}

fn hash(seed: u64, run: &Contribution) -> String {
    blake3::hash(format!("{seed}{}", run.trace_id).as_bytes()).to_hex().to_string()
}
