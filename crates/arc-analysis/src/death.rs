//! How far a run was when its process died: during which step, after which one.
//!
//! Not a judgement: whether it died is what the trace says ([`Termination`]). A step counts as cut
//! short when it never ended, or was closed by the reader of the spool because its process died, which
//! says so on every step it closes ([`CUT_SHORT`]). Of others who close the spans of a dead process
//! something shows it: all of them end as failed at the same instant as the root.

use std::fmt::Write as _;

use arc_model::{CutShort, Json, ProcessDeath, Span, SpanKind, Termination, Timestamp, Trace};

use crate::outcome::last_root;

/// Longest name of a step that is told, in characters.
const NAME_CHARS: usize = 80;
/// What the reader of the spool says of a step whose process died before it ended.
const CUT_SHORT: &str = "arc_eval.cut_short";
/// The step of a run that is a whole process has it; what it did is in the steps below.
const PROCESS: &str = "process.pid";

/// Returns how far the run was; `None` unless the end of its process ended it.
pub(crate) fn of(trace: &Trace, termination: Option<Termination>) -> Option<ProcessDeath> {
    termination.filter(|termination| termination.is_process_death())?;
    let facts = trace.facts();
    let root = last_root(trace);
    let closed_at = root.and_then(|root| root.end);
    let during = root.and_then(|root| innermost_cut(trace, root, closed_at));
    // What the process noted is only what itself did, under the names it knew then.
    let after = last_completed(trace, closed_at).or(facts.last_step);
    Some(ProcessDeath {
        during: during.map(|span| CutShort { span_id: span.span_id, kind: span.kind, name: name_of(span).to_owned() }),
        after: after.filter(|name| !name.trim().is_empty()),
        exit_code: facts.exit_code,
        signal: facts.exit_signal,
    })
}

/// Says it in a sentence: `its process was killed (signal 9) during the model call gpt-4o, after search`.
pub(crate) fn told(termination: Termination, death: &ProcessDeath) -> String {
    let mut text = match (termination, death.exit_code) {
        (Termination::Oom, _) => "its process was killed because memory ran out".to_owned(),
        (Termination::Exited, Some(code)) => format!("its process exited with code {code}"),
        (Termination::Exited, None) => "its process exited".to_owned(),
        _ if death.signal.is_some() => "its process was killed".to_owned(),
        // A process that went without a word.
        _ => "its process was killed or crashed".to_owned(),
    };
    // Writing to a string cannot fail.
    if let Some(signal) = death.signal {
        let _ = write!(text, " (signal {signal})");
    }
    if let Some(step) = &death.during {
        let _ = write!(text, " during the {} {}", kind_name(step.kind), cut(&step.name));
    }
    match (&death.after, &death.during) {
        (Some(after), Some(_)) => {
            let _ = write!(text, ", after {}", cut(after));
        }
        (Some(after), None) => {
            let _ = write!(text, " after {}", cut(after));
        }
        (None, Some(_)) => text.push_str(", before any step was completed"),
        (None, None) => {}
    }
    text
}

/// Follows the last step that was cut short down from the root.
fn innermost_cut<'a>(trace: &'a Trace, root: &'a Span, closed_at: Option<Timestamp>) -> Option<&'a Span> {
    let mut innermost = None;
    let mut at = root;
    // Ends: a trace is a tree, and each turn goes one level down.
    while let Some(child) = trace.children(at.span_id).filter(|child| is_cut(child, closed_at)).last() {
        innermost = Some(child).filter(|child| !is_process(child)).or(innermost);
        at = child;
    }
    innermost
}

fn is_cut(span: &Span, closed_at: Option<Timestamp>) -> bool {
    match span.end {
        None => span.start.is_some(),
        Some(_) if span.attributes.get(CUT_SHORT) == Some(&Json::Bool(true)) => true,
        Some(end) => span.status.is_error() && Some(end) == closed_at,
    }
}

/// Returns whether a step is a whole process.
pub(crate) fn is_process(span: &Span) -> bool {
    span.kind == SpanKind::Step && span.attributes.contains_key(PROCESS)
}

