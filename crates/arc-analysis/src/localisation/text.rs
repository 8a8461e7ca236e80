//! What a text is made of, read in one pass: words, numbers, and how often words of a few small lists occur.
//!
//! The lists were written by hand; which of them speak for a failure, and how much, is learnt from labels.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::OnceLock,
};

/// Bytes of a text that are looked at: its beginning and its end.
const HEAD: usize = 3_000;
const TAIL: usize = 1_000;

/// Words that are remembered of a text, to compare it with others.
const WORDS: usize = 300;

/// What there is in a text.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Text {
    /// Its length in bytes.
    pub(super) length: usize,
    /// Hashes of its different words, in order.
    pub(super) words: Vec<u64>,
    /// Hashes of its numbers of at least two digits.
    pub(super) numbers: BTreeSet<u64>,
    /// How many words say that something failed.
    pub(super) errors: u32,
    /// How many words say that something is assumed rather than known.
    pub(super) hedges: u32,
    /// How many words say that something cannot be done.
    pub(super) refusals: u32,
    /// How many words say that something was checked.
    pub(super) checks: u32,
    /// Whether it says that it is the end.
    pub(super) is_final: bool,
}

const ERRORS: &[&str] = &[
    "cannot",
    "denied",
    "exception",
    "exceptions",
    "failed",
    "failure",
    "invalid",
    "timed",
    "timeout",
    "traceback",
    "unable",
    "unexpected",
];
const HEDGES: &[&str] = &[
    "approximate",
    "approximately",
    "assume",
    "assumed",
    "assumes",
    "assuming",
    "assumption",
    "common",
    "estimate",
    "estimated",
    "example",
    "fictional",
    "hypothetical",
    "hypothetically",
    "knowledge",
    "known",
    "likely",
    "placeholder",
    "presumably",
    "probably",
    "recall",
    "sample",
    "simulate",
    "simulated",
    "simulating",
    "suppose",
    "supposed",
    "typically",
    "usually",
];
const REFUSALS: &[&str] = &[
    "apologies",
    "apologize",
    "can't",
    "cannot",
    "couldn't",
    "failed",
    "impossible",
    "inaccessible",
    "sorry",
    "unable",
    "unavailable",
    "unfortunately",
    "unsuccessful",
];
const NOT: &[&str] = &["accessible", "available", "contain", "exist", "found", "possible", "provide", "specified"];
const NO: &[&str] = &["access", "data", "evidence", "information", "match", "matches", "mention", "results", "such"];
const CHECKS: &[&str] = &["accurate", "accurately", "check", "checked", "correct", "correctly", "validated"];

impl Text {
    /// Reads a text.
    pub(super) fn read(text: &str) -> Self {
        let mut read = Self { length: text.len(), ..Self::default() };
        let mut word = String::new();
        let mut previous = String::new();
        for part in ends(text) {
            for c in part.chars().chain([' ']) {
                if c.is_ascii_alphanumeric() || matches!(c, '_' | '\'') {
                    word.push(c.to_ascii_lowercase());
                } else if !c.is_ascii() && c.is_alphanumeric() {
                    word.extend(c.to_lowercase());
                } else if !word.is_empty() {
                    read.add(&word, &previous);
                    std::mem::swap(&mut word, &mut previous);
                    word.clear();
                }
            }
        }
        read.words.sort_unstable();
        read.words.dedup();
        read
    }

    fn add(&mut self, word: &str, previous: &str) {
        if word.bytes().all(|byte| byte.is_ascii_digit()) {
            if word.len() > 1 {
                self.numbers.insert(hash(word));
            }
            return;
        }
        let hashed = hash(word);
        if self.words.len() < WORDS {
            self.words.push(hashed);
        }
        let lists = lists_of(hashed);
        let is = |list: u8| lists & list != 0;
        self.errors += u32::from(is(ERROR) || word.ends_with("error") || word.ends_with("errors"));
        self.hedges += u32::from(is(HEDGE));
        let denied = (is(AFTER_NOT) && previous == "not") || (is(AFTER_NO) && previous == "no");
        self.refusals += u32::from(is(REFUSAL) || denied);
        self.checks += u32::from(is(CHECK) || word.starts_with("verif") || word.starts_with("confirm"));
        self.is_final |= matches!(word, "terminate" | "final_answer") || (previous == "final" && word == "answer");
    }

