//! What a run comes to after somebody said something about it.

use arc_model::{Outcome, OutcomeSource, TraceId, Verdict};

/// Returns the sentence.
pub(crate) fn told(run: TraceId, outcome: &Outcome) -> String {
    let verdict = match outcome.verdict {
        Verdict::Succeeded => "succeeded",
        Verdict::Failed => "failed",
        Verdict::Unknown => return format!("run {run}: whether it succeeded is unknown\n"),
    };
    let by = match outcome.source {
        Some(OutcomeSource::Human) => "a person",
        Some(OutcomeSource::Check) => "a check, which outranks it",
        Some(OutcomeSource::HostDeclared) => "the program, which outranks it",
        Some(OutcomeSource::ProcessDeath) => "how it ended, which outranks it",
        Some(OutcomeSource::Judge) => "a judge",
        Some(OutcomeSource::Detector) | None => "a detector",
    };
    format!("run {run} {verdict}, says {by}\n")
}
