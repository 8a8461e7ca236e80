//! The entry points: detects what the bytes are and hands them to the wire that reads them.

use arc_model::{Diagnostic, Place, Span};

use crate::{
    archive,
    detect::{self, Detected, Group, Sorted},
    document::{self, MAX_DECOMPRESSED_BYTES},
    output::Output,
    registry,
    wire::{self, Wire},
};

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
    /// Every format that was recognised, with the evidence; empty for requests, whose format the caller knows.
    pub detected: Vec<Detected>,
}

/// Decodes a whole file: detects compression and format, then reads every record.
pub fn decode(bytes: &[u8], source: Source<'_>) -> Decoded {
    decode_within(bytes, source, MAX_DECOMPRESSED_BYTES)
}

/// Decodes the body of an OTLP/HTTP request in protobuf; `format` is `None` when it is not one.
///
/// Every rejected span has exactly one diagnostic of severity rejected that names a span.
pub fn decode_otlp_protobuf(bytes: &[u8]) -> Decoded {
    let mut out = Output::new(None);
    let understood = wire::otlp_protobuf::decode_request(bytes, &mut out);
    finish(out, understood.then(|| wire::otlp_protobuf::OtlpProtobuf.id()))
}

/// Decodes the body of an OTLP/HTTP request in JSON; `format` is `None` when it is not one.
///
/// Every rejected span has exactly one diagnostic of severity rejected that names a span.
pub fn decode_otlp_json(bytes: &[u8]) -> Decoded {
    let mut out = Output::new(None);
    let understood = wire::otlp_json::decode_request(bytes, &mut out);
    finish(out, understood.then(|| wire::otlp_json::OtlpJson.id()))
}

/// Decodes an OTLP request of logs in protobuf; `format` is `None` when it is not one.
///
/// Every rejected event has exactly one diagnostic of severity rejected that names a span.
pub fn decode_otlp_logs_protobuf(bytes: &[u8]) -> Decoded {
    let mut out = Output::new(None);
    let understood = wire::otlp_logs::decode_protobuf(bytes, &mut out);
    finish(out, understood.then(|| wire::otlp_protobuf::OtlpProtobuf.id()))
}

/// Decodes an OTLP request of logs in JSON; `format` is `None` when it is not one.
///
/// Every rejected event has exactly one diagnostic of severity rejected that names a span.
pub fn decode_otlp_logs_json(bytes: &[u8]) -> Decoded {
    let mut out = Output::new(None);
    let understood = wire::otlp_logs::decode_json(bytes, &mut out);
    finish(out, understood.then(|| wire::otlp_json::OtlpJson.id()))
}

fn finish(out: Output, format: Option<&'static str>) -> Decoded {
    Decoded { spans: out.spans, diagnostics: out.diagnostics, format, detected: Vec::new() }
}

/// Decodes a whole file of which at most `limit` bytes are unpacked.
pub fn decode_within(bytes: &[u8], source: Source<'_>, limit: u64) -> Decoded {
    let mut out = Output::new(source.name);
    let forced = match source.format.map(|id| (id, registry::wire(id))) {
        Some((id, None)) => {
            let known: Vec<_> = registry::WIRES.iter().map(|wire| wire.id()).collect();
            out.rejected(Place::default(), format!("`{id}` is not a format; known are {}", known.join(", ")));
            return finish(out, None);
        }
        Some((_, wire)) => wire,
        None => None,
    };
    let plain = document::decompress(bytes, limit, &mut out);
    let members = if archive::is_archive(&plain) { archive::members(&plain, limit, &mut out) } else { Vec::new() };
    let mut documents = Vec::new();
    if archive::is_archive(&plain) {
        for member in &members {
            out.within(Some(&member.name));
            documents.extend(document::split(&member.bytes, &mut out));
        }
        out.within(None);
    } else {
        documents = document::split(&plain, &mut out);
    }
    let is_empty = documents.is_empty() && out.diagnostics.is_empty();
    let Sorted { groups, detected, unknown } = detect::sort(documents, forced);
    say_unknown(unknown, is_empty, groups.is_empty(), &mut out);
    let format = groups.first().map(|group| group.wire.id());
    if groups.len() > 1 {
        let ids: Vec<_> = groups.iter().map(|group| group.wire.id()).collect();
        out.note(Place::default(), format!("the file mixes formats: {}", ids.join(", ")));
    }
    for Group { wire, documents, places } in groups {
        out.places = places;
        wire.decode(documents, &mut out);
    }
    out.places = None;
    Decoded { detected, ..finish(out, format) }
}

/// Rejects what nobody recognised.
fn say_unknown(unknown: Vec<(Place, String)>, is_empty: bool, is_all: bool, out: &mut Output) {
    if is_empty {
        out.rejected(Place::default(), format!("there is nothing in it; expected {}", expectations()));
    }
    if !is_all {
        for (place, found) in unknown {
            out.rejected(place, format!("this is {found}, in no known format, unlike other values in the file"));
        }
        return;
    }
    let others = unknown.len().saturating_sub(1);
    let others = if others > 0 { format!(", as are {others} more values in it") } else { String::new() };
    if let Some((place, found)) = unknown.into_iter().next() {
        out.rejected(place, format!("this is {found}, in no known format{others}; expected {}", expectations()));
    }
}

fn expectations() -> String {
    let all: Vec<_> = registry::WIRES.iter().map(|wire| wire.id()).collect();
    format!("one of {}; docs/reference/formats.md says what each looks like", all.join(", "))
}

#[cfg(test)]
mod tests;
