//! What a value has to be: a JSON Schema, a regular expression, conditions on places in it.

use arc_model::{Json, Payload, treated::json_is_treated};
use jsonschema::{PatternOptions, Validator};
use regex::Regex;

use super::{
    Declaration, Problem,
    condition::{Compiled, LARGEST_REGEX, compile},
    declaration::shown,
};

/// Most conditions of a check; checks also come from outside.
const MOST_CONDITIONS: usize = 16;

/// Why nothing is told of a value that is not as it was.
pub(super) const TREATED: &str = "it was recorded hashed or cut";

/// What a value comes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// It is everything it has to be.
    Met,
    /// What it is not, in words.
    Unmet(String),
    /// What is asked about was not recorded as it was, and nothing else is amiss.
    Treated,
}

/// Everything that is asked of a value.
#[derive(Debug)]
pub(super) struct Wanted {
    schema: Option<Validator>,
    regex: Option<Regex>,
    conditions: Vec<Compiled>,
}

impl Wanted {
    pub(super) fn new(declaration: &Declaration) -> Result<Self, Problem> {
        if declaration.conditions.len() > MOST_CONDITIONS {
            return Err(Problem::of("where", format!("more than {MOST_CONDITIONS} conditions; divide the check")));
        }
        let conditions = declaration.conditions.iter().map(Compiled::new).collect::<Result<_, _>>()?;
        Ok(Self {
            schema: declaration.schema.as_ref().map(validator).transpose()?,
            regex: declaration.regex.as_deref().map(|text| compile(text, "regex")).transpose()?,
            conditions,
        })
    }

    /// Returns whether nothing is asked.
    pub(super) const fn is_empty(&self) -> bool {
        self.schema.is_none() && self.regex.is_none() && self.conditions.is_empty()
    }

    /// Looks at a value. Where a text in it is hashed or cut, nothing is told of the whole, but of every place that is as
    /// it was.
    pub(super) fn look(&self, payload: &Payload) -> Look {
        let is_treated = payload.is_treated();
        match self.unmet(payload, is_treated) {
            Some(unmet) => Look::Unmet(unmet),
            None if is_treated && !self.looks_past(payload) => Look::Treated,
            None => Look::Met,
        }
    }

    /// Returns whether all that is asked is of places that are as they were.
    fn looks_past(&self, payload: &Payload) -> bool {
        let Payload::Json(value) = payload else { return false };
        let is_whole = self.regex.is_none() && self.schema.is_none();
        is_whole && self.conditions.iter().all(|condition| !condition.place(value).is_some_and(json_is_treated))
    }

    /// Returns what a value is not, in words; `None` when it is everything it has to be, or that cannot be told.
    fn unmet(&self, payload: &Payload, is_treated: bool) -> Option<String> {
        if is_treated {
            let Payload::Json(value) = payload else { return None };
            let told = self.conditions.iter().filter(|condition| !condition.place(value).is_some_and(json_is_treated));
            return told.filter(|_| !value.is_string()).find_map(|condition| condition.unmet(value));
        }
        if let Some(regex) = self.regex.as_ref().filter(|regex| !regex.is_match(&payload.to_text())) {
            return Some(format!("it does not match `{}`", shown(regex.as_str())));
        }
        if self.schema.is_none() && self.conditions.is_empty() {
            return None;
        }
        let value = match payload {
            Payload::Json(value) => value.clone(),
            // A bare number, or `true`, is JSON; other text stands for itself.
            Payload::Text(text) => serde_json::from_str(text).unwrap_or_else(|_| Json::String(text.clone())),
        };
        if let Some(error) = self.schema.as_ref().and_then(|schema| schema.iter_errors(&value).next()) {
            let at = error.instance_path().to_string();
            let at = if at.is_empty() { String::new() } else { format!("{}: ", shown(&at)) };
            return Some(format!("it does not fit the schema: {at}{}", shown(&error.to_string())));
        }
        self.conditions.iter().find_map(|condition| condition.unmet(&value))
    }
}

/// Compiles a schema. Patterns in it run in linear time, and other documents are never fetched.
fn validator(schema: &Json) -> Result<Validator, Problem> {
    let bad = |why: String| Problem::of("schema", why);
    if !schema.is_object() {
        return Err(bad("a JSON Schema is an object".to_owned()));
    }
    let patterns = PatternOptions::regex().size_limit(LARGEST_REGEX);
    let options = jsonschema::options().with_pattern_options(patterns);
    options.build(schema).map_err(|error| bad(format!("no usable JSON Schema: {}", shown(&error.to_string()))))
}
