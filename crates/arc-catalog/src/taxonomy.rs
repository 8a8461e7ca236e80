//! The failure taxonomy: what can go wrong, and what to do about it.

use arc_model::{LeafId, Severity};
use serde::Deserialize;

pub(crate) const FILE: &str = "taxonomy.toml";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    pub(crate) leaf: Vec<Leaf>,
}

/// A kind of failure.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leaf {
    /// Its stable id.
    pub id: LeafId,
    /// Its name, as a heading.
    pub title: String,
    /// How bad a finding of it is.
    pub severity: Severity,
    /// What it is, in a sentence.
    pub description: String,
    /// Why anyone should care, in a sentence.
    pub why: String,
    /// What to do about it, in a sentence.
    pub next_step: String,
    /// Categories of the TRAIL benchmark that it stands for.
    #[serde(default)]
    pub trail: Vec<String>,
    /// Failure modes of MAST that it stands for, by their numbers and names.
    #[serde(default)]
    pub mast: Vec<String>,
    /// Categories of `AgentRx` that it stands for.
    #[serde(default)]
    pub agentrx: Vec<String>,
    /// Other names it is known by, as earlier lists of failures have them.
    #[serde(default)]
    pub also: Vec<String>,
}

impl Leaf {
    pub(crate) fn problem(&self) -> Option<String> {
        let sentences = [("description", &self.description), ("why", &self.why), ("next_step", &self.next_step)];
        if self.title.is_empty() || self.title.ends_with('.') {
            return Some("needs a title without a full stop".to_owned());
        }
        let bad = sentences.into_iter().find(|(_, text)| !text.ends_with('.') || text.trim() != text.as_str());
        bad.map(|(field, _)| format!("needs a sentence in `{field}`"))
    }
}
