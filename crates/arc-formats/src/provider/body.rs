//! Bytes of a body to JSON: one value, or the events of a stream in any of the framings in use.
//!
//! Framings: one JSON value, server-sent events, JSON Lines, a JSON array, and AWS's binary event stream.

use arc_model::Json;

use super::{call::Call, event_stream, fields::Map};

/// A response's body.
pub(super) enum Body {
    /// One value.
    Plain(Json),
    /// The events of a stream.
    Events(Vec<Event>),
    /// Neither; the beginning of it, as text.
    Unreadable {
        /// What it says.
        what: String,
    },
}

/// One event of a stream.
#[derive(Debug)]
pub(super) struct Event {
    /// Its name, where the framing has one; `[DONE]` for `OpenAI`'s end of a stream.
    pub(super) name: Option<String>,
    /// Its data.
    pub(super) data: Json,
}

/// Most events that are read of one stream: an answer of a million tokens has no more.
const MAX_EVENTS: usize = 1 << 21;

/// Bytes of an unreadable body that are said.
const EXCERPT_BYTES: usize = 500;

/// Reads the body of a request: an object, or as much of one as was recorded.
pub(super) fn read_request(bytes: &[u8], call: &mut Call) -> Option<Map> {
    let value = match serde_json::from_slice(bytes) {
        Ok(value) => value,
        Err(problem) => {
            let found = if problem.is_eof() { partial(bytes) } else { None };
            let became = if found.is_some() { "what came before is read" } else { "it is not read" };
            call.remark(format!("the body of the request is not JSON as a whole ({problem}); {became}"));
            call.has_unread_request = true;
            found?
        }
    };
    match value {
        Json::Object(fields) => Some(fields),
        other => {
            let found = crate::wire::describe_json(&other);
            call.remark(format!("expected a JSON object as the body of the request, found {found}; it is not read"));
            call.has_unread_request = true;
            None
        }
    }
}

/// Reads the body of a response.
pub(super) fn read_response(bytes: &[u8], content_type: Option<&str>, call: &mut Call) -> Body {
    let says = |part: &str| content_type.is_some_and(|said| said.to_ascii_lowercase().contains(part));
    if says("amazon.eventstream") || event_stream::is_framed(bytes) {
        return Body::Events(event_stream::read(bytes, call));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    if bytes.starts_with(b"{") || bytes.starts_with(b"[") {
        return read_json(bytes, call);
    }
    let starts = [&b"data"[..], b"event", b":", b"id", b"retry"].iter().any(|start| bytes.starts_with(start));
    if starts || says("text/event-stream") {
        let events = read_sse(&String::from_utf8_lossy(bytes), call);
        if !events.is_empty() {
            return Body::Events(events);
        }
    }
    if let Ok(value) = serde_json::from_slice(bytes) {
        return Body::Plain(value);
    }
    let end = bytes.len().min(EXCERPT_BYTES);
    Body::Unreadable { what: String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned() }
}

fn read_json(bytes: &[u8], call: &mut Call) -> Body {
    let problem = match serde_json::from_slice(bytes) {
        Ok(value) => return plain_or_events(value),
        Err(problem) => problem,
    };
    let mut values = serde_json::Deserializer::from_slice(bytes).into_iter::<Json>();
    let mut events = Vec::new();
    for value in values.by_ref().take(MAX_EVENTS) {
        match value {
            Ok(data) => events.push(Event { name: None, data }),
            Err(problem) => {
                if !events.is_empty() {
                    call.remark(format!(
                        "event {} of the stream is not JSON ({problem}); the rest is lost",
                        events.len()
                    ));
                }
                break;
            }
        }
    }
    if !events.is_empty() {
        return Body::Events(events);
    }
    match partial(bytes) {
        Some(value) => {
            call.remark(format!("the body of the response breaks off ({problem}); what came before is read"));
            call.is_complete = Some(false);
            plain_or_events(value)
        }
        None => Body::Unreadable {
            what: String::from_utf8_lossy(bytes.get(..bytes.len().min(EXCERPT_BYTES)).unwrap_or_default()).into_owned(),
        },
    }
}

/// A list of objects is a stream whose events stand in a list.
fn plain_or_events(value: Json) -> Body {
    match value {
        Json::Array(items) if !items.is_empty() && items.iter().all(Json::is_object) => {
            Body::Events(items.into_iter().map(|data| Event { name: None, data }).collect())
        }
        other => Body::Plain(other),
    }
}

/// Reads server-sent events; an event that was cut is left out.
fn read_sse(text: &str, call: &mut Call) -> Vec<Event> {
    let unified;
    let text = if text.contains('\r') {
        unified = text.replace("\r\n", "\n").replace('\r', "\n");
        unified.as_str()
    } else {
        text
    };
    let mut reading = Sse::default();
    for line in text.split('\n') {
        if reading.events.len() >= MAX_EVENTS {
            break;
        }
        reading.line(line);
    }
    reading.dispatch(false);
    if reading.damaged > 0 {
        call.remark(format!("{} events of the stream are not JSON; they are left out", reading.damaged));
    }
    reading.events
}

#[derive(Default)]
struct Sse<'a> {
    events: Vec<Event>,
    name: Option<&'a str>,
    data: Option<Data<'a>>,
    damaged: usize,
}

