//! What makes two findings the same failure, and what one run says about issues.

use arc_model::{
    AgentName, Cause, Evidence, Field, Finding, FindingId, LeafId, Run, Severity, Span, SpanId, SpanKind, Timestamp,
    Trace, TraceId,
};
use serde::{Deserialize, Serialize};

use super::mask::{mask, mask_name};
use crate::failures::headline;

/// Pieces of evidence kept of an occurrence.
const EVIDENCE: usize = 4;
/// Effects kept of an occurrence.
const EFFECTS: usize = 8;
/// Different failures of one run that are counted; a run with more shows the same breakdown many times.
const SIGHTINGS: usize = 32;

/// Leaves whose result is an error message, wherever it stands.
const ERRORS: [&str; 6] =
    ["tool-error", "unhandled-exception", "rate-limit", "auth-expired", "provider-error", "malformed-json"];

/// What makes two findings the same failure.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Fingerprint {
    /// The leaf of the failure taxonomy.
    pub leaf: LeafId,
    /// The tool or the node where it happens, without numbers.
    pub place: String,
    /// The error with its values masked; empty for failures that are no errors.
    pub template: String,
    /// The framework, where known.
    pub framework: Option<String>,
}

impl Fingerprint {
    /// Returns its id: the same for the same fingerprint, for ever.
    pub fn id(&self) -> String {
        hash(&[self.leaf.as_str(), &self.place, self.framework.as_deref().unwrap_or_default(), &self.template])
    }

    /// Returns the id of its [family](super::Family).
    pub fn family(&self) -> String {
        let words = self.template.split(' ').count().to_string();
        let first = self.template.split(' ').next().unwrap_or_default();
        hash(&[self.leaf.as_str(), &self.place, self.framework.as_deref().unwrap_or_default(), &words, first])
    }
}

/// Hashes texts so that no two lists of them are taken for one another.
pub(crate) fn hash(parts: &[&str]) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().to_hex().chars().take(12).collect()
}

/// What one run contributes to issues and scenarios; replaced when it settles again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Contribution {
    /// The run.
    pub trace_id: TraceId,
    /// Its agent.
    pub agent: AgentName,
    /// The agent's version, where known.
    pub version: Option<String>,
    /// When it ran.
    pub at: Timestamp,
    /// The failures in it, each fingerprint once.
    pub sightings: Vec<Sighting>,
    /// The scenarios it was a trial of.
    #[serde(default)]
    pub trials: Vec<TrialOf>,
}

/// A run as a trial of a scenario.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrialOf {
    /// The scenario.
    pub scenario: String,
    /// Whether it passed.
    pub passed: bool,
}

/// A failure in a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sighting {
    /// The id of the fingerprint.
    pub strand: String,
    /// The id of its family.
    pub family: String,
    /// The fingerprint.
    pub fingerprint: Fingerprint,
    /// The worst severity among the findings.
    pub severity: Severity,
    /// Findings.
    pub count: u64,
    /// Where the first of them is.
    pub step: Step,
    /// What followed from it.
    pub effects: Vec<Effect>,
}

/// The step of a run at which a failure was located.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = IssueStep))]
pub struct Step {
    /// The span.
    pub span_id: SpanId,
    /// What sort of step it is.
    pub kind: SpanKind,
    /// Its name.
    pub name: String,
    /// What happened there, in a sentence.
    pub title: String,
    /// What shows it.
    pub evidence: Vec<Evidence>,
}

/// A failure that followed from another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Effect {
    /// The finding.
    pub finding: FindingId,
    /// Its leaf.
    pub leaf: LeafId,
    /// Where it shows.
    pub span_id: SpanId,
    /// What happened there, in a sentence.
    pub title: String,
}

/// Returns the failures of a run: root findings by fingerprint, each with what followed from it.
///
/// The order of the findings decides only which of several with one fingerprint is shown: the first of the run.
pub fn sightings(trace: &Trace, run: &Run, findings: &[Finding]) -> Vec<Sighting> {
    let mut sightings: Vec<Sighting> = Vec::new();
    for finding in findings.iter().filter(|finding| *finding.cause() == Cause::Root) {
        let Some(first) = finding.evidence().first() else { continue };
        let span = trace.span(first.span_id);
        let fingerprint = Fingerprint {
            leaf: finding.leaf().clone(),
            place: place(finding, span),
            template: template(finding, first),
            framework: run.framework.id.clone(),
        };
        let strand = fingerprint.id();
        if let Some(known) = sightings.iter_mut().find(|known| known.strand == strand) {
            known.count += 1;
            known.severity = known.severity.max(finding.severity());
            continue;
        }
        if sightings.len() >= SIGHTINGS {
            continue;
        }
        sightings.push(Sighting {
            family: fingerprint.family(),
            strand,
            fingerprint,
            severity: finding.severity(),
            count: 1,
            step: Step {
                span_id: first.span_id,
                kind: span.map_or(SpanKind::Other, |span| span.kind),
                name: span.map(|span| span.name.clone()).unwrap_or_default(),
                title: finding.title().to_owned(),
                evidence: finding.evidence().iter().take(EVIDENCE).cloned().collect(),
            },
            effects: effects(finding, findings),
        });
    }
    sightings
}

/// Returns what followed from a finding, and from that, in the order of the run.
fn effects(root: &Finding, findings: &[Finding]) -> Vec<Effect> {
    let mut causes: Vec<&FindingId> = vec![root.id()];
    let mut effects = Vec::new();
    // Effects may stand before their causes in the run; every round finds those one step further away.
    loop {
        let follows = |finding: &&Finding| match finding.cause() {
            Cause::EffectOf(cause) => causes.contains(&cause) && !causes.contains(&finding.id()),
            Cause::Root => false,
        };
        let Some(next) = findings.iter().find(follows).filter(|_| effects.len() < EFFECTS) else { return effects };
        causes.push(next.id());
        let Some(first) = next.evidence().first() else { continue };
        effects.push(Effect {
            finding: next.id().clone(),
            leaf: next.leaf().clone(),
            span_id: first.span_id,
            title: next.title().to_owned(),
        });
    }
}

/// Returns the tool or the node where a finding is.
fn place(finding: &Finding, span: Option<&Span>) -> String {
    let tool = span.and_then(|span| span.tool.as_ref()).map(|tool| tool.name.as_str());
    let is_tool = span.is_some_and(|span| matches!(span.kind, SpanKind::Tool | SpanKind::Retrieval));
    // Where calls show in a transcript only, the title names the tool.
    let named = (!is_tool && finding.leaf().as_str() == "tool-error").then(|| finding.title().split_once(" failed: "));
    let named = named.flatten().map(|(tool, _)| tool);
    mask_name(tool.or(named).or_else(|| span.map(|span| span.name.as_str())).unwrap_or_default())
}

/// Returns the masked error of a finding; empty where what was seen is no error but what a model or a user said.
fn template(finding: &Finding, first: &Evidence) -> String {
    let is_error = match first.field {
        Field::Status | Field::Exception => true,
        _ => ERRORS.contains(&finding.leaf().as_str()),
    };
    if is_error { mask(headline(&first.excerpt)) } else { String::new() }
}
