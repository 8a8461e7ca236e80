//! One HTTP exchange with a model provider, as bytes, to one canonical model call.
//!
//! A *shape* ([`Shape`]) is what a provider's API looks like; many providers serve one shape, so the shape is told by
//! the path and the bodies, and the provider by the host alone ([`address`]). A stream is first cut into events
//! (`body`), and the shape folds them into the answer it would have given without streaming; so each shape reads an
//! answer in one way.
//!
//! Total: nothing fails, whatever the bytes are. What was not understood is said in [`Call::remarks`], and fields of
//! an answer that nobody read are kept in [`Call::rest`].
//!
//! Reading order: [`exchange`], `call`, `body`, one shape. To add a shape: a file here and a line in [`SHAPES`].
//!
//! What this is not: it opens no connections, knows no prices, and does not decide which calls make a run.

use arc_model::Json;

pub mod address;
mod anthropic_complete;
mod anthropic_messages;
mod bedrock_agent;
mod bedrock_converse;
mod bedrock_invoke;
mod body;
mod call;
mod cohere;
mod event_stream;
mod fields;
mod gemini;
mod gemini_embed;
mod gemini_interactions;
mod ollama;
mod openai_chat;
mod openai_completions;
mod openai_embeddings;
mod openai_responses;
mod rerank;
mod transcript;
pub mod usage;

use body::{Body, Event};
pub use call::{Call, CallError, Operation, ToolOutcome};
use fields::Map;
pub(crate) use gemini::content_message;

/// Every shape, in the order in which they are asked.
const SHAPES: &[&dyn Shape] = &[
    &openai_chat::OpenAiChat,
    &openai_responses::OpenAiResponses,
    &anthropic_messages::AnthropicMessages,
    &gemini::Gemini,
    &bedrock_converse::BedrockConverse,
    &bedrock_invoke::BedrockInvoke,
    &bedrock_agent::BedrockAgent,
    &cohere::Cohere,
    &ollama::Ollama,
    &gemini_embed::GeminiEmbed,
    &gemini_interactions::GeminiInteractions,
    &openai_embeddings::OpenAiEmbeddings,
    &openai_completions::OpenAiCompletions,
    &anthropic_complete::AnthropicComplete,
    &rerank::Rerank,
];

/// What was sent to a provider and what came back, as far as it was recorded.
#[derive(Debug, Clone, Copy, Default)]
pub struct Exchange<'a> {
    /// The address; it may lack its query.
    pub url: Option<&'a str>,
    /// The body of the request.
    pub request: Option<&'a [u8]>,
    /// The status of the response.
    pub status: Option<u16>,
    /// The type of the response's body.
    pub content_type: Option<&'a str>,
    /// The body of the response, without content encoding; of a stream all bytes as they came.
    pub response: Option<&'a [u8]>,
    /// Whether the response came to an end; `None` when nobody said.
    pub is_whole: Option<bool>,
    /// Whether a body was cut when it was recorded.
    pub is_truncated: bool,
    /// When to try again, as the response's header says it.
    pub retry_after: Option<&'a str>,
}

/// What a provider's API looks like. Functions MUST be total.
trait Shape: Sync {
    /// Returns the stable id, in kebab-case: the name of the file.
    fn id(&self) -> &'static str;

    /// Returns whether a request to this path with this body is of the shape. MUST look at both: paths end alike.
    fn asks(&self, path: &str, request: &Map) -> bool;

    /// Returns whether a body is a whole answer of the shape. MUST ask for fields that others do not have together.
    fn answers(&self, body: &Map) -> bool;

    /// Returns whether an object is one of the first events of a streamed answer of the shape.
    fn begins(&self, event: &Map) -> bool {
        self.answers(event)
    }

    /// Reads what was sent.
    fn read_request(&self, path: &str, request: Map, call: &mut Call);

    /// Reads what came back, be it an answer or an answer folded from a stream.
    fn read_answer(&self, answer: Map, call: &mut Call);

