//! Which of many steps of one kind took far more than the others: of time, of money.

use std::{cmp::Reverse, collections::BTreeMap};

use arc_model::Span;

/// Fewer steps of a kind show nothing about what is usual.
pub(super) const FEWEST: usize = 5;
/// Most steps of a run that are told: more of them are usual.
const MOST: usize = 3;

/// What one step took, beside others of its kind.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample<'a> {
    /// What it is compared by: the model, the tool.
    pub kind: &'a str,
    pub span: &'a Span,
    pub amount: u64,
}

/// A step that took far more than the others of its kind.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outlier<'a> {
    pub sample: Sample<'a>,
    /// The median of its kind, itself included.
    pub usual: u64,
    /// How many of its kind there are.
    pub of: usize,
}

/// When a step took far more than the others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// At least so many times the median of its kind.
    pub times: u64,
    /// At least this.
    pub least: u64,
    /// At least three tenths of this: what the whole run took.
    pub whole: u64,
}

/// Returns the steps that are beyond all limits, in the order in which they are given.
pub(super) fn outliers<'a>(samples: &[Sample<'a>], limits: Limits) -> Vec<Outlier<'a>> {
    let mut kinds: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for sample in samples {
        kinds.entry(sample.kind).or_default().push(sample.amount);
    }
    let usual: BTreeMap<&str, (u64, usize)> =
        kinds.into_iter().filter_map(|(kind, amounts)| Some((kind, (median(&amounts)?, amounts.len())))).collect();
    let least = limits.least.max(limits.whole / 10 * 3);
    let mut found: Vec<(usize, Outlier<'_>)> = Vec::new();
    for (place, &sample) in samples.iter().enumerate() {
        let Some(&(usual, of)) = usual.get(sample.kind) else { continue };
        let is_far = sample.amount >= least && sample.amount >= usual.saturating_mul(limits.times);
        if is_far && usual > 0 && of >= FEWEST {
            found.push((place, Outlier { sample, usual, of }));
        }
    }
    found.sort_by_key(|(place, outlier)| (Reverse(outlier.sample.amount), *place));
    found.truncate(MOST);
    found.sort_by_key(|(place, _)| *place);
    found.into_iter().map(|(_, outlier)| outlier).collect()
}

/// Returns the lower median.
pub(super) fn median(amounts: &[u64]) -> Option<u64> {
    let mut sorted = amounts.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len().checked_sub(1)? / 2).copied()
}