enum Data<'a> {
    Line(&'a str),
    Lines(String),
}

impl<'a> Sse<'a> {
    fn line(&mut self, line: &'a str) {
        if line.is_empty() {
            self.dispatch(true);
            return;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => self.name = Some(value),
            "data" => {
                self.data = Some(match self.data.take() {
                    None => Data::Line(value),
                    Some(Data::Line(before)) => Data::Lines(format!("{before}\n{value}")),
                    Some(Data::Lines(mut before)) => {
                        before.push('\n');
                        before.push_str(value);
                        Data::Lines(before)
                    }
                });
            }
            _ => {}
        }
    }

    fn dispatch(&mut self, is_ended: bool) {
        let name = self.name.take();
        let Some(data) = self.data.take() else { return };
        let data = match &data {
            Data::Line(line) => line,
            Data::Lines(lines) => lines.as_str(),
        };
        if data.trim() == "[DONE]" {
            self.events.push(Event { name: Some("[DONE]".to_owned()), data: Json::Null });
            return;
        }
        match serde_json::from_str(data) {
            Ok(data) => self.events.push(Event { name: name.map(str::to_owned), data }),
            Err(_) if is_ended && !data.trim().is_empty() => self.damaged += 1,
            Err(_) => {}
        }
    }
}

/// Returns what there is of a JSON value that was cut: open texts, lists and objects are closed where the cut is.
pub(super) fn partial(bytes: &[u8]) -> Option<Json> {
    let mut scan = Scan::default();
    for (at, &byte) in bytes.iter().enumerate() {
        scan.byte(at, byte)?;
    }
    let closed = |end: usize, quote: &str, closers: &[u8]| {
        let mut text = String::from_utf8_lossy(bytes.get(..end)?).into_owned();
        text.push_str(quote);
        text.extend(closers.iter().rev().map(|&byte| char::from(byte)));
        serde_json::from_str(&text).ok()
    };
    if scan.in_text && scan.is_value {
        // What is left of an escape, or of a character, cannot be read.
        let end = scan.escape.unwrap_or(bytes.len());
        let end = bytes.get(..end).map_or(0, |text| end - incomplete_character(text));
        if let Some(value) = closed(end, "\"", &scan.closers) {
            return Some(value);
        }
    }
    closed(scan.safe_end, "", &scan.safe_closers)
}

/// Bytes at the end that begin a character and do not end it.
fn incomplete_character(bytes: &[u8]) -> usize {
    let back = bytes.iter().rev().take(3).position(|byte| byte & 0xc0 != 0x80).unwrap_or(0);
    let Some(first) = bytes.len().checked_sub(back + 1).and_then(|at| bytes.get(at)) else { return 0 };
    let needed = match first {
        0xc0..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xff => 4,
        _ => 1,
    };
    if back + 1 < needed { back + 1 } else { 0 }
}

/// Deepest nesting that is followed; the JSON reader's own bound is the same.
const MAX_DEPTH: usize = 128;