    /// Folds a stream into the answer it amounts to, as far as it got.
    fn fold(&self, events: Vec<Event>) -> Folded {
        let mut body = Map::new();
        for event in events {
            if let Json::Object(fields) = event.data {
                body.extend(fields);
            }
        }
        Folded { body, is_complete: true }
    }
}

/// An answer folded from a stream.
struct Folded {
    body: Map,
    /// Whether the stream said that it was over.
    is_complete: bool,
}

/// Reads an exchange. Never fails; [`Call::shape`] is `None` when it is no model call that is known.
pub fn exchange(exchange: &Exchange<'_>) -> Call {
    let mut call = Call::default();
    let address = address::Address::parse(exchange.url.unwrap_or_default());
    call.provider = address.provider().map(str::to_owned);
    let request = exchange.request.filter(|bytes| !bytes.is_empty()).map(|bytes| body::read_request(bytes, &mut call));
    let response = exchange.response.filter(|bytes| !bytes.is_empty());
    let response = response.map(|bytes| body::read_response(bytes, exchange.content_type, &mut call));
    let request = request.flatten();
    let asks = |shape: &&&dyn Shape| request.as_ref().is_some_and(|request| shape.asks(&address.path, request));
    let asked = SHAPES.iter().find(asks).or_else(|| SHAPES.iter().find(|shape| is_answer(**shape, response.as_ref())));
    if let Some(&shape) = asked {
        call.shape = Some(shape.id());
        if let Some(request) = request {
            shape.read_request(&address.path, request, &mut call);
        }
        if let Some(response) = response {
            read_response(shape, response, exchange, &mut call);
        }
        call.finish();
    }
    call.read_status(exchange);
    call
}

/// Reads an answer of which nothing else is known; `None` when it has no shape that is known.
pub fn answer(body: Json) -> Option<Call> {
    let Json::Object(fields) = body else { return None };
    let shape = SHAPES.iter().find(|shape| shape.answers(&fields))?;
    let mut call = Call { shape: Some(shape.id()), ..Call::default() };
    shape.read_answer(fields, &mut call);
    call.finish();
    Some(call)
}

/// Returns the id of the shape a value is an answer of.
pub fn shape_of_answer(body: &Json) -> Option<&'static str> {
    let fields = body.as_object()?;
    SHAPES.iter().find(|shape| shape.answers(fields)).map(|shape| shape.id())
}

fn is_answer(shape: &dyn Shape, response: Option<&Body>) -> bool {
    match response {
        Some(Body::Plain(Json::Object(fields))) => shape.answers(fields),
        Some(Body::Events(events)) => events
            .iter()
            .take(EVENTS_LOOKED_AT)
            .any(|event| event.data.as_object().is_some_and(|event| shape.begins(event))),
        _ => false,
    }
}

/// Events that are looked at to tell of which shape a stream is.
const EVENTS_LOOKED_AT: usize = 4;

fn read_response(shape: &dyn Shape, response: Body, exchange: &Exchange<'_>, call: &mut Call) {
    match response {
        Body::Plain(Json::Object(fields)) => {
            call.read_error(&fields);
            shape.read_answer(fields, call);
        }
        Body::Plain(other) => {
            let found = crate::wire::describe_json(&other);
            call.remark(format!("expected a JSON object as the answer, found {found}; it is kept as it came"));
            call.has_unread_response = true;
        }
        Body::Events(events) => {
            call.is_streamed = true;
            let count = events.len();
            let folded = shape.fold(events);
            call.is_complete = Some(folded.is_complete);
            if !folded.is_complete && exchange.status.is_none_or(|status| status < 400) {
                call.remark(format!("the stream broke off or was left after {count} events; what came is kept"));
            }
            call.read_error(&folded.body);
            shape.read_answer(folded.body, call);
        }
        Body::Unreadable { what } => call.unread(what),
    }
    if exchange.is_truncated {
        call.remark("a body was cut when it was recorded; what is left is kept");
    }
}

#[cfg(test)]
mod tests;
