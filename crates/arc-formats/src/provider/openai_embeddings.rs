//! Embeddings in `OpenAI`'s shape, which Azure, Mistral, Voyage, Ollama and most others share; also Cohere's.

use arc_model::{Json, Payload};

use super::{
    Shape,
    call::{Call, Operation},
    cohere::read_meta,
    fields::{Map, has_list, is, objects, text},
    openai_chat::{deployment, read_usage},
};
use crate::read::value::count;

/// The shape.
pub(super) struct OpenAiEmbeddings;

impl Shape for OpenAiEmbeddings {
    fn id(&self) -> &'static str {
        "openai-embeddings"
    }

    fn asks(&self, path: &str, request: &Map) -> bool {
        let path = path.trim_end_matches('/');
        let has_input = ["input", "texts", "inputs", "images", "prompt"].iter().any(|name| request.contains_key(*name));
        (path.ends_with("/embeddings") || path.ends_with("/embed")) && has_input
    }

    fn answers(&self, body: &Map) -> bool {
        let is_one = |one: &Json| one.get("embedding").is_some();
        let data = body.get("data").and_then(Json::as_array);
        is(body, "object", "list") && data.is_some_and(|data| data.iter().any(is_one))
            || body.contains_key("embeddings") && (has_list(body, "texts") || body.contains_key("response_type"))
    }

    fn read_request(&self, path: &str, mut request: Map, call: &mut Call) {
        call.operation = Some(Operation::Embeddings);
        call.request_model = text(&mut request, "model").or_else(|| deployment(path));
        for name in ["input", "texts", "inputs", "prompt"] {
            if let Some(given) = request.remove(name) {
                call.input = texts(given);
            }
        }
        request.remove("images");
        call.set(request, &[("dimensions", "embeddings.dimension.count")], &["user", "metadata"]);
    }

    fn read_answer(&self, mut answer: Map, call: &mut Call) {
        call.operation.get_or_insert(Operation::Embeddings);
        call.response_id = text(&mut answer, "id");
        call.response_model = text(&mut answer, "model");
        let mut sizes: Vec<usize> = Vec::new();
        for one in objects(&mut answer, "data") {
            sizes.push(one.get("embedding").and_then(Json::as_array).map_or(0, Vec::len));
        }
        answer.remove("data");
        // One vector for each text, or vectors by their type.
        for vectors in [answer.remove("embedding").map(|one| Json::Array(vec![one])), answer.remove("embeddings")] {
            let vectors = match vectors {
                Some(Json::Object(by_type)) => by_type.into_iter().next().map(|(_, vectors)| vectors),
                other => other,
            };
            let vectors = vectors.as_ref().and_then(Json::as_array).into_iter().flatten();
            sizes.extend(vectors.filter_map(Json::as_array).map(Vec::len));
        }
        call.output = describe(&sizes).map(Payload::Text);
        read_usage(&mut answer, call);
        read_meta(&mut answer, call);
        if call.usage.is_none() {
            // Ollama's own.
            let input = answer.remove("prompt_eval_count").as_ref().and_then(count);
            call.usage = input.map(|input| arc_model::Usage { input: Some(input), ..arc_model::Usage::default() });
        }
        for name in ["object", "texts", "error"] {
            answer.remove(name);
        }
        call.keep(answer);
    }
}

/// Texts as the input: one as a text, more as a list; lists of token numbers are said, not kept.
pub(super) fn texts(given: Json) -> Option<Payload> {
    match given {
        Json::String(text) => Some(Payload::Text(text)),
        Json::Array(mut items) => {
            let is_tokens = |item: &Json| item.is_number() || item.is_array();
            if items.iter().any(is_tokens) {
                return Some(Payload::Text(format!("{} items that are not texts", items.len())));
            }
            match items.len() {
                0 => None,
                1 => Some(Payload::from_json(items.remove(0))),
                _ => Some(Payload::Json(Json::Array(items))),
            }
        }
        _ => None,
    }
}

/// Says what vectors there are, instead of keeping them.
pub(super) fn describe(sizes: &[usize]) -> Option<String> {
    let (first, rest) = sizes.split_first()?;
    let kind = match first {
        0 => "encoded vectors".to_owned(),
        size if rest.iter().all(|other| other == size) => format!("vectors of {size} dimensions"),
        _ => "vectors".to_owned(),
    };
    Some(format!("{} {kind}", sizes.len()))
}
