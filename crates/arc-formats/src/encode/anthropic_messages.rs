//! The body of a request for Anthropic's Messages.

use std::collections::BTreeSet;

use arc_model::{Json, Payload};
use serde_json::{Map, json};

use super::{
    Ask, CannotEncode, Turn, name_left_out, schema,
    turns::{Call, Said},
};

/// Settings that are called alike in spans and in the API.
const ALIKE: &[&str] = &["top_p", "top_k", "stop_sequences", "thinking"];

/// The API demands a limit; this one stands in where none was recorded.
const MAX_TOKENS: u64 = 4096;

pub(super) fn body(ask: &Ask<'_>, turns: Vec<Turn>, left_out: &mut BTreeSet<String>) -> Result<Json, CannotEncode> {
    let mut system: Vec<String> = Vec::new();
    let mut messages: Vec<(&'static str, Vec<Json>)> = Vec::new();
    for turn in turns {
        let (role, blocks) = match turn {
            Turn::System(text) => {
                if !messages.is_empty() {
                    left_out.insert("the place of instructions that came later: they stand first".to_owned());
                }
                system.push(text);
                continue;
            }
            Turn::User(said) => ("user", said.into_iter().map(block).collect()),
            Turn::Assistant(said, calls) => ("assistant", answer(said, calls)?),
            Turn::Results(results) => {
                let result =
                    |(id, result)| json!({"type": "tool_result", "tool_use_id": id, "content": Json::String(result)});
                ("user", results.into_iter().map(result).collect::<Vec<_>>())
            }
        };
        match messages.last_mut() {
            // Results and what the user adds to them are one message.
            Some((last, known)) if *last == role => known.extend(blocks),
            _ => messages.push((role, blocks)),
        }
    }
    let mut body = Map::new();
    body.insert("model".to_owned(), Json::from(ask.model));
    if !system.is_empty() {
        body.insert("system".to_owned(), Json::from(system.join("\n\n")));
    }
    let message = |(role, content): (&str, Vec<Json>)| json!({"role": role, "content": content});
    body.insert("messages".to_owned(), messages.into_iter().map(message).collect());
    if !ask.tools.is_empty() {
        let tools = ask.tools.iter().map(|tool| {
            let mut written = json!({"name": tool.name, "input_schema": schema(tool, left_out)});
            if let (Some(description), Some(fields)) = (&tool.description, written.as_object_mut()) {
                fields.insert("description".to_owned(), Json::from(description.as_str()));
            }
            written
        });
        body.insert("tools".to_owned(), tools.collect());
    }
    settings(ask, &mut body, left_out);
    Ok(Json::Object(body))
}

fn settings(ask: &Ask<'_>, body: &mut Map<String, Json>, left_out: &mut BTreeSet<String>) {
    let setting = |name: &str| ask.parameters.get(name).filter(|value| !value.is_null()).cloned();
    let mut carried: Vec<&str> = ALIKE.to_vec();
    for name in ALIKE {
        body.extend(setting(name).map(|value| ((*name).to_owned(), value)));
    }
    carried.push("max_tokens");
    body.insert("max_tokens".to_owned(), setting("max_tokens").unwrap_or_else(|| Json::from(MAX_TOKENS)));
    // The API's scale ends at 1, OpenAI's at 2.
    let fits = |value: &Json| value.as_f64().is_some_and(|value| (0.0..=1.0).contains(&value));
    if let Some(temperature) = setting("temperature").filter(fits) {
        carried.push("temperature");
        body.insert("temperature".to_owned(), temperature);
    }
    if !ask.tools.is_empty() {
        let one_at_a_time = setting("parallel_tool_calls") == Some(Json::Bool(false));
        carried.push("parallel_tool_calls");
        let chosen = setting("tool_choice").and_then(|choice| tool_choice(&choice));
        carried.extend(chosen.is_some().then_some("tool_choice"));
        let mut chosen = chosen.or_else(|| one_at_a_time.then(|| json!({"type": "auto"})));
        if let Some(fields) = chosen.as_mut().and_then(Json::as_object_mut).filter(|_| one_at_a_time) {
            fields.insert("disable_parallel_tool_use".to_owned(), Json::Bool(true));
        }
        body.extend(chosen.map(|choice| ("tool_choice".to_owned(), choice)));
    }
    name_left_out(ask.parameters, &carried, left_out);
}

fn block(said: Said) -> Json {
    match said {
        Said::Text(text) => json!({"type": "text", "text": text}),
        Said::Picture(url) => json!({"type": "image", "source": {"type": "url", "url": url}}),
    }
}

fn answer(said: Vec<String>, calls: Vec<Call>) -> Result<Vec<Json>, CannotEncode> {
    let mut blocks: Vec<Json> = said.into_iter().map(|text| json!({"type": "text", "text": text})).collect();
    for call in calls {
        let input = match call.arguments {
            Payload::Json(Json::Object(fields)) => Json::Object(fields),
            Payload::Json(Json::Null) => json!({}),
            Payload::Text(text) if text.trim().is_empty() => json!({}),
            // The API takes only objects; a model that wrote something else cannot be quoted.
            _ => return Err(CannotEncode::UnknownPart),
        };
        blocks.push(json!({"type": "tool_use", "id": call.id, "name": call.name, "input": input}));
    }
    Ok(blocks)
}

/// Returns a choice in Anthropic's words; `None` when it is in nobody's.
fn tool_choice(choice: &Json) -> Option<Json> {
    let named = |name: &str| json!({"type": "tool", "name": name});
    match choice {
        Json::String(word) => match word.as_str() {
            "auto" | "none" | "any" => Some(json!({"type": word})),
            "required" => Some(json!({"type": "any"})),
            _ => None,
        },
        Json::Object(fields) => match fields.get("type")?.as_str()? {
            kind @ ("auto" | "none" | "any") => Some(json!({"type": kind})),
            "tool" => Some(named(fields.get("name")?.as_str()?)),
            "function" => {
                let name = fields.get("function").and_then(|function| function.get("name")).or(fields.get("name"));
                Some(named(name?.as_str()?))
            }
            _ => None,
        },
        _ => None,
    }
}
