//! YAML to JSON: recordings of HTTP exchanges are written in it.
//!
//! Only what JSON has: keys are texts, never lists or objects, tags but `!!binary` say nothing, and what aliases repeat is
//! bounded.

use std::{borrow::Cow, collections::BTreeMap};

use arc_model::Json;
use saphyr_parser::{Event, Parser, ScalarStyle, Tag};
use serde_json::{Map, json};

/// The field that holds base64 where YAML has binary data.
pub(crate) const BINARY: &str = "!binary";

/// Deepest nesting that is read, as with JSON.
const MAX_DEPTH: usize = 128;
/// Most bytes that aliases may repeat in one document.
const MAX_REPEATED: usize = 64 << 20;
/// What a value takes besides its text.
const BYTES_OF_VALUE: usize = 32;
/// Lines that are looked at to tell whether a text is a recording in YAML.
const LINES_LOOKED_AT: usize = 16;
/// Fields at the top of recordings. A text is only taken for YAML by these: nearly every text is YAML of some kind.
const TOP_FIELDS: [&str; 3] = ["interactions:", "http_interactions:", "messages:"];

/// Returns whether the bytes look like a recording in YAML.
pub(crate) fn is_recording(bytes: &[u8]) -> bool {
    let is_top = |line: &[u8]| TOP_FIELDS.iter().any(|field| line.trim_ascii_end() == field.as_bytes());
    bytes.split(|&byte| byte == b'\n').take(LINES_LOOKED_AT).any(is_top)
}

/// Reads a document; of one that is damaged, what came before.
pub(crate) fn read(text: &str) -> (Option<Json>, Option<String>) {
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let problem = match event {
            Ok((Event::DocumentEnd, _)) => break,
            Ok((event, _)) => builder.take(event).err(),
            Err(problem) => Some(problem.to_string()),
        };
        if problem.is_some() {
            return (builder.close(), problem);
        }
    }
    (builder.close(), None)
}

/// A list or an object that is not closed yet.
struct Open {
    value: Json,
    key: Option<String>,
    anchor: usize,
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    anchors: BTreeMap<usize, Json>,
    repeated: usize,
    root: Option<Json>,
}

