//! The answer gives a field another value than the tool had returned.
//!
//! # What
//! A field has one value in all results of a run, a number or a code. An answer names the field and, in the same clause,
//! gives a value of that kind which is another one, which stands nowhere in the run and which cannot be reckoned from two
//! of its numbers, nor is one of them in another unit or rounded; and the answer does not give the right value anywhere.
//!
//! # Why it matters
//! The data was right, and the user is told something wrong.
//!
//! # Example
//! ```text
//! agent a "What does it cost?"
//!   tool get_order {id: 7} -> {total_price: 1250}
//!   llm m -> "The total price is 2150."
//! ```
//!
//! # When it is wrong
//! A number that the model knows from elsewhere, or reckoned in more than one step, stands nowhere in the run. Fields
//! that come with several values are not looked at, nor are dates, names and what is said without the field's name.

use std::collections::BTreeMap;

use arc_model::{Evidence, Field, Json, Part, Payload, Span, SpanKind};

use super::{
    Call, Detector, Sighting, View,
    result::{self, Content},
    stated::{Known, Token, Value, is_code, name_words, number, tokens},
};
use crate::localisation::beginning;

/// Finds answers that contradict a result; the module says when it is wrong.
pub(super) struct ToolResultContradicted;

/// Most of an answer that is read, in bytes.
const ANSWER: usize = 20_000;
/// Most that is searched for where a number may come from, in bytes.
const SEARCHED: usize = 4_000_000;
/// Most of a result that is read for its fields, in bytes.
const RESULT: usize = 200_000;
/// Most words between a field and its value.
const BETWEEN: usize = 5;
/// Most values that are looked for in the run.
const LOOKED_FOR: usize = 32;
/// Fields that mean something else in every result.
const NO_FIELDS: [&str; 16] = [
    "code", "count", "height", "index", "length", "limit", "number", "offset", "page", "rank", "score", "size",
    "status", "step", "version", "width",
];
/// Words before a field that leave it what it is; any other one makes another thing of it.
const BEFORE: [&str; 16] = [
    "the", "your", "a", "an", "its", "their", "his", "her", "our", "and", "with", "has", "is", "for", "that", "current",
];

impl Detector for ToolResultContradicted {
    fn leaf(&self) -> &'static str {
        "tool-result-contradicted"
    }

    fn version(&self) -> u32 {
        1
    }

    // The model may know it from elsewhere.
    fn is_certain(&self) -> bool {
        false
    }

    fn detect(&self, view: &View<'_>) -> Vec<Sighting> {
        let mut fields = Fields::default();
        let mut calls = view.calls().iter().enumerate().peekable();
        let mut claims = Vec::new();
        for model in view.models() {
            let Some(text) = answer(model) else { continue };
            let order = view.order(model.span_id);
            while let Some((index, call)) = calls.next_if(|(_, call)| view.order(call.shown_by.span_id) <= order) {
                if view.error(index).is_none() {
                    fields.read(index, call);
                }
            }
            claims.extend(fields.contradicted(model, &text));
        }
        claims.truncate(LOOKED_FOR);
        if claims.is_empty() {
            return Vec::new();
        }
        // What comes later may be what it was reckoned from, and the field may have another value there.
        for (index, call) in calls {
            fields.read(index, call);
        }
        let Some(known) = known(view) else { return Vec::new() };
        let held =
            claims.into_iter().filter(|claim| fields.value(&claim.field).is_some() && !known.accounts_for(&claim.said));
        held.filter_map(|claim| sighting(view, &claim)).collect()
    }
}

/// What an answer says about a field.
struct Claim<'a> {
    model: &'a Span,
    field: Vec<String>,
    said: Value,
    returned: Value,
    by: usize,
    words: String,
}

fn sighting(view: &View<'_>, claim: &Claim<'_>) -> Option<Sighting> {
    let call = view.calls().get(claim.by)?;
    let field = claim.field.join(" ");
    let (said, returned) = (show(&claim.said), show(&claim.returned));
    let shown = if call.has_own_span() { Field::ToolResult } else { Field::Input };
    let result = call.result?.to_text();
    Some(Sighting {
        title: format!("the answer says {said} for {field}, where {} had returned {returned}", call.name),
        first: Evidence::new(claim.model.span_id, Field::Output, &claim.words),
        more: vec![Evidence::new(call.shown_by.span_id, shown, &result)],
    })
}

fn show(value: &Value) -> String {
    match value {
        Value::Number(number) => number.to_string(),
        Value::Code(code) => code.to_uppercase(),
    }
}

/// Returns the words of a model call that answered and asked for nothing more.
fn answer(model: &Span) -> Option<String> {
    let parts = model.messages_out.iter().flat_map(|message| &message.parts);
    let mut words = Vec::new();
    for part in parts {
        match part {
            Part::Text { text } if text.len() <= ANSWER => words.push(text.as_str()),
            Part::ToolCall { .. } | Part::Text { .. } => return None,
            _ => {}
        }
    }
    let text = words.join("\n");
    // Code names fields for other ends.
    (!text.is_empty() && !text.contains("```")).then_some(text)
}

