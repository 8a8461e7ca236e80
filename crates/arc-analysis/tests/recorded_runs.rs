//! Detectors and detection on runs that real frameworks recorded: those in `fixtures/runs`, and
//! public data sets in `../shared/data` beside the checkout (or where `ARC_EVAL_DATA` says), which are
//! no part of the repository; a test whose data is not there says so and passes.

#![expect(clippy::unwrap_used, reason = "a test; its own functions are not recognised as one")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use arc_analysis::{Analysis, Context, analyse, checks::Checks};
use arc_catalog::Catalog;
use arc_formats::{Source, decode};
use arc_model::{Cause, Finding, Span, Timestamp, Trace, TraceId, Verdict};
use expect_test::expect;

/// Analyses every trace of a file, in the order of their first spans.
fn analyses(path: &Path) -> Vec<Analysis> {
    let name = path.file_name().unwrap().to_string_lossy();
    let decoded = decode(&fs::read(path).unwrap(), Source { name: Some(&name), format: None });
    let mut order: Vec<TraceId> = Vec::new();
    let mut spans: BTreeMap<TraceId, Vec<Span>> = BTreeMap::new();
    for span in decoded.spans {
        if !spans.contains_key(&span.trace_id) {
            order.push(span.trace_id);
        }
        spans.entry(span.trace_id).or_default().push(span);
    }
    let context =
        Context { received_at: Timestamp::default(), agent: None, is_running: false, checks: Checks::default() };
    let traces = order.into_iter().map(|id| Trace::new(id, spans.remove(&id).unwrap()));
    traces.map(|trace| analyse(&trace, &context, Catalog::builtin())).collect()
}

/// Returns a folder or a file of the data sets, or says that the test is skipped.
#[expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "tests find their data, and say when there is none"
)]
fn data(name: &str) -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");
    let path = std::env::var("ARC_EVAL_DATA").map_or_else(|_| PathBuf::from(beside), PathBuf::from).join(name);
    if !path.exists() {
        eprintln!("SKIPPED: {} is not there", path.display());
    }
    path.exists().then_some(path)
}

fn leaf_with_cause(finding: &Finding, all: &[Finding]) -> String {
    let cause = match finding.cause() {
        Cause::Root => None,
        Cause::EffectOf(id) => all.iter().find(|other| other.id() == id),
    };
    cause.map_or_else(|| finding.leaf().to_string(), |cause| format!("{} <- {}", finding.leaf(), cause.leaf()))
}

fn show(analysis: &Analysis) -> String {
    let Analysis { run, findings, .. } = analysis;
    let mut leaves: Vec<String> = findings.iter().map(|finding| leaf_with_cause(finding, findings)).collect();
    leaves.dedup();
    let found = if leaves.is_empty() { "nothing".to_owned() } else { leaves.join(", ") };
    let asked: String = run.input_preview.iter().flat_map(|text| text.chars()).take(30).collect();
    let id = |detection: &arc_model::Detection| detection.id.clone().unwrap_or_else(|| "unknown".to_owned());
    let tools = format!("{}/{}", run.tool_calls_correct, run.tool_calls_judged);
    format!("{} {} {tools} {asked:?}: {found}\n", id(&run.framework), id(&run.domain))
}

