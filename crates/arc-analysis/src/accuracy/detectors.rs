//! How often each detector fires, on runs that are known to be good or bad.

use std::collections::{BTreeMap, BTreeSet};

use arc_catalog::{Catalog, Leaf};
use arc_model::{Finding, Rate, Trace};
use serde::Serialize;

use crate::{failures, localisation, reliability};

/// How often a detector fired.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DetectorRow {
    /// The leaf it finds.
    pub leaf: String,
    /// Whether a finding of it says by itself that the run went wrong.
    pub is_certain: bool,
    /// Successful runs it fired on, of all of them: false alarms, unless the run recovered from what was found.
    pub on_good: Rate,
    /// Failed runs it fired on, of all of them.
    pub on_bad: Rate,
}

/// How often a leaf was named in runs, and in how many people had labelled it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LeafRow {
    /// The leaf.
    pub leaf: String,
    /// Who named it.
    pub by: Named,
    /// Runs that were labelled with it, of those in which it was named.
    pub precision: Rate,
    /// Runs in which it was named, of those that were labelled with it.
    pub recall: Rate,
}

/// Who names a leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Named {
    /// A detector, from the structure of the run.
    Detector,
    /// A model learnt from labels.
    Model,
}

impl Named {
    /// Returns the word for a table.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Detector => "detector",
            Self::Model => "model",
        }
    }
}

/// Counts runs by leaf, where labels say which failures are in them.
#[derive(Debug, Default)]
pub(super) struct Leaves {
    /// For each leaf and namer: runs in which it was named, those of them that are labelled, all that are labelled.
    counts: BTreeMap<(String, Named), [u64; 3]>,
}

impl Leaves {
    /// Adds a run with the leaves that models named in it, and those that its labels stand for.
    pub(super) fn add(
        &mut self,
        trace: &Trace,
        models: &BTreeSet<String>,
        is_labelled: impl Fn(&Leaf) -> Option<bool>,
    ) {
        let findings = failures::detect(trace, Catalog::builtin());
        let found: BTreeSet<&str> = findings.iter().map(|finding: &Finding| finding.leaf().as_str()).collect();
        for leaf in Catalog::builtin().leaves() {
            // A leaf that the labels have no word for cannot be measured by them.
            let Some(labelled) = is_labelled(leaf) else { continue };
            let id = leaf.id.as_str();
            if failures::DETECTORS.iter().any(|detector| detector.leaf() == id) {
                self.count(id, Named::Detector, found.contains(id), labelled);
            }
            if localisation::names_leaf(id) {
                self.count(id, Named::Model, models.contains(id), labelled);
            }
        }
    }

    fn count(&mut self, leaf: &str, by: Named, named: bool, labelled: bool) {
        let counts = self.counts.entry((leaf.to_owned(), by)).or_default();
        let added = [named, named && labelled, labelled];
        for (count, added) in counts.iter_mut().zip(added) {
            *count += u64::from(added);
        }
    }

    /// Returns a row for each leaf that was named or labelled.
    pub(super) fn rows(&self) -> Vec<LeafRow> {
        let seen = self.counts.iter().filter(|(_, [named, _, labelled])| named + labelled > 0);
        seen.map(|((leaf, by), [named, right, labelled])| LeafRow {
            leaf: leaf.clone(),
            by: *by,
            precision: reliability::rate(*right, *named),
            recall: reliability::rate(*right, *labelled),
        })
        .collect()
    }
}

/// Counts runs by detector.
#[derive(Debug, Default)]
pub(super) struct Tally {
    good: u64,
    bad: u64,
    fired: BTreeMap<&'static str, (u64, u64)>,
}

impl Tally {
    /// Adds a run of which it is known whether it succeeded.
    pub(super) fn add(&mut self, trace: &Trace, succeeded: bool) {
        *(if succeeded { &mut self.good } else { &mut self.bad }) += 1;
        let findings = failures::detect(trace, Catalog::builtin());
        let leaves: BTreeSet<&str> = findings.iter().map(|finding| finding.leaf().as_str()).collect();
        for detector in failures::DETECTORS {
            let counts = self.fired.entry(detector.leaf()).or_default();
            if leaves.contains(detector.leaf()) {
                *(if succeeded { &mut counts.0 } else { &mut counts.1 }) += 1;
            }
        }
    }

    /// Returns a row for each detector, in the order of the registry.
    pub(super) fn rows(&self) -> Vec<DetectorRow> {
        let rows = failures::DETECTORS.iter().filter_map(|detector| {
            let (good, bad) = *self.fired.get(detector.leaf())?;
            let on_good = reliability::rate(good, self.good);
            let is_certain = detector.is_certain();
            Some(DetectorRow {
                leaf: detector.leaf().to_owned(),
                is_certain,
                on_good,
                on_bad: reliability::rate(bad, self.bad),
            })
        });
        rows.collect()
    }
}

#[cfg(test)]
mod tests {
    use arc_model::sketch;

    use super::*;

    #[test]
    fn a_leaf_is_right_in_runs_that_are_labelled_with_it_and_not_measured_without_a_word_for_it() {
        let mut leaves = Leaves::default();
        let failing = sketch::parse("tool a {q: 1} !boom").unwrap();
        let fine = sketch::parse("tool a {q: 1} -> 1").unwrap();
        let labelled = |is: bool| move |leaf: &Leaf| (leaf.id.as_str() == "tool-error").then_some(is);
        leaves.add(&failing, &BTreeSet::new(), labelled(true));
        leaves.add(&failing, &BTreeSet::new(), labelled(false));
        leaves.add(&fine, &BTreeSet::new(), labelled(true));
        let [row]: [LeafRow; 1] =
            leaves.rows().into_iter().filter(|row| row.by == Named::Detector).collect::<Vec<_>>().try_into().unwrap();
        assert_eq!((row.leaf.as_str(), row.precision.successes, row.precision.n), ("tool-error", 1, 2));
        assert_eq!((row.recall.successes, row.recall.n), (1, 2));
    }
}
