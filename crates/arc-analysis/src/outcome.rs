//! Whether a run succeeded, who says so, and how it ended. Not a judgement of the answer.
//!
//! [`settle_outcome`] gathers what spans claim, what the end of the run shows (an exception, a
//! killed process) and what detectors found (a step limit), and lets [`Outcome::from_claims`]
//! decide. A run that merely returned has not succeeded: nobody said so.

use arc_model::{
    Evidence, Field, Finding, Outcome, OutcomeClaim, OutcomeSource, Span, SpanEvent, SpanId, SpanKind, Status,
    Termination, Trace, Verdict,
};

use crate::{checks::Examined, death};

/// The leaf of the finding that a run was stopped at its step limit.
const STEP_LIMIT: &str = "step-limit";

/// The attribute that marks a span as a label: what a person or a judge said of the run afterwards.
pub const LABEL: &str = "arc_eval.label";

/// Returns the outcome of a run, with every claim, and how it came to its end where that is known.
pub fn settle_outcome(trace: &Trace, findings: &[Finding]) -> (Outcome, Option<Termination>) {
    settle_checked(trace, findings, &Examined::default(), Vec::new())
}

/// The same with what declared checks say. Of what is said by checks, one that failed outweighs what spans say, and
/// that one that passed: it tells less than whoever looked at the whole result. A run that ended by a failure has not
/// succeeded by any check.
pub(crate) fn settle_checked(
    trace: &Trace,
    findings: &[Finding],
    checks: &Examined,
    evaluations: Vec<OutcomeClaim>,
) -> (Outcome, Option<Termination>) {
    let end = end_of(trace, findings);
    let ended_badly = end.as_ref().is_some_and(|end| end.termination.is_failure());
    let mut claims = if ended_badly { Vec::new() } else { checks.successes() };
    claims.extend(evaluations);
    claims.extend(declared(trace));
    claims.extend(checks.failures());
    claims.extend(end.as_ref().and_then(claim));
    (Outcome::from_claims(claims), end.map(|end| end.termination))
}

/// How a run ended, with what shows it.
struct End {
    termination: Termination,
    reason: Option<String>,
    shown_by: Option<SpanId>,
}

/// Returns what spans claim, in the order in which [`Outcome::from_claims`] prefers the last: what a
/// root says about the run outweighs what a span inside says, and a label what was said before it.
fn declared(trace: &Trace) -> Vec<OutcomeClaim> {
    let mut spans: Vec<(usize, &Span)> = trace.walk().filter(|(_, span)| !span.facts.outcomes.is_empty()).collect();
    spans.sort_by_key(|&(depth, span)| (span.attributes.contains_key(LABEL), std::cmp::Reverse(depth)));
    let claims = spans.into_iter().flat_map(|(_, span)| {
        span.facts.outcomes.iter().cloned().map(|mut claim| {
            claim.span_id.get_or_insert(span.span_id);
            claim
        })
    });
    claims.collect()
}

fn end_of(trace: &Trace, findings: &[Finding]) -> Option<End> {
    let root = last_root(trace);
    let error = root.and_then(error_of);
    let says = |span: &Span| span.facts.termination.map(|termination| (termination, span.span_id));
    if let Some(error) = ended_program(trace).and_then(error_of) {
        return Some(error);
    }
    if let Some((termination, said_by)) = trace.walk().find_map(|(_, span)| says(span)) {
        if let Some(death) = death::of(trace, Some(termination)) {
            // How far it came says more than the status the span was closed with.
            let shown_by = death.during.as_ref().map_or(said_by, |step| step.span_id);
            return Some(End { termination, reason: Some(death::told(termination, &death)), shown_by: Some(shown_by) });
        }
        let shown_by = Some(error.as_ref().and_then(|error| error.shown_by).unwrap_or(said_by));
        return Some(End { termination, reason: error.and_then(|error| error.reason), shown_by });
    }
    if error.is_some() {
        return error;
    }
    if let Some(finding) = findings.iter().find(|finding| finding.leaf().as_str() == STEP_LIMIT) {
        let shown_by = finding.evidence().first().map(|evidence| evidence.span_id);
        return Some(End { termination: Termination::StepLimit, reason: Some(finding.title().to_owned()), shown_by });
    }
    let returned = root.filter(|root| root.end.is_some())?;
    Some(End { termination: Termination::Completed, reason: None, shown_by: Some(returned.span_id) })
}

