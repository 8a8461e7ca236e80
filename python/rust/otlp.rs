//! A part of an OTLP `Span` (and a `Resource`) in protobuf, field by field. Parts of one span may be put one after the
//! other: readers of protobuf merge them.
//!
//! Field numbers: `opentelemetry/proto/trace/v1/trace.proto`, `common/v1/common.proto`.

const VARINT: u8 = 0;
const FIXED64: u8 = 1;
const BYTES: u8 = 2;

/// A message under construction.
#[derive(Default)]
pub(crate) struct Message {
    pub(crate) bytes: Vec<u8>,
}

/// Where a message within a message began; see [`Message::open`].
pub(crate) struct Nested {
    start: usize,
}

/// Bytes kept free for the length of a nested message: enough for 256 MB.
const LENGTH_SIZE: usize = 4;

impl Message {
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
    }

    fn tag(&mut self, field: u8, wire: u8) {
        self.varint(u64::from(field) << 3 | u64::from(wire));
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(low_seven(value) | 0x80);
            value >>= 7;
        }
        self.bytes.push(low_seven(value));
    }

    pub(crate) fn number(&mut self, field: u8, value: u64) {
        self.tag(field, VARINT);
        self.varint(value);
    }

    pub(crate) fn fixed64(&mut self, field: u8, value: u64) {
        self.tag(field, FIXED64);
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn bytes(&mut self, field: u8, value: &[u8]) {
        self.tag(field, BYTES);
        self.varint(value.len() as u64);
        self.bytes.extend_from_slice(value);
    }

    /// Begins a nested message whose length is not known yet.
    pub(crate) fn open(&mut self, field: u8) -> Nested {
        self.tag(field, BYTES);
        self.bytes.extend_from_slice(&[0; LENGTH_SIZE]);
        Nested { start: self.bytes.len() }
    }

    /// Ends it. The length is a number of four bytes, however small it is; readers take that.
    pub(crate) fn close(&mut self, nested: &Nested) {
        let mut length = self.bytes.len() - nested.start;
        if let Some(place) = self.bytes.get_mut(nested.start - LENGTH_SIZE..nested.start) {
            for (index, byte) in place.iter_mut().enumerate() {
                *byte = low_seven(length as u64) | if index + 1 < LENGTH_SIZE { 0x80 } else { 0 };
                length >>= 7;
            }
        }
    }

    /// An attribute with a text.
    pub(crate) fn text_attribute(&mut self, field: u8, key: &str, value: &str) {
        self.attribute_of_bytes(field, key, 1, value.as_bytes());
    }

    /// An attribute with bytes.
    pub(crate) fn bytes_attribute(&mut self, field: u8, key: &str, value: &[u8]) {
        self.attribute_of_bytes(field, key, 7, value);
    }

    fn attribute_of_bytes(&mut self, field: u8, key: &str, kind: u8, value: &[u8]) {
        let inner = 1 + varint_size(value.len()) + value.len();
        self.attribute_head(field, key, inner);
        self.bytes(kind, value);
    }

    pub(crate) fn bool_attribute(&mut self, field: u8, key: &str, value: bool) {
        self.attribute_head(field, key, 2);
        self.number(2, u64::from(value));
    }

    pub(crate) fn int_attribute(&mut self, field: u8, key: &str, value: i64) {
        let value = value.cast_unsigned();
        self.attribute_head(field, key, 1 + varint_size_of(value));
        self.number(3, value);
    }

    pub(crate) fn double_attribute(&mut self, field: u8, key: &str, value: f64) {
        self.attribute_head(field, key, 9);
        self.fixed64(4, value.to_bits());
    }

    pub(crate) fn texts_attribute<'a>(&mut self, field: u8, key: &str, values: impl Iterator<Item = &'a str>) {
        let attribute = self.open(field);
        self.bytes(1, key.as_bytes());
        let value = self.open(2);
        let array = self.open(5);
        for text in values {
            self.tag(1, BYTES);
            self.varint((1 + varint_size(text.len()) + text.len()) as u64);
            self.bytes(1, text.as_bytes());
        }
        self.close(&array);
        self.close(&value);
        self.close(&attribute);
    }

    /// The key of an attribute, up to its value of `inner` bytes.
    fn attribute_head(&mut self, field: u8, key: &str, inner: usize) {
        let size = 1 + varint_size(key.len()) + key.len() + 1 + varint_size(inner) + inner;
        self.tag(field, BYTES);
        self.varint(size as u64);
        self.bytes(1, key.as_bytes());
        self.tag(2, BYTES);
        self.varint(inner as u64);
    }
}

fn low_seven(value: u64) -> u8 {
    (value & 0x7f) as u8
}

fn varint_size(value: usize) -> usize {
    varint_size_of(value as u64)
}

fn varint_size_of(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}
