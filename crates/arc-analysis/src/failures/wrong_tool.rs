//! A tool was called that could not do it, and another one could.
//!
//! # What
//! A call failed, and one of the next three calls gave the same values to another tool that took them; or the error
//! names exactly one other tool that was on offer. The call that failed does not succeed later, and it was not turned
//! away (too many requests, no right, no answer in time): then it was not the tool that was wrong.
//!
//! # Why it matters
//! It costs a turn at least, and where there is no error the result is taken for an answer.
//!
//! # Example
//! ```text
//! tool get_user {id: "R-4711"} !"no such user"
//! tool get_reservation {id: "R-4711"} -> {seat: "4A"}
//! ```
//!
//! # When it is wrong
//! Trying one source after the other can be the plan. A wrong tool that returns something is not seen.

use std::collections::BTreeSet;

use arc_model::{Json, Payload};

use super::{Call, Detector, Sighting, View, api_timeout, call, permission_denied, turned_away};

/// Finds calls of a tool where another one was right; the module says when it is wrong.
pub(super) struct WrongTool;

/// A call that they find failed for another reason than the tool.
const TURNED_AWAY: [&dyn Detector; 4] = [
    &turned_away::RateLimit,
    &turned_away::AuthExpired,
    &permission_denied::PermissionDenied,
    &api_timeout::ApiTimeout,
];
/// Calls after the failed one that are looked at.
const NEXT: usize = 3;
/// Most of an error that is read, in bytes.
const READ: usize = 4_000;
/// A shorter value (with its quotes), or name of a tool, may stand there by chance.
const SHORTEST: usize = 5;
const SHORTEST_NAME: usize = 6;

impl Detector for WrongTool {
    fn leaf(&self) -> &'static str {
        "wrong-tool"
    }

    fn version(&self) -> u32 {
        1
    }

    // The agent found the right one.
    fn is_certain(&self) -> bool {
        false
    }

    fn detect(&self, view: &View<'_>) -> Vec<Sighting> {
        if (0..view.calls().len()).all(|index| view.error(index).is_none()) {
            return Vec::new();
        }
        let turned_away: BTreeSet<_> =
            TURNED_AWAY.iter().flat_map(|detector| detector.detect(view)).map(|seen| seen.first.span_id).collect();
        let succeeded: BTreeSet<(&str, String)> = view
            .calls()
            .iter()
            .enumerate()
            .filter(|(index, _)| view.error(*index).is_none())
            .filter_map(|(_, call)| Some((call.name, call.arguments?.to_text())))
            .collect();
        let failed = view.calls().iter().enumerate().filter(|(index, call)| {
            let is_elsewhere =
                || turned_away.contains(&call.span.span_id) || turned_away.contains(&call.shown_by.span_id);
            view.error(*index).is_some() && !is_elsewhere()
        });
        let sightings = failed.filter_map(|(index, call)| {
            let arguments = call.arguments?;
            if succeeded.contains(&(call.name, arguments.to_text())) {
                return None;
            }
            taken_by_another(view, index, call, arguments).or_else(|| names_another(view, index, call, arguments))
        });
        sightings.collect()
    }
}

/// Another tool takes the values that the failed one was given.
fn taken_by_another(view: &View<'_>, index: usize, call: &Call<'_>, arguments: &Payload) -> Option<Sighting> {
    let given = values(arguments)?;
    let error = view.error(index)?;
    let next = view.calls().iter().enumerate().skip(index + 1).take(NEXT);
    let mut others = next.filter(|(place, other)| {
        let took = other.name != call.name
            && view.error(*place).is_none()
            && other.result.is_some_and(|result| !result.is_blank());
        took && other.arguments.and_then(values).is_some_and(|values| values == given)
    });
    let (_, other) = others.next()?;
    Some(Sighting {
        title: format!("{} failed on what {} took", call.name, other.name),
        first: call::arguments_evidence(call, &arguments.to_text()),
        more: vec![error.evidence.clone(), call::arguments_evidence(other, &other.arguments?.to_text())],
    })
}

