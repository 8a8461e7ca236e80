//! One turn of a conversation took far more calls than the others.
//!
//! # What
//! Between two messages of the user the agent asked for at least six calls of tools, and for at least four times as many
//! as in the median of at least three other turns in which it asked for any.
//!
//! # Why it matters
//! The user waits while the agent gropes about; of such turns in conversations that were scored, none ended well.
//!
//! # Example
//! ```text
//! user "My id is ann_1"        1 call
//! user "I want to leave later" 1 call
//! user "Any other day?"        8 calls
//! user "Book the second one"   1 call
//! ```
//!
//! # When it is wrong
//! The one turn may have asked for more. A run that is one turn is not looked at; whether it has more steps than the
//! agent's other runs is not known here.

use std::collections::BTreeMap;

use arc_model::{Evidence, Field, Part, Role, Span};

use super::{Detector, Measured, Sighting, View, outlier::median};

/// Finds turns with far more calls than the others; the module says when it is wrong.
pub(super) struct ExcessiveSteps;

/// Fewer calls in a turn are no burden.
const FEWEST: u64 = 6;
/// Times the median of the other turns.
const TIMES: u64 = 4;
/// Fewer other turns show nothing about what is usual.
const OTHERS: usize = 3;

impl Detector for ExcessiveSteps {
    fn leaf(&self) -> &'static str {
        "excessive-steps"
    }

    fn version(&self) -> u32 {
        1
    }

    // The user may have asked for more.
    fn is_certain(&self) -> bool {
        false
    }

    fn measured(&self) -> Option<Measured> {
        Some(Measured { right: 5, of: 5, dataset: "τ-bench, failed runs; the rule was written on them" })
    }

    fn detect(&self, view: &View<'_>) -> Vec<Sighting> {
        sighting(view).into_iter().collect()
    }
}

/// What the user said, and which calls were asked for until the next message.
struct Turn<'a> {
    said: String,
    calls: u64,
    first: Option<&'a str>,
}

fn sighting(view: &View<'_>) -> Option<Sighting> {
    // Of the transcripts that models were sent, the longest holds most turns.
    let longest = view.models().iter().max_by_key(|model| model.messages_in.len())?;
    let mut turns = turns(longest);
    turns.retain(|turn| turn.calls > 0);
    let most = turns.iter().map(|turn| turn.calls).max().filter(|most| *most >= FEWEST)?;
    let place = turns.iter().position(|turn| turn.calls == most)?;
    let turn = turns.remove(place);
    let others: Vec<u64> = turns.iter().map(|turn| turn.calls).collect();
    let usual = median(&others).filter(|_| others.len() >= OTHERS)?;
    if most < usual.saturating_mul(TIMES) {
        return None;
    }
    let by_id: BTreeMap<&str, &Span> =
        view.requests().iter().rev().filter_map(|request| Some((request.id?, request.span))).collect();
    let asked = turn.first.and_then(|id| by_id.get(id)).copied().unwrap_or(longest);
    Some(Sighting {
        title: format!("{most} calls for one message of the user, where {usual} is usual in this run"),
        first: Evidence::new(asked.span_id, Field::Input, &turn.said),
        more: Vec::new(),
    })
}

fn turns(transcript: &Span) -> Vec<Turn<'_>> {
    let mut turns = vec![Turn { said: String::new(), calls: 0, first: None }];
    for message in transcript.messages_in.iter().chain(&transcript.messages_out) {
        let brings_results = message.parts.iter().any(|part| matches!(part, Part::ToolResult { .. }));
        if message.role == Role::User && !brings_results {
            turns.push(Turn { said: message.joined_text(), calls: 0, first: None });
        }
        let Some(turn) = turns.last_mut() else { continue };
        for part in &message.parts {
            if let Part::ToolCall { id, .. } = part {
                turn.calls += 1;
                turn.first = turn.first.or(id.as_deref());
            }
        }
    }
    turns
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use expect_test::expect;

    use super::super::testing::check;

    const LEAF: &str = "excessive-steps";

    fn conversation(calls: &[usize]) -> String {
        let mut text = String::from("llm m\n");
        for (turn, count) in calls.iter().enumerate() {
            writeln!(text, "  <- user \"Wish {turn}\"").unwrap();
            for call in 0..*count {
                writeln!(text, "  <- assistant find{{n: {call}}}#c{turn}x{call}").unwrap();
                writeln!(text, "  <- tool #c{turn}x{call}={call}").unwrap();
            }
        }
        text + "  -> \"Done.\""
    }

    #[test]
    fn a_turn_with_far_more_calls_than_the_others_is_found() {
        check(
            LEAF,
            &conversation(&[1, 2, 8, 1]),
            expect![[r"
                medium 8 calls for one message of the user, where 1 is usual in this run
                  span 1 input `Wish 2`
            "]],
        );
    }

    #[test]
    fn turns_that_are_alike_few_turns_and_few_calls_are_not() {
        check(LEAF, &conversation(&[4, 5, 8, 3]), expect![[""]]);
        check(LEAF, &conversation(&[1, 20]), expect![[""]]);
        check(LEAF, &conversation(&[1, 1, 5, 1]), expect![[""]]);
    }
}
