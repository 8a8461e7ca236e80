//! Bytes in any known format, to canonical spans and diagnostics. Total: decoding never fails.
//!
//! Two axes. A *wire* ([`wire`]) is a container: OTLP, a JSON export, a chat log. A *dialect*
//! ([`dialect`]) is what the attributes of a span are called: OpenTelemetry's, `OpenInference`'s.
//! A wire that carries attributes makes raw spans ([`RawSpan`]); the one assembler (`assemble`)
//! asks every dialect that is spoken and merges what they read by fixed precedence. A wire without
//! attributes (chat transcripts) makes spans itself.
//!
//! Reading order: [`decode`], `document` (bytes to JSON values), [`registry`], one wire, one dialect,
//! `assemble`. To add a format: a file in `wire/` or `dialect/` and one line in [`registry`].
//!
//! The other way, [`encode`] writes the request of a model call, so that it can be asked again.
//!
//! What this is not: it does not read files, judge outcomes from prose, or price anything.

mod archive;
mod assemble;
mod decode;
mod detect;
pub mod dialect;
mod document;
pub mod encode;
mod log_event;
mod output;
mod partial;
pub mod provider;
mod raw;
mod read;
pub mod registry;
pub mod wire;
mod yaml;

pub use decode::{
    Decoded, Source, decode, decode_otlp_json, decode_otlp_logs_json, decode_otlp_logs_protobuf, decode_otlp_protobuf,
    decode_within,
};
pub use detect::Detected;
pub use document::{Content, Document, MAX_DECOMPRESSED_BYTES};
pub use output::Output;
pub use raw::{RawSpan, StatusCode};
