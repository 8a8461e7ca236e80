//! Gemini's embeddings: `embedContent`, `batchEmbedContents`, and Vertex's `predict` of embedding models.

use arc_model::{Json, Payload};

use super::{
    Shape,
    call::{Call, Operation},
    fields::{Map, has_list, has_object, inner, objects},
    gemini::model_in,
    openai_embeddings::{describe, texts},
    usage,
};

/// The shape.
pub(super) struct GeminiEmbed;

impl Shape for GeminiEmbed {
    fn id(&self) -> &'static str {
        "gemini-embed"
    }

    fn asks(&self, path: &str, request: &Map) -> bool {
        let path = path.trim_end_matches('/');
        path.ends_with(":embedContent") && has_object(request, "content")
            || path.ends_with(":batchEmbedContents") && has_list(request, "requests")
            || path.ends_with(":predict") && path.contains("embedding") && has_list(request, "instances")
    }

    fn answers(&self, body: &Map) -> bool {
        let holds = |value: &Json| value.get("values").is_some_and(Json::is_array);
        let all = body.get("embeddings").and_then(Json::as_array);
        body.get("embedding").is_some_and(holds) || all.is_some_and(|all| all.iter().any(holds))
    }

    fn read_request(&self, path: &str, mut request: Map, call: &mut Call) {
        call.operation = Some(Operation::Embeddings);
        call.request_model = model_in(path);
        let mut found = Vec::new();
        if let Some(content) = inner(&mut request, "content") {
            texts_of(&content, &mut found);
        }
        for one in objects(&mut request, "requests") {
            if let Some(Json::Object(content)) = one.get("content") {
                texts_of(content, &mut found);
            }
        }
        for one in objects(&mut request, "instances") {
            found.extend(one.get("content").cloned());
        }
        call.input = texts(Json::Array(found));
        for name in ["requests", "instances", "model"] {
            request.remove(name);
        }
        call.set(inner(&mut request, "parameters").unwrap_or_default(), &[], &[]);
        call.set(request, &[("outputDimensionality", "embeddings.dimension.count")], &[]);
    }

    fn read_answer(&self, mut answer: Map, call: &mut Call) {
        call.operation.get_or_insert(Operation::Embeddings);
        let mut sizes = Vec::new();
        let mut size = |one: &Json| sizes.extend(one.get("values").and_then(Json::as_array).map(Vec::len));
        answer.remove("embedding").iter().for_each(&mut size);
        for one in answer
            .remove("embeddings")
            .and_then(|all| if let Json::Array(all) = all { Some(all) } else { None })
            .unwrap_or_default()
        {
            size(&one);
        }
        for one in objects(&mut answer, "predictions") {
            one.get("embeddings").iter().for_each(|one| size(one));
        }
        answer.remove("predictions");
        call.output = describe(&sizes).map(Payload::Text);
        if let Some(counts) = inner(&mut answer, "usageMetadata") {
            let counts = Json::Object(counts);
            call.usage = usage::of(&counts);
            call.raw_usage = Some(counts);
        }
        answer.remove("error");
        call.keep(answer);
    }
}

fn texts_of(content: &Map, found: &mut Vec<Json>) {
    let parts = content.get("parts").and_then(Json::as_array).into_iter().flatten();
    found.extend(parts.filter_map(|part| part.get("text")).cloned());
}
