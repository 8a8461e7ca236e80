//! Calls without effect: what was done is done again, or what fails is called on and on.
//!
//! # What
//! Of at least six calls a quarter repeat an earlier call of the run, with the same arguments and the same result or
//! error; or a tool failed at least four times in a row, whatever its arguments, and no call of it in the run succeeded
//! after that.
//!
//! # Why it matters
//! It costs money and time, and often ends at a limit.
//!
//! # Example
//! ```text
//! tool open {path: "a"} !TypeError
//! tool open {path: "b"} !TypeError
//! tool open {file: "a"} !TypeError
//! tool open {file: "b"} !TypeError
//! ```
//!
//! # When it is wrong
//! Waiting for something slow with a call that keeps answering the same is taken for repetition. A search that finds
//! nothing and calls that an error can be right to go on.

use std::collections::{BTreeMap, BTreeSet};

use arc_model::Evidence;

use super::{Call, Detector, Measured, Sighting, View, call, repeated_call_loop::is_repeated};

/// Finds effort without effect; the module says when it is wrong.
pub(super) struct ResourceAbuse;

/// Of fewer calls a share says little.
const CALLS: usize = 6;
/// One of so many calls repeats another.
const SHARE: usize = 4;
/// Fewer failures in a row are attempts.
const FAILURES: usize = 4;
/// Most pieces of evidence.
const SHOWN: usize = 6;

impl Detector for ResourceAbuse {
    fn leaf(&self) -> &'static str {
        "resource-abuse"
    }

    fn version(&self) -> u32 {
        1
    }

    // The run may succeed at last.
    fn is_certain(&self) -> bool {
        false
    }

    fn measured(&self) -> Option<Measured> {
        Some(Measured { right: 4, of: 5, dataset: "TRAIL, runs labelled Resource Abuse" })
    }

    fn detect(&self, view: &View<'_>) -> Vec<Sighting> {
        let mut sightings = failing_on(view);
        sightings.extend(repeating(view));
        sightings
    }
}

/// Returns a sighting when much of what was done is a repetition.
fn repeating(view: &View<'_>) -> Option<Sighting> {
    let calls = view.calls();
    let mut known: BTreeMap<(&str, String), usize> = BTreeMap::new();
    let mut again: Vec<&Call<'_>> = Vec::new();
    for (index, call) in calls.iter().enumerate() {
        let Some(arguments) = call.arguments else { continue };
        let key = (call.name, arguments.to_text());
        let Some(&before) = known.get(&key) else {
            known.insert(key, index);
            continue;
        };
        if calls.get(before).is_some_and(|first| is_repeated(view, (before, first), (index, call))) {
            again.push(call);
        } else {
            known.insert(key, index);
        }
    }
    if calls.len() < CALLS || again.len() * SHARE < calls.len() {
        return None;
    }
    let mut evidence = again.iter().take(SHOWN).filter_map(|call| arguments(call));
    Some(Sighting {
        title: format!("{} of {} calls repeat an earlier one and came to the same", again.len(), calls.len()),
        first: evidence.next()?,
        more: evidence.collect(),
    })
}

/// Returns the tools that failed again and again and never succeeded after that.
fn failing_on(view: &View<'_>) -> Vec<Sighting> {
    let mut rows: BTreeMap<&str, Vec<&Call<'_>>> = BTreeMap::new();
    for (index, call) in view.calls().iter().enumerate() {
        let row = rows.entry(call.name).or_default();
        if view.error(index).is_some() {
            row.push(call);
        } else {
            row.clear();
        }
    }
    let sightings = rows.into_iter().filter(|(_, row)| row.len() >= FAILURES).filter_map(|(name, row)| {
        let different: BTreeSet<String> = row.iter().filter_map(|call| Some(call.arguments?.to_text())).collect();
        // The same call again and again is a loop, which is told as one.
        if different.len() < 2 {
            return None;
        }
        let mut evidence = row.iter().take(SHOWN).filter_map(|call| arguments(call));
        Some(Sighting {
            title: format!("{name} failed {} times in a row and was called on", row.len()),
            first: evidence.next()?,
            more: evidence.collect(),
        })
    });
    sightings.collect()
}

fn arguments(call: &Call<'_>) -> Option<Evidence> {
    Some(call::arguments_evidence(call, &call.arguments?.to_text()))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::super::testing::check;

    const LEAF: &str = "resource-abuse";

    #[test]
    fn a_quarter_of_repetitions_is_found() {
        check(
            LEAF,
            "tool a {q: 1} -> 1\ntool a {q: 2} -> 2\ntool a {q: 1} -> 1\ntool b {q: 1} -> 3\ntool a {q: 2} -> 2\ntool c {} -> 4",
            expect![[r#"
                medium 2 of 6 calls repeat an earlier one and came to the same
                  span 3 tool_arguments `{"q":1}`
                  span 5 tool_arguments `{"q":2}`
            "#]],
        );
    }

    #[test]
    fn a_tool_that_fails_whatever_it_is_given_is_found() {
        check(
            LEAF,
            "tool open {a: 1} !TypeError\ntool find {} -> 1\ntool open {a: 2} !TypeError\ntool open {b: 1} !TypeError\ntool open {b: 2} !OSError",
            expect![[r#"
                medium open failed 4 times in a row and was called on
                  span 1 tool_arguments `{"a":1}`
                  span 3 tool_arguments `{"a":2}`
                  span 4 tool_arguments `{"b":1}`
                  span 5 tool_arguments `{"b":2}`
            "#]],
        );
    }

    #[test]
    fn polls_few_repetitions_and_what_succeeds_at_last_are_not() {
        check(LEAF, &"tool a {q: 1} -> 1\n".repeat(5), expect![[""]]);
        let poll: Vec<String> = (0..8).map(|n| format!("tool a {{q: 1}} -> {n}")).collect();
        check(LEAF, &poll.join("\n"), expect![[""]]);
        check(
            LEAF,
            "tool o {a: 1} !x\ntool o {a: 2} !x\ntool o {a: 3} !x\ntool o {a: 4} !x\ntool o {a: 5} -> 1",
            expect![[""]],
        );
    }
}
