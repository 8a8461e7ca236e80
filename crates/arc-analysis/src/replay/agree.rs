//! Whether two answers of a model say the same, as far as that can be decided without judging prose.

use arc_model::{Json, Message, Part, Payload};

use super::{Agreement, Basis, Contrast};

/// How an answer stands to the recorded one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Comparison {
    /// What they are compared by.
    pub basis: Basis,
    /// How they stand.
    pub agreement: Agreement,
    /// What tells them apart.
    pub contrast: Option<Contrast>,
}

/// Texts of at most so many words are names, labels and numbers, and mean something else when they differ; longer ones
/// may say the same in other words.
const LABEL_WORDS: usize = 3;

/// Returns what an answer is compared by; `None` when there is nothing in it to compare with.
pub fn basis(recorded: &[Message], schema: Option<&Json>) -> Option<Basis> {
    if !calls(recorded).is_empty() {
        return Some(Basis::ToolCalls);
    }
    let text = text(recorded);
    if text.trim().is_empty() {
        return None;
    }
    let is_json = json_in(&text).is_some_and(|value| value.is_object() || value.is_array() || schema.is_some());
    Some(if is_json { Basis::Json } else { Basis::Text })
}

/// Compares an answer with the recorded one. `schema` is what the request demanded of the answer, if it did.
pub fn compare(recorded: &[Message], replayed: &[Message], schema: Option<&Json>) -> Option<Comparison> {
    let basis = basis(recorded, schema)?;
    let asked = calls(replayed);
    let differs = |contrast| (Agreement::Different, Some(contrast));
    let (agreement, contrast) = match basis {
        Basis::ToolCalls if asked.is_empty() => differs(Contrast::NoToolCall),
        Basis::ToolCalls => compare_calls(&calls(recorded), &asked),
        _ if !asked.is_empty() => differs(Contrast::NeedlessToolCall),
        Basis::Json => match (json_in(&text(recorded)), json_in(&text(replayed))) {
            (Some(_), None) => differs(Contrast::BrokenJson),
            (Some(_), Some(new)) if schema.is_some_and(|schema| !fits(schema, &new)) => differs(Contrast::BrokenJson),
            (Some(old), Some(new)) => with_contrast(compare_json(&old, &new), Contrast::OtherAnswer),
            (None, _) => (Agreement::Undecided, Some(Contrast::OtherWords)),
        },
        Basis::Text | Basis::Checks | Basis::Judge => {
            with_contrast(compare_text(&text(recorded), &text(replayed)), Contrast::OtherAnswer)
        }
    };
    Some(Comparison { basis, agreement, contrast })
}

fn with_contrast(agreement: Agreement, if_different: Contrast) -> (Agreement, Option<Contrast>) {
    let contrast = match agreement {
        Agreement::Same => None,
        Agreement::Different => Some(if_different),
        Agreement::Undecided => Some(Contrast::OtherWords),
    };
    (agreement, contrast)
}

/// The first message: further ones are other choices for the same answer.
fn parts(answer: &[Message]) -> &[Part] {
    answer.iter().find(|message| !message.parts.is_empty()).map_or(&[], |message| message.parts.as_slice())
}

pub(super) fn calls(answer: &[Message]) -> Vec<(&str, &Payload)> {
    let mut calls = Vec::new();
    for part in parts(answer) {
        if let Part::ToolCall { name, arguments, .. } = part {
            calls.push((name.as_str(), arguments));
        }
    }
    calls
}

fn text(answer: &[Message]) -> String {
    let texts = parts(answer).iter().filter_map(|part| match part {
        Part::Text { text } => Some(text.as_str()),
        _ => None,
    });
    texts.collect::<Vec<_>>().join("\n")
}

/// Returns the JSON that a text is, in a fence or without.
fn json_in(text: &str) -> Option<Json> {
    let text = text.trim();
    let fenced = text.strip_prefix("```json").or_else(|| text.strip_prefix("```"));
    let inner = fenced.and_then(|rest| rest.trim_end().strip_suffix("```")).unwrap_or(text);
    serde_json::from_str(inner.trim()).ok()
}

