//! A run as a tree in the sketch notation, with what is known about it and what was found.

use std::fmt::Write;

use arc_analysis::cost::{Estimated, RunTiming};
use arc_app::{RunDetail, RunFigures};
use arc_model::{Cause, Cost, Finding, NanoUsd, OutcomeSource, Run, Trace, TraceId, sketch};
use serde::Serialize;

use super::{cost, data, json, number, plain, plain_line, runs, style, talk};
use crate::failure::Failure;

/// Longest text shown in a tree that is not asked for in full.
const EXCERPT_CHARS: usize = 100;

#[derive(Serialize)]
struct RunWithSpans<'a> {
    run: &'a arc_model::Run,
    spans: &'a [arc_model::Span],
    findings: &'a [arc_model::Finding],
    timing: &'a RunTiming,
    #[serde(skip_serializing_if = "Option::is_none")]
    estimated: Option<&'a Estimated>,
}

/// Prints a run; `full` shows every text.
pub(crate) fn print(detail: &RunDetail, figures: &RunFigures, full: bool, as_json: bool) -> Result<(), Failure> {
    if as_json {
        let (RunDetail { run, spans, findings }, RunFigures { timing, estimated }) = (detail, figures);
        return json(&RunWithSpans { run, spans, findings, timing, estimated: estimated.as_ref() });
    }
    let mut text = runs::line(&detail.run);
    // Writing to a string cannot fail.
    let _ = write_about(&mut text, &detail.run);
    text.extend(figures.estimated.as_ref().and_then(cost::estimated).map(|line| line + "\n"));
    let trace = Trace::new(detail.run.trace_id, detail.spans.iter().cloned());
    let tree = if full { sketch::print(&trace) } else { sketch::outline(&trace, EXCERPT_CHARS) };
    text.extend(["\n", &plain(&tree)]);
    let _ = write_findings(&mut text, &detail.findings);
    Ok(data(&text)?)
}

/// Says where a run that was just recorded can be seen.
pub(crate) fn tell_where(trace_id: TraceId, server: Option<&str>) {
    let place = match server {
        Some(server) => format!("{server}/runs/{trace_id}"),
        None => format!("recorded; `arc-eval serve` shows it, or `arc-eval collect` sends it on (run {trace_id})"),
    };
    talk(&style::aside(&format!("arc-eval: {place}")));
}

fn write_about(text: &mut String, run: &Run) -> std::fmt::Result {
    if let Cost::Unknown { why, at_least } = &run.cost {
        let why = plain_line(&why.to_string(), 120);
        let known = if *at_least == NanoUsd::ZERO {
            String::new()
        } else {
            format!("; at least {}", number::dollars(*at_least))
        };
        writeln!(text, "cost unknown: {why}{known}")?;
    }
    if let (Some(source), Some(claim)) = (run.outcome.source, run.outcome.claims.first()) {
        let reason = claim.reason.as_deref().map(|reason| format!(": {}", plain_line(reason, 200))).unwrap_or_default();
        writeln!(text, "outcome {}{reason}", said_by(source))?;
    }
    if let Some(error) = &run.error {
        writeln!(text, "ended by: {}", plain_line(error, 400))?;
    }
    Ok(())
}

fn write_findings(text: &mut String, findings: &[Finding]) -> std::fmt::Result {
    if findings.is_empty() {
        return writeln!(text, "\nNothing found");
    }
    writeln!(text, "\n{}", style::heading("Found"))?;
    for finding in findings {
        let root = if *finding.cause() == Cause::Root { "" } else { " (follows from another)" };
        let title = plain_line(finding.title(), 200);
        writeln!(text, "  {} {}: {title}{root}", style::severity(finding.severity()), finding.leaf())?;
        for evidence in finding.evidence() {
            let excerpt = plain_line(&evidence.excerpt, EXCERPT_CHARS);
            writeln!(text, "    {} {excerpt}", style::aside(&format!("span {}", evidence.span_id)))?;
        }
    }
    Ok(())
}

fn said_by(source: OutcomeSource) -> &'static str {
    match source {
        OutcomeSource::Human => "said by a person",
        OutcomeSource::Check => "found by a check of the result",
        OutcomeSource::HostDeclared => "declared by the host program",
        OutcomeSource::ProcessDeath => "follows from an exception or the death of the process",
        OutcomeSource::Judge => "judged by a model",
        OutcomeSource::Detector => "follows from a limit that ended the run",
    }
}
