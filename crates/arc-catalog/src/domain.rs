//! Domains agents work in, and the words that belong to them.

use std::collections::BTreeMap;

use serde::Deserialize;

pub(crate) const FILE: &str = "domains.toml";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    pub(crate) domain: Vec<Domain>,
}

/// A domain and its vocabulary.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Domain {
    /// Its stable id.
    pub id: String,
    /// Its name, as a heading.
    pub title: String,
    /// Other names it is declared by.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Lower-case words, or words with spaces between, with the weight of each from 1 (also used
    /// elsewhere) to 3 (hardly used elsewhere).
    pub terms: BTreeMap<String, u32>,
}

impl Domain {
    pub(crate) fn problem(&self) -> Option<String> {
        if self.terms.len() < 5 {
            return Some("has fewer than five terms".to_owned());
        }
        let is_plain = |term: &str| {
            !term.is_empty() && term.split(' ').all(|word| !word.is_empty() && word.chars().all(is_term_character))
        };
        let odd = self.terms.iter().find(|(term, weight)| !is_plain(term) || !(1..=3).contains(*weight));
        odd.map(|(term, weight)| {
            format!("has the term `{term}` = {weight}; terms are lower-case words of weight 1 to 3")
        })
    }
}

fn is_term_character(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit()
}
