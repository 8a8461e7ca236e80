//! The calls a run made against those that were expected of it: which, with which arguments, in which order.

use arc_model::{Json, Rate};

use super::rate;

/// A call, by its tool and arguments.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ToolUse<'a> {
    /// The tool.
    pub name: &'a str,
    /// The arguments; of an expected call only those that matter, of both `None` when they are not known.
    pub arguments: Option<&'a Json>,
}

/// How the calls that were made fit those that were expected. A rate without anything to divide by is unknown.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolUseScore {
    /// Calls that were expected, of those that were made.
    pub precision: Rate,
    /// Calls that were made, of those that were expected.
    pub recall: Rate,
    /// Calls with the expected arguments, of those that were made as expected and whose arguments are known.
    pub arguments: Rate,
    /// Calls in the expected order, of those that were made as expected: the longest row of them.
    pub order: Rate,
}

impl ToolUseScore {
    /// Returns whether exactly the expected calls were made, with their arguments; the order does not matter.
    pub fn is_exact(&self) -> bool {
        [&self.precision, &self.recall, &self.arguments].iter().all(|rate| rate.successes == rate.n)
    }
}

/// Compares calls; each answers at most one expected call, one with the right arguments before others.
pub fn tool_use(expected: &[ToolUse<'_>], made: &[ToolUse<'_>]) -> ToolUseScore {
    let mut taken = vec![false; made.len()];
    let mut places: Vec<Option<usize>> = vec![None; expected.len()];
    for with_arguments in [true, false] {
        for (place, wanted) in places.iter_mut().zip(expected).filter(|(place, _)| place.is_none()) {
            let fits = |call: &ToolUse<'_>| {
                call.name == wanted.name && (!with_arguments || has_arguments(call, wanted) == Some(true))
            };
            let found = made.iter().zip(&taken).position(|(call, taken)| !taken && fits(call));
            if let Some(found) = found.and_then(|found| taken.get_mut(found).map(|taken| (found, taken))) {
                *found.1 = true;
                *place = Some(found.0);
            }
        }
    }
    let matched: Vec<usize> = places.iter().flatten().copied().collect();
    let known: Vec<bool> =
        places.iter().zip(expected).filter_map(|(place, wanted)| has_arguments(made.get((*place)?)?, wanted)).collect();
    let hits = matched.len() as u64;
    ToolUseScore {
        precision: rate(hits, made.len() as u64),
        recall: rate(hits, expected.len() as u64),
        arguments: rate(known.iter().filter(|is| **is).count() as u64, known.len() as u64),
        order: rate(longest_row(&matched) as u64, hits),
    }
}

/// Returns whether a call has every argument that is expected; `None` when one side is not known.
fn has_arguments(call: &ToolUse<'_>, wanted: &ToolUse<'_>) -> Option<bool> {
    let (made, wanted) = call.arguments.zip(wanted.arguments)?;
    Some(match wanted.as_object() {
        Some(fields) => fields.iter().all(|(name, value)| made.get(name) == Some(value)),
        None => made == wanted,
    })
}

/// Returns the length of the longest rising row, in which others may stand between.
fn longest_row(places: &[usize]) -> usize {
    // The smallest last place of a row of each length.
    let mut ends: Vec<usize> = Vec::new();
    for &place in places {
        let at = ends.partition_point(|end| *end < place);
        match ends.get_mut(at) {
            Some(end) => *end = place,
            None => ends.push(place),
        }
    }
    ends.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn named<'a>(names: &[&'a str]) -> Vec<ToolUse<'a>> {
        names.iter().map(|name| ToolUse { name, arguments: None }).collect()
    }

    fn shares(score: &ToolUseScore) -> [Option<f64>; 4] {
        [&score.precision, &score.recall, &score.arguments, &score.order].map(|rate| rate.estimate)
    }

    #[test]
    fn a_missing_call_lowers_recall_and_one_too_many_precision() {
        let score = tool_use(&named(&["find", "book"]), &named(&["find", "find", "mail"]));
        assert_eq!(shares(&score), [Some(1.0 / 3.0), Some(0.5), None, Some(1.0)]);
        assert!(!score.is_exact());
    }

    #[test]
    fn the_order_is_told_by_the_longest_row() {
        let score = tool_use(&named(&["a", "b", "c"]), &named(&["b", "c", "a"]));
        assert_eq!(shares(&score), [Some(1.0), Some(1.0), None, Some(2.0 / 3.0)]);
        assert!(score.is_exact());
    }

    #[test]
    fn only_the_arguments_that_are_expected_have_to_be_right() {
        let (wanted, right, wrong) = (json!({"id": 1}), json!({"id": 1, "note": "x"}), json!({"id": 2}));
        let call = |arguments| ToolUse { name: "book", arguments: Some(arguments) };
        assert!(tool_use(&[call(&wanted)], &[call(&right)]).is_exact());
        let score = tool_use(&[call(&wanted)], &[call(&wrong)]);
        assert_eq!(shares(&score), [Some(1.0), Some(1.0), Some(0.0), Some(1.0)]);
        let first_wrong = tool_use(&[call(&wanted)], &[call(&wrong), call(&right)]);
        assert_eq!(first_wrong.arguments.estimate, Some(1.0), "the right one answers");
    }

    #[test]
    fn where_nothing_was_expected_and_nothing_done_nothing_is_known() {
        let score = tool_use(&[], &[]);
        assert_eq!(shares(&score), [None; 4]);
        assert!(score.is_exact());
    }

    proptest! {
        #[test]
        fn a_call_that_was_missing_never_lowers_recall(made in prop::collection::vec("[abc]", 0..6), expected in prop::collection::vec("[abc]", 1..6)) {
            fn calls(names: &[String]) -> Vec<ToolUse<'_>> {
                names.iter().map(|name| ToolUse { name, arguments: None }).collect()
            }
            let before = tool_use(&calls(&expected), &calls(&made));
            let mut more = made.clone();
            more.push(expected[0].clone());
            let after = tool_use(&calls(&expected), &calls(&more));
            prop_assert!(after.recall.successes >= before.recall.successes);
            prop_assert!(before.order.successes <= before.order.n);
        }
    }
}
