//! Bedrock's `InvokeModel`, plain and streamed: the body is the model vendor's own, which is told by its fields.
//!
//! Vendors that have a shape of their own are read by it; here are only those that exist nowhere else: Titan, Llama
//! and Mistral as text models.

use arc_model::{Json, Message, Part, Payload, Role, Usage};
use serde_json::json;

use super::{
    Folded, Shape,
    anthropic_complete::AnthropicComplete,
    anthropic_messages::AnthropicMessages,
    bedrock_converse::{self, BedrockConverse},
    body::Event,
    call::{Call, Operation},
    cohere::Cohere,
    fields::{self, Map, append, has_list, is, objects, text},
    openai_chat::OpenAiChat,
    openai_embeddings::{describe, texts},
};
use crate::read::value::{count, take};

/// The shape.
pub(super) struct BedrockInvoke;

const RENAMED: &[(&str, &str)] = &[
    ("max_gen_len", "max_tokens"),
    ("maxTokenCount", "max_tokens"),
    ("topP", "top_p"),
    ("stopSequences", "stop_sequences"),
    ("stop", "stop_sequences"),
];

impl Shape for BedrockInvoke {
    fn id(&self) -> &'static str {
        "bedrock-invoke"
    }

    fn asks(&self, path: &str, _request: &Map) -> bool {
        let path = path.trim_end_matches('/');
        path.contains("/model/") && (path.ends_with("/invoke") || path.ends_with("/invoke-with-response-stream"))
    }

    fn answers(&self, body: &Map) -> bool {
        body.contains_key("inputTextTokenCount")
            || body.contains_key("generation") && body.contains_key("stop_reason")
            || body.contains_key("generation_token_count")
    }

    fn read_request(&self, path: &str, mut request: Map, call: &mut Call) {
        let model = bedrock_converse::model_in(path);
        if let Some(shape) = shape_of_request(&request) {
            shape.read_request(path, request, call);
        } else {
            let is_embedding = model.as_deref().is_some_and(|model| model.contains("embed"));
            call.operation = Some(if is_embedding { Operation::Embeddings } else { Operation::TextCompletion });
            match take(&mut request, &["prompt", "inputText", "texts"]) {
                Some(given) if is_embedding => call.input = texts(given),
                Some(prompt) => call.hear(json!({"role": "user", "content": prompt})),
                None => {}
            }
            call.set(fields::inner(&mut request, "textGenerationConfig").unwrap_or_default(), RENAMED, &[]);
            call.set(request, RENAMED, &["images", "inputImage"]);
        }
        call.request_model = model.or_else(|| call.request_model.take());
    }

    fn read_answer(&self, mut answer: Map, call: &mut Call) {
        let metrics = fields::inner(&mut answer, "amazon-bedrock-invocationMetrics");
        match shape_of_answer(&answer) {
            Some(shape) => shape.read_answer(answer, call),
            None => read_text(answer, call),
        }
        if call.usage.is_none()
            && let Some(metrics) = metrics
        {
            let of = |name: &str| metrics.get(name).and_then(count);
            call.usage =
                Some(Usage { input: of("inputTokenCount"), output: of("outputTokenCount"), ..Usage::default() })
                    .filter(|usage| !usage.is_empty());
            call.raw_usage = Some(Json::Object(metrics));
        }
    }

    fn fold(&self, events: Vec<Event>) -> Folded {
        let shape = events.iter().filter_map(|event| event.data.as_object()).find_map(shape_of_event);
        if let Some(shape) = shape {
            return shape.fold(events);
        }
        let mut body = Map::new();
        for event in events {
            let Json::Object(mut chunk) = event.data else { continue };
            for mut output in objects(&mut chunk, "outputs") {
                if let Some(more) = text(&mut output, "text") {
                    append(&mut body, "generation", &more);
                }
                fields::overwrite(&mut chunk, output);
            }
            for name in ["generation", "outputText"] {
                if let Some(more) = text(&mut chunk, name) {
                    append(&mut body, "generation", &more);
                }
                chunk.remove(name);
            }
            chunk.remove("outputs");
            fields::overwrite(&mut body, chunk);
        }
        let is_complete = ["stop_reason", "completionReason"].iter().any(|name| fields::peek(&body, name).is_some());
        Folded { body, is_complete }
    }
}

