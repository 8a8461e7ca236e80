//! Where a body or a record is, and how that is written inside a segment.
//!
//! A segment gets its number when it is inserted, after it was filled. So a reference within a batch
//! counts segments backwards from the one it stands in, and only older segments go by number.

use super::Damaged;

/// Where bytes are: a stored segment, and the range in its uncompressed bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place {
    pub(crate) segment: i64,
    pub(crate) offset: u32,
    pub(crate) length: u32,
}

/// A place in a stored segment, or in one of the batch that is being packed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Target {
    Stored(Place),
    /// Here `segment` is the position within the batch.
    Pending {
        segment: u32,
        offset: u32,
        length: u32,
    },
}

/// Writes a reference that stands in segment `own` of the batch.
pub(super) fn write(out: &mut Vec<u8>, target: Target, own: u32) {
    let (segment, offset, length) = match target {
        Target::Stored(place) => (place.segment.unsigned_abs() << 1, place.offset, place.length),
        Target::Pending { segment, offset, length } => ((u64::from(own.abs_diff(segment)) << 1) | 1, offset, length),
    };
    write_number(out, segment);
    write_number(out, u64::from(offset));
    write_number(out, u64::from(length));
}

/// Reads a reference that stands in the stored segment `own`.
pub(super) fn read(bytes: &mut &[u8], own: i64) -> Result<Place, Damaged> {
    let tagged = read_number(bytes)?;
    let number = i64::try_from(tagged >> 1).map_err(|_| damaged())?;
    let segment = if tagged & 1 == 1 { own - number } else { number };
    let offset = u32::try_from(read_number(bytes)?).map_err(|_| damaged())?;
    let length = u32::try_from(read_number(bytes)?).map_err(|_| damaged())?;
    Ok(Place { segment, offset, length })
}

/// Writes seven bits a byte, the lowest first; the high bit says that more follow.
pub(super) fn write_number(out: &mut Vec<u8>, mut number: u64) {
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            out.push(low & 0x7f);
            return;
        }
        out.push(low | 0x80);
    }
}

pub(super) fn read_number(bytes: &mut &[u8]) -> Result<u64, Damaged> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first().ok_or_else(damaged)?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(number);
        }
    }
    Err(damaged())
}

fn damaged() -> Damaged {
    Damaged("a reference between segments is malformed".to_owned())
}
