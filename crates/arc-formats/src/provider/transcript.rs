//! Tool calls as a request shows them: the results it carries for the first time, joined with the calls before them.
//!
//! Requests repeat their history, so only results behind the last message of the model count.

use arc_model::{Message, Part, Payload, Role};

use super::call::{Call, ToolOutcome};

/// A call the model made: its id, its name, its arguments.
type Asked<'a> = (Option<&'a str>, &'a str, &'a Payload);

/// Returns the outcomes that are new in a request.
pub(super) fn outcomes(call: &Call) -> Vec<ToolOutcome> {
    let messages = &call.messages_in;
    let Some(last) = messages.iter().rposition(|message| message.role == Role::Assistant) else {
        // A conversation the provider holds: the call is in an earlier answer.
        let results = if call.is_continued { results(messages) } else { Vec::new() };
        return results
            .into_iter()
            .filter_map(|(id, result)| {
                let key = id?.to_owned();
                let has_failed = call.failed.contains(&Some(key.clone()));
                let result = result.clone();
                Some(ToolOutcome { call_id: Some(key.clone()), key, name: None, arguments: None, result, has_failed })
            })
            .collect();
    };
    // The items of one answer may stand as several messages.
    let (before, new) = messages.split_at(last + 1);
    let first = before.iter().rposition(|message| message.role != Role::Assistant).map_or(0, |at| at + 1);
    let asked: Vec<Asked<'_>> =
        before.iter().skip(first).flat_map(|message| &message.parts).filter_map(asked).collect();
    let mut outcomes = Vec::new();
    let mut nameless = asked.iter().filter(|(id, ..)| id.is_none());
    for (place, (id, result)) in results(new).into_iter().enumerate() {
        let found = match id {
            Some(id) => asked.iter().find(|(known, ..)| *known == Some(id)),
            None => nameless.next(),
        };
        let Some((_, name, arguments)) = found else { continue };
        outcomes.push(ToolOutcome {
            call_id: id.map(str::to_owned),
            key: id.map_or_else(|| format!("message {last} call {place}"), str::to_owned),
            name: Some((*name).to_owned()),
            arguments: Some((*arguments).clone()),
            result: result.clone(),
            has_failed: call.failed.contains(&id.map(str::to_owned)),
        });
    }
    outcomes
}

fn asked(part: &Part) -> Option<Asked<'_>> {
    match part {
        Part::ToolCall { id, name, arguments } => Some((id.as_deref(), name, arguments)),
        _ => None,
    }
}

fn results(messages: &[Message]) -> Vec<(Option<&str>, &Payload)> {
    let parts = messages.iter().flat_map(|message| &message.parts);
    let results = parts.filter_map(|part| match part {
        Part::ToolResult { id, result } => Some((id.as_deref(), result)),
        _ => None,
    });
    results.collect()
}
