//! Exchanges with providers whose bodies are the input: decoding is total, deterministic and bounded.
#![no_main]

use arc_formats::provider::{Exchange, exchange};
use libfuzzer_sys::fuzz_target;

/// One path for each shape, and one that says nothing.
const URLS: [&str; 16] = [
    "https://api.openai.com/v1/chat/completions",
    "https://api.openai.com/v1/responses",
    "https://api.openai.com/v1/embeddings",
    "https://api.openai.com/v1/completions",
    "https://api.anthropic.com/v1/messages",
    "https://api.anthropic.com/v1/complete",
    "https://generativelanguage.googleapis.com/v1beta/models/m:streamGenerateContent",
    "https://generativelanguage.googleapis.com/v1beta/models/m:batchEmbedContents",
    "https://generativelanguage.googleapis.com/v1beta/interactions",
    "https://bedrock-runtime.eu-west-1.amazonaws.com/model/m%3A0/converse-stream",
    "https://bedrock-runtime.eu-west-1.amazonaws.com/model/m/invoke-with-response-stream",
    "https://bedrock-agent-runtime.eu-west-1.amazonaws.com/agents/A/agentAliases/B/sessions/c/text",
    "https://api.cohere.com/v2/chat",
    "https://api.cohere.com/v2/rerank",
    "http://localhost:11434/api/chat",
    "https://unknown.example/",
];

const TYPES: [Option<&str>; 4] =
    [None, Some("application/json"), Some("text/event-stream"), Some("application/vnd.amazon.eventstream")];

fuzz_target!(|input: &[u8]| {
    let [choice, kind, bodies @ ..] = input else { return };
    // The first zero parts the request from the response.
    let cut = bodies.iter().position(|byte| *byte == 0).unwrap_or(bodies.len());
    let (request, response) = bodies.split_at(cut);
    let given = Exchange {
        url: Some(URLS[usize::from(*choice) % URLS.len()]),
        request: Some(request),
        status: Some(200),
        content_type: TYPES[usize::from(*kind) % TYPES.len()],
        response: Some(response.get(1..).unwrap_or_default()),
        ..Exchange::default()
    };
    let call = exchange(&given);
    assert_eq!(call, exchange(&given));
    assert!(format!("{call:?}").len() < 20_000 + 100 * input.len());
});
