//! Transcripts of the Model Context Protocol: JSON-RPC messages between a client and a server, one on each line or in a
//! list, as they are or under a field of a log (`message`, `data`, `payload`).
//!
//! A request and its response are one step: `tools/call` a tool call, reading a resource a retrieval, other methods
//! plain steps. All messages are one run; ids of requests count for each sender.

use std::collections::BTreeMap;

use arc_model::{Json, ModelRef, Payload, Place, Span, SpanKind, Status, Timestamp, ToolCall};
use serde_json::Map;

use super::{
    Match, Wire,
    answers::time,
    describe_json, each_record,
    identity::{Identities, span_id},
    place, some_item, transcript,
};
use crate::{
    document::{Content, Document},
    output::Output,
    read::{
        parts::result_payload,
        value::{is_blank, name, take_text},
    },
};

/// The wire.
pub struct McpTranscript;

impl Wire for McpTranscript {
    fn id(&self) -> &'static str {
        "mcp-transcript"
    }

    fn name(&self) -> &'static str {
        "Transcripts of the Model Context Protocol"
    }

    fn expects(&self) -> &'static str {
        "JSON-RPC messages, `{jsonrpc: \"2.0\", id, method, params}` and `{jsonrpc: \"2.0\", id, result}`"
    }

    fn sniff(&self, content: &Content<'_>) -> Option<Match> {
        let Content::Json(value) = content else { return None };
        let list = value.get("messages").unwrap_or(value);
        (message_of(value).is_some() || some_item(list, |item| message_of(item).is_some()))
            .then_some(Match { score: 90, because: "its records are JSON-RPC 2.0 requests and responses" })
    }

    fn decode(&self, documents: Vec<Document<'_>>, out: &mut Output) {
        let mut run: Option<Run> = None;
        let mut identities = Identities::default();
        each_record(documents, out, |record, line, pointer, out| {
            let run = run.get_or_insert_with(|| Run::new(transcript::root(identities.of(McpTranscript.id(), &record))));
            let list = match record {
                Json::Object(mut fields) if fields.get("messages").is_some_and(Json::is_array) => {
                    fields.remove("messages")
                }
                record => Some(Json::Array(vec![record])),
            };
            let Some(Json::Array(messages)) = list else { return };
            for message in messages {
                run.add(&message, place(line, pointer.as_str()), out);
            }
        });
        if let Some(run) = run {
            run.push(out);
        }
    }
}

/// Returns the JSON-RPC message in a record: the record itself, or a field of it.
fn message_of(record: &Json) -> Option<&Json> {
    let is_message = |value: &&Json| {
        let has = |name: &str| value.get(name).is_some();
        value.get("jsonrpc").and_then(Json::as_str) == Some("2.0") && (has("method") || has("result") || has("error"))
    };
    let inner = ["message", "data", "payload", "body"].into_iter().filter_map(|name| record.get(name));
    std::iter::once(record).chain(inner).find(is_message)
}

/// Who sent a message, as far as a log says: requests of client and server may have the same id.
fn sender(record: &Json) -> Option<&str> {
    ["direction", "from", "sender"].iter().find_map(|name| record.get(*name)?.as_str())
}

struct Run {
    root: Span,
    below: Vec<Span>,
    /// Requests without a response, by the id of each.
    pending: BTreeMap<String, Vec<(usize, Option<String>)>>,
}

impl Run {
    fn new(mut root: Span) -> Self {
        "mcp session".clone_into(&mut root.name);
        root.kind = SpanKind::Workflow;
        Self { root, below: Vec::new(), pending: BTreeMap::new() }
    }

    fn add(&mut self, record: &Json, here: Place, out: &mut Output) {
        let Some(message) = message_of(record) else {
            let found = describe_json(record);
            out.rejected(here, format!("expected {}, found {found}", McpTranscript.expects()));
            return;
        };
        let at = ["timestamp", "time", "ts"].iter().find_map(|name| record.get(*name).and_then(time));
        self.root.start = self.root.start.into_iter().chain(at).min();
        self.root.end = self.root.end.into_iter().chain(at).max();
        let from = sender(record).map(str::to_owned);
        let id = message.get("id").and_then(name);
        match (message.get("method").and_then(Json::as_str), id) {
            (Some(method), Some(id)) => {
                let span = self.request(method, message.get("params"), at);
                self.pending.entry(id).or_default().push((self.below.len(), from));
                self.below.push(span);
            }
            (Some(method), None) => {
                // Progress, log lines and changes of lists are no steps.
                out.note_once(here, format!("notifications `{method}` are not steps and are not read"));
            }
            (None, Some(id)) => self.respond(&id, from.as_deref(), message, at, here, out),
            (None, None) => out.rejected(here, "expected an `id` in a response"),
        }
    }

