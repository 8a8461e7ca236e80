//! A scripted LLM server.
fn main() {}
