//! The body of an exchange: JSON, a stream of JSON in one of the usual framings, or else one text.
//!
//! What a stream says in pieces is treated as the whole that it is: the first piece carries the result, the others are
//! empty. So a pattern is found across pieces, and a hash is one of the whole text.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

use crate::{
    Treatment, aws,
    json::{self, Fate, Place},
};

/// A body in pieces: documents of JSON, and what is around them.
pub(crate) struct Framed<'b> {
    pub(crate) pieces: Vec<Piece<'b>>,
}

/// A piece of a body.
pub(crate) enum Piece<'b> {
    /// Stays as it is.
    Frame(&'b [u8]),
    /// A document in a text framing.
    Document(&'b str),
    /// Text that is no document.
    Text(&'b str),
    /// A message of an AWS event stream: its headers, its document, and whether that came in Base64.
    Message { headers: &'b [u8], document: String, is_wrapped: bool },
}

/// Returns a body with its content treated. Removed content leaves its structure behind.
pub fn body(body: &[u8], content_type: &str, treatment: &mut Treatment<'_>) -> Vec<u8> {
    if let Some(framed) = content_type.contains("amazon.eventstream").then(|| aws::framed(body)).flatten() {
        return stream(&framed, treatment);
    }
    let Ok(text) = std::str::from_utf8(body) else { return binary(body, treatment) };
    if text.trim_start().starts_with(['{', '[', '"']) {
        let mut out = Vec::with_capacity(body.len());
        if json::rewrite(text, false, &mut out, &mut |place, text| treatment.at(place, text)).is_ok() {
            return out;
        }
    }
    if let Some(framed) = framed_lines(text) {
        return stream(&framed, treatment);
    }
    crate::text(text, treatment).map_or_else(Vec::new, |text| text.into_owned().into_bytes())
}

/// What is not text can only be told by its size, or by a hash of all of it.
fn binary(body: &[u8], treatment: &mut Treatment<'_>) -> Vec<u8> {
    match treatment {
        Treatment::Remove => Vec::new(),
        Treatment::Hash => format!("blake3:{}", blake3::hash(body).to_hex().get(..16).unwrap_or_default()).into_bytes(),
        Treatment::Replace(_) | Treatment::Cut(_) => format!("<{} bytes>", body.len()).into_bytes(),
    }
}

/// Server-sent events, or one document a line.
fn framed_lines(text: &str) -> Option<Framed<'_>> {
    let is_field = |line: &&str| {
        [":", "data:", "event:", "id:", "retry:"].iter().any(|field| line.starts_with(field)) || line.trim().is_empty()
    };
    let is_events = text.lines().all(|line| is_field(&line)) && text.contains("data:");
    let mut pieces = Vec::new();
    for line in text.split_inclusive('\n') {
        let content = line.trim_end_matches(['\n', '\r']);
        let (frame, document) = match content.strip_prefix("data:") {
            Some(data) if is_events => {
                let document = data.trim_start();
                content.split_at_checked(content.len() - document.len())?
            }
            _ if is_events => (content, ""),
            _ => ("", content),
        };
        pieces.push(Piece::Frame(frame.as_bytes()));
        match document.trim() {
            "" | "[DONE]" => pieces.push(Piece::Frame(document.as_bytes())),
            trimmed if trimmed.starts_with(['{', '[']) => pieces.push(Piece::Document(document)),
            _ if is_events => pieces.push(Piece::Text(document)),
            _ => return None,
        }
        pieces.push(Piece::Frame(line.get(content.len()..).unwrap_or_default().as_bytes()));
    }
    Some(Framed { pieces })
}

/// A text of a stream: the document's signature, and the place in it.
type Key = (u64, u64);

fn stream(framed: &Framed<'_>, treatment: &mut Treatment<'_>) -> Vec<u8> {
    let documents: Vec<&str> = framed.pieces.iter().filter_map(Piece::document).collect();
    let signatures: Vec<Option<u64>> = documents.iter().map(|document| signature(document)).collect();
    let mut whole: HashMap<Key, String> = HashMap::new();
    for (document, signature) in documents.iter().zip(&signatures) {
        let Some(signature) = signature else { continue };
        let mut gather = |place: &Place<'_>, text: &str| {
            if place.is_content {
                whole.entry((*signature, place.path)).or_default().push_str(text);
            }
            Fate::Keep
        };
        // That it can be read is known.
        let _ = json::rewrite(document, false, &mut Vec::new(), &mut gather);
    }
    let mut out = Vec::new();
    let mut told: HashSet<Key> = HashSet::new();
    let mut next = signatures.iter();
    for piece in &framed.pieces {
        if piece.document().is_none() {
            match piece {
                Piece::Frame(bytes) => out.extend_from_slice(bytes),
                Piece::Text(text) => out.extend_from_slice(crate::text(text, treatment).unwrap_or_default().as_bytes()),
                Piece::Document(_) | Piece::Message { .. } => {}
            }
            continue;
        }
        let signature = next.next().copied().flatten();
        let mut visit = |place: &Place<'_>, text: &str| {
            let key = (signature.unwrap_or_default(), place.path);
            let Some(all) = whole.get(&key).filter(|_| place.is_content) else { return treatment.at(place, text) };
            match treatment.at(place, all) {
                Fate::Replace(other) => Fate::Replace(if told.insert(key) { other } else { String::new() }),
                other => other,
            }
        };
        piece.write(signature.is_some(), &mut out, &mut visit);
    }
    out
}

fn signature(document: &str) -> Option<u64> {
    json::rewrite(document, false, &mut Vec::new(), &mut |_, _| Fate::Keep).ok()
}

impl Piece<'_> {
    fn document(&self) -> Option<&str> {
        match self {
            Self::Document(document) => Some(document),
            Self::Message { document, .. } => Some(document),
            Self::Frame(_) | Self::Text(_) => None,
        }
    }

    fn write(&self, is_json: bool, out: &mut Vec<u8>, visit: &mut dyn FnMut(&Place<'_>, &str) -> Fate) {
        let document = self.document().unwrap_or_default();
        let mut written = Vec::with_capacity(document.len());
        if !is_json || json::rewrite(document, false, &mut written, visit).is_err() {
            written = match visit(&Place { key: "", is_content: true, path: 0 }, document) {
                Fate::Keep => Cow::Borrowed(document),
                Fate::Replace(other) => Cow::Owned(other),
                Fate::Remove => Cow::Borrowed(""),
            }
            .as_bytes()
            .to_vec();
        }
        match self {
            Self::Message { headers, is_wrapped, .. } => aws::write(headers, &written, *is_wrapped, out),
            _ => out.extend_from_slice(&written),
        }
    }
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
