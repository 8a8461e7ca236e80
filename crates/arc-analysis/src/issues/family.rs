//! Errors that differ in a word or two: one issue, as a log miner would have it.
//!
//! A tree of fixed depth as in Drain (see [`super::mask`]): by leaf, place and framework, then by the number of words
//! and the first of them. At its end is a [`Family`], the fingerprints seen so far, each with the issue it belongs to.
//! A new one joins the issue of the most similar one; which that is depends on the set, not on the order of it.

use serde::{Deserialize, Serialize};

use super::mask::VALUE;

/// Share of words that two templates must have in common.
const SIMILAR: f64 = 0.7;
/// Templates of fewer words are only similar when they are equal: one word of three is often all the meaning.
const FEWEST: usize = 4;
/// Most fingerprints of a family; beyond that, a new one joins the most similar one whatever its similarity.
const MOST: usize = 256;

/// Fingerprints that may be of one issue.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Family {
    /// The fingerprints, in the order in which they were first seen.
    pub strands: Vec<Strand>,
}

/// A fingerprint of a family.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Strand {
    /// Its id.
    pub id: String,
    /// Its masked error.
    pub template: String,
    /// The issue it belongs to.
    pub issue: String,
}

impl Family {
    /// Returns the issue a fingerprint belongs to; one that is not known joins a similar one, or begins an issue that
    /// has its own id. The second value says whether the family changed.
    pub fn assign(&mut self, id: &str, template: &str) -> (String, bool) {
        if let Some(issue) = self.issue_of(id) {
            return (issue.to_owned(), false);
        }
        let is_full = self.strands.len() >= MOST;
        let near = self.strands.iter().map(|strand| (similarity(&strand.template, template), strand));
        let near = near.filter(|(similarity, _)| is_full || *similarity >= SIMILAR);
        let nearest =
            near.max_by(|(a, one), (b, other)| a.total_cmp(b).then_with(|| other.template.cmp(&one.template)));
        let issue = nearest.map_or_else(|| id.to_owned(), |(_, strand)| strand.issue.clone());
        if is_full {
            return (issue, false);
        }
        self.strands.push(Strand { id: id.to_owned(), template: template.to_owned(), issue: issue.clone() });
        (issue, true)
    }

    /// Returns the issue a known fingerprint belongs to.
    pub fn issue_of(&self, id: &str) -> Option<&str> {
        self.strands.iter().find(|strand| strand.id == id).map(|strand| strand.issue.as_str())
    }

    /// Puts fingerprints into another issue; returns whether any was there.
    pub fn reassign(&mut self, ids: &[String], issue: &str) -> bool {
        let mut changed = false;
        for strand in self.strands.iter_mut().filter(|strand| ids.contains(&strand.id)) {
            issue.clone_into(&mut strand.issue);
            changed = true;
        }
        changed
    }
}

/// Returns the share of words in common; zero where the templates cannot be of one family.
fn similarity(one: &str, other: &str) -> f64 {
    let (one, other): (Vec<&str>, Vec<&str>) = (one.split(' ').collect(), other.split(' ').collect());
    if one.len() != other.len() || (one.len() < FEWEST && one != other) {
        return 0.0;
    }
    let mut same = 0_u32;
    for (one, other) in one.iter().zip(&other) {
        // Numbers that were kept, a status of HTTP, are kept because they tell failures apart.
        let is_kept = |word: &str| word != VALUE && word.chars().any(char::is_numeric);
        if one != other && is_kept(one) && is_kept(other) {
            return 0.0;
        }
        same += u32::from(one == other);
    }
    f64::from(same) / f64::from(u32::try_from(one.len()).unwrap_or(u32::MAX))
}

/// Returns what templates of one length have in common; words that differ are values.
pub fn merged_template<'t>(templates: impl IntoIterator<Item = &'t str>) -> String {
    let mut merged: Vec<&str> = Vec::new();
    for (position, template) in templates.into_iter().enumerate() {
        let words: Vec<&str> = template.split(' ').collect();
        if position == 0 {
            merged = words;
        } else if words.len() == merged.len() {
            for (word, other) in merged.iter_mut().zip(words) {
                if *word != other {
                    *word = VALUE;
                }
            }
        }
    }
    merged.join(" ")
}
