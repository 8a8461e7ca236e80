//! Where a run went wrong: suspects among its steps, each with a probability that was measured.
//!
//! Small linear models over features of steps, learnt from public labelled runs; weights are data
//! (`models/localisation.json`, with a card beside it), nothing is loaded at run time. Start at [`diagnose`];
//! [`steps_of`] says what the steps of a run are, [`features`] what is told about each. What was measured is
//! in `docs/reference/accuracy.md`; a model that is not better than a constant gives no verdicts.

mod change;
pub mod features;
mod model;
mod silent;
mod steps;
mod text;
mod verdict;

use std::collections::{BTreeMap, BTreeSet};

use arc_catalog::Catalog;
use arc_model::{SpanId, SpanKind, Trace};

pub use model::{fold_of, task_key};
pub(crate) use silent::changes_something;
pub use silent::run_features;
pub use steps::{speaker_of, steps_of};
pub(crate) use text::beginning;
pub(crate) use verdict::decisive_step;

use crate::failures::{Injection, View};
use features::{Shape, Step};
use model::Model;

/// What a run shows about where and why it failed.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagnosis {
    /// By which weights it was made.
    pub origin: Origin,
    /// How the agents of the run work together.
    pub shape: Shape,
    /// Failures at steps.
    pub claims: Vec<Claim>,
    /// The steps that may have decided a failure, the most probable first. That the run failed is taken for
    /// granted; that has to come from elsewhere.
    pub decisive: Vec<Candidate>,
    /// The agents that may be responsible, the most probable first.
    pub agents: Vec<(String, f64)>,
    /// The probability that the run failed, where it can be told.
    pub failed: Option<f64>,
    /// Whether that is enough to flag the run as a silent failure.
    pub is_flagged: bool,
    /// The instruction in a tool's result that reached the agent.
    pub injection: Option<Injection>,
}

/// The weights a diagnosis was made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Those that are shipped; the run's task was not among what they were trained on.
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
    /// How probable it is that there is any failure at the step.
    pub any: f64,
    /// How probable it is that there is this one.
    pub probability: f64,
    /// What speaks for it, the strongest first.
    pub because: Vec<&'static str>,
}

/// A step that may have decided a failure.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The step.
    pub span_id: SpanId,
    /// Whose it is.
    pub agent: String,
    /// How probable it is that this step decided.
    pub probability: f64,
    /// What speaks for it, the strongest first.
    pub because: Vec<&'static str>,
}

/// The head that says how probable any failure at a step is.
const ANY: &str = "any";
/// What heads of leaves begin with.
const LEAF: &str = "leaf: ";
/// The head that ranks the steps of any run by how likely they decided; that of a shape is added to it.
const DECISIVE: &str = "decisive";
/// The heads that say how probable it is that a run failed.
const FAILED_ALONE: &str = "failed";
const FAILED_AMONG: &str = "failed among trials";

/// Most leaves claimed of one step, beside those that are claimed nowhere else.
const LEAVES_OF_A_STEP: usize = 4;

/// Says where a run went wrong.
pub fn diagnose(trace: &Trace) -> Diagnosis {
    diagnose_among(trace, &[])
}

/// Says where a run went wrong, knowing other trials of its task; runs of other tasks do not matter.
pub fn diagnose_among(trace: &Trace, trials: &[Trace]) -> Diagnosis {
    let models = model::shipped();
    let model = models.for_run(trace);
    let (shape, steps) = features::of(trace);
    let scores: Vec<Vec<f32>> = steps.iter().map(|step| model.scores(&step.features)).collect();
    let heads: BTreeMap<&str, usize> =
        models.heads().iter().enumerate().map(|(index, head)| (head.as_str(), index)).collect();
    let judged = Judged { model, heads, steps, scores };
    let decisive = judged.decisive(shape);
    let (failed, is_flagged) = judged.failed(trace, trials);
    let mut agents: Vec<(String, f64)> = Vec::new();
    for candidate in &decisive {
        if !agents.iter().any(|(agent, _)| *agent == candidate.agent) {
            let of_agent = decisive.iter().filter(|other| other.agent == candidate.agent);
            agents.push((candidate.agent.clone(), of_agent.map(|candidate| candidate.probability).sum()));
        }
    }
    Diagnosis {
        origin: if model.is_held_out { Origin::HeldOut } else { Origin::Shipped },
        shape,
        claims: judged.claims(shape),
        decisive,
        agents,
        failed,
        is_flagged,
        injection: View::new(trace).injection().cloned(),
    }
}