#[test]
fn what_went_wrong_in_the_recorded_runs_is_found() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/runs"));
    let files = ["langgraph", "pydantic-ai", "smolagents"].map(|name| folder.join(format!("{name}.otlp.jsonl.gz")));
    let mut lines: Vec<String> = files.iter().flat_map(|file| analyses(file)).map(|run| show(&run)).collect();
    lines.sort_unstable();
    expect![[r#"
        langgraph travel 0/1 "What is the weather in Atlanti": unhandled-exception <- tool-error, tool-error
        langgraph travel 2/2 "Is it warm in Lisbon, and is t": nothing
        langgraph travel 2/2 "Is it warm in Oslo, and is the": empty-result-used
        pydantic-ai travel 2/2 "Is it warm in Lisbon, and is t": nothing
        pydantic-ai travel 2/2 "Is it warm in Oslo, and is the": empty-result-used
        pydantic-ai unknown 0/1 "What is the weather in Atlanti": unhandled-exception <- tool-error, tool-error
        smolagents travel 0/3 "What is the weather in Atlanti": tool-error, repeated-call-loop <- tool-error, tool-error <- repeated-call-loop, step-limit <- repeated-call-loop
        smolagents travel 3/3 "Is it warm in Lisbon, and is t": nothing
        smolagents travel 3/3 "Is it warm in Oslo, and is the": empty-result-used
    "#]]
    .assert_eq(&lines.concat());
}

#[test]
fn on_airline_runs_failures_are_found_more_often_where_runs_failed() {
    let Some(file) = data("tau-bench/gpt-4o-airline.json") else { return };
    let runs = analyses(&file);
    let mut by_leaf: BTreeMap<String, [usize; 2]> = BTreeMap::new();
    for Analysis { run, findings, .. } in &runs {
        let leaves: BTreeSet<&str> = findings.iter().map(|finding| finding.leaf().as_str()).collect();
        let column = usize::from(run.outcome.verdict == Verdict::Failed);
        for leaf in leaves.iter().copied().chain((!leaves.is_empty()).then_some("any")) {
            by_leaf.entry(leaf.to_owned()).or_default()[column] += 1;
        }
    }
    // 84 runs succeeded, 116 failed.
    let lines = by_leaf.iter().map(|(leaf, [succeeded, failed])| format!("{leaf}: {succeeded}/84 {failed}/116\n"));
    expect![[r"
        any: 9/84 33/116
        excessive-steps: 0/84 5/116
        redundant-calls: 0/84 4/116
        reflection-errors: 0/84 3/116
        resource-abuse: 1/84 3/116
        step-limit: 0/84 5/116
        tool-error: 9/84 27/116
    "]]
    .assert_eq(&lines.collect::<String>());
    assert!(runs.iter().all(|analysis| analysis.run.framework.id.is_none()));
    assert!(runs.iter().all(|analysis| analysis.run.domain.id.as_deref() == Some("travel")));
}

#[test]
fn on_question_and_repair_runs_framework_and_domain_are_known() {
    for (folder, domain, at_least) in [("gaia", "research", 46), ("swe-bench", "software-engineering", 10)] {
        let Some(folder) = data(&format!("trail/{folder}/traces")) else { return };
        let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        let runs: Vec<Analysis> = files.iter().flat_map(|file| analyses(file)).collect();
        assert!(runs.iter().all(|analysis| analysis.run.framework.id.as_deref() == Some("smolagents")));
        let domains = runs.iter().map(|analysis| analysis.run.domain.id.as_deref());
        // One question is too bare to tell; none is taken for something else.
        assert!(domains.clone().all(|found| found.is_none() || found == Some(domain)), "{domain}");
        assert!(domains.flatten().count() >= at_least, "{domain}");
    }
}

#[test]
fn of_exported_traces_the_framework_is_known() {
    let Some(folder) = data("framework-traces") else { return };
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.to_string_lossy().ends_with(".trace.json"));
    files.sort();
    let lines = files.iter().flat_map(|file| {
        let name = file.file_name().unwrap().to_string_lossy().replace(".trace.json", "");
        analyses(file).into_iter().map(move |analysis| format!("{name}: {:?}\n", analysis.run.framework.id))
    });
    expect![[r#"
        agno-2025-06-11: Some("agno")
        beeai-2025-08-01: Some("beeai")
        crewai-2025-07-11: Some("crewai")
        google-adk-2025-08-28: Some("google-adk")
        koog-2025-08-26: Some("koog")
        langgraph-python-2025-08-22: Some("langgraph")
        microsoft-agent-2025-12-17: Some("microsoft-agent-framework")
        pydantic-ai-2025-06-06: Some("pydantic-ai")
        pydantic-ai-tools-2025-12-04: Some("pydantic-ai")
        vercel-aisdk-2025-11-17: Some("vercel-ai-sdk")
    "#]]
    .assert_eq(&lines.collect::<String>());
}