/// The fields of all results, by their words; `None` for one that came with several values.
#[derive(Default)]
struct Fields(BTreeMap<Vec<String>, Option<(Value, usize)>>);

impl Fields {
    fn read(&mut self, index: usize, call: &Call<'_>) {
        match call.result.map(result::content) {
            Some(Content::Json(value)) => self.collect(None, value, index),
            Some(Content::Text(text)) => {
                let text = beginning(text, RESULT);
                match serde_json::from_str::<Json>(text) {
                    Ok(value) if value.is_object() || value.is_array() => self.collect(None, &value, index),
                    _ => self.read_lines(text, index),
                }
            }
            None => {}
        }
    }

    /// Reads lines such as `total: 12`.
    fn read_lines(&mut self, text: &str, index: usize) {
        for line in text.lines() {
            let Some((name, value)) = line.trim_start_matches(['-', ' ', '\t', '{', '"']).split_once(':') else {
                continue;
            };
            let value = value.trim().trim_matches(['"', '\'', ',', '}']);
            if name.len() <= 40 && !value.is_empty() {
                self.add(name, &Json::String(value.to_owned()), index);
            }
        }
    }

    fn collect(&mut self, name: Option<&str>, value: &Json, index: usize) {
        match value {
            Json::Object(fields) => fields.iter().for_each(|(name, value)| self.collect(Some(name), value, index)),
            Json::Array(items) => items.iter().for_each(|item| self.collect(name, item, index)),
            value => {
                if let Some(name) = name {
                    self.add(name, value, index);
                }
            }
        }
    }

    fn add(&mut self, name: &str, value: &Json, index: usize) {
        let words = name_words(name);
        let is_field = words.iter().map(String::len).sum::<usize>() >= 4
            && !(words.len() == 1 && words.iter().any(|word| NO_FIELDS.contains(&word.as_str())));
        if !is_field {
            return;
        }
        let value = match value {
            Json::Number(number) => number.as_f64().map(Value::Number),
            Json::String(text) => number(text)
                .map(Value::Number)
                .or_else(|| is_code(text.trim()).then(|| Value::Code(text.trim().to_lowercase()))),
            _ => None,
        };
        let known = self.0.entry(words).or_insert_with(|| value.clone().map(|value| (value, index)));
        if known.as_ref().map(|(known, _)| known) != value.as_ref() {
            *known = None;
        }
    }

    fn value(&self, field: &[String]) -> Option<&(Value, usize)> {
        self.0.get(field)?.as_ref()
    }

    /// Returns what an answer says about fields that is not what was returned.
    fn contradicted<'a>(&self, model: &'a Span, text: &str) -> Vec<Claim<'a>> {
        let tokens = tokens(text);
        let mut claims = Vec::new();
        for start in 0..tokens.len() {
            // The longest name that begins here: `total price` rather than `total`.
            let mut names =
                (1..=4_usize).rev().filter_map(|length| Some((length, words(tokens.get(start..start + length)?)?)));
            let Some((length, field, (returned, by))) =
                names.find_map(|(length, field)| Some((length, field.clone(), self.value(&field)?)))
            else {
                continue;
            };
            let before = start.checked_sub(1).and_then(|before| tokens.get(before));
            let is_itself = match before {
                Some(Token::Word(word)) => BEFORE.contains(&word.as_str()),
                Some(Token::Break) | None => true,
                Some(_) => false,
            };
            let after = tokens.get(start + length..).unwrap_or_default();
            let skipped = after.iter().take_while(|token| matches!(token, Token::Word(_))).count();
            let said = after.get(skipped).and_then(|token| value_of(token, returned)).filter(|_| skipped <= BETWEEN);
            let Some(said) = said.filter(|said| is_itself && said != returned) else { continue };
            if !tokens.iter().any(|token| value_of(token, returned).as_ref() == Some(returned)) {
                let words = line_of(text, &field, &said);
                claims.push(Claim { model, field, said, returned: returned.clone(), by: *by, words });
            }
        }
        claims
    }
}

fn words(tokens: &[Token]) -> Option<Vec<String>> {
    let word = |token: &Token| match token {
        Token::Word(word) => Some(word.clone()),
        _ => None,
    };
    tokens.iter().map(word).collect()
}

/// Returns the value that a token is, when it is of the same kind as another one.
fn value_of(token: &Token, like: &Value) -> Option<Value> {
    match (token, like) {
        (Token::Number(number), Value::Number(_)) => Some(Value::Number(*number)),
        (Token::Code(code), Value::Code(like)) if code.len() == like.len() => Some(Value::Code(code.clone())),
        _ => None,
    }
}

