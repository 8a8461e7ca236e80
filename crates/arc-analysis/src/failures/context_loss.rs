//! What the run had been told was lost on the way, and asked for again.
//!
//! # What
//! Either the history lost it: a call of a tool that reads is made again with the same arguments, nothing was changed in
//! between, and the first result, which had been sent to a model, is not in the messages the call was asked from. Or the
//! user said it twice: the agent asked a question, and the user's answer repeats the one value of its shape (digits in
//! it, five characters) that the user had given before and no call had failed on. Or the user had given a value a name
//! (`my order number is 4711`), and the agent asks for what has this name (`your order number`) without the value.
//!
//! # Why it matters
//! Work is done twice, and users notice that nobody listens.
//!
//! # Example
//! ```text
//! user "My booking is ZFA04Y."
//! assistant "And what is your booking number?"
//! user "As I said, ZFA04Y."
//! ```
//!
//! # When it is wrong
//! An agent that asks for a confirmation gets the value again. History that was left out on purpose, because the model
//! keeps a summary of it, is lost all the same when the call is made again.

use std::collections::{BTreeMap, BTreeSet};

use arc_model::{Evidence, Field, Message, Part, Role, Span};

use super::{
    Call, Detector, Sighting, View, call,
    stated::{Token, tokens},
};
use crate::localisation::changes_something;

/// Finds what was known and forgotten; the module says when it is wrong.
pub(super) struct ContextLoss;

/// Most calls made again that are looked into.
const LOOKED_INTO: usize = 8;
/// Messages at the end of a request in which a result that just came is looked for.
const RECENT: usize = 64;
/// A shorter value may come up by chance.
const SHORTEST: usize = 5;
/// One that has a name may be shorter.
const SHORTEST_NAMED: usize = 4;
/// Most names that are kept.
const NAMES: usize = 16;
/// Most of a message that is read, in bytes.
const READ: usize = 20_000;

impl Detector for ContextLoss {
    fn leaf(&self) -> &'static str {
        "context-loss"
    }

    fn version(&self) -> u32 {
        1
    }

    // It costs a turn; the run goes on.
    fn is_certain(&self) -> bool {
        false
    }

    fn detect(&self, view: &View<'_>) -> Vec<Sighting> {
        let mut sightings = dropped(view);
        sightings.extend(asked_for(view));
        sightings
    }
}

/// Results that were sent once, are not sent any more, and are fetched again.
fn dropped(view: &View<'_>) -> Vec<Sighting> {
    let mut known: BTreeMap<(&str, String), &Call<'_>> = BTreeMap::new();
    let mut sightings = Vec::new();
    let mut looked_into = 0;
    for (index, call) in view.calls().iter().enumerate() {
        if changes_something(call.name) {
            known.clear();
            continue;
        }
        let Some(arguments) = call.arguments.filter(|arguments| !arguments.is_blank()) else { continue };
        if view.error(index).is_some() {
            continue;
        }
        let key = (call.name, arguments.to_text());
        let Some(first) = known.get(&key) else {
            known.insert(key, call);
            continue;
        };
        looked_into += 1;
        if looked_into > LOOKED_INTO {
            break;
        }
        sightings.extend(lost(view, first, call, &key.1));
    }
    sightings
}

