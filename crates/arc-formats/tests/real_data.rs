//! Decodes real traces from the folder of public data, with ground truth counted independently.
//! Where the folder is absent the tests say so and pass.

use std::{collections::BTreeSet, path::PathBuf};

use arc_formats::{Decoded, Source, decode};
use arc_model::{DiagnosticSeverity, OutcomeSource, SpanKind, Termination, Trace, TraceId, Verdict};

#[expect(clippy::print_stderr, reason = "a skipped test must be seen")]
#[expect(clippy::disallowed_methods, reason = "only these tests read the folder's place")]
fn data(path: &str) -> Option<PathBuf> {
    let folder = std::env::var("ARC_EVAL_DATA")
        .map_or_else(|_| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")), PathBuf::from);
    let path = folder.join(path);
    if !path.exists() {
        eprintln!("SKIPPED: {} is absent; set ARC_EVAL_DATA to the folder of real traces", path.display());
        return None;
    }
    Some(path)
}

fn decode_file(path: &PathBuf) -> Decoded {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    decode(&std::fs::read(path).unwrap(), Source { name: name.as_deref(), format: None })
}

fn traces(decoded: &Decoded) -> Vec<Trace> {
    let ids: BTreeSet<TraceId> = decoded.spans.iter().map(|span| span.trace_id).collect();
    ids.into_iter().map(|id| Trace::new(id, decoded.spans.iter().filter(|span| span.trace_id == id).cloned())).collect()
}

fn rejected(decoded: &Decoded) -> Vec<String> {
    let rejected = decoded.diagnostics.iter().filter(|found| found.severity == DiagnosticSeverity::Rejected);
    rejected.map(ToString::to_string).collect()
}

#[test]
fn the_airline_runs_of_tau_bench_decode_with_their_rewards_and_step_limits() {
    let Some(path) = data("tau-bench/gpt-4o-airline.json") else { return };
    let decoded = decode_file(&path);
    assert_eq!(decoded.format, Some("tau-bench"));
    assert_eq!(decoded.diagnostics, []);
    let traces = traces(&decoded);
    assert_eq!(traces.len(), 200);
    let facts: Vec<_> = traces.iter().map(Trace::facts).collect();
    let tasks: BTreeSet<_> = facts.iter().map(|facts| facts.task.clone().unwrap()).collect();
    let trials: BTreeSet<_> = facts.iter().map(|facts| facts.trial.unwrap()).collect();
    assert_eq!((tasks.len(), trials.into_iter().collect::<Vec<_>>()), (50, vec![0, 1, 2, 3]));
    let succeeded = facts.iter().filter(|facts| facts.outcomes[0].verdict == Verdict::Succeeded).count();
    assert_eq!((succeeded, facts.len() - succeeded), (84, 116));
    assert!(facts.iter().all(|facts| facts.outcomes[0].source == OutcomeSource::Check));
    let limited: Vec<_> = facts.iter().filter(|facts| facts.termination == Some(Termination::StepLimit)).collect();
    assert_eq!(limited.len(), 5);
    for facts in limited {
        assert_eq!((facts.step_limit, facts.outcomes[0].verdict), (Some(30), Verdict::Failed));
    }
    let spans = |kind| decoded.spans.iter().filter(move |span| span.kind == kind);
    assert_eq!((spans(SpanKind::Llm).count(), spans(SpanKind::Tool).count()), (2454, 1164));
    let answered = spans(SpanKind::Tool).filter(|span| span.tool.as_ref().unwrap().result.is_some()).count();
    assert_eq!(answered, 1164);
    assert!(decoded.spans.iter().all(|span| span.usage.is_none() && span.reported_cost.is_none()));
    // What the simulated user cost is recorded for every run that came to its end.
    assert_eq!(spans(SpanKind::Agent).filter(|root| root.attributes.contains_key("info.user_cost")).count(), 195);
    assert_eq!(decode_file(&path), decoded, "importing again gives the same ids");
}
