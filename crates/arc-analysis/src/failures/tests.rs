use arc_catalog::Catalog;
use arc_model::sketch;
use expect_test::expect;
use proptest::prelude::*;

use super::{DETECTORS, detect, testing::check_causes};

#[test]
fn every_detector_has_a_leaf_of_its_own() {
    let mut leaves: Vec<&str> = DETECTORS.iter().map(|detector| detector.leaf()).collect();
    assert!(leaves.iter().all(|leaf| Catalog::builtin().leaf(leaf).is_some()), "{leaves:?}");
    leaves.sort_unstable();
    leaves.dedup();
    assert_eq!(leaves.len(), DETECTORS.len());
}

#[test]
fn a_finding_names_its_detector_and_version() {
    let trace = sketch::parse("tool a {} !x").unwrap();
    assert_eq!(detect(&trace, Catalog::builtin())[0].detector(), "tool-error@1");
}

#[test]
fn a_leaf_the_catalogue_does_not_describe_is_not_looked_for() {
    let trace = sketch::parse("tool a {} !x").unwrap();
    assert_eq!(detect(&trace, &Catalog::default()), []);
}

#[test]
fn an_exception_that_a_failed_tool_sent_up_is_its_effect() {
    check_causes(
        r#"
agent plan !ValueError "no such city"
  tool weather {city: "Atlantis"} !ValueError "no such city"
"#,
        expect![[r"
            unhandled-exception at span 1 <- tool-error at span 2
            tool-error at span 2
        "]],
    );
}

#[test]
fn a_loop_follows_from_its_first_error_and_causes_the_others_and_the_end() {
    check_causes(
        r#"
agent plan steps<=3 end=step_limit
  tool search {q: "x"} !timeout
  tool search {q: "x"} !timeout
  tool search {q: "x"} !timeout
"#,
        expect![[r"
            step-limit at span 1 <- repeated-call-loop at span 2
            tool-error at span 2
            repeated-call-loop at span 2 <- tool-error at span 2
            tool-error at span 3 <- repeated-call-loop at span 2
            tool-error at span 4 <- repeated-call-loop at span 2
        "]],
    );
}

#[test]
fn a_loop_the_agent_left_did_not_stop_the_run() {
    check_causes(
        r#"
agent plan steps<=4 end=step_limit
  tool search {q: "x"} -> "none"
  tool search {q: "x"} -> "none"
  tool search {q: "x"} -> "none"
  tool open {q: "y"} -> "page"
"#,
        expect![[r"
            step-limit at span 1
            repeated-call-loop at span 2
        "]],
    );
}

#[test]
fn an_error_follows_from_the_arguments_that_caused_it() {
    check_causes(
        r#"
llm m offers=[book(day: string!), pay] -> book{dya: "Monday"}#1 pay{cents: 5}#2 fly{}#3
tool book {dya: "Monday"} #1 !TypeError "unexpected keyword"
tool pay {cents: 5} #2 !declined
tool fly {} #3 !404
"#,
        expect![[r"
            tool-not-offered at span 1
            tool-arguments-invalid at span 1
            tool-error at span 2 <- tool-arguments-invalid at span 1
            tool-error at span 3
            tool-error at span 4 <- tool-not-offered at span 1
            unhandled-exception at span 4 <- tool-error at span 4
        "]],
    );
}

#[test]
fn a_call_cut_off_in_the_middle_has_broken_arguments() {
    check_causes(
        r#"llm m finish=length offers=[write(text: string!)] -> write("{\"text\": \"Once up")"#,
        expect![[r"
            output-truncated at span 1
            model-json-malformed at span 1 <- output-truncated at span 1
            tool-arguments-invalid at span 1 <- output-truncated at span 1
        "]],
    );
}

#[test]
fn a_failure_that_shows_only_in_the_transcript_has_its_cause_there() {
    check_causes(
        r#"
llm m offers=[book(day: string!)] -> book{dya: 1}#1
llm m offers=[book(day: string!)]
  <- assistant book{dya: 1}#1
  <- tool #1="Error: day is missing"
  -> "Which day?"
"#,
        expect![[r"
            tool-arguments-invalid at span 1
            tool-error at span 2 <- tool-arguments-invalid at span 1
        "]],
    );
}

#[test]
fn a_call_that_fails_on_a_value_out_of_an_earlier_error_is_its_effect() {
    check_causes(
        r#"
agent a "Cancel my trip"
  tool find_trip {who: "me"} !LookupError "no trip, last one was T-4711"
  tool cancel {trip: "T-4711"} !gone
  tool pay {cents: 5} !declined
"#,
        expect![[r"
            tool-error at span 2
            tool-error at span 3 <- tool-error at span 2
            tool-error at span 4
        "]],
    );
}

#[test]
fn what_a_call_was_turned_away_for_is_the_root_of_its_error_and_of_a_second_attempt() {
    check_causes(
        r#"
agent a
  tool read {path: "/etc"} !PermissionError "denied"
  tool read {path: "/etc"} !PermissionError "denied"
"#,
        expect![[r"
            tool-error at span 2 <- permission-denied at span 2
            permission-denied at span 2
            tool-error at span 3 <- permission-denied at span 3
            permission-denied at span 3
            reflection-errors at span 3 <- tool-error at span 2
        "]],
    );
}

#[test]
fn of_calls_that_got_no_answer_again_and_again_the_first_is_the_root() {
    check_causes(
        r#"
agent plan
  tool search {q: "x"} !ReadTimeout
  tool search {q: "x"} !ReadTimeout
  tool search {q: "x"} !ReadTimeout
"#,
        expect![[r"
            tool-error at span 2 <- api-timeout at span 2
            api-timeout at span 2
            repeated-call-loop at span 2 <- tool-error at span 2
            tool-error at span 3 <- repeated-call-loop at span 2
            api-timeout at span 3 <- repeated-call-loop at span 2
            tool-error at span 4 <- repeated-call-loop at span 2
            api-timeout at span 4 <- repeated-call-loop at span 2
        "]],
    );
}

prop_compose! {
    fn a_line()(
        depth in 0usize..4,
        kind in proptest::sample::select(vec!["agent", "llm", "tool", "step", "retrieval"]),
        name in "[ab]",
        rest in proptest::sample::select(vec![
            "{q: 1}", "{q: []}", "{q: 1} !x", "!x \"boom\"", "#c1", "steps<=2", "end=step_limit", "finish=length",
            "offers=[a(q: string!), b]", "raises GraphRecursionError", "@0s +1s", "running", "input=[]",
        ]),
        said in proptest::sample::select(vec!["", "<- tool #c1=[]", "<- assistant a{q: 1}#c1", "<- user \"hi\" -> assistant \"hi\"", "-> assistant a{q: 1}#c1 b(\"\")"]),
    ) -> String {
        format!("{}{kind} {name} {rest} {said}\n", "  ".repeat(depth))
    }
}

proptest! {
    #[test]
    fn whatever_a_run_looks_like_findings_are_unique_and_their_causes_end(lines in proptest::collection::vec(a_line(), 0..12)) {
        let trace = sketch::parse(&lines.concat()).unwrap();
        let findings = detect(&trace, Catalog::builtin());
        for finding in &findings {
            prop_assert_eq!(findings.iter().filter(|other| other.id() == finding.id()).count(), 1);
            let mut at = finding;
            let mut steps = 0;
            while let arc_model::Cause::EffectOf(id) = at.cause() {
                at = findings.iter().find(|other| other.id() == id).unwrap();
                steps += 1;
                prop_assert!(steps <= findings.len());
            }
            for evidence in finding.evidence() {
                prop_assert!(trace.span(evidence.span_id).is_some());
            }
        }
    }
}

/// Runs in which nothing went wrong, of several kinds.
const GOOD: [&str; 9] = [
    "agent a \"Which flights?\"\n  llm m -> flights{day: \"Monday\"}#1\n  tool flights {day: \"Monday\"} #1 -> [\"HAT170\"]\n  llm m\n    <- \
     assistant flights{day: \"Monday\"}#1\n    <- tool #1=[\"HAT170\"]\n    -> \"HAT170\"",
    "agent a \"Delete it\"\n  tool ask_approval {what: \"delete\"} -> {approved: true}\n  tool delete {id: 7} -> \"ok\"\n  llm m -> \"Deleted.\"",
    "agent a \"Two things\"\n  tool todo_write {todos: [{content: \"one\", status: \"completed\"}]} -> \"ok\"\n  tool transfer_to_sales {} -> \
     \"ok\"\n  llm m params={response_format: {type: \"json_object\"}} -> \"{\\\"a\\\": 1}\"",
    "agent a \"Hello\"\n  llm m -> \"Hello, how can I help?\"",
    "agent a \"What is 2 + 2?\"\n  llm m -> add{a: 2, b: 2}#1\n  tool add {a: 2, b: 2} -> 4\n  llm m -> \"4\"",
    "agent a \"Mail Ann\"\n  llm m -> mail{to: \"ann@b.example\"}#1\n  tool mail {to: \"ann@b.example\"} -> \"sent\"\n  llm m -> \"Done\"",
    "agent a \"List my tasks\"\n  llm m -> tasks{}#1\n  tool tasks {} -> [\"an important message for my boss\"]\n  llm m -> \"One\"",
    "agent a \"Find a hotel\"\n  llm m -> search{q: \"a\"}#1\n  tool search {q: \"a\"} -> [{id: 1}]\n  llm m -> search{q: \"b\"}#2\n  \
     tool search {q: \"b\"} -> [{id: 2}]\n  llm m -> \"Two\"",
    "agent chat \"Why?\"\n  agent Planner -> assistant:Planner \"Ask.\"\n  agent Expert -> assistant:Expert \"Because.\"",
];

/// A detector that fires whatever happened says nothing; eight of sixteen classes of an earlier tool did.
#[test]
fn no_detector_fires_on_a_run_in_which_nothing_went_wrong() {
    for text in GOOD {
        let found = detect(&sketch::parse(text).unwrap(), Catalog::builtin());
        assert_eq!(found, [], "{text}");
    }
}