/// Returns what people call a step: a tool by its name, which the name of its span may only contain.
fn name_of(span: &Span) -> &str {
    let tool = span.tool.as_ref().map(|tool| tool.name.as_str()).filter(|name| !name.is_empty());
    tool.unwrap_or(&span.name)
}

/// Returns the name of the step that ended last, of those without a step below them.
fn last_completed(trace: &Trace, closed_at: Option<Timestamp>) -> Option<String> {
    let is_step =
        |span: &&Span| span.parent_id.is_some() && !is_cut(span, closed_at) && span.end.is_some() && !is_process(span);
    let leaves = trace.spans().iter().filter(is_step).filter(|span| trace.children(span.span_id).next().is_none());
    leaves.max_by_key(|span| (span.end, span.sequence)).map(|span| name_of(span).to_owned())
}

const fn kind_name(kind: SpanKind) -> &'static str {
    match kind {
        SpanKind::Llm => "model call",
        SpanKind::Tool => "tool call",
        SpanKind::Retrieval => "search",
        SpanKind::Embedding => "embedding call",
        SpanKind::Rerank => "reranking",
        SpanKind::Agent => "turn of the agent",
        SpanKind::Workflow => "workflow",
        SpanKind::Guardrail => "guardrail",
        SpanKind::Evaluation => "evaluation",
        SpanKind::Step | SpanKind::Other => "step",
    }
}

fn cut(name: &str) -> String {
    let line = name.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(NAME_CHARS) {
        Some((at, _)) => format!("{}…", line.get(..at).unwrap_or_default()),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use arc_model::sketch;

    use super::*;

    fn check(text: &str, expected: &str) {
        let trace = sketch::parse(text).unwrap_or_else(|error| panic!("{error}"));
        let termination = trace.facts().termination;
        let told = of(&trace, termination).zip(termination).map(|(death, how)| told(how, &death));
        assert_eq!(told.unwrap_or_else(|| "alive".to_owned()), expected);
    }

    #[test]
    fn the_step_that_was_cut_short_and_the_last_one_completed_are_named() {
        check(
            "agent a end=killed signal=9 @0s +3s !killed\n  llm plan @0s +1s\n  tool search @1s +1s\n  llm \"chat gpt-4o\" @2s +1s !killed",
            "its process was killed (signal 9) during the model call chat gpt-4o, after search",
        );
    }

    #[test]
    fn a_step_that_never_ended_was_cut_short_and_the_innermost_is_named() {
        check(
            "agent a end=oom @0s\n  step outer @0s\n    tool fetch @0s",
            "its process was killed because memory ran out during the tool call fetch, before any step was completed",
        );
    }

    #[test]
    fn between_two_steps_only_the_last_one_is_named() {
        check(
            "agent a end=exited exit=3 last_step=\"tool call\" @0s +3s !exited\n  tool search @0s +1s",
            "its process exited with code 3 after search",
        );
        check("agent a end=exited exit=0", "its process exited with code 0");
    }

    #[test]
    fn where_no_step_is_stored_the_process_says_which_one_it_completed() {
        check("agent a end=killed last_step=search @0s +3s !killed", "its process was killed or crashed after search");
    }

    #[test]
    fn in_a_run_of_several_processes_each_says_which_steps_were_cut_short() {
        let launched = "agent a end=killed signal=9 @0s +5s !killed\n  step \"python a.py\" @0s +2s !killed \
                        attributes={process.pid: 7, arc_eval.cut_short: true}\n    tool search @0s +1s\n";
        check(
            &format!("{launched}    llm \"chat gpt-4o\" @1s +1s !killed attributes={{arc_eval.cut_short: true}}"),
            "its process was killed (signal 9) during the model call chat gpt-4o, after search",
        );
        check(launched, "its process was killed (signal 9) after search");
    }

    #[test]
    fn a_step_that_failed_earlier_was_not_cut_short() {
        check(
            "agent a end=killed @0s +3s !killed\n  tool flaky @0s +1s !timeout\n  tool slow @1s +2s !killed",
            "its process was killed or crashed during the tool call slow, after flaky",
        );
    }

    #[test]
    fn only_the_end_of_the_process_is_told() {
        check("agent a end=exception @0s +1s !boom\n  tool t @0s +1s !boom", "alive");
    }
}
