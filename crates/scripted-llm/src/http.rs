//! Routes, faults and pacing: turns a [`Reply`] into an HTTP response.

use std::{collections::BTreeMap, io, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{Path, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use crate::{
    asked::{Api, Asked, Named},
    bedrock, chat_completions, cohere,
    desk::{Desk, Reply},
    embeddings, failure, gemini, messages, ollama,
    render::Frame,
    responses,
    script::Fault,
};

/// How long a timeout hangs unless the script says otherwise; longer than any sane client waits in a test.
const HANG_MS: u64 = 60_000;
/// What a rate limit asks for unless the script says otherwise.
const RETRY_AFTER_MS: u64 = 1_000;
const CUT_AFTER: Duration = Duration::from_millis(20);
const JSON: &str = "application/json";

/// Returns the routes over a script.
pub fn router(desk: Arc<Desk>) -> Router {
    let answer = |api: Api| {
        post(move |State(desk): State<Arc<Desk>>, headers: HeaderMap, body: Bytes| async move {
            respond(&desk, api, Named::default(), &headers, &body).await
        })
    };
    // Where the path names the model: `{model}:generateContent`, `{model}/converse-stream`.
    let named = |read: fn(&str, &str) -> Option<(Api, Named)>| {
        post(
            move |State(desk): State<Arc<Desk>>, Path(path): Path<Vec<String>>, headers: HeaderMap, body: Bytes| async move {
                let words = path.iter().rev().map(String::as_str).collect::<Vec<_>>();
                let found = match words.as_slice() {
                    [last] => read(last, ""),
                    [last, model, ..] => read(model, last),
                    [] => None,
                };
                let Some((api, named)) = found else { return StatusCode::NOT_FOUND.into_response() };
                respond(&desk, api, named, &headers, &body).await
            },
        )
    };
    Router::new()
        .route("/v1/chat/completions", answer(Api::ChatCompletions))
        .route("/openai/v1/chat/completions", answer(Api::ChatCompletions))
        .route("/openai/deployments/{deployment}/chat/completions", answer(Api::ChatCompletions))
        .route("/v1/responses", answer(Api::Responses))
        .route("/v1/messages", answer(Api::Messages))
        .route("/v1/embeddings", answer(Api::Embeddings))
        .route("/v1beta/models/{call}", named(gemini_call))
        .route("/v1/models/{call}", named(gemini_call))
        .route("/model/{model}/{call}", named(bedrock_call))
        .route("/v2/chat", answer(Api::Cohere))
        .route("/api/chat", answer(Api::Ollama))
        .route("/v1/models", get(models))
        .route("/requests", get(|State(desk): State<Arc<Desk>>| async move { Json(json!({"requests": desk.log()})) }))
        .route("/reset", post(reset))
        .with_state(desk)
}

fn gemini_call(call: &str, _: &str) -> Option<(Api, Named)> {
    let (model, verb) = call.rsplit_once(':')?;
    let stream = match verb {
        "generateContent" => false,
        "streamGenerateContent" => true,
        _ => return None,
    };
    Some((Api::Gemini, Named { model: Some(model.to_owned()), stream: Some(stream) }))
}

fn bedrock_call(model: &str, call: &str) -> Option<(Api, Named)> {
    let (api, stream) = match call {
        "converse" => (Api::Bedrock, false),
        "converse-stream" => (Api::Bedrock, true),
        "invoke" => (Api::BedrockInvoke, false),
        "invoke-with-response-stream" => (Api::BedrockInvoke, true),
        _ => return None,
    };
    Some((api, Named { model: Some(model.to_owned()), stream: Some(stream) }))
}

async fn reset(State(desk): State<Arc<Desk>>) -> StatusCode {
    desk.reset();
    StatusCode::NO_CONTENT
}

/// Lists the models in a shape that both providers' clients read.
async fn models(State(desk): State<Arc<Desk>>) -> Json<Value> {
    let models = desk.models();
    let data = models.iter().map(|id| {
        json!({
            "id": id, "object": "model", "created": chat_completions::CREATED, "owned_by": "scripted-llm",
            "type": "model", "display_name": id, "created_at": "2023-11-14T22:13:20Z",
        })
    });
    let data: Vec<Value> = data.collect();
    Json(json!({
        "object": "list", "data": data,
        "has_more": false, "first_id": models.first(), "last_id": models.last(),
    }))
}

async fn respond(desk: &Desk, api: Api, named: Named, headers: &HeaderMap, body: &[u8]) -> Response {
    let body: Value = match serde_json::from_slice(body) {
        Ok(body) => body,
        Err(error) => {
            return failed(api, 0, StatusCode::BAD_REQUEST, &format!("the request body is not JSON: {error}"));
        }
    };
    let asked = Asked::read(api, named, readable(headers), body);
    let reply = match desk.answer(&asked) {
        Ok(reply) => reply,
        Err(message) => return failed(api, 0, StatusCode::NOT_FOUND, &message),
    };
    tokio::time::sleep(Duration::from_millis(reply.rule.delay_ms)).await;
    if let Some(response) = fault(&reply, &asked).await {
        return response;
    }
    if asked.stream {
        send(&reply, stream_type(api), events(&reply, &asked), Ending::Complete)
    } else {
        whole(&reply, &asked)
    }
}

const fn stream_type(api: Api) -> &'static str {
    match api {
        Api::Bedrock | Api::BedrockInvoke => "application/vnd.amazon.eventstream",
        Api::Ollama => "application/x-ndjson",
        _ => "text/event-stream; charset=utf-8",
    }
}

fn events(reply: &Reply, asked: &Asked) -> Vec<Frame> {
    match asked.api {
        Api::ChatCompletions => chat_completions::events(reply, asked),
        Api::Responses => responses::events(reply, asked),
        Api::Messages => messages::events(reply),
        Api::Embeddings => vec![Frame::raw(&embeddings::whole(reply, asked).to_string())],
        Api::Gemini => gemini::events(reply),
        Api::Bedrock => bedrock::events(reply),
        Api::BedrockInvoke => bedrock::invoked_events(reply),
        Api::Cohere => cohere::events(reply),
        Api::Ollama => ollama::events(reply),
    }
}

fn whole_body(reply: &Reply, asked: &Asked) -> Value {
    match asked.api {
        Api::ChatCompletions => chat_completions::whole(reply),
        Api::Responses => responses::whole(reply, asked),
        Api::Messages | Api::BedrockInvoke => messages::whole(reply),
        Api::Embeddings => embeddings::whole(reply, asked),
        Api::Gemini => gemini::whole(reply),
        Api::Bedrock => bedrock::whole(reply),
        Api::Cohere => cohere::whole(reply),
        Api::Ollama => ollama::whole(reply),
    }
}

fn whole(reply: &Reply, asked: &Asked) -> Response {
    with_request_id(Json(whole_body(reply, asked)).into_response(), reply.number)
}

/// Fails as the script says; `None` when it says nothing.
async fn fault(reply: &Reply, asked: &Asked) -> Option<Response> {
    let message = |otherwise: &str| reply.rule.error_message.clone().unwrap_or_else(|| otherwise.to_owned());
    let fail = |status: u16, otherwise: &str| {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        failed(asked.api, reply.number, status, &message(otherwise))
    };
    Some(match reply.rule.error? {
        Fault::BadRequest => fail(400, "the request is too long for this model"),
        Fault::Unauthorized => fail(401, "the API key is not valid"),
        Fault::RateLimit => {
            let mut response = fail(429, "rate limit reached");
            let wait_ms = reply.rule.retry_after_ms.unwrap_or(RETRY_AFTER_MS);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait_ms.div_ceil(1000)));
            response.headers_mut().insert(HeaderName::from_static("retry-after-ms"), HeaderValue::from(wait_ms));
            response
        }
        Fault::ServerError => fail(500, "the server had an error"),
        Fault::Overloaded => fail(529, "overloaded"),
        Fault::StreamError if !asked.stream => fail(500, "the server had an error"),
        Fault::Timeout => {
            tokio::time::sleep(Duration::from_millis(reply.rule.hang_ms.unwrap_or(HANG_MS))).await;
            // Nothing was flushed yet: the client sees a connection closed without an answer.
            Response::new(Body::from_stream(stream::once(async { Err::<Bytes, _>(hang_up()) })))
        }
        Fault::StreamError => {
            let mut frames = first_half(events(reply, asked));
            frames.push(failure::frame(asked.api, &message("overloaded"), frames.len()));
            send(reply, stream_type(asked.api), frames, Ending::Complete)
        }
        Fault::Malformed if asked.stream => {
            let mut frames = events(reply, asked);
            let broken = frames.get(frames.len() / 2).map(Frame::broken);
            frames.truncate(frames.len() / 2);
            send(reply, stream_type(asked.api), frames.into_iter().chain(broken).collect(), Ending::Complete)
        }
        Fault::Malformed => send(reply, JSON, vec![half_body(reply, asked)], Ending::Complete),
        Fault::Cut if asked.stream => {
            send(reply, stream_type(asked.api), first_half(events(reply, asked)), Ending::Cut)
        }
        Fault::Cut => send(reply, JSON, vec![half_body(reply, asked)], Ending::Cut),
    })
}