/// Returns the span whose end is the end of the run: the last root, agents and workflows before
/// others. A span whose parent never arrived is none: the parent may have gone on.
pub(crate) fn last_root(trace: &Trace) -> Option<&Span> {
    let roots = || trace.roots().filter(|root| root.parent_id.is_none());
    let drives = |span: &&Span| matches!(span.kind, SpanKind::Agent | SpanKind::Workflow);
    roots().filter(drives).last().or_else(|| roots().last())
}

/// Returns the step of the program that an exception ended, in a run that is a whole program: who started it only
/// knows the exit code.
pub(crate) fn ended_program(trace: &Trace) -> Option<&Span> {
    let root = last_root(trace).filter(|root| root.facts.termination == Some(Termination::Exited))?;
    let programs = trace.children(root.span_id).filter(|span| death::is_process(span));
    programs.filter(|span| span.status.is_error() && span.events.iter().any(|event| event.name == "exception")).last()
}

/// Returns how an error ended this span, if one did.
fn error_of(span: &Span) -> Option<End> {
    let exception = span.events.iter().rev().find(|event| event.name == "exception");
    let detail = |name: &str| {
        let value = exception.and_then(|event| event.attributes.get(name));
        value.and_then(|value| value.as_str()).filter(|text| !text.is_empty())
    };
    let (kind, message) = match &span.status {
        Status::Error { kind, message } => (kind.as_deref(), Some(message.as_str()).filter(|text| !text.is_empty())),
        // An exception that was recorded and dealt with is no end; one that left the span is.
        Status::Unset if escaped(exception) => (None, None),
        Status::Unset | Status::Ok => return None,
    };
    let (kind, message) = (kind.or(detail("exception.type")), message.or(detail("exception.message")));
    let termination = match kind.map(last_name) {
        Some("CancelledError") => Termination::Cancelled,
        Some("timeout") => Termination::Timeout,
        _ => Termination::Exception,
    };
    let text = match (kind, message) {
        (Some(kind), Some(message)) if !message.starts_with(kind) => format!("{kind}: {message}"),
        (_, Some(message)) => message.to_owned(),
        (Some(kind), None) => kind.to_owned(),
        (None, None) => "it ended in an error without a message".to_owned(),
    };
    // A message can be a whole page; a reason is a few words.
    let reason = Evidence::new(span.span_id, Field::Status, &text).excerpt;
    Some(End { termination, reason: Some(reason), shown_by: Some(span.span_id) })
}

fn escaped(exception: Option<&SpanEvent>) -> bool {
    let value = exception.and_then(|event| event.attributes.get("exception.escaped"));
    value.is_some_and(|value| {
        value.as_bool() == Some(true) || value.as_str().is_some_and(|text| text.eq_ignore_ascii_case("true"))
    })
}

/// Returns `CancelledError` of `asyncio.exceptions.CancelledError`.
fn last_name(kind: &str) -> &str {
    kind.rsplit('.').next().unwrap_or(kind)
}

/// Returns what the end says about success: nothing, unless ending that way is a failure.
fn claim(end: &End) -> Option<OutcomeClaim> {
    let (source, default) = match end.termination {
        Termination::Completed | Termination::Cancelled => return None,
        Termination::StepLimit => (OutcomeSource::Detector, "it was stopped at its step limit"),
        Termination::Timeout => (OutcomeSource::Detector, "it was stopped for taking too long"),
        Termination::Exception => (OutcomeSource::ProcessDeath, "an exception ended it"),
        Termination::Killed => (OutcomeSource::ProcessDeath, "its process was killed"),
        Termination::Oom => (OutcomeSource::ProcessDeath, "its process was killed because memory ran out"),
        Termination::Exited => (OutcomeSource::ProcessDeath, "its process exited before the run had ended"),
    };
    Some(OutcomeClaim {
        verdict: Verdict::Failed,
        source,
        score: None,
        reason: Some(end.reason.clone().unwrap_or_else(|| default.to_owned())),
        span_id: end.shown_by,
    })
}

#[cfg(test)]
mod tests;
