//! A scripted LLM server for tests and the demo: it speaks the HTTP interfaces of `OpenAI`, Anthropic,
//! Gemini, Bedrock, Cohere and Ollama, and says what its script says. It is not a model and guesses nothing: a
//! request that no rule of the script expects gets a 404 that names the rules tried.
//!
//! Reading order: [`script`] (the file format, with an example in the crate's README), [`asked`]
//! (what a request asks, whichever interface it came through), [`desk`] (which rule answers; the
//! only mutable state), [`http`] (routes, faults, pacing), and one module per interface that
//! renders a reply: [`chat_completions`], [`responses`], [`messages`], [`embeddings`], [`gemini`], [`bedrock`],
//! [`cohere`], [`ollama`]; how each says that it failed is in [`failure`].
//!
//! To add an interface: a module with `whole` and `events`, a variant of [`asked::Api`], a route.

pub mod asked;
pub mod bedrock;
pub mod chat_completions;
pub mod cohere;
pub mod desk;
pub mod embeddings;
pub mod failure;
pub mod gemini;
pub mod http;
pub mod messages;
pub mod ollama;
pub mod render;
pub mod responses;
pub mod script;

#[cfg(test)]
mod tests;