/// The steps of a run with what every head says about them.
struct Judged<'a> {
    model: Model<'a>,
    heads: BTreeMap<&'a str, usize>,
    steps: Vec<Step<'a>>,
    scores: Vec<Vec<f32>>,
}

impl Judged<'_> {
    fn score(&self, step: usize, head: &str) -> Option<f64> {
        let head = *self.heads.get(head)?;
        self.scores.get(step)?.get(head).map(|score| f64::from(*score))
    }

    /// Returns failures at steps. Labels are of agents that call a model in a loop, so only of such runs.
    ///
    /// A leaf that hardly any step shows is not claimed; one that the run as a whole shows is claimed somewhere.
    fn claims(&self, shape: Shape) -> Vec<Claim> {
        let Some(threshold) = self.model.threshold("claim").filter(|_| shape == Shape::One) else {
            return Vec::new();
        };
        let steps = 0..self.steps.len();
        let claimed: Vec<usize> = steps.filter(|step| self.probability(*step, ANY) >= threshold).collect();
        let shown = self.heads.keys().copied().filter(|head| head.starts_with(LEAF) && self.is_shown(head));
        let shown: Vec<&str> = shown.collect();
        let mut pairs: BTreeSet<(usize, &str)> = BTreeSet::new();
        for step in &claimed {
            let mut ranked = shown.clone();
            ranked.sort_by(|a, b| self.probability(*step, b).total_cmp(&self.probability(*step, a)));
            pairs.extend(ranked.into_iter().take(LEAVES_OF_A_STEP).map(|head| (*step, head)));
        }
        for head in &shown {
            let most = |a: &usize, b: &usize| self.probability(*a, head).total_cmp(&self.probability(*b, head));
            if !pairs.iter().any(|(_, claimed)| claimed == head)
                && let Some(step) = claimed.iter().copied().max_by(most)
            {
                pairs.insert((step, head));
            }
        }
        pairs.into_iter().filter_map(|(step, head)| self.claim(step, head)).collect()
    }

    /// Returns whether any step of the run shows a leaf often enough, as steps of runs with it do.
    fn is_shown(&self, head: &str) -> bool {
        let none: f64 = (0..self.steps.len()).map(|step| 1.0 - self.probability(step, head)).product();
        self.model.threshold(head).is_some_and(|threshold| 1.0 - none >= threshold)
    }

    fn probability(&self, step: usize, head: &str) -> f64 {
        self.score(step, head).map_or(0.0, sigmoid)
    }

    fn claim(&self, step: usize, head: &str) -> Option<Claim> {
        let features = &self.steps.get(step)?.features;
        Some(Claim {
            span_id: self.steps.get(step)?.span.span_id,
            leaf: head.strip_prefix(LEAF)?.to_owned(),
            any: self.probability(step, ANY),
            probability: self.probability(step, head),
            because: self.model.reasons(features, *self.heads.get(head)?, 3),
        })
    }

    /// Ranks the steps that agents made; a user's or a program's step decides nothing.
    fn decisive(&self, shape: Shape) -> Vec<Candidate> {
        let of_shape = format!("{DECISIVE}: {}", shape.as_str());
        let decides = |step: &Step<'_>| shape != Shape::One || step.span.kind == SpanKind::Llm;
        let score = |index: usize| {
            self.steps.get(index).filter(|step| decides(step))?;
            // What teams have in common does not hold for a single agent.
            let shared = if shape == Shape::One { 0.0 } else { self.score(index, DECISIVE)? };
            Some(shared + self.score(index, &of_shape)?)
        };
        let head = self.heads.get(of_shape.as_str()).copied().unwrap_or(usize::MAX);
        let scores: Vec<Option<f64>> = (0..self.steps.len()).map(score).collect();
        let highest = scores.iter().flatten().copied().fold(f64::MIN, f64::max);
        let total: f64 = scores.iter().flatten().map(|score| (score - highest).exp()).sum();
        let mut candidates: Vec<Candidate> = Vec::new();
        for (step, score) in self.steps.iter().zip(&scores) {
            let Some(score) = score else { continue };
            candidates.push(Candidate {
                span_id: step.span.span_id,
                agent: step.speaker.clone(),
                probability: (score - highest).exp() / total,
                because: Vec::new(),
            });
        }
        if shape == Shape::One {
            blur(&mut candidates);
        }
        candidates.sort_by(|a, b| b.probability.total_cmp(&a.probability));
        for candidate in candidates.iter_mut().take(3) {
            let step = self.steps.iter().find(|step| step.span.span_id == candidate.span_id);
            candidate.because = step.map(|step| self.model.reasons(&step.features, head, 3)).unwrap_or_default();
        }
        candidates
    }

    /// Returns how probable it is that the run failed, and whether that is enough to flag it.
    fn failed(&self, trace: &Trace, trials: &[Trace]) -> (Option<f64>, bool) {
        let features = run_features(trace, trials);
        let is_among = features.iter().any(|(name, _)| name.contains("trials"));
        let head = if is_among { FAILED_AMONG } else { FAILED_ALONE };
        let scores = self.model.scores(&features);
        let failed = self.heads.get(head).and_then(|head| scores.get(*head)).map(|score| sigmoid(f64::from(*score)));
        let threshold = self.model.threshold(head);
        (failed, failed.zip(threshold).is_some_and(|(failed, threshold)| failed >= threshold))
    }
}