impl Builder {
    fn take(&mut self, event: Event<'_>) -> Result<(), String> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let value = scalar(text, style, tag.as_deref());
                self.put(value, anchor)?;
            }
            Event::SequenceStart(anchor, _) => self.start(json!([]), anchor)?,
            Event::MappingStart(anchor, _) => self.start(json!({}), anchor)?,
            Event::SequenceEnd | Event::MappingEnd => self.end()?,
            Event::Alias(anchor) => {
                let value = self.anchors.get(&anchor).cloned().unwrap_or_default();
                self.repeated = self.repeated.saturating_add(size(&value));
                if self.repeated > MAX_REPEATED {
                    return Err("its aliases repeat too much".to_owned());
                }
                self.put(value, 0)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn start(&mut self, value: Json, anchor: usize) -> Result<(), String> {
        if self.open.len() >= MAX_DEPTH {
            return Err(format!("it is nested more than {MAX_DEPTH} deep"));
        }
        self.open.push(Open { value, key: None, anchor });
        Ok(())
    }

    fn end(&mut self) -> Result<(), String> {
        match self.open.pop() {
            Some(Open { value, anchor, .. }) => self.put(value, anchor),
            None => Ok(()),
        }
    }

    fn put(&mut self, value: Json, anchor: usize) -> Result<(), String> {
        if anchor > 0 {
            self.anchors.insert(anchor, value.clone());
        }
        match self.open.last_mut() {
            None => self.root = Some(value),
            Some(Open { value: Json::Array(items), .. }) => items.push(value),
            Some(Open { value: Json::Object(fields), key, .. }) => match key.take() {
                Some(name) => {
                    fields.insert(name, value);
                }
                None => {
                    *key = Some(match value {
                        Json::String(text) => text,
                        // As a text, one within the other would double its quotes with each level.
                        Json::Array(_) | Json::Object(_) => return Err("a list or an object is a key in it".to_owned()),
                        other => other.to_string(),
                    });
                }
            },
            Some(_) => {}
        }
        Ok(())
    }

    /// Closes what is open and returns the whole.
    fn close(mut self) -> Option<Json> {
        while !self.open.is_empty() {
            // What cannot be a key is left out.
            let _ = self.end();
        }
        self.root
    }
}

/// Returns about how many bytes a value takes.
fn size(value: &Json) -> usize {
    let inner = match value {
        Json::String(text) => text.len(),
        Json::Array(items) => items.iter().map(size).fold(0, usize::saturating_add),
        Json::Object(fields) => {
            fields.iter().map(|(name, value)| size(value).saturating_add(name.len())).fold(0, usize::saturating_add)
        }
        _ => 0,
    };
    inner.saturating_add(BYTES_OF_VALUE)
}

fn scalar(text: Cow<'_, str>, style: ScalarStyle, tag: Option<&Tag>) -> Json {
    match tag.map(|tag| tag.suffix.as_str()) {
        Some("binary") => {
            let packed: String = text.chars().filter(|c| !c.is_whitespace()).collect();
            return Json::Object(Map::from_iter([(BINARY.to_owned(), Json::from(packed))]));
        }
        Some("str") => return Json::from(text.into_owned()),
        _ => {}
    }
    if style != ScalarStyle::Plain {
        return Json::from(text.into_owned());
    }
    match text.as_ref() {
        "" | "~" | "null" | "Null" | "NULL" => Json::Null,
        "true" | "True" | "TRUE" => Json::Bool(true),
        "false" | "False" | "FALSE" => Json::Bool(false),
        plain => match serde_json::from_str::<serde_json::Number>(plain) {
            Ok(number) => Json::Number(number),
            Err(_) => Json::from(text.into_owned()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yaml_as_recordings_have_it_is_json() {
        let text = "interactions:\n- request: &a\n    body: '{\"a\":\n      1}'\n    code: 200\n    none: null\n  response:\n    \
                    body: !!binary |\n      AAEC\n      Aw==\n    again: *a\nversion: 1\n";
        let expected = json!({"interactions": [{"request": {"body": "{\"a\": 1}", "code": 200, "none": null},
            "response": {"body": {"!binary": "AAECAw=="}, "again": {"body": "{\"a\": 1}", "code": 200, "none": null}}}],
            "version": 1});
        assert_eq!(read(text), (Some(expected), None));
        assert!(is_recording(text.as_bytes()));
        assert!(!is_recording(b"Note: interactions: none\n"));
    }

    #[test]
    fn of_a_damaged_document_what_came_before_is_kept() {
        let (value, problem) = read("interactions:\n- request: 1\n- 'open");
        assert_eq!((value, problem.is_some()), (Some(json!({"interactions": [{"request": 1}]})), true));
    }

    #[test]
    fn a_list_or_an_object_is_no_key() {
        let (value, problem) = read("interactions:\n- a: 1\n? [b]\n: 2\n");
        assert_eq!(value, Some(json!({"interactions": [{"a": 1}]})));
        assert!(problem.is_some_and(|problem| problem.contains("is a key")));
        // As a text, each would be twice as long as the one within.
        let nested = format!("{}x{}", "{ ".repeat(100), " : y }".repeat(100));
        assert!(read(&nested).1.is_some());
    }

    #[test]
    fn aliases_that_repeat_each_other_and_deep_nesting_are_refused() {
        let levels =
            (1..12).map(|level| format!("a{level}: &a{level} [{}]\n", format!("*a{}, ", level - 1).repeat(10)));
        let bomb = format!("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n{}", levels.collect::<String>());
        assert!(read(&bomb).1.is_some_and(|problem| problem.contains("aliases")));
        assert!(read(&"[".repeat(500)).1.is_some());
        let long = format!("- &a {}\n{}", "x".repeat(1 << 20), "- *a\n".repeat(100));
        assert!(read(&long).1.is_some_and(|problem| problem.contains("aliases")));
    }
}
