//! Claims that something went wrong, each with the spans that show it.

use serde::{Deserialize, Serialize};

use crate::{SpanId, TraceId, id::text_id};

text_id!(LeafId, "A leaf of the failure taxonomy, in kebab-case and stable: `retry-loop`.");
text_id!(FindingId, "Identifies a finding; derived from its run, leaf and first span.");

/// A failure found in a run.
///
/// Invariant: `evidence` is never empty; [`Finding::new`] is the only way to make one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(try_from = "UncheckedFinding")]
pub struct Finding {
    id: FindingId,
    trace_id: TraceId,
    leaf: LeafId,
    severity: Severity,
    title: String,
    evidence: Vec<Evidence>,
    detector: String,
    confidence: Confidence,
    cause: Cause,
}

impl Finding {
    /// Makes a finding that rests on `first` and the `more` evidence behind it.
    ///
    /// `detector` is the detector's id with its version, as in `tool-error@1`.
    pub fn new(
        trace_id: TraceId,
        leaf: impl Into<LeafId>,
        severity: Severity,
        title: impl Into<String>,
        detector: impl Into<String>,
        first: Evidence,
        more: impl IntoIterator<Item = Evidence>,
    ) -> Self {
        let leaf = leaf.into();
        let id = FindingId::new(format!("{trace_id}-{leaf}-{}", first.span_id));
        Self {
            id,
            trace_id,
            leaf,
            severity,
            title: title.into(),
            evidence: std::iter::once(first).chain(more).collect(),
            detector: detector.into(),
            confidence: Confidence::Unmeasured,
            cause: Cause::Root,
        }
    }

    /// Says that the finding follows from another one, or that it is a root.
    #[must_use]
    pub fn with_cause(mut self, cause: Cause) -> Self {
        self.cause = cause;
        self
    }

    /// Says how often the detector is right, as far as that was measured.
    #[must_use]
    pub fn with_confidence(mut self, confidence: Confidence) -> Self {
        self.confidence = confidence;
        self
    }

    /// Returns the id: the same for the same leaf at the same span of the same run.
    pub const fn id(&self) -> &FindingId {
        &self.id
    }

    /// Returns the run it was found in.
    pub const fn trace_id(&self) -> TraceId {
        self.trace_id
    }

    /// Returns the leaf of the taxonomy.
    pub const fn leaf(&self) -> &LeafId {
        &self.leaf
    }

    /// Returns how bad it is.
    pub const fn severity(&self) -> Severity {
        self.severity
    }

    /// Returns one sentence that says what happened here.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Returns what shows it; never empty.
    pub fn evidence(&self) -> &[Evidence] {
        &self.evidence
    }

    /// Returns the detector with its version.
    pub fn detector(&self) -> &str {
        &self.detector
    }

    /// Returns how often the detector is right, as far as that was measured.
    pub const fn confidence(&self) -> &Confidence {
        &self.confidence
    }

    /// Returns whether it is a root or follows from another finding.
    pub const fn cause(&self) -> &Cause {
        &self.cause
    }
}

#[derive(Deserialize)]
struct UncheckedFinding {
    id: FindingId,
    trace_id: TraceId,
    leaf: LeafId,
    severity: Severity,
    title: String,
    evidence: Vec<Evidence>,
    detector: String,
    confidence: Confidence,
    cause: Cause,
}

impl TryFrom<UncheckedFinding> for Finding {
    type Error = &'static str;

    fn try_from(raw: UncheckedFinding) -> Result<Self, Self::Error> {
        if raw.evidence.is_empty() {
            return Err("a finding needs evidence");
        }
        let UncheckedFinding { id, trace_id, leaf, severity, title, evidence, detector, confidence, cause } = raw;
        Ok(Self { id, trace_id, leaf, severity, title, evidence, detector, confidence, cause })
    }
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing; the run may still be fine.
    Low,
    /// Wastes time or money, or makes failure likely.
    Medium,
    /// Usually makes the run fail.
    High,
    /// Ended the run.
    Critical,
}

/// A place in a run that shows something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Evidence {
    /// The span.
    pub span_id: SpanId,
    /// Which part of it.
    pub field: Field,
    /// The words that show it, shortened; data, never to be rendered raw.
    pub excerpt: String,
}

impl Evidence {
    /// Longest excerpt kept, in characters.
    pub const EXCERPT_CHARS: usize = 240;

    /// Makes evidence; a long excerpt is cut and ends in an ellipsis.
    pub fn new(span_id: SpanId, field: Field, excerpt: &str) -> Self {
        let mut cut: String = excerpt.chars().take(Self::EXCERPT_CHARS).collect();
        if excerpt.chars().nth(Self::EXCERPT_CHARS).is_some() {
            cut.push('…');
        }
        Self { span_id, field, excerpt: cut }
    }
}

/// The part of a span that evidence points at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// The span's name.
    Name,
    /// The status or its message.
    Status,
    /// The input or the messages sent.
    Input,
    /// The output or the messages answered.
    Output,
    /// A tool call's arguments.
    ToolArguments,
    /// A tool call's result.
    ToolResult,
    /// The tools offered.
    ToolsOffered,
    /// Why the model stopped.
    FinishReason,
    /// How the run ended.
    Termination,
    /// The instrumentation scope.
    Scope,
    /// An exception event.
    Exception,
    /// An attribute, by its name.
    Attribute(String),
}

/// How often a detector is right.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Confidence {
    /// Nobody has measured it on labelled data.
    Unmeasured,
    /// Measured on labelled data.
    Measured {
        /// Share of its findings that were right.
        precision: crate::Rate,
        /// The labelled data it was measured on.
        dataset: String,
    },
}

/// Whether a finding started a chain of failures or follows from another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// No other finding of the run explains it.
    Root,
    /// It follows from this finding.
    EffectOf(FindingId),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_without_evidence_cannot_be_read() {
        let span = SpanId::from_bytes([1; 8]).unwrap();
        let finding = Finding::new(
            TraceId::from_bytes([1; 16]).unwrap(),
            "tool-error",
            Severity::High,
            "search failed",
            "tool-error@1",
            Evidence::new(span, Field::Status, "timeout"),
            [],
        );
        let mut json = serde_json::to_value(&finding).unwrap();
        assert_eq!(serde_json::from_value::<Finding>(json.clone()).unwrap(), finding);
        json["evidence"] = serde_json::json!([]);
        assert!(serde_json::from_value::<Finding>(json).is_err());
    }

    #[test]
    fn long_excerpts_are_cut_between_characters() {
        let evidence = Evidence::new(SpanId::from_bytes([1; 8]).unwrap(), Field::Output, &"é".repeat(500));
        assert_eq!(evidence.excerpt.chars().count(), Evidence::EXCERPT_CHARS + 1);
    }
}
