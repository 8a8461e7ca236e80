//! How often each detector fires, on runs that are known to be good or bad.

use std::collections::{BTreeMap, BTreeSet};

use arc_catalog::Catalog;
use arc_model::{Rate, Trace};
use serde::Serialize;

use crate::{failures, reliability};

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
