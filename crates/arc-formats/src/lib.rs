//! Bytes in any known format, to canonical spans and diagnostics. Total: decoding never fails.

use arc_model::{Diagnostic, Span};

/// What the caller knows about the bytes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Source<'a> {
    /// The name to use in diagnostics: a file name, `stdin`.
    pub name: Option<&'a str>,
    /// The format's id, to skip detection.
    pub format: Option<&'a str>,
}

/// What the bytes held.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Decoded {
    /// The spans, in the order of the source.
    pub spans: Vec<Span>,
    /// What was noticed; everything that was not taken in has one of severity rejected.
    pub diagnostics: Vec<Diagnostic>,
    /// The format that was recognised; `None` when none was.
    pub format: Option<&'static str>,
}

/// Decodes a whole file: detects compression and format, then reads every record.
pub fn decode(_bytes: &[u8], _source: Source<'_>) -> Decoded {
    Decoded::default()
}

/// Decodes the body of an OTLP/HTTP request in protobuf; `format` is `None` when it is not one.
pub fn decode_otlp_protobuf(_bytes: &[u8]) -> Decoded {
    Decoded::default()
}

/// Decodes the body of an OTLP/HTTP request in JSON; `format` is `None` when it is not one.
pub fn decode_otlp_json(_bytes: &[u8]) -> Decoded {
    Decoded::default()
}
