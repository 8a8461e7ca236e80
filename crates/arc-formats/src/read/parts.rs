//! Parts of messages, in the shapes of OpenTelemetry, `OpenAI` and Anthropic.

use std::collections::BTreeSet;

use arc_model::{Json, Part, Payload};
use serde_json::Map;

use super::value::{is_blank, take, take_text};

/// What parts said that has no place in them.
#[derive(Debug, Default)]
pub(crate) struct Beside {
    /// Fields that are not read.
    pub(crate) lost: BTreeSet<String>,
    /// Ids of the calls whose results say that they are errors.
    pub(crate) failed: Vec<Option<String>>,
}

/// Reads a content: a text, a part, or a list of either. `beside` gathers what is no part of a part.
pub(crate) fn read_content(content: Json, beside: &mut Beside) -> Vec<Part> {
    match content {
        Json::Null => Vec::new(),
        Json::Array(items) => items.into_iter().map(|item| read_part(item, beside)).collect(),
        single => vec![read_part(single, beside)],
    }
}

/// Reads one part; a part of an unknown kind is kept as it came.
pub(crate) fn read_part(value: Json, beside: &mut Beside) -> Part {
    let mut fields = match value {
        Json::String(text) => return Part::Text { text },
        Json::Object(fields) => fields,
        other => return Part::Other { value: other },
    };
    let kind = fields.get("type").and_then(Json::as_str).unwrap_or_default().to_owned();
    let part = match kind.as_str() {
        "text" | "input_text" | "output_text" => {
            take_text_or_empty(&mut fields, &["text", "content"]).map(|text| Part::Text { text })
        }
        "reasoning" | "thinking" => take_text_or_empty(&mut fields, &["content", "thinking", "text", "reasoning"])
            .map(|text| Part::Reasoning { text }),
        "tool_call" | "tool_use" | "function" | "function_call" => read_tool_call(&mut fields),
        "tool_call_response" | "tool_result" | "function_call_output" => {
            let result = take(&mut fields, &["response", "result", "content", "output"]).map(result_payload);
            let id = take_text(&mut fields, &["id", "tool_use_id", "call_id"]);
            // Repeats the name of the call, which the id leads to.
            fields.remove("name");
            if fields.remove("is_error") == Some(Json::Bool(true)) {
                beside.failed.push(id.clone());
            }
            result.map(|result| Part::ToolResult { id, result })
        }
        _ => read_media(&kind, &mut fields, beside),
    };
    match part {
        Some(part) => {
            fields.remove("type");
            beside.lost.extend(fields.into_iter().filter(|(_, value)| !is_blank(value)).map(|(name, _)| name));
            part
        }
        None => Part::Other { value: Json::Object(fields) },
    }
}

/// Reads an item of a `tool_calls` list, or the legacy `function_call`.
pub(crate) fn read_tool_call(fields: &mut Map<String, Json>) -> Option<Part> {
    if let Some(Json::Object(function)) = fields.get_mut("function") {
        let name = take_text(function, &["name"])?;
        let arguments = take(function, &["arguments"]);
        let id = take_text(fields, &["id"]);
        fields.remove("function");
        return Some(tool_call(id, name, arguments));
    }
    let name = take_text(fields, &["name"])?;
    let arguments = take(fields, &["arguments", "input", "args"]);
    let id = take_text(fields, &["call_id", "id"]);
    Some(tool_call(id, name, arguments))
}

fn tool_call(id: Option<String>, name: String, arguments: Option<Json>) -> Part {
    Part::ToolCall { id, name, arguments: Payload::from_json(arguments.unwrap_or(Json::Null)) }
}

/// Reads what a tool returned; a list of text parts is its texts.
pub(crate) fn result_payload(value: Json) -> Payload {
    let Json::Array(items) = &value else { return Payload::from_json(value) };
    let text_of = |item: &Json| match (item.get("type")?.as_str()?, item.get("text")?) {
        ("text" | "output_text", Json::String(text)) => Some(text.clone()),
        _ => None,
    };
    match items.iter().map(text_of).collect::<Option<Vec<_>>>() {
        Some(texts) if !texts.is_empty() => Payload::from_text(texts.join("\n")),
        _ => Payload::Json(value),
    }
}

