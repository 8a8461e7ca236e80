//! Names as PostgreSQL can store, compare and index them: escaped, and short.
//!
//! Its text has no character zero, so that is escaped, in a way that keeps the order of bytes. Its
//! indexes hold no more than about 2,700 bytes a row, so a long name is stored once, in `long_names`,
//! and a short form with its hash stands for it everywhere else.

use std::{borrow::Cow, collections::BTreeMap};

use arc_store::StoreError;
use deadpool_postgres::GenericClient;

use super::error::{damaged, while_trying};

/// Most bytes of a name in an index, of which one row may hold four.
const LONGEST: usize = 480;

/// Marks a short form; [`escape`] never makes it.
const SHORT: &str = "\u{1}\u{3}";

/// Returns text without the character zero.
pub(super) fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(['\0', '\u{1}']) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        match letter {
            '\0' => escaped.push_str("\u{1}\u{1}"),
            '\u{1}' => escaped.push_str("\u{1}\u{2}"),
            _ => escaped.push(letter),
        }
    }
    Cow::Owned(escaped)
}

/// Returns what was escaped.
pub(super) fn unescape(text: String) -> String {
    if !text.contains('\u{1}') {
        return text;
    }
    let mut whole = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (letter, letter == '\u{1}') {
            (_, false) => whole.push(letter),
            (_, true) => whole.push(if letters.next() == Some('\u{1}') { '\0' } else { '\u{1}' }),
        }
    }
    whole
}

/// Returns a name as the tables have it.
pub(super) fn key(name: &str) -> String {
    let escaped = escape(name);
    if escaped.len() <= LONGEST {
        return escaped.into_owned();
    }
    let mut end = LONGEST - 80;
    while !escaped.is_char_boundary(end) {
        end -= 1;
    }
    let start = escaped.get(..end).unwrap_or_default();
    format!("{start}{SHORT}{}", blake3::hash(name.as_bytes()).to_hex())
}

/// Stores the names among these that are long; MUST be in the transaction that uses them.
pub(super) async fn keep(db: &impl GenericClient, names: impl Iterator<Item = &str>) -> Result<(), StoreError> {
    // In order, so that two programs never wait for each other.
    let long: BTreeMap<String, Cow<'_, str>> =
        names.filter(|name| name.len() > LONGEST / 2).map(|name| (key(name), escape(name))).collect();
    let long: BTreeMap<_, _> = long.into_iter().filter(|(short, _)| short.contains(SHORT)).collect();
    if long.is_empty() {
        return Ok(());
    }
    let failed = while_trying("store names");
    let (short, whole): (Vec<&str>, Vec<&str>) = long.iter().map(|(short, whole)| (short.as_str(), &**whole)).unzip();
    let insert = db.prepare_cached(include_str!("sql/keep_names.sql")).await.map_err(&failed)?;
    db.execute(&insert, &[&short, &whole]).await.map(drop).map_err(failed)
}

/// The names that short forms stand for.
#[derive(Default)]
pub(super) struct Names(BTreeMap<String, String>);

impl Names {
    /// Looks up the short forms among these.
    pub(super) async fn of(db: &impl GenericClient, keys: impl Iterator<Item = &str>) -> Result<Self, StoreError> {
        let short: Vec<&str> = keys.filter(|key| key.contains(SHORT)).collect();
        if short.is_empty() {
            return Ok(Self::default());
        }
        let failed = while_trying("read names");
        let select = "SELECT short, whole FROM long_names WHERE short = ANY($1::text[])";
        let select = db.prepare_cached(select).await.map_err(&failed)?;
        let rows = db.query(&select, &[&short]).await.map_err(&failed)?;
        let names = rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
        Ok(Self(names.collect::<Result<_, _>>().map_err(failed)?))
    }

    /// Returns the name a key stands for.
    pub(super) fn whole(&self, key: String) -> Result<String, StoreError> {
        if !key.contains(SHORT) {
            return Ok(unescape(key));
        }
        let whole = self.0.get(&key).ok_or_else(|| damaged("read names", "a long name is missing"))?;
        Ok(unescape(whole.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaping_keeps_text_and_order() {
        let mut texts =
            ["", "\0", "\0\0", "\0\u{1}", "\u{1}", "\u{1}\0", "\u{1}\u{2}", "\u{2}", "a", "a\0", "a\u{1}b", "é"];
        texts.sort_unstable();
        let escaped: Vec<_> = texts.iter().map(|text| escape(text).into_owned()).collect();
        assert!(escaped.is_sorted(), "{escaped:?}");
        for (text, escaped) in texts.iter().zip(escaped) {
            assert!(!escaped.contains('\0') && !escaped.contains(SHORT));
            assert_eq!(unescape(escaped), *text);
        }
    }

    #[test]
    fn long_names_get_keys_of_their_own_that_fit_an_index() {
        let long = "ü".repeat(5000);
        let other = format!("{long}.");
        assert_ne!(key(&long), key(&other));
        assert!(key(&long).len() <= LONGEST && key(&"\0".repeat(LONGEST)).len() <= LONGEST);
        assert_eq!(key("short"), "short");
    }
}
