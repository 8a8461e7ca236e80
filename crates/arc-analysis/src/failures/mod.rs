//! Failures that the structure of a run shows: statuses, schemas, repetitions, limits.
//!
//! No detector looks for words in prose; what a model or a user says in a sentence proves nothing.
//! Start at [`detect`]. [`View`] is what detectors look at. To add one: a file here that opens
//! with a comment in four parts (*What / Why it matters / Example / When it is wrong*), an `impl Detector`,
//! tests as sketches of which at least one fires and one stays quiet; a line in [`DETECTORS`]; an
//! entry in the catalogue's `taxonomy.toml`. What a new leaf follows from goes into `cause`.

use std::collections::BTreeMap;

use arc_catalog::Catalog;
use arc_model::{Confidence, Evidence, Finding, SpanId, Trace};

mod call;
mod call_error;
mod cause;
mod flow;
mod injection;
mod outlier;
mod result;
mod same_call;
mod schema;
mod stated;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod view;

mod api_timeout;
mod context_loss;
mod coordination;
mod costly_operations;
mod delays;
mod empty_answer;
mod empty_result_used;
mod excessive_steps;
mod goal_deviation;
mod ignored_tool_result;
mod model_json_malformed;
mod output_truncated;
mod permission_denied;
mod premature_stop;
mod prompt_injection;
mod redundant_calls;
mod reflection_errors;
mod repeated_call_loop;
mod resource_abuse;
mod step_limit;
mod tool_arguments_invalid;
mod tool_error;
mod tool_not_offered;
mod tool_result_contradicted;
mod turned_away;
mod ungrounded_claim;
mod unhandled_exception;
mod unsafe_action;
mod wrong_tool;

pub use call::{Call, Request};
pub use call_error::{CallError, error_of};
pub(crate) use call_error::{headline, status_error};
pub use injection::Injection;
pub use view::View;

/// Finds failures of one leaf.
pub trait Detector: Sync {
    /// Returns the id of the leaf it finds, which the catalogue describes.
    fn leaf(&self) -> &'static str;

    /// Returns its version; it MUST be raised when the same run would give other findings.
    fn version(&self) -> u32;

    /// Returns whether a finding says by itself that the run went wrong. It MUST NOT fire on more than 2 % of
    /// successful runs; others say what happened, and the run may have recovered.
    fn is_certain(&self) -> bool {
        true
    }

    /// Returns how many of how many findings were right on labelled data, and on which; `None` when nobody measured it.
    /// Generated figures are in `docs/reference/accuracy.md`.
    fn measured(&self) -> Option<Measured> {
        None
    }

    /// Returns what it found, in order. It MUST NOT depend on anything but the view, and MUST take
    /// time about linear in the size of the run.
    fn detect(&self, view: &View<'_>) -> Vec<Sighting>;
}

/// How often a detector was right on labelled data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measured {
    /// Findings that were right.
    pub right: u64,
    /// All findings.
    pub of: u64,
    /// The labelled data.
    pub dataset: &'static str,
}

impl Measured {
    /// Returns the confidence of a finding.
    pub fn confidence(self) -> Confidence {
        let precision = crate::reliability::rate(self.right, self.of);
        Confidence::Measured { precision, dataset: self.dataset.to_owned() }
    }
}

/// A failure that a detector saw.
#[derive(Debug, Clone, PartialEq)]
pub struct Sighting {
    /// One sentence that says what happened here.
    pub title: String,
    /// What shows it; its span is where the finding is.
    pub first: Evidence,
    /// What else shows it.
    pub more: Vec<Evidence>,
}

/// Every detector, in the order in which findings at one span are listed.
pub const DETECTORS: &[&dyn Detector] = &[
    &output_truncated::OutputTruncated,
    &model_json_malformed::ModelJsonMalformed,
    &tool_not_offered::ToolNotOffered,
    &tool_arguments_invalid::ToolArgumentsInvalid,
    &tool_error::ToolError,
    &turned_away::RateLimit,
    &turned_away::AuthExpired,
    &permission_denied::PermissionDenied,
    &api_timeout::ApiTimeout,
    &reflection_errors::ReflectionErrors,
    &repeated_call_loop::RepeatedCallLoop,
    &redundant_calls::RedundantCalls,
    &resource_abuse::ResourceAbuse,
    &wrong_tool::WrongTool,
    &context_loss::ContextLoss,
    &coordination::Coordination,
    &ignored_tool_result::IgnoredToolResult,
    &empty_result_used::EmptyResultUsed,
    &ungrounded_claim::UngroundedClaim,
    &tool_result_contradicted::ToolResultContradicted,
    &unsafe_action::UnsafeAction,
    &empty_answer::EmptyAnswer,
    &premature_stop::PrematureStop,
    &goal_deviation::GoalDeviation,
    &excessive_steps::ExcessiveSteps,
    &costly_operations::CostlyOperations,
    &delays::Delays,
    &step_limit::StepLimit,
    &unhandled_exception::UnhandledException,
    &prompt_injection::PromptInjection,
    &prompt_injection::PromptInjectionFollowed,
];

/// Returns the failures of a run in the order of the spans they are at, each with its cause.
///
/// There is at most one finding of a leaf at a span; its title is that of the first sighting.
pub fn detect(trace: &Trace, catalog: &Catalog) -> Vec<Finding> {
    detect_in(&View::new(trace), catalog)
}

/// Returns the failures of a run of which there already is a view.
pub(crate) fn detect_in(view: &View<'_>, catalog: &Catalog) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (rank, detector) in DETECTORS.iter().enumerate() {
        // A detector whose leaf the catalogue does not describe is switched off.
        let Some(leaf) = catalog.leaf(detector.leaf()) else { continue };
        for sighting in at_most_one_per_span(detector.detect(view)) {
            let position = view.position(sighting.first.span_id);
            let name = format!("{}@{}", detector.leaf(), detector.version());
            let Sighting { title, first, more } = sighting;
            let finding = Finding::new(view.trace().id(), leaf.id.clone(), leaf.severity, title, name, first, more);
            let finding = match detector.measured() {
                Some(measured) => finding.with_confidence(measured.confidence()),
                None => finding,
            };
            findings.push((position, rank, finding));
        }
    }
    findings.sort_by_key(|(position, rank, _)| (*position, *rank));
    cause::assign(findings.into_iter().map(|(_, _, finding)| finding).collect(), view)
}

fn at_most_one_per_span(sightings: Vec<Sighting>) -> Vec<Sighting> {
    let mut merged: Vec<Sighting> = Vec::new();
    let mut by_span: BTreeMap<SpanId, usize> = BTreeMap::new();
    for sighting in sightings {
        let known = by_span.get(&sighting.first.span_id).copied();
        if let Some(known) = known.and_then(|index| merged.get_mut(index)) {
            known.more.push(sighting.first);
            known.more.extend(sighting.more);
        } else {
            by_span.insert(sighting.first.span_id, merged.len());
            merged.push(sighting);
        }
    }
    merged
}
