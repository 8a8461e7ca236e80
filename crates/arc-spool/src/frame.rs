//! A frame: the bytes of one record.
//!
//! Little endian: mark (4), payload length (4), CRC-32 (4), kind (1), flags (1), zero (2), context (4), sequence (4),
//! time (8), trace id (16), span id (8), payload. The mark and the seed of the checksum are the file's own random salt,
//! so that no payload, however hostile, can contain bytes that pass for a frame when a reader looks for the next one
//! behind a damage. The sequence counts the frames of a file: a gap says how many were lost.

/// The longest payload a record can have; a longer one is dropped, and counted.
pub const MAX_PAYLOAD_BYTES: usize = 16 << 20;

/// Bytes before the payload.
pub(crate) const HEAD_BYTES: usize = 56;

pub(crate) const CONTEXT: u8 = 1;
pub(crate) const SPAN_START: u8 = 2;
pub(crate) const SPAN_PART: u8 = 3;
pub(crate) const SPAN_END: u8 = 4;
pub(crate) const PROCESS_END: u8 = 5;

/// The span is the root of a run.
pub(crate) const ROOT: u8 = 1;
/// There was no room for what the record had to say; only the fact is left.
pub(crate) const WITHOUT_CONTENT: u8 = 2;

/// What stands before the payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Head {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) context: u32,
    pub(crate) sequence: u32,
    pub(crate) time_unix_ns: u64,
    pub(crate) trace_id: [u8; 16],
    pub(crate) span_id: [u8; 8],
}

impl Head {
    pub(crate) fn is_root(&self) -> bool {
        self.flags & ROOT != 0
    }
}

/// Appends the frame's bytes.
pub(crate) fn encode(salt: u64, head: &Head, payload: &[u8], out: &mut Vec<u8>) {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes();
    let mut rest = [0; HEAD_BYTES - 12];
    let mut at = 0;
    let mut put = |bytes: &[u8]| {
        if let Some(space) = rest.get_mut(at..at + bytes.len()) {
            space.copy_from_slice(bytes);
        }
        at += bytes.len();
    };
    put(&[head.kind, head.flags, 0, 0]);
    put(&head.context.to_le_bytes());
    put(&head.sequence.to_le_bytes());
    put(&head.time_unix_ns.to_le_bytes());
    put(&head.trace_id);
    put(&head.span_id);
    out.reserve(HEAD_BYTES + payload.len());
    out.extend_from_slice(&mark(salt));
    out.extend_from_slice(&length);
    out.extend_from_slice(&checksum(salt, length, &[&rest, payload]).to_le_bytes());
    out.extend_from_slice(&rest);
    out.extend_from_slice(payload);
}

/// The first bytes of every frame of a file.
pub(crate) fn mark(salt: u64) -> [u8; 4] {
    let [a, b, c, d, ..] = salt.to_le_bytes();
    // No zero byte: a hole in a file never looks like the beginning of a frame.
    [a | 1, b | 1, c | 1, d | 1]
}

fn checksum(salt: u64, length: [u8; 4], parts: &[&[u8]]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&salt.to_le_bytes());
    hasher.update(&length);
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize()
}

/// What stands at the beginning of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Parsed<'a> {
    /// A whole frame, this long.
    Frame { head: Head, payload: &'a [u8], bytes: usize },
    /// What may become a frame when there are this many bytes.
    Needs(usize),
    /// No frame.
    Damaged,
}

/// Reads the frame at the beginning of some bytes.
pub(crate) fn parse(salt: u64, bytes: &[u8]) -> Parsed<'_> {
    let mark = mark(salt);
    let seen = bytes.get(..4).unwrap_or(bytes);
    if !mark.starts_with(seen) {
        return Parsed::Damaged;
    }
    let Some((head_bytes, after)) = bytes.split_at_checked(HEAD_BYTES) else { return Parsed::Needs(HEAD_BYTES) };
    let Some((length, stated, head)) = read_head(head_bytes) else { return Parsed::Damaged };
    let payload_bytes = u32::from_le_bytes(length) as usize;
    if payload_bytes > MAX_PAYLOAD_BYTES {
        return Parsed::Damaged;
    }
    let Some(payload) = after.get(..payload_bytes) else { return Parsed::Needs(HEAD_BYTES + payload_bytes) };
    let rest = head_bytes.get(12..).unwrap_or_default();
    if checksum(salt, length, &[rest, payload]) != stated {
        return Parsed::Damaged;
    }
    Parsed::Frame { head, payload, bytes: HEAD_BYTES + payload_bytes }
}

fn read_head(bytes: &[u8]) -> Option<([u8; 4], u32, Head)> {
    let head = Head {
        kind: *bytes.get(12)?,
        flags: *bytes.get(13)?,
        context: u32::from_le_bytes(array(bytes, 16)?),
        sequence: u32::from_le_bytes(array(bytes, 20)?),
        time_unix_ns: u64::from_le_bytes(array(bytes, 24)?),
        trace_id: array(bytes, 32)?,
        span_id: array(bytes, 48)?,
    };
    Some((array(bytes, 4)?, u32::from_le_bytes(array(bytes, 8)?), head))
}

/// Returns the N bytes at a place.
pub(crate) fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}
