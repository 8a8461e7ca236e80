//! Gemini's `generateContent` and `streamGenerateContent`, at Google AI and Vertex AI: in the spelling of the API, and in
//! that of Python, whose `model_dump()` writes `usage_metadata` and a null for every field that is not there.

use std::collections::BTreeMap;

use arc_model::Json;
use serde_json::json;

use super::{
    Folded, Shape,
    address::Address,
    body::Event,
    call::{Call, Operation},
    fields::{self, Map, append, has_object, inner, objects, text},
    usage,
};
use crate::read::value::{count, take, take_text};

/// The shape.
pub(super) struct Gemini;

const RENAMED: &[(&str, &str)] = &[
    ("maxOutputTokens", "max_tokens"),
    ("max_output_tokens", "max_tokens"),
    ("stopSequences", "stop_sequences"),
    ("topP", "top_p"),
    ("topK", "top_k"),
    ("candidateCount", "choice.count"),
    ("candidate_count", "choice.count"),
    ("frequencyPenalty", "frequency_penalty"),
    ("presencePenalty", "presence_penalty"),
];

// The names of fields in both spellings.
const RESPONSE_ID: &[&str] = &["responseId", "response_id"];
const MODEL_VERSION: &[&str] = &["modelVersion", "model_version"];
const USAGE: &[&str] = &["usageMetadata", "usage_metadata"];
const FINISH_REASON: &[&str] = &["finishReason", "finish_reason"];
const FEEDBACK: &[&str] = &["promptFeedback", "prompt_feedback"];
const BLOCK_REASON: &[&str] = &["blockReason", "block_reason"];

/// Returns a field that says something.
fn get<'a>(value: &'a Json, names: &[&str]) -> Option<&'a Json> {
    names.iter().find_map(|name| value.get(*name).filter(|value| !value.is_null()))
}

fn says(fields: &Map, names: &[&str]) -> bool {
    names.iter().any(|name| fields.get(*name).is_some_and(|value| !value.is_null()))
}

impl Shape for Gemini {
    fn id(&self) -> &'static str {
        "gemini"
    }

    fn asks(&self, path: &str, request: &Map) -> bool {
        let path = path.trim_end_matches('/');
        (path.ends_with(":generateContent") || path.ends_with(":streamGenerateContent"))
            && request.contains_key("contents")
    }

    fn answers(&self, body: &Map) -> bool {
        let is_candidate = |candidate: &Json| candidate.pointer("/content/parts").is_some_and(Json::is_array);
        let candidates = body.get("candidates").and_then(Json::as_array);
        let is_counted = USAGE.iter().any(|name| has_object(body, name)) && says(body, MODEL_VERSION);
        candidates.is_some_and(|all| all.iter().any(is_candidate)) || is_counted
    }

    fn read_request(&self, path: &str, mut request: Map, call: &mut Call) {
        call.operation = Some(Operation::Chat);
        call.request_model = model_in(path).or_else(|| text(&mut request, "model"));
        if let Some(system) = take(&mut request, &["systemInstruction", "system_instruction"]) {
            let message = content_message(&system, "system");
            call.instruct(message.get("parts").cloned());
        }
        let contents = match request.remove("contents") {
            Some(Json::Array(contents)) => contents,
            Some(single) => vec![single],
            None => Vec::new(),
        };
        for content in contents {
            let message = match &content {
                Json::String(text) => json!({"role": "user", "content": text}),
                content => content_message(content, "user"),
            };
            call.hear(message);
        }
        let tools = match request.remove("tools") {
            Some(Json::Array(tools)) => tools,
            Some(single) => vec![single],
            None => Vec::new(),
        };
        for tool in tools {
            offer(fields::object(Some(tool)), call);
        }
        for name in ["generationConfig", "generation_config"] {
            call.set(inner(&mut request, name).unwrap_or_default(), RENAMED, &[]);
        }
        call.set(
            request,
            &[("toolConfig", "tool_config"), ("safetySettings", "safety_settings")],
            &["labels", "model"],
        );
    }

    fn read_answer(&self, mut answer: Map, call: &mut Call) {
        call.operation.get_or_insert(Operation::Chat);
        call.response_id = take_text(&mut answer, RESPONSE_ID);
        call.response_model = take_text(&mut answer, MODEL_VERSION);
        for mut candidate in objects(&mut answer, "candidates") {
            let reason = take(&mut candidate, FINISH_REASON).filter(|reason| !reason.is_null()).map(finish_reason);
            if let Some(content) = candidate.remove("content") {
                call.say(content_message(&content, "model"));
            }
            call.stop(reason);
        }
        answer.remove("candidates");
        let feedback = FEEDBACK.iter().find_map(|name| answer.get(*name));
        if let Some(why) = feedback.and_then(|feedback| get(feedback, BLOCK_REASON)) {
            call.remark(format!(
                "the provider blocked the request: {}",
                why.as_str().unwrap_or("for a reason not said")
            ));
            call.stop(Some("content_filter".to_owned()));
        }
        if let Some(counts) = USAGE.iter().find_map(|name| inner(&mut answer, name)).map(Json::Object) {
            let tier = get(&counts, &["serviceTier", "service_tier"]);
            let tier = tier.or_else(|| get(&counts, &["trafficType", "traffic_type"]));
            call.service_tier = tier.and_then(Json::as_str).map(str::to_owned);
            call.usage = usage::of(&counts);
            call.raw_usage = Some(counts);
        }
        answer.remove("error");
        call.keep(answer);
    }

    fn fold(&self, events: Vec<Event>) -> Folded {
        let mut body = Map::new();
        let mut candidates: BTreeMap<u64, Map> = BTreeMap::new();
        for event in events {
            let Json::Object(mut chunk) = event.data else { continue };
            for candidate in objects(&mut chunk, "candidates") {
                let known = candidates.entry(fields::index(&candidate, "index")).or_default();
                extend(known, candidate);
            }
            chunk.remove("candidates");
            fields::overwrite(&mut body, chunk);
        }
        let is_complete =
            !candidates.is_empty() && candidates.values().all(|one| says(one, FINISH_REASON)) || says(&body, FEEDBACK);
        body.insert("candidates".to_owned(), candidates.into_values().map(Json::Object).collect());
        Folded { body, is_complete }
    }
}

