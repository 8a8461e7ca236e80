//! The entry points: detects what the bytes are and hands them to the wire that reads them.

use arc_model::{Diagnostic, Place, Span};

use crate::{
    document::{self, Content, Document, MAX_DECOMPRESSED_BYTES},
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
    Decoded { spans: out.spans, diagnostics: out.diagnostics, format }
}

fn decode_within(bytes: &[u8], source: Source<'_>, limit: u64) -> Decoded {
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
    let documents = document::split(&plain, &mut out);
    let groups = group_by_wire(documents, forced, &mut out);
    let format = groups.first().map(|(wire, _)| wire.id());
    if groups.len() > 1 {
        let ids: Vec<_> = groups.iter().map(|(wire, _)| wire.id()).collect();
        out.note(Place::default(), format!("the file mixes formats: {}", ids.join(", ")));
    }
    for (wire, documents) in groups {
        wire.decode(documents, &mut out);
    }
    finish(out, format)
}

/// The documents of each wire, in the order in which the wires first appear.
type Groups<'a> = Vec<(&'static dyn Wire, Vec<Document<'a>>)>;

fn group_by_wire<'a>(documents: Vec<Document<'a>>, forced: Option<&'static dyn Wire>, out: &mut Output) -> Groups<'a> {
    let mut groups: Groups<'a> = Vec::new();
    let mut unknown = Vec::new();
    let empty = documents.is_empty() && out.diagnostics.is_empty();
    for document in documents {
        let Some(wire) = forced.or_else(|| best_wire(&document.content)) else {
            let place = Place { line: document.line, ..Place::default() };
            unknown.push((place, describe(&document.content)));
            continue;
        };
        match groups.iter_mut().find(|(known, _)| known.id() == wire.id()) {
            Some((_, members)) => members.push(document),
            None => groups.push((wire, vec![document])),
        }
    }
    if empty {
        out.rejected(Place::default(), format!("there is nothing in it; expected {}", expectations()));
    }
    if groups.is_empty() {
        let others = unknown.len().saturating_sub(1);
        let others = if others > 0 { format!(", as are {others} more values in it") } else { String::new() };
        if let Some((place, found)) = unknown.into_iter().next() {
            out.rejected(place, format!("this is {found}, in no known format{others}; expected {}", expectations()));
        }
    } else {
        for (place, found) in unknown {
            out.rejected(place, format!("this is {found}, in no known format, unlike other values in the file"));
        }
    }
    groups
}

fn best_wire(content: &Content<'_>) -> Option<&'static dyn Wire> {
    let mut best: Option<(u8, &'static dyn Wire)> = None;
    for &wire in registry::WIRES {
        if let Some(found) = wire.sniff(content)
            && best.is_none_or(|(score, _)| found.score > score)
        {
            best = Some((found.score, wire));
        }
    }
    best.map(|(_, wire)| wire)
}

fn expectations() -> String {
    let all: Vec<_> = registry::WIRES.iter().map(|wire| wire.id()).collect();
    format!("one of {}; docs/reference/formats.md says what each looks like", all.join(", "))
}

/// Says what a document looks like, without repeating its content.
fn describe(content: &Content<'_>) -> String {
    match content {
        Content::Bytes([]) => "an empty file".to_owned(),
        Content::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(_) => format!("text of {} bytes that is not JSON", bytes.len()),
            Err(_) => format!("binary data of {} bytes", bytes.len()),
        },
        Content::Json(value) => wire::describe_json(value),
    }
}

#[cfg(test)]
mod tests;
