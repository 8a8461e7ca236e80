//! What the interfaces share when they render: stream frames, pieces of text, merging of objects.

use serde_json::Value;

/// Characters in a chunk of a stream: few enough that words and JSON tokens are split.
const PIECE_CHARS: usize = 12;

/// A piece of a stream, as it goes over the wire: an event, a line or a binary frame.
#[derive(Debug, Clone)]
pub struct Frame(Vec<u8>);

impl Frame {
    /// Returns an event without a name.
    pub fn data(value: &Value) -> Self {
        Self::raw(&format!("data: {value}\n\n"))
    }

    /// Returns an event with a name.
    pub fn event(kind: &str, value: &Value) -> Self {
        Self::raw(&format!("event: {kind}\ndata: {value}\n\n"))
    }

    /// Returns what goes over the wire.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// Returns the frame with its data cut off in the middle: an event that is not JSON, or half a frame.
    #[must_use]
    pub fn broken(&self) -> Self {
        let start = self.0.windows(6).position(|piece| piece == b"data: ").map(|start| start + 6);
        let from = start.unwrap_or_default();
        let keep = from + (self.0.len() - from) / 2;
        let mut bytes = self.0.get(..keep).unwrap_or_default().to_vec();
        if start.is_some() {
            bytes.extend_from_slice(b"\n\n");
        }
        Self(bytes)
    }

    /// Returns bytes that are no text.
    pub const fn binary(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// Returns what is sent as it is.
    pub fn raw(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

/// Returns an object with the fields of two; where both have one, the second's.
pub fn merged(first: Value, second: Value) -> Value {
    match (first, second) {
        (Value::Object(mut fields), Value::Object(more)) => {
            fields.extend(more);
            Value::Object(fields)
        }
        (first, _) => first,
    }
}

/// Splits a text into the pieces it streams in.
pub fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let end = rest.char_indices().nth(PIECE_CHARS).map_or(rest.len(), |(end, _)| end);
        let (piece, tail) = rest.split_at_checked(end)?;
        rest = tail;
        (!piece.is_empty()).then_some(piece)
    })
}
