//! What becomes of a text that is content.

use std::borrow::Cow;

use crate::json::{self, Fate, Place};

/// What becomes of content.
pub enum Treatment<'t> {
    /// It is left out.
    Remove,
    /// A hash stands for it: equal texts stay equal.
    Hash,
    /// It is kept, with what this returns in its place; `None`: as it is.
    Replace(&'t mut dyn FnMut(&str) -> Option<String>),
    /// It is kept, up to so many characters.
    Cut(usize),
}

impl Treatment<'_> {
    /// Decides over one text that is content.
    pub fn of(&mut self, text: &str) -> Fate {
        match self {
            Self::Remove => Fate::Remove,
            Self::Hash => Fate::Replace(hash(text)),
            Self::Replace(replace) => replace(text).map_or(Fate::Keep, Fate::Replace),
            Self::Cut(room) => cut(text, *room).map_or(Fate::Keep, Fate::Replace),
        }
    }

    /// Decides over a text of a structure: by where it is, then by what it says.
    pub(crate) fn at(&mut self, place: &Place<'_>, text: &str) -> Fate {
        if !place.is_content {
            return Fate::Keep;
        }
        // Arguments that a model writes are JSON in a text.
        if matches!(place.key, "arguments" | "partial_json")
            && !matches!(self, Self::Remove)
            && text.trim_start().starts_with(['{', '['])
        {
            let mut inner = Vec::with_capacity(text.len());
            let rewritten = json::rewrite(text, true, &mut inner, &mut |place, text| self.at(place, text));
            if rewritten.is_ok() {
                return String::from_utf8(inner).map_or(Fate::Remove, Fate::Replace);
            }
        }
        self.of(text)
    }
}

fn hash(text: &str) -> String {
    let digest = blake3::hash(text.as_bytes()).to_hex();
    format!("blake3:{}", digest.get(..16).unwrap_or_default())
}

fn cut(text: &str, room: usize) -> Option<String> {
    let (end, _) = text.char_indices().nth(room)?;
    let (kept, rest) = text.split_at(end);
    Some(format!("{kept}…[{} characters cut]", rest.chars().count()))
}

/// Treats a text that is content as a whole. `None`: it is left out.
pub fn text<'a>(text: &'a str, treatment: &mut Treatment<'_>) -> Option<Cow<'a, str>> {
    match treatment.of(text) {
        Fate::Keep => Some(Cow::Borrowed(text)),
        Fate::Replace(other) => Some(Cow::Owned(other)),
        Fate::Remove => None,
    }
}

/// Treats a payload, which is JSON or else one text. `None`: it is left out.
///
/// `is_free`: the structure is the host's own, so no key of it tells an identifier; else it is a list of messages.
pub fn payload<'a>(payload: &'a str, is_free: bool, treatment: &mut Treatment<'_>) -> Option<Cow<'a, str>> {
    if matches!(treatment, Treatment::Remove) {
        return None;
    }
    if payload.trim_start().starts_with(['{', '[']) {
        let mut out = Vec::with_capacity(payload.len());
        if json::rewrite(payload, is_free, &mut out, &mut |place, text| treatment.at(place, text)).is_ok() {
            return String::from_utf8(out).ok().map(Cow::Owned);
        }
    }
    text(payload, treatment)
}
