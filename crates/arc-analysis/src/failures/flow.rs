//! Where the input of a call came from: which earlier result holds a value that it was given.

use std::collections::BTreeSet;

use arc_model::{Json, Payload};

use super::View;
use crate::localisation::beginning;

/// Calls back in which a value is looked for.
const REACH: usize = 64;
/// Most of a text that is read, in bytes.
const READ: usize = 20_000;
/// Most values of a call that are looked for.
const VALUES: usize = 16;

/// Returns the earliest call whose result or error holds a value that a later call was given and that nobody had named
/// before; the value stands beside it.
pub(super) fn source_of(view: &View<'_>, index: usize) -> Option<(usize, String)> {
    let arguments = view.calls().get(index)?.arguments?;
    let mut values = BTreeSet::new();
    match arguments {
        Payload::Json(value) => collect(value, &mut values),
        Payload::Text(_) => return None,
    }
    values.into_iter().find_map(|value| Some((first_result_with(view, index, &value)?, value)))
}

/// Collects what is specific enough to be recognised elsewhere.
fn collect(value: &Json, values: &mut BTreeSet<String>) {
    if values.len() >= VALUES {
        return;
    }
    match value {
        Json::String(text) => {
            let has_digit = text.bytes().any(|byte| byte.is_ascii_digit());
            if text.len() >= if has_digit { 4 } else { 10 } && text.len() <= 200 {
                values.insert(text.clone());
            }
        }
        Json::Number(number) if number.to_string().len() >= 4 => {
            values.insert(number.to_string());
        }
        Json::Array(items) => items.iter().for_each(|item| collect(item, values)),
        Json::Object(fields) => fields.values().for_each(|field| collect(field, values)),
        _ => {}
    }
}

fn first_result_with(view: &View<'_>, index: usize, value: &str) -> Option<usize> {
    let from = index.saturating_sub(REACH);
    let earlier = view.calls().get(from..index)?;
    let holds = |payload: &Payload| beginning(&payload.to_text(), READ).contains(value);
    // What the user said, or an earlier call was given, did not come out of a result.
    let roots = || view.trace().roots();
    let said = roots()
        .flat_map(|root| &root.messages_in)
        .map(|message| message.joined_text())
        .any(|text| text.contains(value));
    if said || roots().filter_map(|root| root.input.as_ref()).any(holds) {
        return None;
    }
    for (offset, call) in earlier.iter().enumerate() {
        if call.arguments.is_some_and(holds) {
            return None;
        }
        let place = from + offset;
        if call.result.is_some_and(holds) || view.error(place).is_some_and(|error| error.message.contains(value)) {
            return Some(place);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use arc_model::sketch;

    use super::*;

    fn source(text: &str, index: usize) -> Option<(usize, String)> {
        let trace = sketch::parse(text).unwrap();
        source_of(&View::new(&trace), index)
    }

    #[test]
    fn a_value_is_followed_to_the_first_result_that_held_it() {
        let run = "agent a \"Cancel my trip\"\n  tool find {who: \"me\"} -> {trip: \"T-4711\"}\n  tool show {} -> \"T-4711\"\n  \
                   tool cancel {trip: \"T-4711\"} !gone";
        assert_eq!(source(run, 2), Some((0, "T-4711".to_owned())));
    }

    #[test]
    fn what_the_user_said_came_from_no_result() {
        let run =
            "agent a \"Cancel T-4711\"\n  tool find {} -> {trip: \"T-4711\"}\n  tool cancel {trip: \"T-4711\"} !gone";
        assert_eq!(source(run, 1), None);
        assert_eq!(source("tool a {n: 1} -> 1\ntool b {n: 1} !x", 1), None, "too short to mean anything");
    }
}