fn lost(view: &View<'_>, first: &Call<'_>, again: &Call<'_>, arguments: &str) -> Option<Sighting> {
    let (asked, repeated) = (view.request_of(first)?, view.request_of(again)?);
    let (id, result) = (asked.id?, first.result.filter(|result| !result.is_blank())?);
    // Another agent never had it.
    if asked.span.span_id == repeated.span.span_id || asked.span.parent_id != repeated.span.parent_id {
        return None;
    }
    let after = view.models().partition_point(|model| view.order(model.span_id) <= view.order(asked.span.span_id));
    let before = view.models().partition_point(|model| view.order(model.span_id) < view.order(repeated.span.span_id));
    let between = view.models().get(after..before)?;
    let told = between.iter().take(RECENT).find(|model| {
        let recent = model.messages_in.iter().rev().take(RECENT);
        model.parent_id == asked.span.parent_id
            && recent.flat_map(|message| &message.parts).any(|part| brings(part, id))
    })?;
    let result = result.to_text();
    let beginning = crate::localisation::beginning(result.trim(), 80);
    let holds = |message: &Message| {
        message.parts.iter().any(|part| brings(part, id)) || message.joined_text().contains(beginning)
    };
    if repeated.span.messages_in.is_empty() || repeated.span.messages_in.iter().any(|message| holds(message)) {
        return None;
    }
    Some(Sighting {
        title: format!("the result of {} was not sent to the model any more, which asked for it again", first.name),
        first: call::arguments_evidence(again, arguments),
        more: vec![Evidence::new(told.span_id, Field::Input, &result)],
    })
}

fn brings(part: &Part, id: &str) -> bool {
    matches!(part, Part::ToolResult { id: Some(known), .. } if known == id)
}

/// What the user had said before, and was asked for.
fn asked_for(view: &View<'_>) -> Option<Sighting> {
    let longest = view.models().iter().max_by_key(|model| model.messages_in.len())?;
    let mut said = Said { failed: failed_on(view), ..Said::default() };
    for message in &longest.messages_in {
        let text = message.joined_text();
        match message.role {
            Role::Assistant if asks(message, &text) => {
                if let Some((name, value)) = said.asks_for_named(&text) {
                    return Some(Sighting {
                        title: format!("the user was asked for the {name} and had given it: {value}"),
                        first: Evidence::new(longest.span_id, Field::Input, &text),
                        more: Vec::new(),
                    });
                }
                said.question = Some(text);
            }
            Role::Assistant => said.question = None,
            Role::User if !message.parts.iter().any(|part| matches!(part, Part::ToolResult { .. })) => {
                if let Some(sighting) = said.hears(longest, &text) {
                    return Some(sighting);
                }
            }
            _ => {}
        }
    }
    let last: Vec<String> = longest
        .messages_out
        .iter()
        .filter(|message| asks(message, &message.joined_text()))
        .map(|message| message.joined_text())
        .collect();
    let (text, (name, value)) = last.iter().find_map(|text| Some((text, said.asks_for_named(text)?)))?;
    Some(Sighting {
        title: format!("the user was asked for the {name} and had given it: {value}"),
        first: Evidence::new(longest.span_id, Field::Output, text),
        more: Vec::new(),
    })
}

/// Returns the values that calls failed on.
fn failed_on(view: &View<'_>) -> BTreeSet<String> {
    let calls = view.calls().iter().enumerate().filter(|(index, _)| view.error(*index).is_some());
    let arguments = calls.filter_map(|(_, call)| Some(call.arguments?.to_text()));
    arguments.flat_map(|text| values(&text, SHORTEST_NAMED)).collect()
}

/// What a user said so far.
#[derive(Default)]
struct Said {
    /// Values by their shape.
    given: BTreeMap<String, BTreeSet<String>>,
    /// Values by the name that the user gave them.
    named: BTreeMap<Vec<String>, String>,
    /// The question that waits for an answer.
    question: Option<String>,
    /// Values that calls failed on: asking for them again is right.
    failed: BTreeSet<String>,
}

impl Said {
    fn hears(&mut self, span: &Span, text: &str) -> Option<Sighting> {
        let said = values(text, SHORTEST);
        if let Some(question) = self.question.take()
            && let Some(value) = repeated(&said, &self.given, &question).filter(|value| !self.failed.contains(*value))
        {
            return Some(told_twice(span, value, &question, text));
        }
        for value in said {
            self.given.entry(shape(&value)).or_default().insert(value);
        }
        for (name, value) in named(text) {
            if self.named.len() < NAMES {
                self.named.entry(name).or_insert(value);
            }
        }
        None
    }

