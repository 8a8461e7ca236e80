use arc_catalog::Catalog;
use arc_model::{CheckState, Finding, Rate, Trace, sketch};
use expect_test::{Expect, expect};
use serde_json::{Value, json};

use super::{Check, Checks, Declaration, check_figures};
use crate::{Context, analyse};

fn made(declaration: Value) -> Result<Check, String> {
    let read = serde_json::from_value::<Declaration>(declaration).map_err(|error| error.to_string())?;
    Check::new(&read).map_err(|problem| problem.to_string())
}

fn analysed(text: &str, checks: &[Value]) -> (Trace, crate::Analysis) {
    let trace = sketch::parse(text).unwrap();
    let checks = Checks::new(checks.iter().cloned().map(|one| made(one).unwrap()).collect());
    let context = Context { received_at: arc_model::Timestamp::default(), agent: None, is_running: false, checks };
    let analysis = analyse(&trace, &context, Catalog::builtin());
    (trace, analysis)
}

/// Compares what a check comes to in a run.
#[expect(clippy::needless_pass_by_value, reason = "tests pass what `expect!` makes")]
fn check(text: &str, declaration: Value, expected: Expect) {
    let (trace, analysis) = analysed(text, &[declaration]);
    let place = |span| trace.walk().position(|(_, known)| known.span_id == span).unwrap() + 1;
    let told = analysis.run.checks.iter().map(|result| match &result.state {
        CheckState::Passed => "passed\n".to_owned(),
        CheckState::Unknown { why } => format!("unknown: {why}\n"),
        CheckState::Failed { why, evidence } => {
            assert!(!evidence.is_empty());
            let shown = evidence.iter().map(|one| format!("  span {} `{}`\n", place(one.span_id), one.excerpt));
            format!("failed: {why}\n{}", shown.collect::<String>())
        }
    });
    expected.assert_eq(&told.collect::<String>());
}

const REFUND: &str = r#"
agent shop agent=shop task=refund/1 -> "Refunded, see R-7."
  llm gpt-4o in=900 out=10 -> lookup{order: "A-1"}#1
  tool lookup {order: "A-1"} #1 -> {status: "paid", cents: 1250}
  llm gpt-4o in=900 out=10 -> refund{cents: 1250, order: "A-1"}#2
  tool refund {cents: 1250, order: "A-1"} #2 -> {status: "refunded", cents: 1250}
"#;