fn fits(schema: &Json, value: &Json) -> bool {
    // A schema that is broken demands nothing that could be checked.
    jsonschema::validator_for(schema).is_ok_and(|validator| validator.is_valid(value))
        || jsonschema::validator_for(schema).is_err()
}

/// Pairs calls of one name, equal ones first; the worst pair decides.
fn compare_calls(recorded: &[(&str, &Payload)], replayed: &[(&str, &Payload)]) -> (Agreement, Option<Contrast>) {
    let names = |calls: &[(&str, &Payload)]| {
        let mut names: Vec<String> = calls.iter().map(|(name, _)| (*name).to_owned()).collect();
        names.sort_unstable();
        names
    };
    if names(recorded) != names(replayed) {
        return (Agreement::Different, Some(Contrast::OtherTools));
    }
    let mut open = recorded.to_vec();
    let mut left = replayed.to_vec();
    for wanted in [Agreement::Same, Agreement::Undecided] {
        open.retain(|(name, arguments)| {
            let found = left.iter().position(|(other, new)| other == name && compare_payload(arguments, new) == wanted);
            found.map(|at| left.swap_remove(at)).is_none()
        });
        match (wanted, open.is_empty()) {
            (Agreement::Same, true) => return (Agreement::Same, None),
            (_, true) => return (Agreement::Undecided, Some(Contrast::OtherWords)),
            _ => {}
        }
    }
    (Agreement::Different, Some(Contrast::OtherArguments))
}

pub(super) fn compare_payload(recorded: &Payload, replayed: &Payload) -> Agreement {
    match (recorded, replayed) {
        (Payload::Json(old), Payload::Json(new)) => compare_json(old, new),
        (old, new) if old.is_blank() && new.is_blank() => Agreement::Same,
        (Payload::Text(old), Payload::Text(new)) => compare_text(old, new),
        _ => Agreement::Different,
    }
}

fn compare_json(recorded: &Json, replayed: &Json) -> Agreement {
    let worst = |agreements: &mut dyn Iterator<Item = Agreement>| {
        agreements.fold(Agreement::Same, |worst, next| match (worst, next) {
            (Agreement::Different, _) | (_, Agreement::Different) => Agreement::Different,
            (Agreement::Undecided, _) | (_, Agreement::Undecided) => Agreement::Undecided,
            _ => Agreement::Same,
        })
    };
    match (recorded, replayed) {
        (Json::Object(old), Json::Object(new)) if old.len() == new.len() => worst(
            &mut old
                .iter()
                .map(|(name, value)| new.get(name).map_or(Agreement::Different, |other| compare_json(value, other))),
        ),
        (Json::Array(old), Json::Array(new)) if old.len() == new.len() => {
            worst(&mut old.iter().zip(new).map(|(old, new)| compare_json(old, new)))
        }
        (Json::String(old), Json::String(new)) => compare_text(old, new),
        // 1 and 1.0 are one number.
        (Json::Number(old), Json::Number(new)) if old == new || old.as_f64() == new.as_f64() => Agreement::Same,
        (old, new) if old == new => Agreement::Same,
        _ => Agreement::Different,
    }
}

fn compare_text(recorded: &str, replayed: &str) -> Agreement {
    let (old, new) = (normalised(recorded), normalised(replayed));
    if old == new {
        return Agreement::Same;
    }
    let is_label = |words: &[String]| words.len() <= LABEL_WORDS;
    if is_label(&old) && is_label(&new) { Agreement::Different } else { Agreement::Undecided }
}

/// Words in lower case, without marks at the ends of the text.
fn normalised(text: &str) -> Vec<String> {
    let marks = |c: char| c.is_whitespace() || matches!(c, '.' | '!' | '"' | '\'' | '`' | '*');
    text.trim_matches(marks).to_lowercase().split_whitespace().map(str::to_owned).collect()
}
