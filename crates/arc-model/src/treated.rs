//! What the capture of content leaves of a text: a hash in its place, or its beginning.

use crate::{Json, Payload};

const HASH: &str = "blake3:";
const HASH_DIGITS: usize = 16;
const CUT: &str = " characters cut]";

/// Returns whether a text holds the hash of one that was not to be recorded.
pub fn holds_hash(text: &str) -> bool {
    text.match_indices(HASH).any(|(at, _)| {
        let digits = text.get(at + HASH.len()..).unwrap_or_default().bytes();
        digits.take_while(u8::is_ascii_hexdigit).count() >= HASH_DIGITS
    })
}

/// Returns whether a text was cut somewhere.
pub fn holds_cut(text: &str) -> bool {
    text.match_indices(CUT).any(|(at, _)| {
        let before = text.get(..at).unwrap_or_default();
        let mark = before.trim_end_matches(|c: char| c.is_ascii_digit());
        mark.len() < before.len() && mark.ends_with("…[")
    })
}

impl Payload {
    /// Returns whether some text of it is not as it was: a hash stands for it, or it was cut.
    pub fn is_treated(&self) -> bool {
        match self {
            Self::Text(text) => is_treated(text),
            Self::Json(value) => json_is_treated(value),
        }
    }
}

/// Returns whether a text is not as it was.
pub fn is_treated(text: &str) -> bool {
    holds_hash(text) || holds_cut(text)
}

/// Returns whether some text in a value is not as it was.
pub fn json_is_treated(value: &Json) -> bool {
    match value {
        Json::String(text) => is_treated(text),
        Json::Array(items) => items.iter().any(json_is_treated),
        Json::Object(fields) => fields.values().any(json_is_treated),
        Json::Null | Json::Bool(_) | Json::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_or_a_cut_is_told_from_words_about_them() {
        for text in ["blake3:0123456789abcdef", "{\"a\":\"blake3:0123456789abcdef\"}", "long …[12 characters cut]"] {
            assert!(is_treated(text), "{text}");
        }
        for text in ["blake3:", "blake3: a hash", "[12 characters cut]", "…[ characters cut]", "all characters cut]"]
        {
            assert!(!is_treated(text), "{text}");
        }
        assert!(Payload::Json(serde_json::json!({"a": [{"b": "blake3:0123456789abcdef"}]})).is_treated());
        assert!(!Payload::Json(serde_json::json!({"blake3:": 1})).is_treated());
    }
}
