//! AWS's binary event stream (`application/vnd.amazon.eventstream`): length, headers and payload, each with a checksum.

use arc_model::Json;
use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::Crc;
use serde_json::json;

use super::{body::Event, call::Call};

/// Length, length of the headers, checksum of both.
const PRELUDE_BYTES: usize = 12;
const CHECKSUM_BYTES: usize = 4;

/// Returns whether the bytes begin with a frame.
pub(super) fn is_framed(bytes: &[u8]) -> bool {
    // Text never begins with a zero.
    bytes.first() == Some(&0) && prelude(bytes).is_some()
}

/// Reads every frame; what is damaged is left out and said.
pub(super) fn read(bytes: &[u8], call: &mut Call) -> Vec<Event> {
    let (mut rest, mut events, mut damaged) = (bytes, Vec::new(), 0_usize);
    while !rest.is_empty() {
        let Some((length, headers)) = prelude(rest) else {
            call.remark(format!("the event stream is damaged {} bytes before its end; the rest is lost", rest.len()));
            break;
        };
        let Some((frame, behind)) = rest.split_at_checked(length) else {
            call.remark("the last event of the stream was cut; it is left out");
            break;
        };
        rest = behind;
        match event(frame, headers) {
            Some(Json::Null) => {}
            Some(data) => events.push(to_event(data)),
            None => damaged += 1,
        }
    }
    if damaged > 0 {
        call.remark(format!("{damaged} events of the stream are damaged; they are left out"));
    }
    events
}

/// Returns the length of a frame and of its headers, if their checksum is right.
fn prelude(bytes: &[u8]) -> Option<(usize, usize)> {
    let length = number(bytes, 0)?;
    let headers = number(bytes, 4)?;
    let is_right = checksum(bytes.get(..8)?) == number(bytes, 8)?;
    let (length, headers) = (usize::try_from(length).ok()?, usize::try_from(headers).ok()?);
    (is_right && length >= PRELUDE_BYTES + headers + CHECKSUM_BYTES).then_some((length, headers))
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes)
}

fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// Returns `{name, is_exception, data}` of a frame; null for one that carries nothing.
fn event(frame: &[u8], headers: usize) -> Option<Json> {
    let end = frame.len().checked_sub(CHECKSUM_BYTES)?;
    if checksum(frame.get(..end)?) != number(frame, end)? {
        return None;
    }
    let (mut name, mut is_exception) = (String::new(), false);
    let mut rest = frame.get(PRELUDE_BYTES..PRELUDE_BYTES + headers)?;
    while !rest.is_empty() {
        let (header, value, behind) = header(rest)?;
        rest = behind;
        match header {
            b":event-type" | b":exception-type" | b":error-code" => name = String::from_utf8_lossy(value).into_owned(),
            b":message-type" => is_exception = value == b"exception" || value == b"error",
            _ => {}
        }
    }
    let payload = frame.get(PRELUDE_BYTES + headers..end)?;
    if payload.is_empty() && !is_exception {
        return Some(json!({"name": name, "data": {}}));
    }
    let data: Json = match serde_json::from_slice(payload) {
        Ok(data) => data,
        Err(_) if is_exception => json!({"message": String::from_utf8_lossy(payload)}),
        Err(_) => return None,
    };
    Some(json!({"name": name, "is_exception": is_exception, "data": data}))
}

/// Returns a header's name, its value, and what follows.
fn header(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (length, rest) = bytes.split_first()?;
    let (name, rest) = rest.split_at_checked(usize::from(*length))?;
    let (kind, rest) = rest.split_first()?;
    let (length, rest) = match kind {
        0 | 1 => (0, rest),
        2 => (1, rest),
        3 => (2, rest),
        4 => (4, rest),
        5 | 8 => (8, rest),
        9 => (16, rest),
        6 | 7 => {
            let (length, rest) = rest.split_at_checked(2)?;
            (usize::from(u16::from_be_bytes(length.try_into().ok()?)), rest)
        }
        _ => return None,
    };
    let (value, behind) = rest.split_at_checked(length)?;
    Some((name, value, behind))
}

/// Unwraps what a chunk carries: the model's own event as base64.
fn to_event(mut frame: Json) -> Event {
    let name = frame.get("name").and_then(Json::as_str).map(str::to_owned);
    let data = frame.get_mut("data").map(Json::take).unwrap_or_default();
    if frame.get("is_exception") == Some(&Json::Bool(true)) {
        let message = data.get("message").or_else(|| data.get("Message")).cloned().unwrap_or_default();
        return Event {
            name: Some("exception".to_owned()),
            data: json!({"error": {"type": name, "message": message}}),
        };
    }
    let inside = data.get("bytes").and_then(Json::as_str).and_then(|text| STANDARD.decode(text).ok());
    let inside = inside.map(|bytes| {
        serde_json::from_slice(&bytes).unwrap_or_else(|_| json!({"text": String::from_utf8_lossy(&bytes)}))
    });
    Event { name, data: inside.unwrap_or(data) }
}

#[cfg(test)]
pub(super) fn frame(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
    let mut written = Vec::new();
    for (name, value) in headers {
        written.push(u8::try_from(name.len()).unwrap());
        written.extend_from_slice(name.as_bytes());
        written.push(7);
        written.extend_from_slice(&u16::try_from(value.len()).unwrap().to_be_bytes());
        written.extend_from_slice(value.as_bytes());
    }
    let length = PRELUDE_BYTES + written.len() + payload.len() + CHECKSUM_BYTES;
    let mut bytes = u32::try_from(length).unwrap().to_be_bytes().to_vec();
    bytes.extend_from_slice(&u32::try_from(written.len()).unwrap().to_be_bytes());
    bytes.extend_from_slice(&checksum(&bytes).to_be_bytes());
    bytes.extend_from_slice(&written);
    bytes.extend_from_slice(payload);
    bytes.extend_from_slice(&checksum(&bytes).to_be_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream() -> Vec<u8> {
        let event = |name| [(":event-type", name), (":message-type", "event")];
        let chunk = json!({"bytes": STANDARD.encode(r#"{"type":"message_stop"}"#)}).to_string();
        [
            frame(&event("messageStart"), br#"{"role":"assistant"}"#),
            frame(&event("chunk"), chunk.as_bytes()),
            frame(
                &[(":exception-type", "throttlingException"), (":message-type", "exception")],
                br#"{"message":"slow down"}"#,
            ),
        ]
        .concat()
    }

    #[test]
    fn frames_are_events_chunks_are_unwrapped_and_exceptions_are_errors() {
        let bytes = stream();
        assert!(is_framed(&bytes));
        let events = read(&bytes, &mut Call::default());
        let events: Vec<_> = events.into_iter().map(|event| (event.name.unwrap(), event.data)).collect();
        assert_eq!(
            events,
            [
                ("messageStart".to_owned(), json!({"role": "assistant"})),
                ("chunk".to_owned(), json!({"type": "message_stop"})),
                ("exception".to_owned(), json!({"error": {"type": "throttlingException", "message": "slow down"}})),
            ]
        );
    }

    #[test]
    fn a_cut_or_damaged_stream_gives_what_is_whole_and_says_so() {
        let whole = stream();
        for end in 0..whole.len() {
            let mut call = Call::default();
            let events = read(&whole[..end], &mut call);
            assert!(events.len() < 3 && (end == 0 || call.remarks.len() <= 1));
        }
        let mut damaged = whole;
        damaged[60] ^= 1;
        let mut call = Call::default();
        assert_eq!((read(&damaged, &mut call).len(), call.remarks.len()), (2, 1));
    }
}