/// Returns the model in a path, `/models/{model}:{method}`; Vertex's tuned models stand behind `/endpoints/`.
pub(super) fn model_in(path: &str) -> Option<String> {
    Address::between(path, "/models/", &[':', '/'])
        .or_else(|| Address::between(path, "/endpoints/", &[':', '/']))
        .map(str::to_owned)
}

/// Adds a piece to a candidate; a text goes on where the last one of its kind ended.
fn extend(known: &mut Map, mut piece: Map) {
    let mut content = inner(&mut piece, "content").unwrap_or_default();
    fields::overwrite(known, piece);
    let known = known.entry("content").or_insert_with(|| json!({"role": "model", "parts": []}));
    let Some(Json::Array(parts)) = known.get_mut("parts") else { return };
    for part in fields::list(&mut content, "parts") {
        let goes_on = |last: &Json| {
            let is_text = |part: &Json| part.get("text").is_some_and(Json::is_string);
            is_text(last) && is_text(&part) && last.get("thought") == part.get("thought")
        };
        match parts.last_mut() {
            Some(last) if goes_on(last) => {
                if let (Json::Object(last), Some(more)) = (last, part.get("text").and_then(Json::as_str)) {
                    append(last, "text", more);
                }
            }
            _ => parts.push(part),
        }
    }
}

fn offer(mut tool: Map, call: &mut Call) {
    let functions = take(&mut tool, &["functionDeclarations", "function_declarations"]);
    for function in
        functions.and_then(|list| if let Json::Array(list) = list { Some(list) } else { None }).unwrap_or_default()
    {
        let Json::Object(mut function) = function else { continue };
        if let Some(schema) = take(&mut function, &["parametersJsonSchema", "parameters_json_schema"]) {
            function.insert("parameters".to_owned(), schema);
        }
        call.offer(Json::Object(function));
    }
    // Tools the provider runs itself are named by their field.
    for (name, _) in tool {
        call.offer(json!({"name": name}));
    }
}

/// Vertex writes reasons as numbers where enums are asked for as such.
fn finish_reason(reason: Json) -> String {
    const NUMBERS: [&str; 10] = [
        "FINISH_REASON_UNSPECIFIED",
        "STOP",
        "MAX_TOKENS",
        "SAFETY",
        "RECITATION",
        "OTHER",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "MALFORMED_FUNCTION_CALL",
    ];
    let name = match reason {
        Json::String(name) => name,
        number => {
            let known = count(&number).and_then(|at| NUMBERS.get(usize::try_from(at).ok()?).copied());
            known.map_or_else(|| number.to_string(), str::to_owned)
        }
    };
    match name.as_str() {
        "RECITATION" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII" | "IMAGE_SAFETY" => "content_filter".to_owned(),
        _ => name,
    }
}

/// Writes a Gemini `content` as a message in OpenTelemetry's shape; `speaker` is who speaks when it does not say.
pub(crate) fn content_message(content: &Json, speaker: &str) -> Json {
    let role = content.get("role").and_then(Json::as_str).unwrap_or(speaker);
    let parts = content.get("parts");
    let parts: Vec<Json> = match parts {
        Some(Json::Array(parts)) => parts.iter().map(part).collect(),
        Some(single) => vec![part(single)],
        None => content.get("text").map(|_| part(content)).into_iter().collect(),
    };
    let is_result = |part: &Json| part.get("type").and_then(Json::as_str) == Some("tool_call_response");
    let role = if !parts.is_empty() && parts.iter().all(is_result) { "tool" } else { role };
    json!({"role": role, "parts": parts})
}

fn part(part: &Json) -> Json {
    let either = |name: &str, other: &str| get(part, &[name, other]);
    let field = |value: &Json, names: &[&str]| get(value, names).cloned().unwrap_or_default();
    if let Some(call) = either("functionCall", "function_call") {
        return json!({"type": "tool_call", "id": field(call, &["id"]), "name": field(call, &["name"]),
            "arguments": field(call, &["args"])});
    }
    if let Some(answer) = either("functionResponse", "function_response") {
        return json!({"type": "tool_call_response", "id": field(answer, &["id"]),
            "result": field(answer, &["response"])});
    }
    if let Some(text) = part.get("text").filter(|text| text.is_string()) {
        let is_thought = part.get("thought") == Some(&Json::Bool(true));
        return json!({"type": if is_thought { "reasoning" } else { "text" }, "content": text});
    }
    if let Some(data) = either("inlineData", "inline_data") {
        return json!({"type": "blob", "mime_type": field(data, &["mimeType", "mime_type"]), "content": ""});
    }
    if let Some(file) = either("fileData", "file_data") {
        return json!({"type": "uri", "mime_type": field(file, &["mimeType", "mime_type"]),
            "uri": field(file, &["fileUri", "file_uri"])});
    }
    part.clone()
}