    fn request(&self, method: &str, params: Option<&Json>, at: Option<Timestamp>) -> Span {
        let sequence = u32::try_from(self.below.len() + 1).unwrap_or(u32::MAX);
        let mut params = match params {
            Some(Json::Object(params)) => params.clone(),
            _ => Map::new(),
        };
        params.remove("_meta");
        let target = ["name", "uri"].iter().find_map(|name| params.get(*name)?.as_str()).map(str::to_owned);
        let kind = match method {
            "tools/call" => SpanKind::Tool,
            "resources/read" => SpanKind::Retrieval,
            // The server asks the client's model.
            "sampling/createMessage" => SpanKind::Llm,
            _ => SpanKind::Step,
        };
        let name = target.as_ref().map_or_else(|| method.to_owned(), |target| format!("{method} {target}"));
        let mut span = Span::new(self.root.trace_id, span_id(self.root.trace_id, sequence), kind, name);
        span.parent_id = Some(self.root.span_id);
        span.sequence = sequence;
        span.start = at;
        span.attributes.insert("mcp.method.name".to_owned(), Json::from(method));
        if kind == SpanKind::Tool {
            let name = take_text(&mut params, &["name"]).unwrap_or_else(|| "unknown".to_owned());
            let arguments = params.remove("arguments").map(Payload::from_json);
            span.tool = Some(ToolCall { id: None, name, arguments, result: None });
        } else if !params.is_empty() {
            span.input = Some(Payload::from_json(Json::Object(params)));
        }
        span
    }

    fn respond(
        &mut self,
        id: &str,
        from: Option<&str>,
        message: &Json,
        at: Option<Timestamp>,
        here: Place,
        out: &mut Output,
    ) {
        let waiting = self.pending.entry(id.to_owned()).or_default();
        // The other side answers; where nobody says who sent what, the latest request of this id is meant.
        let asked =
            waiting.iter().rposition(|(_, asker)| asker.is_none() || from.is_none() || asker.as_deref() != from);
        let span = asked.map(|asked| waiting.remove(asked).0).and_then(|index| self.below.get_mut(index));
        let Some(span) = span else {
            out.rejected(here, "this response answers no request; record the requests as well");
            return;
        };
        span.end = at;
        span.revision = 1;
        if let Some(error) = message.get("error").filter(|error| !error.is_null()) {
            let text = error.get("message").and_then(Json::as_str).unwrap_or_default().to_owned();
            span.status = Status::Error { kind: error.get("code").and_then(name), message: text };
            return;
        }
        let result = message.get("result").cloned().unwrap_or_default();
        if let Some(tool) = &mut span.tool {
            let is_error = result.get("isError").and_then(Json::as_bool);
            let content = match &result {
                Json::Object(fields) => {
                    fields.get("structuredContent").filter(|value| !is_blank(value)).or(fields.get("content"))
                }
                _ => None,
            };
            let payload = result_payload(content.cloned().unwrap_or(result));
            span.status = match is_error {
                Some(true) => Status::Error { kind: Some("tool_error".to_owned()), message: payload.to_text() },
                Some(false) => Status::Ok,
                None => Status::Unset,
            };
            tool.result = Some(payload);
        } else if !is_blank(&result) {
            if span.kind == SpanKind::Llm {
                let model = result.get("model").and_then(Json::as_str).map(str::to_owned);
                span.model = model.map(|model| ModelRef { response: Some(model), ..ModelRef::default() });
            }
            if let Some(server) = result.pointer("/serverInfo/name").and_then(Json::as_str) {
                self.root.attributes.insert("mcp.server.name".to_owned(), Json::from(server));
            }
            span.output = Some(Payload::from_json(result));
        }
    }

    fn push(mut self, out: &mut Output) {
        out.spans.push(self.root);
        out.spans.append(&mut self.below);
    }
}