    /// Returns the share of all words of both texts that are in both.
    pub(super) fn likeness(&self, other: &Self) -> f32 {
        let shared = shared(&self.words, &other.words);
        ratio(shared, self.words.len() + other.words.len() - shared)
    }

    /// Returns the share of the other text's words that are in this one.
    pub(super) fn covers(&self, other: &Self) -> f32 {
        ratio(shared(&self.words, &other.words), other.words.len())
    }
}

const ERROR: u8 = 1;
const HEDGE: u8 = 2;
const REFUSAL: u8 = 4;
const AFTER_NOT: u8 = 8;
const AFTER_NO: u8 = 16;
const CHECK: u8 = 32;

/// The lists and what they are called in a set of bits.
const LISTS: [(&[&str], u8); 6] =
    [(ERRORS, ERROR), (HEDGES, HEDGE), (REFUSALS, REFUSAL), (NOT, AFTER_NOT), (NO, AFTER_NO), (CHECKS, CHECK)];

/// Returns the lists that a word is in, by its hash.
fn lists_of(word: u64) -> u8 {
    static WORDS: OnceLock<Vec<(u64, u8)>> = OnceLock::new();
    let words = WORDS.get_or_init(|| {
        let mut words: BTreeMap<u64, u8> = BTreeMap::new();
        for (list, bit) in LISTS {
            for word in list {
                *words.entry(hash(word)).or_default() |= bit;
            }
        }
        words.into_iter().collect()
    });
    let place = words.binary_search_by_key(&word, |(known, _)| *known).ok();
    place.and_then(|place| words.get(place)).map_or(0, |(_, lists)| *lists)
}

fn shared(a: &[u64], b: &[u64]) -> usize {
    let (mut a, mut b, mut shared) = (a.iter().peekable(), b.iter().peekable(), 0);
    while let (Some(x), Some(y)) = (a.peek(), b.peek()) {
        match x.cmp(y) {
            std::cmp::Ordering::Less => a.next(),
            std::cmp::Ordering::Greater => b.next(),
            std::cmp::Ordering::Equal => {
                shared += 1;
                a.next();
                b.next()
            }
        };
    }
    shared
}

/// Returns a share; 0 of nothing.
#[expect(clippy::cast_precision_loss, reason = "counts of words and steps stay far below 2^23")]
pub(super) fn ratio(part: usize, whole: usize) -> f32 {
    if whole == 0 { 0.0 } else { part as f32 / whole as f32 }
}

/// Returns the beginning and the end of a long text, else all of it.
fn ends(text: &str) -> [&str; 2] {
    if text.len() <= HEAD + TAIL {
        return [text, ""];
    }
    [beginning(text, HEAD), text.get(text.ceil_char_boundary(text.len() - TAIL)..).unwrap_or_default()]
}

/// Returns at most so many bytes of a text's beginning.
pub(crate) fn beginning(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or(text)
}

/// The hash FNV-1a of 64 bits: the same on every machine, for ever.
pub(super) fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_in_each_of_its_lists_and_others_in_none() {
        assert_eq!(lists_of(hash("failed")), ERROR | REFUSAL);
        assert_eq!(lists_of(hash("results")), AFTER_NO);
        assert_eq!(lists_of(hash("spider")), 0);
    }

    #[test]
    fn words_of_the_lists_are_counted_whatever_their_case() {
        let text = Text::read("NameError: it FAILED. Unfortunately no results; probably 42 of 7. TERMINATE");
        assert_eq!((text.errors, text.refusals, text.hedges, text.is_final), (2, 3, 1, true));
        assert_eq!(text.numbers.len(), 1);
    }

    #[test]
    fn equal_texts_are_alike_and_different_ones_are_not() {
        let (a, b) = (Text::read("open the page"), Text::read("close a door"));
        assert!((a.likeness(&a) - 1.0).abs() < 1e-6 && a.likeness(&b) < 1e-6);
        assert!((Text::read("open the page now").covers(&a) - 1.0).abs() < 1e-6);
        assert!(Text::default().likeness(&Text::default()).abs() < 1e-6);
    }

    #[test]
    fn of_a_long_text_the_ends_are_read_between_characters() {
        let text = format!("{} terminate", "é".repeat(5_000));
        assert!(Text::read(&text).is_final);
        assert_eq!(hash("a"), 0xaf63_dc4c_8601_ec8c);
    }
}
