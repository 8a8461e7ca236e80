//! Merging the parts of a span: protobuf's own rule, applied to the bytes, so that nothing has to be decoded and unknown
//! fields survive.

use std::collections::BTreeMap;

const NAME: u32 = 5;
const END_TIME: u32 = 8;
const ATTRIBUTES: u32 = 9;
const STATUS: u32 = 15;
/// Fields of a `Span` of which there is one: the last one said holds.
const SINGLE: &[u32] = &[1, 2, 3, 4, NAME, 6, 7, END_TIME, 10, 12, 14, 16];

const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const BYTES: u32 = 2;
const FIXED32: u32 = 5;

/// A field of a message: its number, the whole of it with its tag, and its content when it has a length.
#[derive(Debug, Clone, Copy)]
struct Field<'a> {
    number: u32,
    wire_type: u32,
    whole: &'a [u8],
    content: &'a [u8],
}

/// The fields of a message, up to the first byte that is not protobuf.
#[derive(Debug)]
struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        let bytes = self.0;
        let (tag, after) = varint(bytes)?;
        let wire_type = u32::try_from(tag & 7).ok()?;
        let number = u32::try_from(tag >> 3).ok().filter(|number| *number > 0)?;
        let (content, rest) = match wire_type {
            VARINT => (&[][..], varint(after)?.1),
            FIXED64 => after.split_at_checked(8)?,
            FIXED32 => after.split_at_checked(4)?,
            BYTES => {
                let (length, after) = varint(after)?;
                after.split_at_checked(usize::try_from(length).ok()?)?
            }
            _ => return None,
        };
        self.0 = rest;
        let whole = bytes.get(..bytes.len() - rest.len())?;
        Some(Field { number, wire_type, whole, content })
    }
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    for (index, byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f).checked_shl(u32::try_from(index).ok()? * 7)?;
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(index + 1..)?));
        }
    }
    None
}

/// Merges the parts of a span.
pub(crate) fn merge(parts: &[&[u8]]) -> Vec<u8> {
    let fields: Vec<Field<'_>> = parts.iter().flat_map(|part| Fields(part)).collect();
    let mut last_single: BTreeMap<u32, usize> = BTreeMap::new();
    let mut last_attribute: BTreeMap<&[u8], usize> = BTreeMap::new();
    for (index, field) in fields.iter().enumerate() {
        if field.number == ATTRIBUTES && field.wire_type == BYTES {
            last_attribute.insert(key(field.content), index);
        } else if SINGLE.contains(&field.number) {
            last_single.insert(field.number, index);
        }
    }
    let mut out = Vec::with_capacity(parts.iter().map(|part| part.len()).sum::<usize>() + 64);
    for (index, field) in fields.iter().enumerate() {
        let last = match field.number {
            ATTRIBUTES if field.wire_type == BYTES => last_attribute.get(key(field.content)),
            number => last_single.get(&number),
        };
        if last.is_none_or(|last| *last == index) {
            out.extend_from_slice(field.whole);
        }
    }
    out
}

/// Returns the key of a `KeyValue`.
fn key(attribute: &[u8]) -> &[u8] {
    Fields(attribute).find(|field| field.number == 1 && field.wire_type == BYTES).map_or(&[], |field| field.content)
}

/// Returns the name of a span.
pub(crate) fn name(span: &[u8]) -> Option<String> {
    let name = Fields(span).filter(|field| field.number == NAME && field.wire_type == BYTES).last()?.content;
    Some(String::from_utf8_lossy(name).into_owned()).filter(|name| !name.is_empty())
}

/// Returns an attribute of a span that is a whole number.
pub(crate) fn integer_attribute(span: &[u8], wanted: &str) -> Option<u64> {
    let attributes = Fields(span).filter(|field| field.number == ATTRIBUTES && key(field.content) == wanted.as_bytes());
    let value = Fields(attributes.last()?.content).find(|field| field.number == 2)?.content;
    let number = Fields(value).find(|field| field.number == 3 && field.wire_type == VARINT)?;
    Some(varint(varint(number.whole)?.1)?.0)
}

/// Returns an attribute of a span that is a text.
#[cfg(test)]
pub(crate) fn text_attribute(span: &[u8], wanted: &str) -> Option<String> {
    let attributes = Fields(span).filter(|field| field.number == ATTRIBUTES && key(field.content) == wanted.as_bytes());
    let value = Fields(attributes.last()?.content).find(|field| field.number == 2)?.content;
    Some(String::from_utf8_lossy(Fields(value).find(|field| field.number == 1)?.content).into_owned())
}

/// Returns the end of a span.
#[cfg(test)]
pub(crate) fn end_time(span: &[u8]) -> Option<u64> {
    let end = Fields(span).filter(|field| field.number == END_TIME && field.wire_type == FIXED64).last()?;
    Some(u64::from_le_bytes(end.content.try_into().ok()?))
}

/// Appends the end of a span.
pub(crate) fn put_end(unix_ns: u64, out: &mut Vec<u8>) {
    put_varint(u64::from(END_TIME << 3 | FIXED64), out);
    out.extend_from_slice(&unix_ns.to_le_bytes());
}

/// Appends the status *error* with a message.
pub(crate) fn put_error(message: &str, out: &mut Vec<u8>) {
    let mut status = Vec::new();
    put_bytes(2, message.as_bytes(), &mut status);
    put_varint(3 << 3, &mut status);
    put_varint(2, &mut status);
    put_bytes(STATUS, &status, out);
}

/// Appends an attribute that is a text.
pub(crate) fn put_text(key: &str, value: &str, out: &mut Vec<u8>) {
    let mut any = Vec::new();
    put_bytes(1, value.as_bytes(), &mut any);
    put_attribute(key, &any, out);
}

/// Appends an attribute that is a whole number.
pub(crate) fn put_integer(key: &str, value: i64, out: &mut Vec<u8>) {
    let mut any = Vec::new();
    put_varint(3 << 3, &mut any);
    put_varint(value.cast_unsigned(), &mut any);
    put_attribute(key, &any, out);
}

/// Appends an attribute that is true.
pub(crate) fn put_true(key: &str, out: &mut Vec<u8>) {
    put_attribute(key, &[2 << 3, 1], out);
}

fn put_attribute(key: &str, any: &[u8], out: &mut Vec<u8>) {
    let mut attribute = Vec::new();
    put_bytes(1, key.as_bytes(), &mut attribute);
    put_bytes(2, any, &mut attribute);
    put_bytes(ATTRIBUTES, &attribute, out);
}

/// Appends a field that has a length.
pub(crate) fn put_bytes(number: u32, content: &[u8], out: &mut Vec<u8>) {
    put_varint(u64::from(number << 3 | BYTES), out);
    put_varint(content.len() as u64, out);
    out.extend_from_slice(content);
}

fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(u8::try_from(value & 0x7f).unwrap_or(0) | 0x80);
        value >>= 7;
    }
    out.push(u8::try_from(value).unwrap_or(0));
}
