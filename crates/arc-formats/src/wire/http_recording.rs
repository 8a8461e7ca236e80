//! Recordings of HTTP: VCR cassettes in YAML or JSON, and HAR. Those exchanges that are calls of a model become one
//! run; the bodies are read by `provider`.

use std::io::Read;

use arc_model::{Json, Place, Span, SpanId, SpanKind, Timestamp, TraceId};
use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::read::MultiGzDecoder;
use serde_json::Map;

use super::{
    Match, Wire, describe_json,
    identity::{Identities, span_id},
    json_documents, place,
    provider_response::fill,
    some_item,
};
use crate::{
    assemble,
    dialect::DerivedTool,
    document::{Content, Document},
    output::Output,
    provider::{self, Exchange, address::Address},
    read::value::{count, number},
    yaml,
};

/// The wire.
pub struct HttpRecording;

/// Most bytes a compressed body may decompress to.
const MAX_BODY_BYTES: u64 = 64 << 20;

impl Wire for HttpRecording {
    fn id(&self) -> &'static str {
        "http-recording"
    }

    fn name(&self) -> &'static str {
        "Recorded HTTP exchanges with model providers: VCR cassettes, HAR"
    }

    fn expects(&self) -> &'static str {
        "a recording of HTTP, with `interactions` (VCR) or `log` and `entries` (HAR), each with a request and a response"
    }

    fn sniff(&self, content: &Content<'_>) -> Option<Match> {
        let Content::Json(value) = content else { return None };
        let is_exchange = |one: &Json| one.get("request").is_some() && one.get("response").is_some();
        let is_empty = |all: &Json| all.as_array().is_some_and(Vec::is_empty);
        exchanges(value)
            .filter(|all| some_item(all, is_exchange) || is_empty(all))
            .map(|_| Match { score: 90, because: "its exchanges have a request and a response" })
    }

    fn decode(&self, documents: Vec<Document<'_>>, out: &mut Output) {
        let mut identities = Identities::default();
        for (line, value) in json_documents(documents, out) {
            let Some(Json::Array(all)) = exchanges(&value) else {
                let found = describe_json(&value);
                out.rejected(place(line, ""), format!("expected {}, found {found}", self.expects()));
                continue;
            };
            let trace_id = identities.of(self.id(), &value);
            let mut session = Session { trace_id, calls: Vec::new(), sequence: 0 };
            for (index, one) in all.iter().enumerate() {
                session.read(one, place(line, format!("/{index}")), out);
            }
            session.push(place(line, ""), out);
        }
    }
}

fn exchanges(value: &Json) -> Option<&Json> {
    let har = || value.get("log").and_then(|log| log.get("entries"));
    value.get("interactions").or_else(|| value.get("http_interactions")).or_else(har)
}

/// The calls of one recording.
struct Session {
    trace_id: TraceId,
    calls: Vec<Span>,
    sequence: u32,
}

impl Session {
    fn read(&mut self, exchange: &Json, here: Place, out: &mut Output) {
        let Some(recorded) = Recorded::read(exchange) else {
            out.rejected(here, "expected an exchange with a `request` and a `response`; it is left out");
            return;
        };
        let call = provider::exchange(&Exchange {
            url: Some(&recorded.url),
            request: recorded.request.as_deref(),
            status: recorded.status,
            content_type: recorded.content_type.as_deref(),
            response: recorded.response.as_deref(),
            retry_after: recorded.retry_after.as_deref(),
            ..Exchange::default()
        });
        if call.shape.is_none() {
            let Address { host, path } = Address::parse(&recorded.url);
            out.note_once(
                here,
                format!("an exchange with {host}{path} is no call of a model that is known; it is left out"),
            );
            return;
        }
        for remark in &call.remarks {
            out.note_once(here.clone(), remark.as_str());
        }
        let outcomes = if self.calls.is_empty() { Vec::new() } else { call.tool_outcomes.clone() };
        let mut span = Span::new(self.trace_id, self.next_id(), SpanKind::Llm, "chat");
        span.revision = 1;
        span.start = recorded.start;
        span.end = recorded.end;
        fill(&mut span, call);
        let asked = self.calls.iter().rev().find(|span| span.kind == SpanKind::Llm).and_then(|span| span.end);
        for outcome in outcomes {
            let span_id = SpanId::of_tool_call(self.trace_id, &outcome.key);
            let mut tool = assemble::tool_span(DerivedTool { span_id, start: asked, outcome }, &span);
            tool.sequence = self.sequence;
            self.sequence += 1;
            self.calls.push(tool);
        }
        span.sequence = self.sequence;
        self.sequence += 1;
        self.calls.push(span);
    }

    fn next_id(&self) -> SpanId {
        span_id(self.trace_id, self.sequence.saturating_add(1))
    }