fn take_text_or_empty(fields: &mut Map<String, Json>, names: &[&str]) -> Option<String> {
    let name = names.iter().find(|name| fields.get(**name).is_some_and(Json::is_string))?;
    match fields.remove(*name) {
        Some(Json::String(text)) => Some(text),
        _ => None,
    }
}

/// Said of media whose bytes are in the message itself.
const INLINE: &str = "inline";

fn read_media(kind: &str, fields: &mut Map<String, Json>, beside: &mut Beside) -> Option<Part> {
    let mime_type = take_text(fields, &["mime_type", "media_type", "mimeType"]);
    // OpenTelemetry's `modality` is the first half of the type.
    let modality = if matches!(kind, "blob" | "uri" | "file") { take_text(fields, &["modality"]) } else { None };
    let mime_type = mime_type.or_else(|| modality.map(|modality| format!("{modality}/*")));
    let part = match kind {
        "blob" => take(fields, &["content", "data"]).map(|_| (mime_type.clone(), INLINE.to_owned())),
        "uri" => take_text(fields, &["uri", "url"]).map(|uri| reference(uri, mime_type.clone())),
        "file" | "input_file" => read_file(fields, mime_type.clone()),
        "image_url" | "input_image" | "image" | "audio_url" | "video_url" | "document" | "audio" | "video" => {
            let source = take(fields, &[kind, "image_url", "source", "image", "url", "data"]);
            source.and_then(|source| read_source(source, mime_type.clone()))
        }
        "input_audio" => {
            let format = take(fields, &["input_audio"]);
            let format = format.as_ref().and_then(|audio| audio.get("format")).and_then(Json::as_str);
            Some((format.map(|format| format!("audio/{format}")), INLINE.to_owned()))
        }
        _ => None,
    };
    let Some((mime_type, reference)) = part else {
        if let Some(mime_type) = mime_type {
            fields.insert("mime_type".to_owned(), Json::from(mime_type));
        }
        return None;
    };
    if reference == INLINE {
        beside.lost.insert("bytes of inline media".to_owned());
    }
    Some(Part::Media { mime_type, reference })
}

fn read_file(fields: &mut Map<String, Json>, mime_type: Option<String>) -> Option<(Option<String>, String)> {
    if let Some(Json::Object(mut file)) = fields.remove("file") {
        return read_file(&mut file, mime_type);
    }
    let file = take_text(fields, &["file_id", "file_url", "uri", "url"]);
    if let Some(file) = file {
        return Some(reference(file, mime_type));
    }
    take_text(fields, &["file_data", "data"]).map(|_| (mime_type, INLINE.to_owned()))
}

fn read_source(source: Json, mime_type: Option<String>) -> Option<(Option<String>, String)> {
    match source {
        Json::String(text) => Some(reference(text, mime_type)),
        Json::Object(mut fields) => {
            let mime_type = mime_type.or_else(|| take_text(&mut fields, &["media_type", "mime_type"]));
            match take_text(&mut fields, &["url", "uri", "file_id"]) {
                Some(url) => Some(reference(url, mime_type)),
                None => fields.contains_key("data").then(|| (mime_type, INLINE.to_owned())),
            }
        }
        _ => None,
    }
}

/// A data URL holds the bytes themselves; any other one says where they are.
fn reference(url: String, mime_type: Option<String>) -> (Option<String>, String) {
    match url.strip_prefix("data:") {
        Some(data) => {
            let named = data.split([';', ',']).next().filter(|name| !name.is_empty());
            (mime_type.or_else(|| named.map(str::to_owned)), INLINE.to_owned())
        }
        None => (mime_type, url),
    }
}