/// Gives each step a part of what its neighbours are held for.
///
/// Labels are as blurred as this: two teams of people named the same step in 35 % of the runs that `AgentRx`'s authors
/// had labelled twice, and one within three steps of it in 56 %, so each of the six steps around is as likely as a tenth
/// of the one. A step among probable ones is the better guess where many are about as probable, as those of a single
/// agent are; among speakers that take turns the next step is another agent's, and nothing is gained.
fn blur(candidates: &mut [Candidate]) {
    const REACH: usize = 3;
    const PART: f64 = 0.1;
    let own: Vec<f64> = candidates.iter().map(|candidate| candidate.probability).collect();
    let around = |place: usize| -> f64 {
        let window = own.get(place.saturating_sub(REACH)..own.len().min(place + REACH + 1));
        window.unwrap_or_default().iter().sum()
    };
    let blurred: Vec<f64> =
        own.iter().enumerate().map(|(place, own)| own * (1.0 - PART) + around(place) * PART).collect();
    let total: f64 = blurred.iter().sum();
    if total > 0.0 {
        for (candidate, probability) in candidates.iter_mut().zip(blurred) {
            candidate.probability = probability / total;
        }
    }
}

/// Returns whether models were taught to name a leaf at steps.
pub(crate) fn names_leaf(leaf: &str) -> bool {
    model::shipped().heads().iter().any(|head| head.strip_prefix(LEAF) == Some(leaf))
}

impl Claim {
    /// Returns the categories of TRAIL that the leaf stands for.
    pub fn categories(&self) -> &'static [String] {
        Catalog::builtin().leaf(&self.leaf).map_or(&[], |leaf| leaf.trail.as_slice())
    }
}

fn sigmoid(score: f64) -> f64 {
    1.0 / (1.0 + (-score).exp())
}

#[cfg(test)]
mod tests;