/// The error names the one tool that would have been right.
fn names_another(view: &View<'_>, index: usize, call: &Call<'_>, arguments: &Payload) -> Option<Sighting> {
    let request = view.request_of(call)?;
    request.definition()?;
    let error = view.error(index)?;
    let message = crate::localisation::beginning(&error.message, READ);
    let words: BTreeSet<&str> = message.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '-').collect();
    let mut named = request.offered.iter().map(|tool| tool.name.as_str()).filter(|name| {
        let is_no_word = name.contains(['_', '-']) || name.bytes().skip(1).any(|byte| byte.is_ascii_uppercase());
        *name != call.name && name.len() >= SHORTEST_NAME && is_no_word && words.contains(name)
    });
    let other = named.next()?;
    named.next().is_none().then(|| Sighting {
        title: format!("{} failed with an error that names {other}", call.name),
        first: call::arguments_evidence(call, &arguments.to_text()),
        more: vec![error.evidence.clone()],
    })
}

/// Returns the values of the arguments, whatever they are called, in an order of their own; `None` when they say too
/// little. A list of a value is not the value: then the arguments were wrong, and not the tool.
fn values(arguments: &Payload) -> Option<Vec<String>> {
    let Payload::Json(Json::Object(fields)) = arguments else { return None };
    let given = fields.values().filter(|value| !(value.is_null() || value.is_boolean()));
    let mut values: Vec<String> = given.map(|value| value.to_string().to_lowercase()).collect();
    values.sort_unstable();
    values.iter().any(|value| value.len() >= SHORTEST).then_some(values)
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::super::testing::check;

    const LEAF: &str = "wrong-tool";

    #[test]
    fn what_another_tool_takes_was_given_to_the_wrong_one() {
        check(
            LEAF,
            "tool get_user {id: \"R-4711\"} !\"no such user\"\ntool get_reservation {number: \"r-4711\"} -> {seat: \"4A\"}",
            expect![[r#"
                medium get_user failed on what get_reservation took
                  span 1 tool_arguments `{"id":"R-4711"}`
                  span 1 status `no such user`
                  span 2 tool_arguments `{"number":"r-4711"}`
            "#]],
        );
    }

    #[test]
    fn an_error_that_names_the_right_tool_is_found() {
        check(
            LEAF,
            "llm m offers=[visit_page, read_file] -> visit_page{url: \"a.pdf\"}#1\ntool visit_page {url: \"a.pdf\"} #1 !\"no page: use read_file\"",
            expect![[r#"
                medium visit_page failed with an error that names read_file
                  span 2 tool_arguments `{"url":"a.pdf"}`
                  span 2 status `no page: use read_file`
            "#]],
        );
    }

    #[test]
    fn other_values_a_call_that_was_turned_away_and_one_that_succeeds_later_are_not() {
        check(LEAF, "tool get_user {id: \"R-1\"} !gone\ntool get_seat {id: \"R-2\"} -> 1", expect![[""]]);
        check(LEAF, "tool get_user {id: \"R-12\"} !gone\ntool get_seat {ids: [\"R-12\"]} -> 1", expect![[""]]);
        check(LEAF, "tool get_user {id: \"R-1\"} !429\ntool get_seat {id: \"R-1\"} -> 1", expect![[""]]);
        check(
            LEAF,
            "tool get_user {id: \"R-1\"} !gone\ntool make_user {id: \"R-1\"} -> 1\ntool get_user {id: \"R-1\"} -> 1",
            expect![[""]],
        );
        check(
            LEAF,
            "llm m offers=[a_one, b_two_x, c_three] -> a_one{q: 1}#1\ntool a_one {q: 1} #1 !\"b_two_x and c_three know more\"",
            expect![[""]],
        );
    }
}
