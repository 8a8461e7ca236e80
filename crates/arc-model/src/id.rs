//! Identifiers: OpenTelemetry's 16-byte trace and 8-byte span ids, and the named ids of the product.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Why a text is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The text has the wrong length.
    #[error("expected {expected} hexadecimal digits, found {found} characters")]
    Length {
        /// Digits a valid id has.
        expected: usize,
        /// Characters the text has.
        found: usize,
    },
    /// The text has a character that is not a hexadecimal digit.
    #[error("`{0}` is not a hexadecimal digit")]
    Digit(char),
    /// All bytes are zero, which OpenTelemetry reserves for "no id".
    #[error("an id of only zeros means no id")]
    Zero,
}

macro_rules! hex_id {
    ($name:ident, $bytes:literal, $doc:literal) => {
        #[doc = $doc]
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $bytes]);

        impl $name {
            /// Length in bytes.
            pub const BYTES: usize = $bytes;

            /// Returns the id of these bytes; all zeros mean "no id".
            pub fn from_bytes(bytes: [u8; $bytes]) -> Result<Self, IdError> {
                if bytes == [0; $bytes] { Err(IdError::Zero) } else { Ok(Self(bytes)) }
            }

            /// Returns the id of a slice, which must have the right length.
            pub fn from_slice(bytes: &[u8]) -> Result<Self, IdError> {
                let array =
                    bytes.try_into().map_err(|_| IdError::Length { expected: $bytes * 2, found: bytes.len() * 2 })?;
                Self::from_bytes(array)
            }

            /// Returns an id derived from content, the same for the same content everywhere.
            ///
            /// Importers use it so that importing a file twice stores it once.
            pub fn derive(parts: &[&[u8]]) -> Self {
                let mut hasher = blake3::Hasher::new();
                for part in parts {
                    hasher.update(&(part.len() as u64).to_le_bytes());
                    hasher.update(part);
                }
                let mut bytes = [0; $bytes];
                hasher.finalize_xof().fill(&mut bytes);
                // Invariant: an id is never all zeros.
                if bytes == [0; $bytes] {
                    bytes = [1; $bytes];
                }
                Self(bytes)
            }

            /// Returns the bytes.
            pub const fn as_bytes(&self) -> &[u8; $bytes] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let found = text.chars().count();
                if found != $bytes * 2 {
                    return Err(IdError::Length { expected: $bytes * 2, found });
                }
                let mut bytes = [0; $bytes];
                for (index, digit) in text.chars().enumerate() {
                    let value = digit.to_digit(16).ok_or(IdError::Digit(digit))?;
                    if let Some(byte) = bytes.get_mut(index / 2) {
                        *byte = (*byte << 4) | u8::try_from(value).unwrap_or(0);
                    }
                }
                Self::from_bytes(bytes)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }

        #[cfg(feature = "openapi")]
        impl utoipa::ToSchema for $name {}

        #[cfg(feature = "openapi")]
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                String::schema()
            }
        }
    };
}

hex_id!(TraceId, 16, "Identifies one run of an agent; 16 bytes, written as 32 hexadecimal digits.");
hex_id!(SpanId, 8, "Identifies a span within its trace; 8 bytes, written as 16 hexadecimal digits.");

impl SpanId {
    /// Returns the id of the span of a tool call, known to everyone who knows the provider's id of the call.
    ///
    /// Whoever records a call (a hook of a framework, a wrapped tool) and whoever only reads of it in a
    /// conversation so write one span. The bytes are fixed: clients in other languages derive them too.
    pub fn of_tool_call(trace_id: TraceId, call_id: &str) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"arc-eval tool call").update(trace_id.as_bytes()).update(call_id.as_bytes());
        let mut bytes = [0; Self::BYTES];
        hasher.finalize_xof().fill(&mut bytes);
        // Invariant: an id is never all zeros.
        Self::from_bytes(bytes).unwrap_or(Self([1; Self::BYTES]))
    }
}

macro_rules! text_id {
    ($name:ident, $doc:literal) => {
        #[doc = $doc]
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Wraps a name; the text is kept as it is.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// Returns the text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self::new(text)
            }
        }
    };
}
pub(crate) use text_id;

text_id!(ProjectId, "Names a project; everything stored belongs to exactly one.");
text_id!(SessionId, "Groups the runs of one conversation.");
text_id!(TaskId, "Groups repeated trials of the same input or scenario; pass^k averages over tasks.");
text_id!(UserId, "Names the end user on whose behalf a run happened.");

impl Default for ProjectId {
    fn default() -> Self {
        Self::new("default")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_what_it_prints() {
        let id: TraceId = "5b8efff798038103d269b633813fc60c".parse().unwrap();
        assert_eq!(id.to_string(), "5b8efff798038103d269b633813fc60c");
    }

    #[test]
    fn a_bad_id_says_what_is_wrong() {
        assert_eq!(
            "12".parse::<SpanId>().unwrap_err().to_string(),
            "expected 16 hexadecimal digits, found 2 characters"
        );
        assert_eq!("zz00000000000000".parse::<SpanId>(), Err(IdError::Digit('z')));
        assert_eq!("0000000000000000".parse::<SpanId>(), Err(IdError::Zero));
        assert!("é000000000000000".parse::<SpanId>().is_err());
    }

    #[test]
    fn the_id_of_a_tool_call_is_the_same_in_every_client() {
        let trace_id: TraceId = "5b8efff798038103d269b633813fc60c".parse().unwrap();
        assert_eq!(SpanId::of_tool_call(trace_id, "call_1").to_string(), "4b4cad966f3c137c");
    }

    #[test]
    fn derived_ids_depend_on_where_parts_end() {
        assert_ne!(SpanId::derive(&[b"ab", b"c"]), SpanId::derive(&[b"a", b"bc"]));
    }
}
