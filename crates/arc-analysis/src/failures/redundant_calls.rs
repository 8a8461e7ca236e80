//! The same was asked again, and the answer was known.
//!
//! # What
//! A tool that reads was called with the same arguments as before and returned the same, and nothing had been changed in
//! between. Three and more in a row are a loop (`repeated-call-loop`) and not told here.
//!
//! # Why it matters
//! It costs time and tokens, and shows that what came back the first time was lost.
//!
//! # Example
//! ```text
//! tool get_user {id: 7} -> {name: "Ann"}
//! tool get_orders {id: 7} -> [{order: 1}]
//! tool get_user {id: 7} -> {name: "Ann"}
//! ```
//!
//! # When it is wrong
//! Looking again can be right where something outside of the run changes. Whether a tool reads is told by the first word
//! of its name.

use std::collections::BTreeMap;

use super::{Call, Detector, Sighting, View, call, repeated_call_loop::is_repeated};
use crate::localisation::changes_something;

/// Finds calls whose answer was known; the module says when it is wrong.
pub(super) struct RedundantCalls;

impl Detector for RedundantCalls {
    fn leaf(&self) -> &'static str {
        "redundant-calls"
    }

    fn version(&self) -> u32 {
        1
    }

    // It costs a little; the run goes on.
    fn is_certain(&self) -> bool {
        false
    }

    fn detect(&self, view: &View<'_>) -> Vec<Sighting> {
        let mut asked: BTreeMap<(&str, String), Vec<usize>> = BTreeMap::new();
        let mut sightings = Vec::new();
        for (index, call) in view.calls().iter().enumerate() {
            if changes_something(call.name) {
                // What was read before may not hold any more.
                sightings.extend(told(view, &std::mem::take(&mut asked)));
                continue;
            }
            let Some(arguments) = call.arguments.filter(|arguments| !arguments.is_blank()) else { continue };
            asked.entry((call.name, arguments.to_text())).or_default().push(index);
        }
        sightings.extend(told(view, &asked));
        sightings
    }
}

fn told(view: &View<'_>, asked: &BTreeMap<(&str, String), Vec<usize>>) -> Vec<Sighting> {
    let of = |index: &usize| view.calls().get(*index).map(|call| (*index, call));
    let sightings = asked.iter().filter_map(|((name, arguments), indexes)| {
        let calls: Vec<(usize, &Call<'_>)> = indexes.iter().filter_map(of).collect();
        let (first, more) = calls.split_first()?;
        let same: Vec<&(usize, &Call<'_>)> =
            more.iter().filter(|again| view.error(first.0).is_none() && is_repeated(view, *first, **again)).collect();
        let last = same.last()?;
        let is_loop = last.0 - first.0 == same.len() && same.len() > 1;
        (!is_loop).then(|| Sighting {
            title: format!("{name} was called {} times with the same arguments and the same result", same.len() + 1),
            first: call::arguments_evidence(last.1, arguments),
            more: vec![call::arguments_evidence(first.1, arguments)],
        })
    });
    sightings.collect()
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::super::testing::check;

    const LEAF: &str = "redundant-calls";

    #[test]
    fn what_was_known_is_asked_again() {
        check(
            LEAF,
            "tool get_user {id: 7} -> {name: \"Ann\"}\ntool get_orders {id: 7} -> [1]\ntool get_user {id: 7} -> {name: \"Ann\"}",
            expect![[r#"
                low get_user was called 2 times with the same arguments and the same result
                  span 3 tool_arguments `{"id":7}`
                  span 1 tool_arguments `{"id":7}`
            "#]],
        );
    }

    #[test]
    fn after_a_change_with_another_answer_or_in_a_loop_it_is_not() {
        check(LEAF, "tool get {id: 7} -> \"a\"\ntool set {id: 7} -> \"ok\"\ntool get {id: 7} -> \"a\"", expect![[""]]);
        check(LEAF, "tool get {id: 7} -> \"a\"\ntool get {id: 7} -> \"b\"", expect![[""]]);
        check(LEAF, "tool get {id: 7} -> \"a\"\ntool get {id: 7} -> \"a\"\ntool get {id: 7} -> \"a\"", expect![[""]]);
        check(LEAF, "tool get {id: 7} !x\ntool find {} -> 1\ntool get {id: 7} !x", expect![[""]]);
    }
}
