//! What every batch needs for a moment: kept by the thread that packs, so that its memory is not given back to the
//! system and asked for again with each batch.

use std::cell::Cell;

use super::pack::ZSTD_LEVEL;

/// Room for more than this is not kept: one large batch is no reason to hold it for ever.
const MOST_KEPT: usize = 1 << 20;

thread_local! {
    static PACKING: Cell<Option<Scratch>> = const { Cell::new(None) };
    static ENCODING: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// What packing needs.
pub(super) struct Scratch {
    pub(super) compressor: zstd::bulk::Compressor<'static>,
    /// The open segment.
    pub(super) open: Vec<u8>,
    /// A segment, compressed, with room for one that does not get smaller.
    pub(super) compressed: Vec<u8>,
}

impl Scratch {
    pub(super) fn take() -> std::io::Result<Self> {
        if let Some(kept) = PACKING.take() {
            return Ok(kept);
        }
        let compressor = zstd::bulk::Compressor::new(ZSTD_LEVEL)?;
        Ok(Self { compressor, open: Vec::new(), compressed: Vec::new() })
    }

    pub(super) fn keep(mut self) {
        (self.open, self.compressed) = (emptied(self.open), emptied(self.compressed));
        PACKING.set(Some(self));
    }
}

/// Returns room for the bodies of a batch.
pub(super) fn take_bytes() -> Vec<u8> {
    ENCODING.take()
}

pub(super) fn keep_bytes(bytes: Vec<u8>) {
    ENCODING.set(emptied(bytes));
}

fn emptied(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.clear();
    if bytes.capacity() > MOST_KEPT { Vec::new() } else { bytes }
}
