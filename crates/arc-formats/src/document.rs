//! Bytes to documents: undoes gzip and zstd, and splits JSON, JSON Lines and concatenated JSON into values; recordings of HTTP
//! may be YAML.
//!
//! Nothing here knows a format; what a value means is for the wires.

use std::{borrow::Cow, io::Read};

use arc_model::{Json, Place};

use crate::{output::Output, partial, read::halves::without_halves, wire::otlp_protobuf, yaml};

/// A unit of input: a whole file, or a line of it.
#[derive(Debug)]
pub struct Document<'a> {
    /// The line it starts on, counted from 1, where the file is a sequence of documents.
    pub line: Option<u64>,
    /// What it holds.
    pub content: Content<'a>,
}

/// What a document holds.
#[derive(Debug)]
pub enum Content<'a> {
    /// A JSON value.
    Json(Json),
    /// Bytes that are not JSON.
    Bytes(&'a [u8]),
}

/// Most bytes a compressed input may decompress to (1 GiB).
pub const MAX_DECOMPRESSED_BYTES: u64 = 1 << 30;

/// Returns the bytes without compression; of a stream that is cut or too large, what came before.
pub(crate) fn decompress<'a>(bytes: &'a [u8], limit: u64, out: &mut Output) -> Cow<'a, [u8]> {
    let most = limit.saturating_add(1);
    let mut plain = Vec::new();
    let (name, read) = if bytes.starts_with(&[0x1f, 0x8b]) {
        ("gzip", flate2::read::MultiGzDecoder::new(bytes).take(most).read_to_end(&mut plain))
    } else if bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        let read = zstd::Decoder::with_buffer(bytes).and_then(|stream| stream.take(most).read_to_end(&mut plain));
        ("zstd", read)
    } else {
        return Cow::Borrowed(bytes);
    };
    let length = plain.len();
    if let Err(problem) = read {
        out.rejected(
            Place::default(),
            format!(
                "the {name} stream breaks off after {length} decompressed bytes ({problem}); what came before is \
                 read, the rest is lost: compress the file again"
            ),
        );
    } else if length as u64 > limit {
        plain.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        out.rejected(
            Place::default(),
            format!(
                "the file decompresses to more than {limit} bytes, the most that is read; what came before is read, \
                 the rest is not: split the file"
            ),
        );
    }
    Cow::Owned(plain)
}

/// Splits bytes into documents.
pub(crate) fn split<'a>(bytes: &'a [u8], out: &mut Output) -> Vec<Document<'a>> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if yaml::is_recording(bytes) {
        return split_yaml(bytes, out);
    }
    // A protobuf request begins with a line break, so its framing is tried before JSON.
    if otlp_protobuf::is_framed_request(bytes) || !begins_like_json(bytes) {
        return vec![Document { line: None, content: Content::Bytes(bytes) }];
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        let place = Place::default();
        out.repaired(place, "the text is not valid UTF-8; bad bytes are replaced by U+FFFD: export it as UTF-8");
        return split_text(&String::from_utf8_lossy(bytes), out);
    };
    split_text(text, out)
}

fn split_yaml<'a>(bytes: &'a [u8], out: &mut Output) -> Vec<Document<'a>> {
    let (value, problem) = yaml::read(&String::from_utf8_lossy(bytes));
    let Some(value) = value else { return vec![Document { line: None, content: Content::Bytes(bytes) }] };
    if let Some(problem) = problem {
        let rest = "what came before is read, the rest is not: repair the file or export it again";
        out.rejected(Place::default(), format!("the YAML breaks off ({problem}); {rest}"));
    }
    vec![Document { line: None, content: Content::Json(value) }]
}

fn begins_like_json(bytes: &[u8]) -> bool {
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    first.is_some_and(|byte| matches!(byte, b'{' | b'[')) || begins_a_line_like_json(bytes)
}

/// A JSON Lines file whose first line is damaged still is one.
fn begins_a_line_like_json(bytes: &[u8]) -> bool {
    bytes.split(|&byte| byte == b'\n').take(LINES_LOOKED_AT).any(|line| line.starts_with(b"{\"") && line.len() > 2)
}

/// Lines that are looked at to tell JSON Lines from one damaged document.
const LINES_LOOKED_AT: usize = 16;

