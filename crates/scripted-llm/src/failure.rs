//! How each interface says that something went wrong.

use axum::{
    Json,
    http::{HeaderName, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use crate::{asked::Api, bedrock, render::Frame};

/// Returns an answer that is an error.
pub fn response(api: Api, status: StatusCode, message: &str) -> Response {
    let mut response = (status, Json(body(api, status.as_u16(), message))).into_response();
    if matches!(api, Api::Bedrock | Api::BedrockInvoke) {
        let kind = HeaderValue::from_static(kind(api, status.as_u16()));
        response.headers_mut().insert(HeaderName::from_static("x-amzn-errortype"), kind);
    }
    response
}

/// Returns the frame that says so in the middle of a stream.
pub fn frame(api: Api, message: &str, sequence: usize) -> Frame {
    match api {
        Api::Messages | Api::Cohere => Frame::event("error", &body(api, 529, message)),
        Api::ChatCompletions | Api::Embeddings | Api::Gemini => Frame::data(&body(api, 500, message)),
        Api::Ollama => Frame::raw(&format!("{}\n", body(api, 500, message))),
        Api::Bedrock | Api::BedrockInvoke => bedrock::exception("modelStreamErrorException", message),
        Api::Responses => Frame::event(
            "error",
            &json!({"type": "error", "code": "server_error", "message": message, "param": null, "sequence_number": sequence}),
        ),
    }
}

fn body(api: Api, status: u16, message: &str) -> Value {
    let kind = kind(api, status);
    match api {
        Api::Messages => json!({"type": "error", "error": {"type": kind, "message": message}}),
        Api::ChatCompletions | Api::Responses | Api::Embeddings => {
            json!({"error": {"message": message, "type": kind, "param": null, "code": null}})
        }
        Api::Gemini => json!({"error": {"code": status, "message": message, "status": kind}}),
        Api::Bedrock | Api::BedrockInvoke | Api::Cohere => json!({"message": message}),
        Api::Ollama => json!({"error": message}),
    }
}

fn kind(api: Api, status: u16) -> &'static str {
    match (api, status) {
        (Api::Messages, 404) => "not_found_error",
        (Api::Messages, 429) => "rate_limit_error",
        (Api::Gemini, 400 | 404) => "INVALID_ARGUMENT",
        (Api::Gemini, 401) => "UNAUTHENTICATED",
        (Api::Gemini, 429) => "RESOURCE_EXHAUSTED",
        (Api::Gemini, _) => "INTERNAL",
        (Api::Bedrock | Api::BedrockInvoke, 400 | 404) => "ValidationException",
        (Api::Bedrock | Api::BedrockInvoke, 401) => "UnrecognizedClientException",
        (Api::Bedrock | Api::BedrockInvoke, 429) => "ThrottlingException",
        (Api::Bedrock | Api::BedrockInvoke, _) => "InternalServerException",
        (_, 400 | 404) => "invalid_request_error",
        (_, 401) => "authentication_error",
        (_, 429) => "rate_limit_exceeded",
        (_, 529) => "overloaded_error",
        (Api::Messages, _) => "api_error",
        _ => "server_error",
    }
}
