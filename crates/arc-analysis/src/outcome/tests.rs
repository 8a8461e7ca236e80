//! How runs end, in sketches.

#![expect(clippy::needless_raw_string_hashes, reason = "expect-test writes snapshots this way")]

use arc_model::sketch;
use expect_test::{Expect, expect};

use super::*;

/// Prints the verdict, its source, how the run ended, and the claims.
fn check(text: &str, expected: &Expect) {
    let trace = sketch::parse(text).unwrap_or_else(|error| panic!("{error}"));
    check_with(&trace, &[], expected);
}

fn check_with(trace: &Trace, findings: &[Finding], expected: &Expect) {
    let (outcome, termination) = settle_outcome(trace, findings);
    let end = termination.map_or("an unknown end".to_owned(), |end| format!("{end:?}"));
    let mut text = format!("{:?} by {:?}, {end}\n", outcome.verdict, outcome.source);
    for claim in outcome.claims {
        let span = claim.span_id.map(|span| span.to_string()).unwrap_or_default();
        let reason = claim.reason.unwrap_or_default();
        text += format!("{:?} {:?} {} {reason}", claim.verdict, claim.source, span.trim_start_matches('0')).trim();
        text += "\n";
    }
    expected.assert_eq(&text);
}

#[test]
fn a_run_that_merely_returned_has_not_succeeded() {
    check(
        "agent a @0s +1s ok -> \"done\"",
        &expect![[r#"
        Unknown by None, Completed
    "#]],
    );
}

#[test]
fn a_run_without_times_or_claims_is_wholly_unknown() {
    check(
        "agent a\n  llm gpt-4o -> \"done\"",
        &expect![[r#"
        Unknown by None, an unknown end
    "#]],
    );
}

#[test]
fn an_exception_that_reaches_the_root_fails_the_run() {
    check(
        "agent a !ValueError \"empty frame\"\n  tool t !ValueError \"empty frame\"",
        &expect![[r#"
        Failed by Some(ProcessDeath), Exception
        Failed ProcessDeath 1 ValueError: empty frame
    "#]],
    );
}

#[test]
fn the_exception_event_explains_an_error_without_a_message() {
    check(
        "agent a ! event exception{exception.type: \"KeyError\", exception.message: \"'id'\"}",
        &expect![[r#"
        Failed by Some(ProcessDeath), Exception
        Failed ProcessDeath 1 KeyError: 'id'
    "#]],
    );
}

#[test]
fn an_error_that_was_dealt_with_is_no_end() {
    check(
        "agent a @0s +2s\n  tool t @0s +1s !timeout\n  llm m @1s +1s -> \"sorry\"",
        &expect![[r#"
        Unknown by None, Completed
    "#]],
    );
    check(
        "agent a @0s +2s event exception{exception.type: \"KeyError\"}",
        &expect![[r#"
        Unknown by None, Completed
    "#]],
    );
}

#[test]
fn an_exception_event_that_escaped_is_an_end() {
    check(
        "agent a @0s +2s event exception{exception.type: \"KeyError\", exception.escaped: true}",
        &expect![[r#"
        Failed by Some(ProcessDeath), Exception
        Failed ProcessDeath 1 KeyError
    "#]],
    );
}

#[test]
fn a_check_outranks_the_exception_and_both_are_kept() {
    check(
        "agent a !\"boom\" ok by check score=1 because \"tests passed\"",
        &expect![[r#"
        Succeeded by Some(Check), Exception
        Succeeded Check 1 tests passed
        Failed ProcessDeath 1 boom
    "#]],
    );
}

#[test]
fn a_step_limit_is_a_failure_unless_someone_who_looked_says_otherwise() {
    check(
        "agent a end=step_limit",
        &expect![[r#"
        Failed by Some(Detector), StepLimit
        Failed Detector 1 it was stopped at its step limit
    "#]],
    );
    check(
        "agent a end=step_limit ok by human",
        &expect![[r#"
        Succeeded by Some(Human), StepLimit
        Succeeded Human 1
        Failed Detector 1 it was stopped at its step limit
    "#]],
    );
}

#[test]
fn a_timeout_and_a_killed_process_are_failures() {
    check(
        "agent a end=timeout",
        &expect![[r#"
        Failed by Some(Detector), Timeout
        Failed Detector 1 it was stopped for taking too long
    "#]],
    );
    check(
        "agent a end=killed",
        &expect![[r#"
        Failed by Some(ProcessDeath), Killed
        Failed ProcessDeath 1 its process was killed or crashed
    "#]],
    );
}

#[test]
fn a_cancelled_run_has_neither_failed_nor_succeeded() {
    check(
        "agent a end=cancelled",
        &expect![[r#"
        Unknown by None, Cancelled
    "#]],
    );
    check(
        "agent a !asyncio.exceptions.CancelledError",
        &expect![[r#"
        Unknown by None, Cancelled
    "#]],
    );
}

#[test]
fn a_declared_end_is_explained_by_the_error_of_the_root() {
    check(
        "agent a end=exception !RateLimitError \"429\"",
        &expect![[r#"
        Failed by Some(ProcessDeath), Exception
        Failed ProcessDeath 1 RateLimitError: 429
    "#]],
    );
}

#[test]
fn a_step_limit_that_a_detector_found_is_a_failure() {
    let trace = sketch::parse("agent a @0s +1s\n  llm m @0s +1s").unwrap();
    let evidence = Evidence::new(trace.spans()[1].span_id, Field::Output, "last step");
    let title = "the run took all of its 30 steps";
    let finding =
        Finding::new(trace.id(), STEP_LIMIT, arc_model::Severity::Critical, title, "step-limit@1", evidence, []);
    check_with(
        &trace,
        &[finding],
        &expect![[r#"
        Failed by Some(Detector), StepLimit
        Failed Detector 2 the run took all of its 30 steps
    "#]],
    );
}

#[test]
fn the_last_root_decides_and_agents_come_before_other_roots() {
    check(
        "llm m @0s +1s !429\nllm m @2s +1s -> \"hi\"",
        &expect![[r#"
        Unknown by None, Completed
    "#]],
    );
    check(
        "agent a @0s +1s !\"boom\"\nother flush @2s +1s",
        &expect![[r#"
        Failed by Some(ProcessDeath), Exception
        Failed ProcessDeath 1 boom
    "#]],
    );
}

#[test]
fn an_error_below_a_parent_that_never_arrived_ends_nothing() {
    let mut spans = sketch::parse("tool t @0s +1s !\"boom\"").unwrap().spans().to_vec();
    spans[0].parent_id = Some(arc_model::SpanId::from_bytes([9; 8]).unwrap());
    let trace = Trace::new(spans[0].trace_id, spans);
    check_with(
        &trace,
        &[],
        &expect![[r#"
        Unknown by None, an unknown end
    "#]],
    );
}

#[test]
fn what_the_root_says_outweighs_what_a_span_inside_says() {
    check(
        "agent a ok by host_declared\n  agent b failed by host_declared because \"gave up\"",
        &expect![[r#"
        Succeeded by Some(HostDeclared), an unknown end
        Succeeded HostDeclared 1
        Failed HostDeclared 2 gave up
    "#]],
    );
}

#[test]
fn a_program_that_an_exception_ended_ended_in_an_exception() {
    let launched = r#"
agent a end=exited exit=1 @0s +2s !"the program exited with code 1"
  step "python a.py" @0s +1s !ValueError "no such city" attributes={process.pid: 7} raises ValueError "no such city"
"#;
    check(
        launched,
        &expect![[r"
        Failed by Some(ProcessDeath), Exception
        Failed ProcessDeath 2 ValueError: no such city
    "]],
    );
    // One that was dealt with, and a code of its own.
    let handled = launched.replace("!ValueError \"no such city\" attributes", "attributes").replace("exit=1", "exit=3");
    check(
        &handled,
        &expect![[r"
        Failed by Some(ProcessDeath), Exited
        Failed ProcessDeath 1 its process exited with code 3
    "]],
    );
}
