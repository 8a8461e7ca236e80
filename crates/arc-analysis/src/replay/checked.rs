//! What the checks of a run's output say of another model's answer.

use arc_model::{Message, Payload};

use crate::checks::{Check, check_output};

/// Returns whether an answer passes the checks of the output that the recorded answer passes; `None` where it passes
/// none, so that they decide nothing.
pub fn passes_checks<'a>(
    checks: impl IntoIterator<Item = &'a Check>,
    recorded: &[Message],
    answer: &[Message],
) -> Option<bool> {
    let (recorded, answer) = (last_words(recorded)?, last_words(answer)?);
    let passed = checks.into_iter().filter(|check| check_output(check, &recorded) == Some(Ok(())));
    passed.map(|check| check_output(check, &answer) == Some(Ok(()))).reduce(|all, passes| all && passes)
}

fn last_words(messages: &[Message]) -> Option<Payload> {
    let mut texts = messages.iter().rev().map(Message::joined_text);
    texts.find(|text| !text.trim().is_empty()).map(Payload::from_text)
}