    /// Puts the calls under a run, should there be several.
    fn push(self, here: Place, out: &mut Output) {
        let Self { trace_id, mut calls, .. } = self;
        if calls.is_empty() {
            out.rejected(here, "the recording holds no call of a model that is known; nothing is taken in");
            return;
        }
        if calls.len() > 1 {
            let mut root = Span::new(trace_id, span_id(trace_id, 0), SpanKind::Agent, "recorded session");
            root.revision = 1;
            root.start = calls.iter().filter_map(|span| span.start).min();
            root.end = calls.iter().filter_map(|span| span.end).max();
            for call in &mut calls {
                call.parent_id = Some(root.span_id);
                call.sequence = call.sequence.saturating_add(1);
            }
            out.spans.push(root);
        }
        out.spans.append(&mut calls);
    }
}

/// One exchange of a recording.
struct Recorded {
    url: String,
    request: Option<Vec<u8>>,
    status: Option<u16>,
    content_type: Option<String>,
    retry_after: Option<String>,
    response: Option<Vec<u8>>,
    start: Option<Timestamp>,
    end: Option<Timestamp>,
}

impl Recorded {
    fn read(exchange: &Json) -> Option<Self> {
        let (request, response) = (exchange.get("request")?, exchange.get("response")?);
        let text = |value: &Json, name: &str| value.get(name).and_then(Json::as_str).map(str::to_owned);
        let status = response.get("status").map(|status| status.get("code").unwrap_or(status));
        let status = status.or_else(|| response.get("status_code")).and_then(count);
        let sent =
            request.get("body").or_else(|| request.pointer("/postData/text")).or_else(|| request.get("parsed_body"));
        let came =
            ["body", "content", "parsed_body"].iter().find_map(|name| response.get(*name).filter(|b| !b.is_null()));
        let headers = response.get("headers");
        let start = text(exchange, "startedDateTime").and_then(|text| Timestamp::parse(&text));
        Some(Self {
            url: text(request, "uri").or_else(|| text(request, "url"))?,
            request: sent.and_then(bytes),
            status: status.and_then(|status| u16::try_from(status).ok()),
            content_type: header(headers, "content-type"),
            retry_after: header(headers, "retry-after"),
            response: came.and_then(bytes),
            start,
            end: start.zip(exchange.get("time").and_then(number)).map(|(start, taken)| after(start, taken)),
        })
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the range is checked before")]
fn after(start: Timestamp, milliseconds: f64) -> Timestamp {
    start.plus_nanos((milliseconds.clamp(0.0, 1e9) * 1e6) as i64)
}

/// Returns a header: an object of values or lists of them (VCR), or a list of names with values (HAR).
fn header(headers: Option<&Json>, wanted: &str) -> Option<String> {
    let first =
        |value: &Json| value.as_array().and_then(|all| all.first()).unwrap_or(value).as_str().map(str::to_owned);
    match headers? {
        Json::Object(fields) => {
            let mut fields = fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
            fields.find_map(|(_, value)| first(value))
        }
        Json::Array(items) => items.iter().find_map(|item| {
            let is_it = item.get("name")?.as_str()?.eq_ignore_ascii_case(wanted);
            is_it.then(|| item.get("value").and_then(first))?
        }),
        _ => None,
    }
}

/// Returns the bytes of a body in the ways recordings write one, compression undone.
fn bytes(body: &Json) -> Option<Vec<u8>> {
    let found = match body {
        Json::Null => return None,
        Json::String(text) => text.clone().into_bytes(),
        Json::Object(fields) => bytes_in(fields)?,
        other => other.to_string().into_bytes(),
    };
    if !found.starts_with(&[0x1f, 0x8b]) {
        return Some(found);
    }
    let mut plain = Vec::new();
    // Of a stream that is cut, what came before the cut.
    let _ = MultiGzDecoder::new(found.as_slice()).take(MAX_BODY_BYTES).read_to_end(&mut plain);
    Some(if plain.is_empty() { found } else { plain })
}

fn bytes_in(fields: &Map<String, Json>) -> Option<Vec<u8>> {
    let encoded = [yaml::BINARY, "base64_string"].iter().find_map(|name| fields.get(*name)?.as_str());
    if let Some(text) = encoded {
        return STANDARD.decode(text).ok();
    }
    if let Some(inside) = fields.get("string") {
        return bytes(inside);
    }
    if let Some(text) = fields.get("text").and_then(Json::as_str).filter(|_| fields.contains_key("mimeType")) {
        let is_encoded = fields.get("encoding").and_then(Json::as_str) == Some("base64");
        return if is_encoded { STANDARD.decode(text).ok() } else { Some(text.as_bytes().to_vec()) };
    }
    // Some recorders write the value that the body holds.
    (!fields.is_empty()).then(|| Json::Object(fields.clone()).to_string().into_bytes())
}
