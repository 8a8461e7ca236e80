//! Ordering documents by a question: Cohere's shape, which Jina, Voyage and others share.

use arc_model::{Json, Payload};

use super::{
    Shape,
    call::{Call, Operation},
    cohere::read_meta,
    fields::{Map, has_list, text},
    openai_chat::read_usage,
};

/// The shape.
pub(super) struct Rerank;

impl Shape for Rerank {
    fn id(&self) -> &'static str {
        "rerank"
    }

    fn asks(&self, path: &str, request: &Map) -> bool {
        path.trim_end_matches('/').ends_with("/rerank")
            && request.contains_key("query")
            && has_list(request, "documents")
    }

    fn answers(&self, body: &Map) -> bool {
        let is_scored = |one: &Json| one.get("relevance_score").is_some() && one.get("index").is_some();
        body.get("results").and_then(Json::as_array).is_some_and(|results| results.iter().any(is_scored))
    }

    fn read_request(&self, _path: &str, mut request: Map, call: &mut Call) {
        call.operation = Some(Operation::Rerank);
        call.request_model = text(&mut request, "model");
        let given: Map = ["query", "documents"].iter().filter_map(|name| request.remove_entry(*name)).collect();
        call.input = Some(Payload::Json(Json::Object(given)));
        call.set(request, &[], &[]);
    }

    fn read_answer(&self, mut answer: Map, call: &mut Call) {
        call.operation.get_or_insert(Operation::Rerank);
        call.response_id = text(&mut answer, "id");
        call.response_model = text(&mut answer, "model");
        call.output = answer.remove("results").map(Payload::Json);
        read_usage(&mut answer, call);
        read_meta(&mut answer, call);
        answer.remove("error");
        call.keep(answer);
    }
}
