//! Protobuf's wire format, read where it lies: <https://protobuf.dev/programming-guides/encoding/>.
//!
//! Nothing is copied and no message is held: a reader walks the fields it knows and skips the rest, as the format asks.
//! What a field holds is read by the getter of its type, which refuses another type on the wire.

use std::fmt;

/// How deep groups that nobody knows may be nested; protobuf's own readers stop there too.
const DEEPEST_GROUP: u32 = 100;

/// The fields of a message that are still to be read.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a>(&'a [u8]);

/// One field.
#[derive(Clone, Copy)]
pub(super) struct Field<'a> {
    pub(super) number: u64,
    value: Value<'a>,
}

#[derive(Clone, Copy)]
enum Value<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    /// Of a type that no field we know has.
    Unread,
}

/// Why bytes cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Malformed {
    BreaksOff,
    Varint,
    Number,
    Type,
    Text,
    Depth,
}

impl fmt::Display for Malformed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::BreaksOff => "it breaks off within a field",
            Self::Varint => "a number is longer than 64 bits",
            Self::Number => "a field has a number that protobuf does not allow",
            Self::Type => "a field is of another type than its number says",
            Self::Text => "a text is not UTF-8",
            Self::Depth => "values are nested too deeply",
        })
    }
}

impl<'a> Fields<'a> {
    pub(super) const fn of(message: &'a [u8]) -> Self {
        Self(message)
    }

    /// Hands every field to `read`.
    pub(super) fn each(mut self, mut read: impl FnMut(Field<'a>) -> Result<(), Malformed>) -> Result<(), Malformed> {
        while !self.0.is_empty() {
            let (number, kind) = self.tag()?;
            read(Field { number, value: self.value(number, kind, 0)? })?;
        }
        Ok(())
    }

    fn tag(&mut self) -> Result<(u64, u8), Malformed> {
        let tag = self.varint()?;
        let number = tag >> 3;
        // 29 bits.
        if number == 0 || number >> 29 != 0 {
            return Err(Malformed::Number);
        }
        Ok((number, (tag & 7) as u8))
    }

    #[inline]
    fn value(&mut self, number: u64, kind: u8, depth: u32) -> Result<Value<'a>, Malformed> {
        Ok(match kind {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| Malformed::BreaksOff)?;
                Value::Bytes(self.take(length)?)
            }
            3 => {
                self.skip_group(number, depth)?;
                Value::Unread
            }
            5 => {
                self.array::<4>()?;
                Value::Unread
            }
            _ => return Err(Malformed::Type),
        })
    }

    fn skip_group(&mut self, number: u64, depth: u32) -> Result<(), Malformed> {
        if depth == DEEPEST_GROUP {
            return Err(Malformed::Depth);
        }
        loop {
            let (inner, kind) = self.tag()?;
            if kind == 4 {
                return if inner == number { Ok(()) } else { Err(Malformed::Type) };
            }
            self.value(inner, kind, depth + 1)?;
        }
    }

    #[inline]
    fn varint(&mut self) -> Result<u64, Malformed> {
        // Most tags and lengths are one byte.
        if let [byte @ ..0x80, rest @ ..] = self.0 {
            self.0 = rest;
            return Ok(u64::from(*byte));
        }
        self.long_varint()
    }

    fn long_varint(&mut self) -> Result<u64, Malformed> {
        let mut number = 0_u64;
        for (index, byte) in self.0.iter().enumerate() {
            // The tenth byte holds the last bit.
            if index == 9 && *byte > 1 {
                return Err(Malformed::Varint);
            }
            number |= u64::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                self.take(index + 1)?;
                return Ok(number);
            }
        }
        Err(Malformed::BreaksOff)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (array, rest) = self.0.split_first_chunk().ok_or(Malformed::BreaksOff)?;
        self.0 = rest;
        Ok(*array)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Malformed::BreaksOff)?;
        self.0 = rest;
        Ok(taken)
    }
}

/// Checks that the messages under fields of these numbers, one within the other, can be told apart, so that one that
/// cannot be read is the only one left out; returns how many there are.
pub(super) fn check_frames(message: &[u8], path: &[u64]) -> Result<usize, Malformed> {
    let Some((number, deeper)) = path.split_first() else { return Ok(1) };
    let mut count = 0;
    each_field(message, *number, |field| {
        count += check_frames(field.bytes()?, deeper)?;
        Ok(())
    })?;
    Ok(count)
}

/// Hands each field of this number to `read`.
pub(super) fn each_field<'a>(
    message: &'a [u8],
    number: u64,
    mut read: impl FnMut(Field<'a>) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    Fields::of(message).each(|field| if field.number == number { read(field) } else { Ok(()) })
}

/// Hands each message of a repeated field, with its index, to `read`.
pub(super) fn each_in<'a>(
    message: &'a [u8],
    number: u64,
    mut read: impl FnMut(usize, &'a [u8]) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    let mut indices = 0..;
    each_field(message, number, |field| read(indices.next().unwrap_or_default(), field.bytes()?))
}

impl<'a> Field<'a> {
    pub(super) const fn varint(self) -> Result<u64, Malformed> {
        match self.value {
            Value::Varint(number) => Ok(number),
            _ => Err(Malformed::Type),
        }
    }

    pub(super) const fn fixed64(self) -> Result<u64, Malformed> {
        match self.value {
            Value::Fixed64(number) => Ok(number),
            _ => Err(Malformed::Type),
        }
    }

    /// Returns bytes, or those of a message.
    pub(super) const fn bytes(self) -> Result<&'a [u8], Malformed> {
        match self.value {
            Value::Bytes(bytes) => Ok(bytes),
            _ => Err(Malformed::Type),
        }
    }

    pub(super) fn text(self) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Malformed::Text)
    }
}
