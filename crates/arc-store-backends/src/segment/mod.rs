//! Spans as bytes: what every backend stores, so that none has to know what a span looks like.
//!
//! A span becomes a *record*: its small fields as JSON, and references in place of its *bodies*
//! (messages, tool definitions, long inputs, outputs and attributes, the resource). Bodies and
//! records of one appended batch are packed into *segments*, each compressed as a whole; a
//! reference is (segment, offset, length) in the uncompressed bytes. A body that was stored before
//! is only referenced. A list of messages is a chain: the longest list stored before that it
//! begins with, and what it adds; so an agent that resends its history at every turn costs O(n).
//!
//! Bounds, all of them deliberate:
//! - a segment has at most [`SEGMENT_BYTES`] uncompressed bytes, or one larger record or body; reading
//!   a span decompresses the segments its parts are in, at most one per part;
//! - a body is found again in the same batch, and in the [`window::WINDOW_ENTRIES`] bodies last used by this
//!   process (about 7 MB); beyond that, and in another process, it is stored once more. There is no
//!   global index, so the cost of an append does not grow with the store;
//! - projects never share bodies.
//!
//! Compacting ([`reach`]) blanks what no record refers to any more. Before it looks, it begins a new *round*, at which
//! every window forgets what it knows: so nothing that is blanked is ever referred to again.
//!
//! Start at [`encode`] (span to parts), then [`pack`] (parts to segments), [`unpack`] and
//! [`decode`] (and back). The content hash that decides between two records of one revision is
//! computed over the parts, so it is the same in every backend.

mod decode;
mod encode;
mod pack;
mod reach;
mod record;
mod reference;
mod scratch;
mod unpack;
mod window;

#[cfg(test)]
mod tests;

pub(crate) use decode::decode;
pub(crate) use encode::{BodyHash, ContentHash, Encoder};
pub(crate) use pack::{Packed, Packer, Pending};
pub(crate) use reach::{Blanked, Marked, Marks, Reach, blank};
pub(crate) use reference::Place;
pub(crate) use unpack::{Compressed, SegmentCache, Segments, from_json};
pub(crate) use window::Window;

/// Where a segment is closed: large enough to compress well, small enough to read one span from.
pub(crate) const SEGMENT_BYTES: usize = 256 * 1024;

/// Stored bytes that cannot be read back.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Damaged(pub(crate) String);