#[test]
fn expected_tools_are_called_in_any_order_in_order_or_exactly() {
    let tools = |expect: Value, order: &str| json!({"id": "x", "kind": "tools", "expect": expect, "order": order});
    check(REFUND, tools(json!(["refund", "lookup"]), "any"), expect!["passed\n"]);
    check(REFUND, tools(json!(["lookup", "refund"]), "in-order"), expect!["passed\n"]);
    check(REFUND, tools(json!(["lookup", "re*"]), "exact"), expect!["passed\n"]);
    check(
        REFUND,
        tools(json!(["refund", "lookup"]), "in-order"),
        expect![[r#"
        failed: `lookup` was not called after `refund`; called: lookup, refund
          span 5 `{"cents":1250,"order":"A-1"}`
    "#]],
    );
    check(
        REFUND,
        tools(json!(["lookup"]), "exact"),
        expect![[r#"
        failed: call 2 is `refund`, expected: no further call
          span 5 `{"cents":1250,"order":"A-1"}`
    "#]],
    );
    check(
        REFUND,
        tools(json!(["lookup", "lookup"]), "any"),
        expect![[r#"
        failed: `lookup` was not called; called: lookup, refund
          span 5 `{"cents":1250,"order":"A-1"}`
    "#]],
    );
}

#[test]
fn a_run_of_which_only_the_frame_was_recorded_shows_no_tools() {
    check(
        r#"agent shop -> "Done.""#,
        json!({"id": "x", "kind": "tools", "expect": ["a"]}),
        expect![[r"
        unknown: neither model calls nor tool calls were recorded
    "]],
    );
    check(
        r#"agent shop -> "Done.""#,
        json!({"id": "x", "kind": "forbidden", "tool": "a"}),
        expect![[r"
        unknown: neither model calls nor tool calls were recorded
    "]],
    );
}

#[test]
fn arguments_fit_a_schema_or_conditions() {
    let schema = json!({"type": "object", "properties": {"cents": {"type": "integer", "maximum": 1000}}});
    check(
        REFUND,
        json!({"id": "x", "kind": "arguments", "tool": "refund", "schema": schema}),
        expect![[r#"
        failed: arguments of `refund`: it does not fit the schema: /cents: 1250 is greater than the maximum of 1000
          span 5 `{"cents":1250,"order":"A-1"}`
    "#]],
    );
    let known = json!([{"at": "/order", "matches": "^A-[0-9]+$"}, {"at": "/cents", "at_most": 1250}]);
    check(REFUND, json!({"id": "x", "kind": "arguments", "tool": "refund", "where": known}), expect!["passed\n"]);
    check(
        REFUND,
        json!({"id": "x", "kind": "arguments", "tool": "ship", "where": known}),
        expect![[r"
        unknown: `ship` was not called
    "]],
    );
}

#[test]
fn a_forbidden_call_is_found_by_its_tool_or_its_arguments() {
    let large = |above: u32| json!({"id": "x", "kind": "forbidden", "tool": "refund", "where": [{"at": "/cents", "above": above}]});
    check(
        REFUND,
        large(1000),
        expect![[r#"
        failed: `refund` was called, which is forbidden
          span 5 `{"cents":1250,"order":"A-1"}`
    "#]],
    );
    check(REFUND, large(2000), expect!["passed\n"]);
    check(REFUND, json!({"id": "x", "kind": "forbidden", "tool": "delete_*"}), expect!["passed\n"]);
}

#[test]
fn the_output_fits_an_expression_or_a_schema() {
    check(REFUND, json!({"id": "x", "kind": "output", "regex": "R-[0-9]+"}), expect!["passed\n"]);
    check(
        REFUND,
        json!({"id": "x", "kind": "output", "regex": "^Sorry"}),
        expect![[r"
        failed: the output is not as declared: it does not match `^Sorry`
          span 1 `Refunded, see R-7.`
    "]],
    );
    let answer = "agent a -> {total: 3}";
    check(
        answer,
        json!({"id": "x", "kind": "output", "schema": {"required": ["total", "currency"]}}),
        expect![[r#"
        failed: the output is not as declared: it does not fit the schema: "currency" is a required property
          span 1 `{"total":3}`
    "#]],
    );
    check("agent a", json!({"id": "x", "kind": "output", "regex": "."}), expect!["unknown: no output was recorded\n"]);
}

#[test]
fn the_last_state_is_that_of_a_result_or_of_an_attribute() {
    let refunded =
        |on: &str| json!({"id": "x", "kind": "state", "on": on, "where": [{"at": "/status", "equals": "refunded"}]});
    check(REFUND, refunded("last-result"), expect!["passed\n"]);
    check(
        REFUND,
        refunded("result:lookup"),
        expect![[r#"
        failed: in the last result of `lookup`: `/status` is "paid", not "refunded"
          span 3 `{"cents":1250,"status":"paid"}`
    "#]],
    );
    check(REFUND, refunded("state"), expect!["unknown: no attribute `arc_eval.state` was recorded\n"]);
    let recorded = r#"agent a attributes={"arc_eval.state": {status: "open", tags: ["vip"]}}"#;
    check(
        recorded,
        refunded("state"),
        expect![[r#"
        failed: in the last attribute `arc_eval.state`: `/status` is "open", not "refunded"
          span 1 `{"status":"open","tags":["vip"]}`
    "#]],
    );
    let tagged = json!([{"at": "/tags", "contains": "vip"}, {"at": "/closed_at", "exists": false}]);
    check(recorded, json!({"id": "x", "kind": "state", "on": "state", "where": tagged}), expect!["passed\n"]);
}

#[test]
fn a_budget_on_what_is_not_known_is_never_kept() {
    check(REFUND, json!({"id": "x", "kind": "budget", "max_steps": 4}), expect!["passed\n"]);
    check(
        REFUND,
        json!({"id": "x", "kind": "budget", "max_steps": 3}),
        expect![[r"
        failed: 4 steps, at most 3 are allowed
          span 5 `refund`
    "]],
    );
    check(
        REFUND,
        json!({"id": "x", "kind": "budget", "max_seconds": 3}),
        expect![[r"
        unknown: how long it took was not recorded
    "]],
    );
    check(
        "agent a @0s +4s\n  tool t @1s +2s",
        json!({"id": "x", "kind": "budget", "max_seconds": 2.5}),
        expect![[r"
        failed: it took 4.0 s, at most 2.5 s are allowed
          span 2 `t`
    "]],
    );
    check(REFUND, json!({"id": "x", "kind": "budget", "max_dollars": 1}), expect!["passed\n"]);
    check(
        REFUND,
        json!({"id": "x", "kind": "budget", "max_dollars": 0.000_001}),
        expect![[r"
        failed: it cost $0.0047, at most $0.000001 are allowed
          span 1 `$0.0047`
    "]],
    );
    let partly = "agent a\n  llm gpt-4o in=1000 out=10\n  llm nobody-knows in=10 out=10";
    check(
        partly,
        json!({"id": "x", "kind": "budget", "max_dollars": 1}),
        expect![[r"
        unknown: its cost is unknown: no price for model `nobody-knows`
    "]],
    );
    check(
        partly,
        json!({"id": "x", "kind": "budget", "max_dollars": 0.001}),
        expect![[r"
        failed: it cost at least $0.0026, at most $0.001 are allowed
          span 1 `at least $0.0026`
    "]],
    );
}

#[test]
fn a_check_applies_to_the_agents_and_tasks_it_names() {
    let of =
        |agent: &str, task: &str| json!({"id": "x", "kind": "budget", "max_steps": 9, "agent": agent, "task": task});
    check(REFUND, of("shop", "refund/*"), expect!["passed\n"]);
    check(REFUND, of("courier", "refund/*"), expect![""]);
    check(REFUND, of("*", "book/*"), expect![""]);
    check("agent shop agent=shop\n  tool a {}", of("shop", "*"), expect![""]);
}

#[test]
fn a_declaration_that_cannot_be_used_names_the_key() {
    let error = |declaration: Value| made(declaration).unwrap_err();
    for (declaration, told) in [
        (
            json!({"id": "x", "kind": "vibes"}),
            "`kind`: `vibes` is none of tools, arguments, forbidden, output, state, budget",
        ),
        (json!({"id": " ", "kind": "tools"}), "`id`: a check needs a name of at most 100 characters"),
        (json!({"id": "x", "kind": "tools"}), "`expect` is missing: the tools that have to be called"),
        (
            json!({"id": "x", "kind": "tools", "expect": ["a"], "max_steps": 3}),
            "`max_steps`: means nothing to a check of kind `tools`, which reads expect, order",
        ),
        (json!({"id": "x", "kind": "output", "regex": "("}), "`regex`: `(` is no regular expression: unclosed group"),
        (
            json!({"id": "x", "kind": "state", "on": "end", "where": [{"equals": 1}]}),
            "`on`: `end` is none of last-result, result:TOOL, state, attribute:NAME",
        ),
        (
            json!({"id": "x", "kind": "state", "where": [{"at": "status", "equals": 1}]}),
            "`where`: `at` is `status`: a JSON pointer is empty or begins with `/`",
        ),
        (json!({"id": "x", "kind": "budget", "max_seconds": -1}), "`max_seconds`: -1 is no number of seconds"),
    ] {
        assert_eq!(error(declaration), told);
    }
    assert!(error(json!({"id": "x", "kind": "tools", "expct": ["a"]})).contains("unknown field `expct`"));
    assert!(
        error(json!({"id": "x", "kind": "output", "schema": {"type": "banana"}})).starts_with("`schema`: no usable")
    );
}

/// Returns the outcome of a run, and its findings.
#[expect(clippy::needless_pass_by_value, reason = "tests pass what `expect!` makes")]
fn outcome(text: &str, checks: &[Value], expected: Expect) {
    let (_, analysis) = analysed(text, checks);
    let outcome = &analysis.run.outcome;
    let reason = outcome.claims.first().and_then(|claim| claim.reason.clone()).unwrap_or_default();
    let findings =
        analysis.findings.iter().map(|finding: &Finding| format!("  {}: {}\n", finding.leaf(), finding.title()));
    expected.assert_eq(&format!(
        "{:?} by {:?}: {reason}\n{}",
        outcome.verdict,
        outcome.source,
        findings.collect::<String>()
    ));
}

#[test]
fn a_postcondition_that_holds_is_a_success_and_a_budget_that_is_kept_is_not() {
    let refunded = json!({"id": "booked", "kind": "state", "where": [{"at": "/status", "equals": "refunded"}]});
    outcome(
        REFUND,
        std::slice::from_ref(&refunded),
        expect![[r"
        Succeeded by Some(Check): check booked passed
    "]],
    );
    outcome(
        REFUND,
        &[json!({"id": "small", "kind": "budget", "max_steps": 9})],
        expect![[r"
        Unknown by None: 
    "]],
    );
    outcome(
        REFUND,
        &[refunded.clone(), json!({"id": "small", "kind": "budget", "max_steps": 3})],
        expect![[r"
        Failed by Some(Check): check small: 4 steps, at most 3 are allowed
          check-failed: check small: 4 steps, at most 3 are allowed
    "]],
    );
    let unclear = json!({"id": "told", "kind": "state", "on": "state", "where": [{"equals": 1}]});
    outcome(
        REFUND,
        &[refunded, unclear],
        expect![[r"
        Unknown by None: 
    "]],
    );
}

#[test]
fn a_run_that_died_has_not_succeeded_by_a_check() {
    let died = REFUND.replace("task=refund/1", "task=refund/1 end=killed");
    let refunded = json!({"id": "booked", "kind": "state", "where": [{"at": "/status", "equals": "refunded"}]});
    outcome(
        &died,
        &[refunded],
        expect![[r"
        Failed by Some(ProcessDeath): its process was killed or crashed
    "]],
    );
}

#[test]
fn a_person_outranks_a_check_and_a_reward_outranks_a_check_that_passed() {
    let regex = json!({"id": "told", "kind": "output", "regex": "Refunded"});
    let never = json!({"id": "told", "kind": "output", "regex": "Never"});
    outcome(
        &REFUND.replace("task=refund/1", "failed by check"),
        &[regex],
        expect![[r"
        Failed by Some(Check): 
    "]],
    );
    outcome(
        &REFUND.replace("task=refund/1", "ok by human"),
        &[never],
        expect![[r"
        Succeeded by Some(Human): 
          check-failed: check told: the output is not as declared: it does not match `Never`
    "]],
    );
}

#[test]
fn a_success_that_a_check_contradicts_is_a_silent_failure_with_both_pieces_of_evidence() {
    let text = REFUND.replace("task=refund/1", "ok by host_declared").replace("refunded", "pending");
    let refunded = json!({"id": "booked", "kind": "state", "where": [{"at": "/status", "equals": "refunded"}]});
    outcome(
        &text,
        std::slice::from_ref(&refunded),
        expect![[r#"
        Failed by Some(Check): check booked: in the last result of a tool: `/status` is "pending", not "refunded"
          check-failed: check booked: in the last result of a tool: `/status` is "pending", not "refunded"
          silent-failure: reported a success, but check booked: in the last result of a tool: `/status` is "pending", not "refunded"
    "#]],
    );
    let (trace, analysis) = analysed(&text, &[refunded]);
    let silent = analysis.findings.last().unwrap();
    let spans: Vec<&str> = silent.evidence().iter().map(|one| trace.span(one.span_id).unwrap().name.as_str()).collect();
    assert_eq!(spans, ["refund", "shop"]);
}

#[test]
fn checks_that_fail_at_one_span_are_one_finding() {
    let never = |id: &str| json!({"id": id, "kind": "output", "regex": "Never"});
    outcome(
        REFUND,
        &[never("a"), never("b")],
        expect![[r"
        Failed by Some(Check): check b: the output is not as declared: it does not match `Never`
          check-failed: check a: the output is not as declared: it does not match `Never`; b: the output is not as declared: it does not match `Never`
    "]],
    );
}

#[test]
fn a_run_carries_checks_of_its_own_and_one_that_cannot_be_used_says_why() {
    let own = r#"agent a attributes={"arc_eval.checks": [{id: "told", kind: "output", regex: "x"}, {id: "odd", kind: "vibes"}]} -> "y""#;
    let (_, analysis) = analysed(own, &[]);
    let told: Vec<String> = analysis.run.checks.iter().map(|one| format!("{} {:?}", one.check, one.state)).collect();
    assert!(told[0].starts_with("told Failed"), "{told:?}");
    assert!(told[1].contains("the check cannot be used: `kind`: `vibes` is none of tools"), "{told:?}");
    for broken in [r#""[{""#, "7", r#""{}""#] {
        let (_, analysis) = analysed(&format!("agent a attributes={{\"arc_eval.checks\": {broken}}}"), &[]);
        assert!(matches!(analysis.run.checks[0].state, CheckState::Unknown { .. }), "{broken}");
    }
}

#[test]
fn how_calls_fit_is_counted_by_run_and_summed_up_with_intervals() {
    let declared = [
        json!({"id": "tools", "kind": "tools", "expect": ["lookup", "mail", "re*"], "order": "in-order"}),
        json!({"id": "cents", "kind": "arguments", "tool": "*", "where": [{"at": "/cents", "above": 1000}]}),
    ];
    let run = analysed(REFUND, &declared).1.run;
    let counts = |index: usize| {
        let calls = run.checks[index].calls;
        [calls.expected, calls.made, calls.matched, calls.ordered, calls.in_order, calls.judged, calls.fitting]
    };
    // Two of three expected calls were made, and no other; of two calls one has more than 1,000 cents.
    assert_eq!(counts(0), [3, 2, 2, 2, 2, 0, 0]);
    assert_eq!(counts(1), [0, 0, 0, 0, 0, 2, 1]);
    let other_way = json!({"id": "x", "kind": "tools", "expect": ["refund", "lookup"], "order": "in-order"});
    let calls = analysed(REFUND, &[other_way]).1.run.checks[0].calls;
    assert_eq!((calls.matched, calls.ordered, calls.in_order), (2, 2, 1));

    // A row may begin anywhere.
    let thrice = "agent shop agent=shop\n  tool book {} -> 1\n  tool search {} -> 1\n  tool book {} -> 1\n";
    let in_order = json!({"id": "x", "kind": "tools", "expect": ["search", "book"], "order": "in-order"});
    let result = analysed(thrice, &[in_order]).1.run.checks.remove(0);
    assert_eq!((result.state, result.calls.ordered, result.calls.in_order), (CheckState::Passed, 2, 2));

    let figures = check_figures(&[run.clone(), run]);
    let of = |index: usize| figures[index].calls.clone().unwrap();
    let share = |rate: Rate| (rate.successes, rate.n);
    assert_eq!((share(of(0).arguments), share(of(0).recall)), ((2, 4), (0, 0)));
    assert_eq!((share(of(1).precision), share(of(1).recall), share(of(1).order)), ((4, 4), (4, 6), (4, 4)));
    assert!(of(1).recall.interval.is_some() && of(0).recall.estimate.is_none());
}

#[test]
fn what_is_cut_beside_it_hides_no_violation() {
    let forbidden =
        json!({"id": "x", "kind": "forbidden", "tool": "pay", "where": [{"at": "/amount", "above": 10000}]});
    let run = |amount: u32| {
        format!("agent shop agent=shop\n  tool pay {{amount: {amount}, memo: \"Dear …[90 characters cut]\"}} -> 1\n")
    };
    let state = |text: &str, check: Value| analysed(text, &[check]).1.run.checks.remove(0).state;
    assert!(matches!(state(&run(50_000), forbidden.clone()), CheckState::Failed { .. }));
    assert_eq!(state(&run(5), forbidden), CheckState::Passed);
    let memo = json!({"id": "x", "kind": "arguments", "tool": "pay", "where": [{"at": "/memo", "contains": "Sir"}]});
    assert!(matches!(state(&run(5), memo), CheckState::Unknown { .. }));
    let both = json!({"id": "x", "kind": "arguments", "tool": "pay",
        "where": [{"at": "/memo", "contains": "Sir"}, {"at": "/amount", "below": 3}]});
    assert!(matches!(state(&run(5), both), CheckState::Failed { .. }));
}