fn shape_of_request(request: &Map) -> Option<&'static dyn Shape> {
    if request.contains_key("anthropic_version") && has_list(request, "messages") {
        return Some(&AnthropicMessages);
    }
    if request.contains_key("max_tokens_to_sample") {
        return Some(&AnthropicComplete);
    }
    if request.contains_key("message") || request.contains_key("chat_history") {
        return Some(&Cohere);
    }
    let messages = request.get("messages").and_then(Json::as_array)?;
    let is_block = |block: &Json| block.get("type").is_none() && block.is_object();
    let has_blocks =
        |message: &Json| message.get("content").and_then(Json::as_array).is_some_and(|all| all.iter().any(is_block));
    if request.contains_key("inferenceConfig") || messages.iter().any(has_blocks) {
        return Some(&BedrockConverse);
    }
    Some(&OpenAiChat)
}

fn shape_of_answer(answer: &Map) -> Option<&'static dyn Shape> {
    if is(answer, "type", "message") || has_list(answer, "content") {
        return Some(&AnthropicMessages);
    }
    if is(answer, "type", "completion") || answer.contains_key("completion") {
        return Some(&AnthropicComplete);
    }
    if answer.get("output").is_some_and(|output| output.get("message").is_some()) {
        return Some(&BedrockConverse);
    }
    let shapes: [&'static dyn Shape; 2] = [&OpenAiChat, &Cohere];
    shapes.into_iter().find(|shape| shape.answers(answer))
}

fn shape_of_event(event: &Map) -> Option<&'static dyn Shape> {
    if is(event, "type", "message_start") || is(event, "type", "content_block_delta") {
        return Some(&AnthropicMessages);
    }
    if bedrock_converse::is_event(event) {
        return Some(&BedrockConverse);
    }
    if event.contains_key("completion") {
        return Some(&AnthropicComplete);
    }
    let shapes: [&'static dyn Shape; 2] = [&OpenAiChat, &Cohere];
    shapes.into_iter().find(|shape| shape.begins(event))
}

fn read_text(mut answer: Map, call: &mut Call) {
    let counts = |answer: &Map, names: &[&str]| names.iter().find_map(|name| answer.get(*name).and_then(count));
    let mut output = counts(&answer, &["generation_token_count", "totalOutputTextTokenCount"]);
    let mut written = Vec::new();
    written.extend(text(&mut answer, "generation"));
    for name in ["results", "outputs"] {
        for mut one in objects(&mut answer, name) {
            output = output.or_else(|| counts(&one, &["tokenCount"]));
            written.extend(text(&mut one, "outputText").or_else(|| text(&mut one, "text")));
            call.stop(text(&mut one, "completionReason").or_else(|| text(&mut one, "stop_reason")));
        }
        answer.remove(name);
    }
    for text in written {
        call.messages_out.push(Message { role: Role::Assistant, name: None, parts: vec![Part::Text { text }] });
    }
    call.stop(text(&mut answer, "stop_reason").or_else(|| text(&mut answer, "completionReason")));
    let usage =
        Usage { input: counts(&answer, &["inputTextTokenCount", "prompt_token_count"]), output, ..Usage::default() };
    if !usage.is_empty() {
        const NAMES: [&str; 4] =
            ["inputTextTokenCount", "prompt_token_count", "generation_token_count", "totalOutputTextTokenCount"];
        let raw: Map = NAMES.iter().filter_map(|name| answer.remove_entry(*name)).collect();
        call.raw_usage = Some(Json::Object(raw));
        call.usage = Some(usage);
    }
    if let Some(vector) = answer.remove("embedding") {
        call.operation = Some(Operation::Embeddings);
        call.output = describe(&[vector.as_array().map_or(0, Vec::len)]).map(Payload::Text);
    }
    if let Some(vectors) = answer.remove("embeddings") {
        call.operation = Some(Operation::Embeddings);
        let sizes: Vec<usize> =
            vectors.as_array().into_iter().flatten().filter_map(Json::as_array).map(Vec::len).collect();
        call.output = describe(&sizes).map(Payload::Text);
    }
    for name in ["error", "embeddingsByType"] {
        answer.remove(name);
    }
    call.keep(answer);
}
