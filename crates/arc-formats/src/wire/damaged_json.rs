//! Bodies in JSON of which a part cannot be read: text that is no Unicode, values that are nested too deeply, numbers out
//! of range. In protobuf such a part costs its span; here it must not cost the request.
//!
//! What is no JSON at all is refused. The common case is one parse; only where that fails the text is repaired, and where
//! that is not enough it is read part by part.

use std::{borrow::Cow, collections::BTreeMap};

use arc_model::{Json, Place};
use serde_json::value::RawValue;

use super::place;
use crate::{output::Output, read::halves::without_halves};

/// Reads a body; what was replaced in it is said once.
pub(super) fn read(bytes: &[u8], out: &mut Output) -> Result<Json, serde_json::Error> {
    let problem = match serde_json::from_slice(bytes) {
        Ok(value) => return Ok(value),
        Err(problem) => problem,
    };
    let (text, replaced) = as_unicode(bytes);
    let Ok(whole) = serde_json::from_str::<&RawValue>(&text) else { return Err(problem) };
    if replaced {
        let advice = "send it as valid UTF-8, and no half of a character beyond U+FFFF";
        out.repaired(Place::default(), format!("the text holds what is no Unicode; it is U+FFFD now: {advice}"));
    }
    let mut unread = Unread::default();
    let value = read_parts(whole.get(), &mut Vec::new(), &mut unread);
    if let Some((pointer, problem)) = unread.first {
        let others = match unread.count {
            1 => String::new(),
            count => format!(", as are {} more values", count - 1),
        };
        out.repaired(place(None, pointer), format!("this cannot be read ({problem}); it is kept as text{others}"));
    }
    Ok(value)
}

/// Returns the bytes as text in which every escape is a character, and whether anything had to be replaced for that.
fn as_unicode(bytes: &[u8]) -> (Cow<'_, str>, bool) {
    let text = String::from_utf8_lossy(bytes);
    let is_owned = matches!(text, Cow::Owned(_));
    match without_halves(&text) {
        Some(whole) => (Cow::Owned(whole), true),
        None => (text, is_owned),
    }
}

/// Values that could not be read.
#[derive(Default)]
struct Unread {
    count: usize,
    /// Where the first one is, and why.
    first: Option<(String, String)>,
}

/// How far down parts are looked for: an attribute of an event of a span is above it.
const LEVELS: usize = 16;

/// How deeply values may be nested, as in a body that is read in one piece.
const DEEPEST: usize = 127;

/// Reads a value, else each of its parts; a part that cannot be read becomes the text it is written as. Every level
/// reads the text at most twice, so the time is bounded by its length.
fn read_parts(text: &str, path: &mut Vec<String>, unread: &mut Unread) -> Json {
    let problem = match serde_json::from_str::<Json>(text) {
        Ok(value) if path.len() + depth(&value) <= DEEPEST => return value,
        Ok(_) => "it is nested too deeply".to_owned(),
        // Lines and columns would be those of the part.
        Err(problem) => problem.to_string().split(" at line ").next().unwrap_or_default().to_owned(),
    };
    // Values of attributes and bodies are of any kind, so all of one may be a text.
    let is_value = match path.as_slice() {
        [.., name] if name == "value" || name == "body" => true,
        [.., list, name] => list == "attributes" && name.parse::<usize>().is_err(),
        _ => false,
    };
    if path.len() < LEVELS && !is_value {
        let mut part = |name: String, part: &RawValue| {
            path.push(name);
            let value = read_parts(part.get(), path, unread);
            path.pop();
            value
        };
        if let Ok(fields) = serde_json::from_str::<BTreeMap<String, &RawValue>>(text) {
            return fields.into_iter().map(|(name, value)| (name.clone(), part(name, value))).collect();
        }
        if let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(text) {
            return (0_usize..).zip(items).map(|(index, item)| part(index.to_string(), item)).collect();
        }
    }
    unread.count += 1;
    unread.first.get_or_insert_with(|| (pointer(path), problem));
    Json::String(text.to_owned())
}

/// Names the place, without repeating what is too long to be a name.
fn pointer(path: &[String]) -> String {
    path.iter().flat_map(|name| std::iter::once('/').chain(name.chars().take(32))).collect()
}

fn depth(value: &Json) -> usize {
    match value {
        Json::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Json::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(text: impl AsRef<[u8]>) -> (Option<Json>, Vec<String>) {
        let mut out = Output::new(None);
        let value = read(text.as_ref(), &mut out).ok();
        (value, out.diagnostics.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn halves_of_characters_and_bytes_that_are_none_become_replacement_characters() {
        let (value, said) = check(r#"{"a": "x\ud83d", "b": "\ude00y\uD83Dz", "c": "\ud83d\ude00", "d": "\\ud83d"}"#);
        let repaired = json!({"a": "x\u{fffd}", "b": "\u{fffd}y\u{fffd}z", "c": "\u{1f600}", "d": "\\ud83d"});
        assert_eq!((value, said.len()), (Some(repaired), 1));
        let (value, said) = check(b"{\"a\": \"x\xff\"}");
        assert_eq!((value, said.len()), (Some(json!({"a": "x\u{fffd}"})), 1));
        assert_eq!(check(r#"{"c": "\ud83d\ude00"}"#).1, Vec::<String>::new());
    }

    #[test]
    fn a_value_that_is_nested_too_deeply_or_no_number_we_know_is_kept_as_text() {
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        let (value, said) = check(format!(r#"{{"n": 1, "list": [{{"value": {deep}}}, {{"value": 1e999}}, 3]}}"#));
        assert_eq!(value, Some(json!({"n": 1, "list": [{"value": deep}, {"value": "1e999"}, 3]})));
        assert_eq!(
            said,
            ["at /list/0/value: this cannot be read (recursion limit exceeded); it is kept as text, as are \
              1 more values"]
        );
    }

    #[test]
    fn what_is_put_together_is_nested_no_deeper_than_what_is_read_in_one_piece() {
        let deep = format!("{}{}", "[".repeat(126), "]".repeat(126));
        assert_eq!(check(format!(r#"{{"value": {deep}}}"#)).1.len(), 0);
        let (value, said) = check(format!(r#"{{"a": {{"value": {deep}}}}}"#));
        assert_eq!((value, said.len()), (Some(json!({"a": {"value": deep}})), 1));
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for text in ["{", "nothing", r#"{"a": "\ud83d"#, r#"{"a": NaN}"#, "", "[1] [2]"] {
            assert_eq!(check(text), (None, Vec::new()), "{text}");
        }
    }

    #[test]
    fn a_body_of_nothing_but_brackets_is_read_in_the_time_of_its_length() {
        let text = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
        assert!(check(text).0.is_some());
        check(format!("[{}1]", "[1e999,1e999],".repeat(50_000)));
    }
}
