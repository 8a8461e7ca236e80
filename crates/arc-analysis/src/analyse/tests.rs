use arc_model::{Cost, NanoUsd, Run, UnknownCost, sketch};

use super::*;

fn run(text: &str) -> Run {
    let context =
        Context { received_at: Timestamp::from_millis(5), agent: None, is_running: false, checks: Checks::default() };
    analyse(&sketch::parse(text).unwrap(), &context, Catalog::builtin()).run
}

fn tools(text: &str) -> (u64, u64, u64) {
    let run = run(text);
    (run.tool_calls, run.tool_calls_judged, run.tool_calls_correct)
}

#[test]
fn an_empty_trace_claims_nothing() {
    let run = run("");
    assert_eq!(run.agent.name.as_str(), "unnamed");
    assert_eq!((run.span_count, run.llm_calls, run.tool_calls), (0, 0, 0));
    assert_eq!((run.input_tokens, run.output_tokens, run.duration_ms), (None, None, None));
    assert_eq!((run.outcome.verdict, run.termination), (Verdict::Unknown, None));
    assert_eq!((run.framework.id, run.domain.id, run.input_preview), (None, None, None));
    assert!(matches!(run.cost, Cost::Unknown { .. }));
}

#[test]
fn facts_counts_and_previews_come_from_the_spans() {
    let run = run(r#"
agent a "find the ship" agent=planner version=2 task=t/1 trial=3 session=s user=u failed by check @1s +4s -> "gone"
  llm gpt-4o in=10 out=2 @1s +1s answered=gpt-4o-2024-08-06
  llm gpt-4o in=5 out=1 @3s +1.5s
"#);
    assert_eq!((run.agent.name.as_str(), run.agent.version.as_deref()), ("planner", Some("2")));
    assert_eq!((run.task.unwrap().as_str(), run.trial), ("t/1", Some(3)));
    assert_eq!((run.session.unwrap().as_str(), run.user.unwrap().as_str()), ("s", "u"));
    assert_eq!(run.duration_ms, Some(4000.0));
    assert_eq!((run.input_tokens, run.output_tokens, run.llm_calls, run.span_count), (Some(15), Some(3), 2, 3));
    assert_eq!(run.models, ["gpt-4o", "gpt-4o-2024-08-06"]);
    assert_eq!(run.outcome.verdict, Verdict::Failed);
    assert_eq!((run.input_preview.as_deref(), run.output_preview.as_deref()), (Some("find the ship"), Some("gone")));
    assert_eq!(run.received_at, Timestamp::from_millis(5));
    assert!(!run.is_running);
}

#[test]
fn a_given_agent_name_outranks_the_trace_and_the_service_comes_last() {
    let trace = sketch::parse("agent a agent=planner resource={service.name: \"shop\"}").unwrap();
    let given = |agent: Option<&str>| {
        let context = Context {
            received_at: Timestamp::default(),
            agent: agent.map(AgentName::new),
            is_running: false,
            checks: Checks::default(),
        };
        analyse(&trace, &context, Catalog::builtin()).run.agent.name.to_string()
    };
    assert_eq!(given(Some("mine")), "mine");
    assert_eq!(given(None), "planner");
    assert_eq!(run("agent a resource={service.name: \"shop\"}").agent.name.as_str(), "shop");
    assert_eq!(run("agent a resource={service.name: \"unknown_service:python\"}").agent.name.as_str(), "unnamed");
}

#[test]
fn a_token_count_that_one_call_did_not_report_is_unknown_for_the_run() {
    let run = run("agent a\n  llm m in=5 out=1\n  llm m in=5");
    assert_eq!((run.input_tokens, run.output_tokens), (Some(10), None));
}

#[test]
fn a_call_is_judged_when_its_result_is_known() {
    assert_eq!(
        tools("tool a {} -> \"x\"\ntool b {} ok\ntool c {} !x\ntool d {} -> \"Error: no\"\ntool e {}"),
        (5, 4, 2)
    );
}

#[test]
fn a_call_with_arguments_that_do_not_fit_is_not_correct_even_if_it_returned() {
    let text = r#"
llm m offers=[a(q: string!)] -> a{q: 1}#1 a{q: "x"}#2
tool a {q: 1} #1 -> "x"
tool a {q: "x"} #2 -> "x"
"#;
    assert_eq!(tools(text), (2, 2, 1));
}

#[test]
fn searches_are_not_tool_calls() {
    assert_eq!(tools("retrieval a \"q\" -> [\"x\"]"), (0, 0, 0));
}

#[test]
fn without_spans_of_tools_calls_are_counted_from_the_transcript_once() {
    let text = r#"
llm m -> a{q: 1}#1
llm m
  <- assistant a{q: 1}#1
  <- tool #1="x"
  -> b{q: 2}#2
llm m
  <- assistant a{q: 1}#1
  <- tool #1="x"
  <- assistant b{q: 2}#2
  <- tool #2="Error: no"
  -> c{q: 3}#3
"#;
    assert_eq!(tools(text), (3, 2, 1));
}

#[test]
fn a_transcript_without_ids_pairs_calls_and_results_in_order() {
    let text = r#"
llm m
  <- user "go"
  <- assistant a{q: 1} b{q: 2}
  <- tool #="x"
  <- tool #="Error: no"
  -> "done"
"#;
    assert_eq!(tools(text), (2, 2, 1));
}

#[test]
fn what_ended_a_run_is_the_message_of_its_root() {
    let ended = run("agent a !ValueError \"boom\"\n  tool t {} !other");
    assert_eq!(ended.error.as_deref(), Some("ValueError: boom"));
    assert_eq!(
        ended.findings.iter().map(|leaf| (leaf.leaf.as_str(), leaf.count)).collect::<Vec<_>>(),
        [("tool-error", 1), ("unhandled-exception", 1)]
    );
    assert_eq!(run("agent a\n  tool t {} !other").error, None);
}

#[test]
fn previews_are_one_line_and_cut() {
    let run =
        run(&format!("llm m\n  <- system \"s\"\n  <- user \"two\\nlines {}\"\n  -> \"\" \"yes\"", "x".repeat(400)));
    let input = run.input_preview.unwrap();
    assert!(input.starts_with("two lines xxx") && input.ends_with('…'), "{input}");
    assert_eq!(input.chars().count(), PREVIEW_CHARS + 1);
    assert_eq!(run.output_preview.as_deref(), Some("yes"));
}

#[test]
fn previews_show_the_text_in_what_frameworks_pass_around() {
    let previews = |text: &str| {
        let run = run(text);
        (run.input_preview.unwrap_or_default(), run.output_preview.unwrap_or_default())
    };
    let pair = r#"
workflow w {messages: [["user", "warm in Oslo?"]]} -> {messages: [{data: {content: "warm in Oslo?"}}, {data: {content: "No."}}, {data: {content: ""}}]}
"#;
    assert_eq!(previews(pair), ("warm in Oslo?".to_owned(), "No.".to_owned()));
    let named = r#"agent a {max_steps: 3, task: "count"} -> {answer: "4", sure: true}"#;
    assert_eq!(previews(named), ("count".to_owned(), "4".to_owned()));
    let other = r"agent a {rows: 3} -> [1, 2]";
    assert_eq!(previews(other), (r#"{"rows":3}"#.to_owned(), "[1,2]".to_owned()));
}

#[test]
fn of_a_run_that_goes_on_only_what_happened_so_far_is_told() {
    let text = r#"
agent a agent=planner failed by check @0s running
  llm gpt-4o provider=openai in=1000 out=100 @1s +1s -> book{seat: "4A"}#1
  tool book {seat: "4A"} #1 @2s +1s !timeout "no answer"
"#;
    let trace = sketch::parse(text).unwrap();
    let context =
        |is_running| Context { received_at: Timestamp::default(), agent: None, is_running, checks: Checks::default() };
    let Analysis { run, findings, .. } = analyse(&trace, &context(true), Catalog::builtin());
    assert!(run.is_running);
    assert_eq!((findings.len(), run.findings.len(), &run.outcome, run.termination), (0, 0, &Outcome::default(), None));
    assert_eq!((run.span_count, run.tool_calls, run.input_tokens, run.error), (3, 1, Some(1000), None));
    assert_eq!(run.cost, Cost::Unknown { why: UnknownCost::Running, at_least: NanoUsd(3_500_000) });

    // The same trace, left alone for so long that it is taken to have ended.
    let Analysis { run, findings, .. } = analyse(&trace, &context(false), Catalog::builtin());
    assert!(!run.is_running && !findings.is_empty());
    assert_eq!((run.outcome.verdict, run.cost.known()), (Verdict::Failed, Some(NanoUsd(3_500_000))));
}
