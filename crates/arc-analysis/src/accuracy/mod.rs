//! How often the engines are right: labelled data in, figures with intervals and constants out.
//!
//! Not an engine that users' runs go through. Start at [`measure`]; a [`Dataset`] knows the files of one
//! published set, what its labels mean and how it is scored. To add one: a file here with an
//! `impl Dataset` and a line in [`DATASETS`]. Labels are read here and nowhere else: what is asked about a run
//! is asked of [`blind`], which holds neither its outcome nor the record it came from.
//!
//! A run that the shipped weights were trained on is diagnosed with weights that never saw its task
//! (see [`crate::localisation`]); a section says how many of its runs those are.

mod agentdojo;
mod agentrx;
mod costs;
mod detectors;
mod figure;
mod page;
mod provider_cassettes;
mod provider_usages;
mod tau_bench;
mod terminal_bench;
mod trail;
mod usage_classes;
mod who_and_when;

use std::collections::BTreeMap;

use arc_model::{RunFacts, Trace};
use serde::Serialize;

pub use detectors::{DetectorRow, LeafRow, Named};
pub use figure::{Constant, Figure, Standing};
pub use page::page;

use crate::localisation::{Diagnosis, Origin, diagnose_among};

/// A file of a data set.
#[derive(Debug, Clone)]
pub struct File {
    /// Its path below the data set's folder, with `/`.
    pub path: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

impl File {
    /// Returns whether it holds JSON by its name.
    fn is_json(&self) -> bool {
        std::path::Path::new(&self.path).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"))
    }

    /// Returns the file's name without its last extension.
    pub fn stem(&self) -> &str {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        name.rsplit_once('.').map_or(name, |(stem, _)| stem)
    }
}

/// Reads the runs of a file, in order.
pub type Decode<'a> = &'a dyn Fn(&File) -> Vec<Trace>;

/// A published set of labelled runs.
pub trait Dataset: Sync {
    /// Returns the name of the folder it lies in.
    fn folder(&self) -> &'static str;

    /// Returns what it is and who labelled it, in a sentence.
    fn about(&self) -> &'static str;

    /// Scores what the engines say about the runs in these files. A file that cannot be used MUST be
    /// named in [`Section::skipped`].
    fn score(&self, files: &[File], decode: Decode<'_>) -> Section;
}

/// Every data set, in the order of the report.
pub const DATASETS: &[&dyn Dataset] = &[
    &trail::Trail,
    &who_and_when::WhoAndWhen,
    &agentrx::AgentRx,
    &agentdojo::AgentDojo,
    &tau_bench::TauBench,
    &terminal_bench::TerminalBench,
    &provider_usages::ProviderUsages,
    &provider_cassettes::ProviderCassettes,
];

/// What was measured on one data set.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Section {
    /// The folder.
    pub dataset: String,
    /// What the data set is.
    pub about: String,
    /// The figures.
    pub figures: Vec<Figure>,
    /// How often each detector fired, and on which runs.
    pub detectors: Vec<DetectorRow>,
    /// How often leaves were named in runs whose labels say which failures are in them.
    pub leaves: Vec<LeafRow>,
    /// Files that were not used, with the reason.
    pub skipped: Vec<Skipped>,
    /// What a reader has to know about the figures.
    pub notes: Vec<String>,
    /// By which weights runs were diagnosed.
    pub weights: Weights,
}

/// A file that was not used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// Which.
    pub file: String,
    /// Why.
    pub why: String,
}

/// How many runs were diagnosed by which weights.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Weights {
    /// Runs of the training data, by weights that were trained without their task.
    pub cross_validated: u64,
    /// Runs that training never saw, by the shipped weights.
    pub shipped: u64,
}

impl Section {
    fn of(dataset: &dyn Dataset) -> Self {
        Self { dataset: dataset.folder().to_owned(), about: dataset.about().to_owned(), ..Self::default() }
    }

    fn skip(&mut self, file: &str, why: impl Into<String>) {
        self.skipped.push(Skipped { file: file.to_owned(), why: why.into() });
    }

    /// Diagnoses a run without what its record says about its end, and counts by which weights.
    fn diagnose(&mut self, trace: &Trace) -> (Trace, Diagnosis) {
        let trace = blind(trace);
        let diagnosis = self.diagnose_among(&trace, &[]);
        (trace, diagnosis)
    }

    /// Diagnoses a run that is blind, knowing other trials that are.
    fn diagnose_among(&mut self, trace: &Trace, trials: &[Trace]) -> Diagnosis {
        let diagnosis = diagnose_among(trace, trials);
        match diagnosis.origin {
            Origin::HeldOut => self.weights.cross_validated += 1,
            Origin::Shipped => self.weights.shipped += 1,
        }
        diagnosis
    }
}

/// Scores one data set.
pub fn measure(dataset: &dyn Dataset, files: &[File], decode: Decode<'_>) -> Section {
    dataset.score(files, decode)
}

/// Returns the data set that lies in folders of this name.
pub fn dataset(folder: &str) -> Option<&'static dyn Dataset> {
    DATASETS.iter().copied().find(|dataset| dataset.folder() == folder)
}

/// Returns a run as it is while nobody has judged it: without claims about its outcome, without how
/// it ended where only its record says so, and without what else the record says about it.
pub fn blind(trace: &Trace) -> Trace {
    let spans = trace.spans().iter().cloned().map(|mut span| {
        let facts = std::mem::take(&mut span.facts);
        span.facts = RunFacts { agent: facts.agent, task: facts.task, trial: facts.trial, ..RunFacts::default() };
        if span.parent_id.is_none() {
            span.attributes.clear();
        }
        span
    });
    Trace::new(trace.id(), spans)
}

/// Counts how often each answer is right, and returns the one that is right most often.
fn best_constant(answers: impl IntoIterator<Item = String>, n: u64, always: &str) -> Option<Constant> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for answer in answers {
        *counts.entry(answer).or_default() += 1;
    }
    // Of equally frequent ones the first in order, so that the report does not change by itself.
    let (answer, hits) = counts.into_iter().rev().max_by_key(|(_, count)| *count)?;
    (n > 0).then(|| Constant {
        answer: format!("{always} {answer}"),
        value: crate::reliability::float(hits) / crate::reliability::float(n),
    })
}

#[cfg(test)]
mod tests;
