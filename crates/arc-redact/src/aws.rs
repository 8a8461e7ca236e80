//! The framing of AWS event streams: messages with a length, headers, a payload, and checksums.
//!
//! <https://smithy.io/2.0/aws/amazon-eventstream.html>

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    json,
    stream::{Framed, Piece},
};

const PRELUDE: usize = 12;
const CHECKSUM: usize = 4;
/// A model's own events come in Base64 in an event of the service.
const WRAPPED: &str = "{\"bytes\":\"";

/// Returns the messages of a stream, `None` when it is none. A torn last message stays out.
pub(crate) fn framed(body: &[u8]) -> Option<Framed<'_>> {
    let mut pieces = Vec::new();
    let mut rest = body;
    while let Some(total) = number(rest, 0) {
        let headers = number(rest, 4)?;
        if total < PRELUDE + CHECKSUM + headers {
            return None;
        }
        let Some(message) = rest.get(..total) else { break };
        let payload = std::str::from_utf8(message.get(PRELUDE + headers..total - CHECKSUM)?).ok()?;
        let inner = wrapped(payload);
        pieces.push(Piece::Message {
            headers: message.get(PRELUDE..PRELUDE + headers)?,
            is_wrapped: inner.is_some(),
            document: inner.unwrap_or_else(|| payload.to_owned()),
        });
        rest = rest.get(total..)?;
    }
    (!pieces.is_empty()).then_some(Framed { pieces })
}

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let four: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
    usize::try_from(u32::from_be_bytes(four)).ok()
}

fn wrapped(payload: &str) -> Option<String> {
    let (encoded, _) = payload.strip_prefix(WRAPPED)?.split_once('"')?;
    String::from_utf8(STANDARD.decode(encoded).ok()?).ok()
}

/// Writes a message with another document.
pub(crate) fn write(headers: &[u8], document: &[u8], is_wrapped: bool, out: &mut Vec<u8>) {
    let payload = if is_wrapped {
        let mut payload = b"{\"bytes\":".to_vec();
        json::quote(&STANDARD.encode(document), &mut payload);
        payload.push(b'}');
        payload
    } else {
        document.to_vec()
    };
    let start = out.len();
    let size = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX).to_be_bytes();
    out.extend_from_slice(&size(PRELUDE + headers.len() + payload.len() + CHECKSUM));
    out.extend_from_slice(&size(headers.len()));
    let checksum = |bytes: &[u8]| crc32fast::hash(bytes).to_be_bytes();
    let prelude = checksum(out.get(start..).unwrap_or_default());
    out.extend_from_slice(&prelude);
    out.extend_from_slice(headers);
    out.extend_from_slice(&payload);
    let all = checksum(out.get(start..).unwrap_or_default());
    out.extend_from_slice(&all);
}
