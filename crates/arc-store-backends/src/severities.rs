//! How many findings of each severity runs have, which every backend sums up by leaf.

use std::{collections::BTreeMap, ops::AddAssign};

use arc_model::{Finding, LeafId, Severity};

/// Counts findings by leaf and severity, from low to critical.
pub(crate) fn leaves<N: Copy + Default + AddAssign + From<u8>>(findings: &[Finding]) -> BTreeMap<LeafId, [N; 4]> {
    let mut leaves: BTreeMap<LeafId, [N; 4]> = BTreeMap::new();
    for finding in findings {
        let [low, medium, high, critical] = leaves.entry(finding.leaf().clone()).or_default();
        *match finding.severity() {
            Severity::Low => low,
            Severity::Medium => medium,
            Severity::High => high,
            Severity::Critical => critical,
        } += N::from(1);
    }
    leaves
}
