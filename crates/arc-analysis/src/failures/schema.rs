//! Arguments against the JSON Schema a tool was offered with.

use std::collections::HashMap;

use arc_model::{Json, Payload};
use jsonschema::Validator;

/// Schemas seen so far, each compiled once; `None` for what is no schema we can use.
///
/// A schema that refers to another document is never fetched and counts as unusable.
#[derive(Default)]
pub(super) struct Schemas(HashMap<String, Option<Validator>>);

impl Schemas {
    /// Returns how the arguments violate the schema; `None` when they do not, or nobody can tell.
    pub(super) fn violation(&mut self, schema: &Json, arguments: &Payload) -> Option<String> {
        let validator = self.0.entry(schema.to_string()).or_insert_with(|| compile(schema)).as_ref()?;
        let empty = Json::Object(serde_json::Map::new());
        let arguments = match arguments {
            Payload::Json(value) => value,
            // Providers write no arguments at all for a tool that takes none.
            Payload::Text(text) if text.trim().is_empty() => &empty,
            Payload::Text(_) => return Some("the arguments are not JSON".to_owned()),
        };
        let error = validator.iter_errors(arguments).next()?;
        let at = error.instance_path().to_string();
        let at = if at.is_empty() { String::new() } else { format!("{at}: ") };
        Some(format!("{at}{}", shorten(&error.to_string())))
    }
}

/// Messages of the validator repeat the value they are about, which can be a whole page.
fn shorten(message: &str) -> String {
    const LONGEST: usize = 160;
    match message.char_indices().nth_back(LONGEST) {
        Some((from, _)) => format!("…{}", message.get(from..).unwrap_or_default()),
        None => message.to_owned(),
    }
}

fn compile(schema: &Json) -> Option<Validator> {
    // A schema without a word about types or properties accepts everything; so does one that is none.
    schema.is_object().then(|| jsonschema::validator_for(schema).ok()).flatten()
}