/// Returns the line of an answer that names a field and gives it a value.
fn line_of(text: &str, field: &[String], said: &Value) -> String {
    let holds = |line: &&str| {
        let tokens = tokens(line);
        let is_said = |token: &Token| value_of(token, said).as_ref() == Some(said);
        let is_field =
            |token: &Token| matches!((token, field.first()), (Token::Word(word), Some(first)) if word == first);
        tokens.iter().any(is_said) && tokens.iter().any(is_field)
    };
    text.lines().find(holds).unwrap_or(text).trim().to_owned()
}

/// Returns the numbers and codes that an answer could have been made from; `None` when that is too much to look at.
fn known(view: &View<'_>) -> Option<Known> {
    let mut known = Known::default();
    let mut read = 0_usize;
    let mut add = |text: &str| {
        read = read.saturating_add(text.len());
        known.add(text);
        read <= SEARCHED
    };
    let first_and_last = view.models().first().into_iter().chain(view.models().last());
    let sent = view.trace().roots().chain(first_and_last.copied()).flat_map(|span| &span.messages_in);
    for part in sent.flat_map(|message| &message.parts) {
        let fits = match part {
            Part::Text { text } | Part::Reasoning { text } => add(text),
            Part::ToolResult { result, .. } => add(&result.to_text()),
            Part::ToolCall { arguments, .. } => add(&arguments.to_text()),
            Part::Media { .. } => true,
            Part::Other { value } => add(&value.to_string()),
        };
        if !fits {
            return None;
        }
    }
    let calls = view.calls().iter().flat_map(|call| [call.arguments, call.result]).flatten();
    let inputs = view.trace().spans().iter().flat_map(|span| {
        let output = span.output.as_ref().filter(|_| span.kind != SpanKind::Llm && span.parent_id.is_some());
        [span.input.as_ref(), output].into_iter().flatten()
    });
    calls.chain(inputs).map(Payload::to_text).all(|text| add(&text)).then_some(known)
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::super::testing::check;

    const LEAF: &str = "tool-result-contradicted";

    fn run(result: &str, answer: &str) -> String {
        format!("agent a \"What is it?\"\n  tool get_order {{id: 7}} -> {result}\n  llm m -> \"{answer}\"")
    }

    #[test]
    fn another_number_for_a_field_that_was_returned_is_found() {
        check(
            LEAF,
            &run("{total_price: 1250, seats: 3}", "Thank you. The total price is $2,151 for all."),
            expect![[r#"
                critical the answer says 2151 for total price, where get_order had returned 1250
                  span 3 output `Thank you. The total price is $2,151 for all.`
                  span 2 tool_result `{"seats":3,"total_price":1250}`
            "#]],
        );
    }

    #[test]
    fn another_code_and_a_value_in_a_line_of_text_are_found() {
        check(
            LEAF,
            &run("{confirmation: \"ZFA04Y\"}", "- **Confirmation:** ZFB04Y"),
            expect![[r#"
                critical the answer says ZFB04Y for confirmation, where get_order had returned ZFA04Y
                  span 3 output `- **Confirmation:** ZFB04Y`
                  span 2 tool_result `{"confirmation":"ZFA04Y"}`
            "#]],
        );
        check(
            LEAF,
            &run("\"temperature: 18\\nwind: 4\"", "The temperature in Oslo is 71°C"),
            expect![[r"
                critical the answer says 71 for temperature, where get_order had returned 18
                  span 3 output `The temperature in Oslo is 71°C`
                  span 2 tool_result `temperature: 18⏎wind: 4`
            "]],
        );
    }

    #[test]
    fn what_is_the_same_rounded_in_another_unit_or_reckoned_is_not() {
        check(LEAF, &run("{temperature: 18.37}", "The temperature is 18 degrees"), expect![[""]]);
        check(LEAF, &run("{temperature: 18}", "The temperature is 64.4 F"), expect![[""]]);
        check(LEAF, &run("{price: 125, seats: 3}", "The price is 375"), expect![[""]]);
        check(LEAF, &run("{price_cents: 1250, price: 99}", "The price is 12.50"), expect![[""]]);
        check(LEAF, &run("{price: 1250}", "The price was 2151 and is now 1250"), expect![[""]]);
    }

    #[test]
    fn another_quantity_a_field_with_several_values_a_date_and_an_error_are_not() {
        check(LEAF, &run("{price: 1250}", "The highest price is 2151"), expect![[""]]);
        check(LEAF, &run("[{price: 1250}, {price: 990}]", "The price is 2151"), expect![[""]]);
        check(LEAF, &run("{arrival: 1250}", "The arrival is on 2024-05-01"), expect![[""]]);
        check(LEAF, &run("{price: 1250}", "The price went up. Of 2151 people"), expect![[""]]);
        check(LEAF, "tool a {} !boom -> {price: 1250}\nllm m -> \"The price is 2151\"", expect![[""]]);
    }
}
