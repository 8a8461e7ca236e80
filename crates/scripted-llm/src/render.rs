//! What the interfaces share when they render: stream frames, pieces of text, merging of objects.

use serde_json::Value;

/// Characters in a chunk of a stream: few enough that words and JSON tokens are split.
const PIECE_CHARS: usize = 12;

/// A piece of a server-sent event stream, as it goes over the wire.
#[derive(Debug, Clone)]
pub struct Frame(String);

impl Frame {
    /// Returns an event without a name.
    pub fn data(value: &Value) -> Self {
        Self(format!("data: {value}\n\n"))
    }

    /// Returns an event with a name.
    pub fn event(kind: &str, value: &Value) -> Self {
        Self(format!("event: {kind}\ndata: {value}\n\n"))
    }

    /// Returns what goes over the wire.
    pub fn into_text(self) -> String {
        self.0
    }

    /// Returns the frame with its data cut off in the middle: an event that is not JSON.
    #[must_use]
    pub fn broken(&self) -> Self {
        let start = self.0.find("data: ").map_or(0, |start| start + "data: ".len());
        let keep = start + (self.0.len() - start) / 2;
        Self(format!("{}\n\n", self.0.chars().take(keep).collect::<String>()))
    }

    /// Returns what is sent as it is.
    pub fn raw(text: &str) -> Self {
        Self(text.to_owned())
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
