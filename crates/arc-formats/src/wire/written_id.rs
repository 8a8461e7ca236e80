//! Ids as texts: hexadecimal or base64.

use arc_model::Json;
use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use crate::read::value::describe_kind;

/// Base64 with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Returns the bytes of an id: hexadecimal as OTLP demands, or base64 as protobuf's own JSON has it.
/// The two cannot be confused: they have different lengths.
pub(super) fn id_bytes(written: &Json, length: usize) -> Result<Vec<u8>, String> {
    let text = match written {
        Json::Null => return Err("it is missing".to_owned()),
        Json::String(text) => text.trim(),
        other => return Err(format!("expected a text, found {}", describe_kind(other))),
    };
    if text.len() == length * 2
        && let Some(bytes) = hex_bytes(text)
    {
        return Ok(bytes);
    }
    match BASE64.decode(text) {
        Ok(bytes) if bytes.len() == length => Ok(bytes),
        _ => Err(format!(
            "expected {} hexadecimal digits, or {length} bytes in base64, found {} characters",
            length * 2,
            text.chars().count()
        )),
    }
}

/// Returns the bytes of a UUID, with or without hyphens.
pub(super) fn uuid_bytes(text: &str) -> Option<Vec<u8>> {
    let digits: String = text.trim().chars().filter(|c| *c != '-').collect();
    if digits.len() == 32 { hex_bytes(&digits) } else { None }
}

fn hex_bytes(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = text.chars().map(|digit| digit.to_digit(16)).collect();
    let bytes = digits?;
    let pairs = bytes.chunks_exact(2);
    pairs.map(|pair| u8::try_from(pair.iter().fold(0, |byte, digit| (byte << 4) | digit)).ok()).collect()
}
