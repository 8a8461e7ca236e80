//! The body of a request for `OpenAI`'s Chat Completions.

use std::collections::BTreeSet;

use arc_model::Json;
use serde_json::{Map, json};

use super::{
    Ask, Turn, name_left_out, schema,
    turns::{Call, Said},
};
use crate::provider::address::Address;

/// Settings that are called alike in spans and in the API.
const ALIKE: &[&str] = &[
    "temperature",
    "top_p",
    "frequency_penalty",
    "presence_penalty",
    "seed",
    "response_format",
    "parallel_tool_calls",
    "reasoning_effort",
];

pub(super) fn body(ask: &Ask<'_>, turns: Vec<Turn>, left_out: &mut BTreeSet<String>) -> Json {
    let mut body = Map::new();
    body.insert("model".to_owned(), Json::from(ask.model));
    body.insert("messages".to_owned(), turns.into_iter().flat_map(messages).collect());
    if !ask.tools.is_empty() {
        let tools = ask.tools.iter().map(|tool| {
            let mut function = json!({"name": tool.name, "parameters": schema(tool, left_out)});
            if let (Some(description), Some(fields)) = (&tool.description, function.as_object_mut()) {
                fields.insert("description".to_owned(), Json::from(description.as_str()));
            }
            json!({"type": "function", "function": function})
        });
        body.insert("tools".to_owned(), tools.collect());
    }
    let mut carried: Vec<&str> = Vec::new();
    let mut set = |name: &'static str, sent: &str, value: Option<Json>| {
        carried.push(name);
        body.extend(value.map(|value| (sent.to_owned(), value)));
    };
    let setting = |name: &str| ask.parameters.get(name).filter(|value| !value.is_null()).cloned();
    for name in ALIKE {
        let has_place = *name != "parallel_tool_calls" || !ask.tools.is_empty();
        set(name, name, setting(name).filter(|_| has_place));
    }
    set("stop_sequences", "stop", setting("stop_sequences"));
    if let Some(limit) = setting("max_tokens") {
        // OpenAI's reasoning models refuse the old name; servers that copy the API know only the old one.
        let provider = Address::parse(ask.url).provider();
        let is_own = matches!(provider, Some("openai" | "azure.ai.openai"));
        set("max_tokens", if is_own { "max_completion_tokens" } else { "max_tokens" }, Some(limit));
    }
    if let Some(choice) = setting("tool_choice").filter(|_| !ask.tools.is_empty())
        && let Some(choice) = tool_choice(&choice)
    {
        set("tool_choice", "tool_choice", Some(choice));
    }
    name_left_out(ask.parameters, &carried, left_out);
    Json::Object(body)
}

fn messages(turn: Turn) -> Vec<Json> {
    match turn {
        Turn::System(text) => vec![json!({"role": "system", "content": text})],
        Turn::User(said) => vec![json!({"role": "user", "content": content(said)})],
        Turn::Assistant(said, calls) => {
            let mut message = json!({"role": "assistant", "content": null});
            if let Some(fields) = message.as_object_mut() {
                if !said.is_empty() {
                    fields.insert("content".to_owned(), Json::from(said.join("\n")));
                }
                if !calls.is_empty() {
                    fields.insert("tool_calls".to_owned(), calls.iter().map(call).collect());
                }
            }
            vec![message]
        }
        Turn::Results(results) => {
            let message = |(id, result)| json!({"role": "tool", "tool_call_id": id, "content": result});
            results.into_iter().map(message).collect()
        }
    }
}

fn content(said: Vec<Said>) -> Json {
    if let [Said::Text(text)] = said.as_slice() {
        return Json::from(text.as_str());
    }
    let part = |said| match said {
        Said::Text(text) => json!({"type": "text", "text": text}),
        Said::Picture(url) => json!({"type": "image_url", "image_url": {"url": url}}),
    };
    said.into_iter().map(part).collect()
}

fn call(call: &Call) -> Json {
    let function = json!({"name": call.name, "arguments": call.arguments.to_text()});
    json!({"id": call.id, "type": "function", "function": function})
}

/// Returns a choice in `OpenAI`'s words; `None` when it is in nobody's.
fn tool_choice(choice: &Json) -> Option<Json> {
    let named = |name: &str| json!({"type": "function", "function": {"name": name}});
    match choice {
        Json::String(word) => match word.as_str() {
            "auto" | "none" | "required" => Some(choice.clone()),
            "any" => Some(Json::from("required")),
            _ => None,
        },
        Json::Object(fields) => match fields.get("type")?.as_str()? {
            "auto" => Some(Json::from("auto")),
            "none" => Some(Json::from("none")),
            "any" => Some(Json::from("required")),
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