    /// Returns what a question asks for by the name that the user had given it.
    fn asks_for_named(&self, text: &str) -> Option<(String, &str)> {
        if self.named.is_empty() {
            return None;
        }
        let text = crate::localisation::beginning(text, READ).to_lowercase();
        let questions = text.split_inclusive(['.', '!', '?', '\n']).filter(|sentence| sentence.ends_with('?'));
        questions.map(tokens).find_map(|question| {
            let (name, value) = self.named.iter().find(|(name, value)| {
                let is_asked = question.windows(name.len() + 1).any(|at| {
                    let mut at = at.iter();
                    let is_the_users = matches!(at.next(), Some(Token::Word(word)) if word == "your");
                    is_the_users
                        && at.zip(name.iter()).all(|(token, word)| matches!(token, Token::Word(said) if said == word))
                });
                is_asked && !text.contains(value.as_str()) && !self.failed.contains(*value)
            })?;
            Some((name.join(" "), value.as_str()))
        })
    }
}

/// Returns the values that a user gives a name: `my order number is 4711`.
fn named(text: &str) -> Vec<(Vec<String>, String)> {
    let tokens = tokens(crate::localisation::beginning(text, READ));
    let mut found = Vec::new();
    for (place, token) in tokens.iter().enumerate() {
        let value = match token {
            Token::Code(code) => code.clone(),
            Token::Number(number) if number.abs() >= 1_000.0 => number.to_string(),
            _ => continue,
        };
        let before = tokens.get(place.saturating_sub(5)..place).unwrap_or_default();
        let words = before.iter().rev().map_while(|token| match token {
            Token::Word(word) => Some(word.as_str()),
            _ => None,
        });
        let words: Vec<&str> = words.skip_while(|word| *word == "is").collect();
        let Some(length) = words.iter().position(|word| *word == "my").filter(|length| (1..=3).contains(length)) else {
            continue;
        };
        found.push((words.iter().take(length).rev().map(|word| (*word).to_owned()).collect(), value));
    }
    found
}

fn told_twice(span: &Span, value: &str, question: &str, text: &str) -> Sighting {
    Sighting {
        title: format!("the user was asked for {value} and had given it before"),
        first: Evidence::new(span.span_id, Field::Input, question),
        more: vec![Evidence::new(span.span_id, Field::Input, text)],
    }
}

fn asks(message: &Message, text: &str) -> bool {
    text.contains('?') && !message.parts.iter().any(|part| matches!(part, Part::ToolCall { .. }))
}

/// Returns the only value of an answer, when it is the only one of its shape that was given before and the question did
/// not name it.
fn repeated<'a>(
    said: &'a BTreeSet<String>,
    given: &BTreeMap<String, BTreeSet<String>>,
    question: &str,
) -> Option<&'a String> {
    let value = said.first().filter(|_| said.len() == 1)?;
    let alike = given.get(&shape(value))?;
    let is_only = alike.len() == 1 && alike.contains(value);
    (is_only && !question.to_lowercase().contains(value.as_str())).then_some(value)
}

/// Returns the values in a text, in lower case: words with a digit in them.
fn values(text: &str, shortest: usize) -> BTreeSet<String> {
    let words = crate::localisation::beginning(text, READ).split(|c: char| {
        c.is_whitespace() || matches!(c, '"' | '(' | ')' | '[' | ']' | '{' | '}' | '<' | '>' | '*' | '`')
    });
    let bare = words.map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase());
    bare.filter(|word| word.len() >= shortest && word.bytes().any(|byte| byte.is_ascii_digit())).collect()
}

