//! The weights: which ones apply to a run, and what they say about a row of features.
//!
//! Linear models only: a head is a weight for each feature. `models/localisation.json` holds the shipped weights and
//! those of five folds; a run whose task was trained on is judged by the fold that never saw it.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::OnceLock,
};

use arc_model::{Payload, Trace};
use serde::Deserialize;

use super::{
    features::Features,
    text::{beginning, hash},
};

/// Folds of the cross-validation.
pub(super) const FOLDS: u64 = 5;

const FILE: &str = include_str!("../../models/localisation.json");

/// What the file holds.
#[derive(Deserialize)]
struct File {
    /// What is judged.
    heads: Vec<String>,
    /// What it is judged by.
    features: Vec<String>,
    /// Tasks of the training data, as 16 hexadecimal digits.
    trained_on: BTreeSet<String>,
    /// The shipped weights, then those of each fold.
    weights: Vec<Weights>,
}

#[derive(Deserialize)]
struct Weights {
    /// For each head.
    bias: Vec<f32>,
    /// For each feature, for each head.
    rows: Vec<Vec<f32>>,
    /// From which probability on something is said, chosen within what these weights were trained on.
    thresholds: BTreeMap<String, f32>,
}

/// Every model there is.
pub(super) struct Models {
    file: File,
    index: HashMap<String, usize>,
}

/// The weights that apply to one run.
#[derive(Clone, Copy)]
pub(super) struct Model<'a> {
    models: &'a Models,
    weights: Option<&'a Weights>,
    /// Whether the run's task is part of the training data.
    pub(super) is_held_out: bool,
}

/// Returns the models that are shipped.
pub(super) fn shipped() -> &'static Models {
    static MODELS: OnceLock<Models> = OnceLock::new();
    MODELS.get_or_init(|| {
        // A test reads the file; without it nothing is judged, which is better than a panic.
        let file = serde_json::from_str(FILE).unwrap_or_else(|_| File::empty());
        let index = file.features.iter().enumerate().map(|(index, name)| (name.clone(), index)).collect();
        Models { file, index }
    })
}

impl File {
    fn empty() -> Self {
        Self { heads: Vec::new(), features: Vec::new(), trained_on: BTreeSet::new(), weights: Vec::new() }
    }
}

impl Models {
    /// Returns the weights for a run: those that never saw its task.
    pub(super) fn for_run(&self, trace: &Trace) -> Model<'_> {
        let key = task_key(trace);
        let is_held_out = self.file.trained_on.contains(&format!("{key:016x}"));
        let place = if is_held_out { usize::try_from(fold_of(key)).unwrap_or(0) + 1 } else { 0 };
        Model { models: self, weights: self.file.weights.get(place), is_held_out }
    }

    /// Returns the names of the heads.
    pub(super) fn heads(&self) -> &[String] {
        &self.file.heads
    }
}

impl Model<'_> {
    /// Returns from which probability on something is said; `None` when nothing was learnt about it, and then nothing is.
    pub(super) fn threshold(&self, name: &str) -> Option<f64> {
        self.weights?.thresholds.get(name).copied().map(f64::from)
    }

    /// Returns what every head says about a row: log odds, or a rank among the rows of a run.
    pub(super) fn scores(&self, features: &Features) -> Vec<f32> {
        let Some(weights) = self.weights else { return Vec::new() };
        let mut scores = weights.bias.clone();
        for (name, value) in features {
            let row = self.models.index.get(*name).and_then(|index| weights.rows.get(*index));
            for (score, weight) in scores.iter_mut().zip(row.into_iter().flatten()) {
                *score += weight * value;
            }
        }
        scores
    }

    /// Returns the features that speak most for a head in a row, the strongest first.
    pub(super) fn reasons(&self, features: &Features, head: usize, most: usize) -> Vec<&'static str> {
        let weight = |name: &str| {
            let row = self.models.index.get(name).and_then(|index| self.weights?.rows.get(*index));
            row.and_then(|row| row.get(head)).copied().unwrap_or(0.0)
        };
        let mut spoken: Vec<(f32, &'static str)> = features
            .iter()
            .map(|(name, value)| (weight(name) * value, *name))
            .filter(|(said, _)| *said > 0.05)
            .collect();
        spoken.sort_by(|a, b| b.0.total_cmp(&a.0));
        spoken.into_iter().take(most).map(|(_, name)| name).collect()
    }
}

/// Returns what identifies the task of a run, so that runs of one task are in one fold: of a trial the task's id
/// and the instructions, else the question, else the id, else the run itself.
pub fn task_key(trace: &Trace) -> u64 {
    let facts = trace.facts();
    if let (Some(task), Some(_)) = (&facts.task, facts.trial) {
        return hash(&format!("{task} of trials"));
    }
    let question = trace.roots().next().and_then(|root| root.input.as_ref()).map(Payload::to_text);
    let question = question.map(|text| text.trim().to_lowercase()).filter(|text| !text.is_empty());
    match (question, facts.task) {
        (Some(question), _) => hash(beginning(&question, 200)),
        (None, Some(task)) => hash(&task.to_string()),
        (None, None) => hash(&trace.id().to_string()),
    }
}

/// Returns the fold of a task.
pub fn fold_of(key: u64) -> u64 {
    // The lower bits of FNV-1a are less mixed.
    (key ^ (key >> 32)) % FOLDS
}

#[cfg(test)]
mod tests {
    use arc_model::sketch;

    use super::*;

    #[test]
    fn the_shipped_file_has_a_weight_for_every_feature_and_head() {
        let file: File = serde_json::from_str(FILE).unwrap();
        assert_eq!(file.weights.len(), 1 + usize::try_from(FOLDS).unwrap());
        for weights in &file.weights {
            assert_eq!(weights.rows.len(), file.features.len());
            assert_eq!(weights.bias.len(), file.heads.len());
            assert!(weights.rows.iter().all(|row| row.len() == file.heads.len()));
        }
        assert!(!file.trained_on.is_empty());
    }

    #[test]
    fn a_run_whose_task_was_trained_on_is_judged_by_weights_that_never_saw_it() {
        let seen = sketch::parse("agent a \"How many legs?\"\n  llm m -> \"8\"").unwrap();
        let mut file: File = serde_json::from_str(FILE).unwrap();
        let key = task_key(&seen);
        file.trained_on = BTreeSet::from([format!("{key:016x}")]);
        let models = Models { file, index: HashMap::new() };
        assert!(models.for_run(&seen).is_held_out);
        let other = sketch::parse("agent a \"How many arms?\"\n  llm m -> \"8\"").unwrap();
        assert!(!models.for_run(&other).is_held_out);
    }

    #[test]
    fn runs_of_one_question_have_one_key() {
        let key = |text: &str| task_key(&sketch::parse(text).unwrap());
        assert_eq!(key("agent a \"Why?\"\n  llm m -> \"1\""), key("agent b \"why?\"\n  llm m -> \"2\""));
        assert_ne!(key("agent a \"Why?\"\n  llm m -> \"1\""), key("agent a \"How?\"\n  llm m -> \"1\""));
    }
}