fn split_text<'a>(text: &str, out: &mut Output) -> Vec<Document<'a>> {
    let whole: Result<Json, _> = serde_json::from_str(text);
    let problem = match whole {
        Ok(value) => return vec![Document { line: None, content: Content::Json(value) }],
        Err(problem) => problem,
    };
    if let Some(whole) = without_halves(text) {
        let message = "the text holds escapes of half a character; they are U+FFFD now: cut texts between characters";
        out.repaired(Place::default(), message);
        return split_text(&whole, out);
    }
    if let Some(cut) = partial::of_list(text) {
        return keep_whole(cut, &problem, out);
    }
    if is_json_lines(text) {
        return split_lines(text, out);
    }
    // Values one after the other, as `jq` prints them.
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<Json>();
    let mut documents = Vec::new();
    let mut counted = (0, 1);
    loop {
        let start = stream.byte_offset();
        match stream.next() {
            Some(Ok(value)) => {
                let line = line_at(text, start, &mut counted);
                documents.push(Document { line: Some(line), content: Content::Json(value) });
            }
            Some(Err(_)) => break,
            None => return documents,
        }
    }
    if documents.is_empty()
        && let Some(cut) = partial::of_object(text)
    {
        return keep_whole(cut, &problem, out);
    }
    let place = Place { line: Some(problem.line() as u64), ..Place::default() };
    let kept = documents.len();
    let rest =
        if kept > 0 { format!("; the {kept} values before it are read, the rest is not") } else { String::new() };
    let found = reason(&problem);
    let stop = if problem.is_eof() { "the JSON breaks off" } else { "this is not JSON" };
    out.rejected(place, format!("{stop} ({found}){rest}: repair the file or export it again"));
    documents
}

/// Takes in what stood whole before a document broke off, and says where that was.
fn keep_whole<'a>(cut: partial::Cut, problem: &serde_json::Error, out: &mut Output) -> Vec<Document<'a>> {
    let place = Place { line: Some(problem.line() as u64), ..Place::default() };
    let stop = if problem.is_eof() { "the JSON breaks off" } else { "from here on this is not JSON" };
    let partial::Cut { value, whole } = cut;
    let message = format!(
        "{stop} ({}); the {whole} whole elements before it are read, the rest is not: repair the file or export it again",
        reason(problem)
    );
    out.rejected(place, message);
    vec![Document { line: None, content: Content::Json(value) }]
}

/// Counts lines up to the value at or behind `offset`, going on from where it stopped last.
fn line_at(text: &str, offset: usize, counted: &mut (usize, u64)) -> u64 {
    let rest = text.get(offset..).unwrap_or_default();
    let start = offset + (rest.len() - rest.trim_start().len());
    let passed = text.get(counted.0..start).unwrap_or_default();
    *counted = (start, counted.1 + passed.bytes().filter(|&byte| byte == b'\n').count() as u64);
    counted.1
}

fn is_json_lines(text: &str) -> bool {
    let lines = text.lines().filter(|line| !line.trim().is_empty()).take(LINES_LOOKED_AT);
    lines.map(serde_json::from_str).any(|line| match line {
        Ok(Json::Object(fields)) => !fields.is_empty(),
        Ok(Json::Array(items)) => items.iter().any(Json::is_object),
        _ => false,
    })
}

fn split_lines<'a>(text: &str, out: &mut Output) -> Vec<Document<'a>> {
    let mut documents = Vec::new();
    for (number, line) in (1_u64..).zip(text.lines()) {
        if line.trim().is_empty() {
            continue;
        }
        match serde_json::from_str(line) {
            Ok(value) => documents.push(Document { line: Some(number), content: Content::Json(value) }),
            Err(problem) => {
                let found = reason(&problem);
                let place = Place { line: Some(number), ..Place::default() };
                out.rejected(place, format!("this line is not JSON ({found}); expected one JSON value on each line"));
            }
        }
    }
    documents
}

/// Returns the parser's words without the line number it appends, which for a line is always 1.
fn reason(problem: &serde_json::Error) -> String {
    let text = problem.to_string();
    let words = text.split(" at line ").next().unwrap_or_default();
    format!("{words} in column {}", problem.column())
}