/// Returns what a value looks like: digits and letters made equal, lengths kept.
fn shape(value: &str) -> String {
    let alike = |c: char| match c {
        _ if c.is_numeric() || c.is_alphabetic() => 'a',
        other => other,
    };
    value.chars().map(alike).collect()
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::super::testing::check;

    const LEAF: &str = "context-loss";

    #[test]
    fn a_result_that_is_not_sent_any_more_and_fetched_again_is_found() {
        check(
            LEAF,
            r#"
agent a "Book it"
  llm m -> find{q: "x"}#c1
  tool find {q: "x"} #c1 -> {hit: "A-17"}
  llm m
    <- assistant find{q: "x"}#c1
    <- tool #c1={hit: "A-17"}
    -> list{of: "y"}#c2
  tool list {of: "y"} #c2 -> [1]
  llm m
    <- assistant list{of: "y"}#c2
    <- tool #c2=[1]
    -> find{q: "x"}#c3
  tool find {q: "x"} #c3 -> {hit: "A-17"}
"#,
            expect![[r#"
                high the result of find was not sent to the model any more, which asked for it again
                  span 7 tool_arguments `{"q":"x"}`
                  span 4 input `{"hit":"A-17"}`
            "#]],
        );
    }

    #[test]
    fn a_value_the_user_has_to_say_again_is_found() {
        check(
            LEAF,
            r#"
llm m
  <- user "I want to leave booking ZFA04Y."
  <- assistant "Gladly. What is your booking number?"
  <- user "As I said: ZFA04Y"
  -> "Thank you."
"#,
            expect![[r"
                high the user was asked for zfa04y and had given it before
                  span 1 input `Gladly. What is your booking number?`
                  span 1 input `As I said: ZFA04Y`
            "]],
        );
    }

    #[test]
    fn a_value_that_is_asked_for_by_the_name_the_user_gave_it_is_found() {
        check(
            LEAF,
            "llm m\n  <- user \"My order number is 4711 and I want it back.\"\n  -> \"Sorry to hear. What is your order number?\"",
            expect![[r"
                high the user was asked for the order number and had given it: 4711
                  span 1 output `Sorry to hear. What is your order number?`
            "]],
        );
        let answered = |text: &str| format!("llm m\n  <- user \"My order number is 4711.\"\n  -> \"{text}\"");
        check(LEAF, &answered("Is your order number 4711?"), expect![[""]]);
        check(LEAF, &answered("Which item of your order?"), expect![[""]]);
        check(LEAF, &answered("I have your order number. Anything else?"), expect![[""]]);
    }

    #[test]
    fn what_is_still_sent_and_what_another_agent_asks_are_not() {
        let run = |parent: &str, kept: &str| {
            format!(
                "agent a\n  llm m -> find{{q: 1}}#c1\n  tool find {{q: 1}} #c1 -> \"A-17\"\n  llm m\n    <- tool #c1=\"A-17\"\n    -> \
                 \"Hm\"\n{parent}  llm m\n    <- user \"{kept}\"\n    -> find{{q: 1}}#c2\n  tool find {{q: 1}} #c2 -> \"A-17\""
            )
        };
        check(LEAF, &run("", "We know of A-17"), expect![[""]]);
        check(LEAF, &run("agent b\n", "Go on"), expect![[""]]);
    }

    #[test]
    fn a_choice_a_confirmation_and_a_value_that_did_not_work_are_not() {
        let said = |first: &str, question: &str| {
            format!(
                "llm m\n  <- user \"{first}\"\n  <- assistant \"{question}\"\n  <- user \"ZFA04Y\"\n  -> \"Thanks.\""
            )
        };
        check(LEAF, &said("ZFA04Y or ABC12D", "Which one?"), expect![[""]]);
        check(LEAF, &said("It is ZFA04Y", "So ZFA04Y?"), expect![[""]]);
        check(LEAF, &said("It is ZFA04Y", "Thank you."), expect![[""]]);
        let failed = format!("tool get {{booking: \"ZFA04Y\"}} !gone\n{}", said("It is ZFA04Y", "Which booking?"));
        check(LEAF, &failed, expect![[""]]);
    }
}
