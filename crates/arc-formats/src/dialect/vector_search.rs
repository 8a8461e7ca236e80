//! Searches of vector databases, as `OpenLLMetry`'s instrumentations of their clients record them: `db.system`,
//! `db.operation`, and an event for each result.

use arc_model::{Json, Payload};
use serde_json::Map;

use super::Found;
use crate::{raw::RawSpan, read::attributes::Reader};

const DATABASES: &[&str] = &["chroma", "chromadb", "pinecone", "qdrant", "weaviate", "milvus", "lancedb", "marqo"];

/// What the names of searches have in them, in one database or another.
const SEARCHES: &[&str] = &["query", "search", "near_", "bm25", "hybrid"];

/// Returns whether a span is a search of a vector database; what writes to one, or looks an id up, is none.
pub(super) fn is_search(span: &RawSpan) -> bool {
    let attributes = Reader::new(&span.attributes);
    let said = |names: &[&str]| names.iter().find_map(|name| attributes.get(name)?.as_str());
    let Some(system) = said(&["db.system", "db.system.name", "vector_db.vendor"]) else { return false };
    if !DATABASES.iter().any(|database| system.eq_ignore_ascii_case(database)) {
        return false;
    }
    let operation = said(&["db.operation", "db.operation.name"]).unwrap_or_default();
    let searches = |words: &str| SEARCHES.iter().any(|word| words.contains(word));
    // Chroma's search of a segment, `_query`, is a part of the search around it; Weaviate's look-ups are named queries.
    !operation.starts_with('_') && !operation.starts_with("fetch_") && (searches(operation) || searches(&span.name))
}

/// Returns what a search found: the results that stand in events, without their vectors.
pub(super) fn results(span: &RawSpan) -> Option<Found<Payload>> {
    let results: Vec<Json> = span
        .events
        .iter()
        .filter(|event| event.name.starts_with("db.") && event.name.ends_with("query.result"))
        .map(|event| {
            let fields = event.attributes.iter().filter_map(|(name, value)| {
                let field = name.strip_prefix(&event.name).and_then(|rest| rest.strip_prefix('.')).unwrap_or(name);
                (field != "vector" && !value.is_null()).then(|| (field.to_owned(), value.clone()))
            });
            Json::Object(fields.collect::<Map<String, Json>>())
        })
        .collect();
    (!results.is_empty()).then(|| Found::kept(Payload::Json(Json::Array(results))))
}