fn half_body(reply: &Reply, asked: &Asked) -> Frame {
    let text = whole_body(reply, asked).to_string();
    Frame::raw(&text.chars().take(text.chars().count() / 2).collect::<String>())
}

fn hang_up() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "the script cuts the connection here")
}

fn first_half(mut frames: Vec<Frame>) -> Vec<Frame> {
    frames.truncate(frames.len().div_ceil(2));
    frames
}

/// How a body ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    Complete,
    /// The connection breaks.
    Cut,
}

/// Sends frames one by one, as slowly as the rule says.
fn send(reply: &Reply, content_type: &'static str, frames: Vec<Frame>, ending: Ending) -> Response {
    let pause = Duration::from_millis(reply.rule.chunk_delay_ms);
    let frames = stream::iter(frames.into_iter().enumerate()).then(move |(index, frame)| async move {
        if index > 0 && !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        Ok(Bytes::from(frame.into_bytes()))
    });
    let cut = stream::iter((ending == Ending::Cut).then_some(())).then(|()| async {
        // Lets what was written reach the client before the connection breaks.
        tokio::time::sleep(CUT_AFTER).await;
        Err(hang_up())
    });
    let headers = [(header::CONTENT_TYPE, content_type), (header::CACHE_CONTROL, "no-cache")];
    with_request_id((headers, Body::from_stream(frames.chain(cut))).into_response(), reply.number)
}

fn with_request_id(mut response: Response, number: u64) -> Response {
    for name in ["x-request-id", "request-id"] {
        if let Ok(id) = HeaderValue::from_str(&format!("req_{number}")) {
            response.headers_mut().insert(HeaderName::from_static(name), id);
        }
    }
    response
}

fn failed(api: Api, number: u64, status: StatusCode, message: &str) -> Response {
    with_request_id(failure::response(api, status, message), number)
}

/// Returns the headers as text, credentials replaced.
fn readable(headers: &HeaderMap) -> BTreeMap<String, String> {
    let shown = headers.iter().map(|(name, value)| {
        let secret = matches!(name.as_str(), "authorization" | "x-api-key" | "cookie");
        let value = if secret { "(set)".to_owned() } else { String::from_utf8_lossy(value.as_bytes()).into_owned() };
        (name.as_str().to_owned(), value)
    });
    shown.collect()
}
