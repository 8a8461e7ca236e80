//! A condition on a place in a JSON value: `{ at = "/status", equals = "booked" }`.

use arc_model::Json;
use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

use super::{Problem, declaration::shown};

/// A condition as it is declared. Everything that is given has to hold.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// A JSON pointer to the value (RFC 6901); the whole value when it is empty.
    #[serde(default)]
    pub at: String,
    /// It is this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equals: Option<Json>,
    /// It is not this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_equals: Option<Json>,
    /// It is one of these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub one_of: Option<Vec<Json>>,
    /// It is a number above this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<f64>,
    /// It is a number of at least this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<f64>,
    /// It is a number below this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<f64>,
    /// It is a number of at most this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<f64>,
    /// Its text fits this regular expression somewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matches: Option<String>,
    /// Its text, or a list's item, is or contains this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contains: Option<String>,
    /// There is a value there, or there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exists: Option<bool>,
}

/// A condition with its expression compiled.
#[derive(Debug)]
pub(super) struct Compiled {
    condition: Condition,
    regex: Option<Regex>,
}

impl Compiled {
    pub(super) fn new(condition: &Condition) -> Result<Self, Problem> {
        let bad = |why: String| Problem::of("where", why);
        if !condition.at.is_empty() && !condition.at.starts_with('/') {
            return Err(bad(format!("`at` is `{}`: a JSON pointer is empty or begins with `/`", shown(&condition.at))));
        }
        if *condition == (Condition { at: condition.at.clone(), ..Condition::default() }) {
            return Err(bad(format!(
                "nothing is asked of `{}`: give equals, not_equals, one_of, above, at_least, below, at_most, matches, contains or exists",
                shown(&condition.at)
            )));
        }
        let regex = condition.matches.as_deref().map(|text| compile(text, "where")).transpose()?;
        Ok(Self { condition: condition.clone(), regex })
    }

    /// Returns what is at its place in a value.
    pub(super) fn place<'v>(&self, value: &'v Json) -> Option<&'v Json> {
        value.pointer(&self.condition.at)
    }

    /// Returns what does not hold of a value, in words; `None` when everything does.
    pub(super) fn unmet(&self, value: &Json) -> Option<String> {
        let Condition { at, equals, not_equals, one_of, above, at_least, below, at_most, contains, exists, .. } =
            &self.condition;
        let place = if at.is_empty() { "the value".to_owned() } else { format!("`{}`", shown(at)) };
        let found = value.pointer(at).filter(|found| !found.is_null() || equals.as_ref().is_some_and(Json::is_null));
        let Some(found) = found else {
            // What is not there is not equal to anything; that is what whoever asks for it wants to hear of.
            let only_absent = *exists == Some(false);
            return (!only_absent).then(|| format!("{place} is missing"));
        };
        let is = || format!("{place} is {}", shown(&found.to_string()));
        if *exists == Some(false) {
            return Some(format!("{}, and there should be nothing", is()));
        }
        let number = found.as_f64();
        let off = |limit: &Option<f64>, holds: fn(f64, f64) -> bool| {
            limit.is_some_and(|limit| !number.is_some_and(|number| holds(number, limit)))
        };
        let text = || found.as_str().map_or_else(|| found.to_string(), str::to_owned);
        let has = |part: &str| match found {
            Json::Array(items) => items.iter().any(|item| item.as_str() == Some(part)),
            Json::Object(fields) => fields.contains_key(part),
            _ => text().contains(part),
        };
        let wrong = [
            equals
                .as_ref()
                .filter(|wanted| !same(wanted, found))
                .map(|wanted| format!("not {}", shown(&wanted.to_string()))),
            not_equals.as_ref().filter(|other| same(other, found)).map(|_| "which it should not be".to_owned()),
            one_of
                .as_ref()
                .filter(|known| !known.iter().any(|one| same(one, found)))
                .map(|known| format!("none of {}", shown(&Json::from(known.clone()).to_string()))),
            off(above, |number, limit| number > limit).then(|| format!("not above {}", above.unwrap_or_default())),
            off(at_least, |number, limit| number >= limit)
                .then(|| format!("not at least {}", at_least.unwrap_or_default())),
            off(below, |number, limit| number < limit).then(|| format!("not below {}", below.unwrap_or_default())),
            off(at_most, |number, limit| number <= limit)
                .then(|| format!("not at most {}", at_most.unwrap_or_default())),
            self.regex
                .as_ref()
                .filter(|regex| !regex.is_match(&text()))
                .map(|regex| format!("which does not match `{}`", shown(regex.as_str()))),
            contains.as_ref().filter(|part| !has(part)).map(|part| format!("which does not contain `{}`", shown(part))),
        ];
        wrong.into_iter().flatten().next().map(|wrong| format!("{}, {wrong}", is()))
    }
}

/// Returns whether two values are the same; `5` and `5.0` are.
fn same(one: &Json, other: &Json) -> bool {
    match (one, other) {
        (Json::Number(one), Json::Number(other)) => one == other || one.as_f64() == other.as_f64(),
        (Json::Array(one), Json::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Json::Object(one), Json::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, value)| other.get(key).is_some_and(|found| same(value, found)))
        }
        _ => one == other,
    }
}

/// Most bytes that a compiled expression takes: one may come with a run.
pub(super) const LARGEST_REGEX: usize = 128 << 10;

/// Compiles a regular expression; it runs in time linear in the text.
pub(super) fn compile(text: &str, key: &'static str) -> Result<Regex, Problem> {
    RegexBuilder::new(text).size_limit(LARGEST_REGEX).build().map_err(|error| {
        let why = error.to_string();
        Problem::of(
            key,
            format!(
                "`{}` is no regular expression: {}",
                shown(text),
                why.lines().last().unwrap_or_default().trim_start_matches("error: ")
            ),
        )
    })
}
