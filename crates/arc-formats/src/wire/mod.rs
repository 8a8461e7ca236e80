//! Containers that spans or transcripts come in, one file each.
//!
//! A wire decides how bytes are cut into records and what is certain about each; what attributes
//! mean is for the dialects. Files without `impl Wire` are shared by several wires.

use arc_model::{Json, Place};

use crate::{
    document::{Content, Document},
    output::Output,
};

pub mod agentdojo;
pub mod agno;
mod answers;
mod any_value;
pub mod atif;
pub mod autogen;
pub mod chat;
pub mod claude_code;
pub mod codex;
mod conversation;
pub mod crewai;
mod damaged_json;
pub mod google_adk_events;
pub mod group_chat;
pub mod http_recording;
mod identity;
pub mod inspect_ai;
mod iso_duration;
pub mod langchain_messages;
pub mod langfuse_export;
pub mod langsmith_export;
pub mod mcp_transcript;
pub mod mlflow_export;
pub mod openinference_export;
pub mod otlp_json;
pub(crate) mod otlp_logs;
pub mod otlp_protobuf;
mod phoenix_record;
mod protobuf;
pub mod provider_response;
pub mod pydantic_ai_messages;
pub mod smolagents;
pub mod steps;
pub mod swe_agent;
pub mod tau2;
pub mod tau_bench;
mod transcript;
mod written_id;

/// A container format.
pub trait Wire: Sync {
    /// Returns the stable id, in kebab-case.
    fn id(&self) -> &'static str;

    /// Returns the name to show.
    fn name(&self) -> &'static str;

    /// Returns what an input of this format is, to be read after "expected".
    fn expects(&self) -> &'static str;

    /// Returns how well a document fits; `None` when this wire cannot read it. MUST be cheap and
    /// MUST NOT depend on anything but the document.
    fn sniff(&self, content: &Content<'_>) -> Option<Match>;

    /// Reads documents that follow each other in one source. MUST be total and deterministic, and
    /// MUST leave a diagnostic for everything it does not take in.
    fn decode(&self, documents: Vec<Document<'_>>, out: &mut Output);
}

/// How well a document fits a wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Match {
    /// Out of 100; the highest wins.
    pub score: u8,
    /// What it was recognised by.
    pub because: &'static str,
}

/// Records that are looked at before a list is said not to be of a format.
const RECORDS_LOOKED_AT: usize = 16;

/// Returns whether one of the first items fits: a damaged record must not hide a format.
pub(crate) fn some_item(value: &Json, fits: impl Fn(&Json) -> bool) -> bool {
    value.as_array().is_some_and(|items| items.iter().take(RECORDS_LOOKED_AT).any(fits))
}

/// Returns a place in a document.
pub(crate) fn place(line: Option<u64>, pointer: impl Into<String>) -> Place {
    let pointer = pointer.into();
    Place { line, pointer: (!pointer.is_empty()).then_some(pointer), span: None }
}

/// Takes the JSON value out of each document; a document without one is rejected.
pub(crate) fn json_documents(documents: Vec<Document<'_>>, out: &mut Output) -> Vec<(Option<u64>, Json)> {
    let mut values = Vec::with_capacity(documents.len());
    for document in documents {
        match document.content {
            Content::Json(value) => values.push((document.line, value)),
            Content::Bytes(_) => out.rejected(place(document.line, ""), "expected JSON, found something else"),
        }
    }
    values
}

/// Reads each record: a document, or each item of a document that is a list. `read` gets it with its line and pointer.
pub(crate) fn each_record(
    documents: Vec<Document<'_>>,
    out: &mut Output,
    mut read: impl FnMut(Json, Option<u64>, String, &mut Output),
) {
    for (line, value) in json_documents(documents, out) {
        match value {
            Json::Array(records) => {
                for (index, record) in records.into_iter().enumerate() {
                    read(record, line, format!("/{index}"), out);
                }
            }
            record => read(record, line, String::new(), out),
        }
    }
}

/// Says what a JSON value looks like, without repeating its content.
pub(crate) fn describe_json(value: &Json) -> String {
    match value {
        Json::Null => "null".to_owned(),
        Json::Bool(_) => "a boolean".to_owned(),
        Json::Number(_) => "a number".to_owned(),
        Json::String(_) => "a string".to_owned(),
        Json::Array(items) => match items.first() {
            None => "an empty JSON array".to_owned(),
            Some(first) if !first.is_array() => format!("a JSON array whose first item is {}", describe_json(first)),
            Some(_) => "a JSON array of arrays".to_owned(),
        },
        Json::Object(fields) if fields.is_empty() => "an empty JSON object".to_owned(),
        Json::Object(fields) => {
            let mut names: Vec<String> =
                fields.keys().take(6).map(|name| format!("`{}`", name.chars().take(32).collect::<String>())).collect();
            names.sort();
            let more = if fields.len() > names.len() { ", …" } else { "" };
            format!("a JSON object with the fields {}{more}", names.join(", "))
        }
    }
}
