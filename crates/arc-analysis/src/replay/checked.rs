//! What the checks of a run's output say of another model's answer.

use std::collections::BTreeSet;

use arc_model::{Message, Payload};

use crate::checks::{Check, check_output};

/// Returns whether an answer passes the checks of the output that show success and that the recorded answer passes;
/// `None` where there is no such check, or one of them cannot tell. Of checks of one name the first counts.
pub fn passes_checks<'a>(
    checks: impl IntoIterator<Item = &'a Check>,
    recorded: &[Message],
    answer: &[Message],
) -> Option<bool> {
    let (recorded, answer) = (last_words(recorded)?, last_words(answer)?);
    let mut seen = BTreeSet::new();
    let first = checks.into_iter().filter(|check| seen.insert(check.id()));
    let mut passed = first.filter(|check| check_output(check, &recorded) == Some(true)).peekable();
    passed.peek()?;
    let told: Vec<Option<bool>> = passed.map(|check| check_output(check, &answer)).collect();
    if told.contains(&Some(false)) {
        return Some(false);
    }
    told.into_iter().all(|one| one == Some(true)).then_some(true)
}

fn last_words(messages: &[Message]) -> Option<Payload> {
    let mut texts = messages.iter().rev().map(Message::joined_text);
    texts.find(|text| !text.trim().is_empty()).map(Payload::from_text)
}
