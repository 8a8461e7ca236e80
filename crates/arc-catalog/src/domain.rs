//! Domains agents work in, and the words that belong to them.

use std::collections::{BTreeMap, HashMap};

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

/// The terms of all domains by their first words, to read a text once for all of them.
#[derive(Debug, Clone, Default)]
pub struct Vocabulary {
    terms: HashMap<String, Vec<Term>>,
    longest: usize,
}

/// A term of a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// The place of its domain in the catalogue.
    pub domain: usize,
    /// Its place among the terms of the domain.
    pub rank: usize,
    /// Its words after the first.
    pub rest: Vec<String>,
    /// From 1 (also used elsewhere) to 3 (hardly used elsewhere).
    pub weight: u32,
}

impl Vocabulary {
    pub(crate) fn of(domains: &[Domain]) -> Self {
        let mut vocabulary = Self::default();
        for (domain, of) in domains.iter().enumerate() {
            for (rank, (term, weight)) in of.terms.iter().enumerate() {
                let mut words = term.split(' ').map(str::to_owned);
                let first = words.next().unwrap_or_default();
                vocabulary.longest = vocabulary.longest.max(first.len());
                let term = Term { domain, rank, rest: words.collect(), weight: *weight };
                vocabulary.terms.entry(first).or_default().push(term);
            }
        }
        vocabulary
    }

    /// Returns the terms that begin with this word, which is in lower case.
    pub fn beginning_with(&self, word: &str) -> &[Term] {
        self.terms.get(word).map_or(&[], Vec::as_slice)
    }

    /// Returns the length of the longest first word; longer ones need not be looked up.
    pub fn longest_word(&self) -> usize {
        self.longest
    }
}

fn is_term_character(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit()
}