#[derive(Default)]
struct Scan {
    closers: Vec<u8>,
    in_text: bool,
    is_value: bool,
    escape: Option<usize>,
    safe_end: usize,
    safe_closers: Vec<u8>,
}

impl Scan {
    /// Takes a byte; `None` when the value is too deep or closes what is not open.
    fn byte(&mut self, at: usize, byte: u8) -> Option<()> {
        if self.in_text {
            self.in_text(at, byte);
            return Some(());
        }
        match byte {
            b'"' => {
                self.in_text = true;
                self.escape = None;
            }
            b'{' | b'[' => {
                if self.closers.len() >= MAX_DEPTH {
                    return None;
                }
                self.closers.push(if byte == b'{' { b'}' } else { b']' });
                self.is_value = byte == b'[';
                self.safe(at + 1);
            }
            b'}' | b']' => {
                if self.closers.pop() != Some(byte) {
                    return None;
                }
                self.is_value = false;
                self.safe(at + 1);
            }
            b',' => {
                self.safe(at);
                self.is_value = self.closers.last() == Some(&b']');
            }
            b':' => self.is_value = true,
            _ => {}
        }
        Some(())
    }

    fn in_text(&mut self, at: usize, byte: u8) {
        match self.escape {
            // `\u` and four digits.
            Some(start) if at - start == 1 && byte == b'u' => {}
            Some(start) if at - start == 1 => self.escape = None,
            Some(start) if at - start >= 5 => self.escape = None,
            None if byte == b'\\' => self.escape = Some(at),
            None if byte == b'"' => self.in_text = false,
            _ => {}
        }
    }

    fn safe(&mut self, end: usize) {
        self.safe_end = end;
        self.safe_closers.clone_from(&self.closers);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn events(text: &str) -> Vec<(Option<String>, Json)> {
        read_sse(text, &mut Call::default()).into_iter().map(|event| (event.name, event.data)).collect()
    }

    #[test]
    fn events_are_read_whatever_ends_their_lines() {
        let text =
            "event: a\ndata: {\"t\":\ndata: \"line\u{2028}separator\"}\n\n: a comment\n\ndata: [DONE]\n\ndata: {\"cut";
        for end in ["\n", "\r\n", "\r"] {
            assert_eq!(
                events(&text.replace('\n', end)),
                [(Some("a".into()), json!({"t": "line\u{2028}separator"})), (Some("[DONE]".into()), Json::Null)]
            );
        }
    }

    #[test]
    fn a_last_event_that_is_whole_counts_without_its_blank_line() {
        assert_eq!(events("data:{\"a\":1}"), [(None, json!({"a": 1}))]);
    }

    #[test]
    fn of_a_cut_value_everything_before_the_cut_is_kept() {
        for (cut, kept) in [
            (r#"{"a": 1, "b": "te"#, json!({"a": 1, "b": "te"})),
            (r#"{"a": 1, "b"#, json!({"a": 1})),
            (r#"{"a": 1, "b": tr"#, json!({"a": 1})),
            (r#"{"a": ["x", "y\u00"#, json!({"a": ["x", "y"]})),
            (r#"{"a": [{"b": "c\"#, json!({"a": [{"b": "c"}]})),
            (r#"[{"a": 1}, {"a": 2"#, json!([{"a": 1}, {}])),
            (r#"{"a": {"b": {}}"#, json!({"a": {"b": {}}})),
            ("{", json!({})),
        ] {
            assert_eq!(partial(cut.as_bytes()), Some(kept), "{cut}");
        }
        assert_eq!(partial(b"}"), None);
        assert_eq!(partial("[".repeat(1000).as_bytes()), None);
    }

    #[test]
    fn a_value_cut_at_any_byte_reads_as_something() {
        let whole = json!({"a": ["é\u{1f600}\n", {"b": [1.5, null, true]}, "\u{0}"], "c": {}}).to_string();
        for end in 1..whole.len() {
            assert!(partial(&whole.as_bytes()[..end]).is_some_and(|value| value.is_object()), "{end}");
        }
    }
}
