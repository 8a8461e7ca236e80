//! Taken-apart spans to compressed segments, each body once.

use arc_store::StoreError;

use super::{
    SEGMENT_BYTES,
    encode::{Body, BodyHash, Encoded, Encoder, Item, Value},
    reference::{Place, Target, write, write_number},
    scratch::Scratch,
    window::{ByHash, Generations, Window},
};

/// Fast, and within a few per cent of the next levels on message text.
pub(super) const ZSTD_LEVEL: i32 = 1;

/// Packs the spans of one batch.
pub(crate) struct Packer<'w> {
    window: &'w Window,
    scratch: Scratch,
    closed: Vec<Segment>,
    fresh: ByHash<Pending>,
}

/// A segment that is not stored yet.
pub(crate) struct Segment {
    pub(crate) raw_bytes: usize,
    pub(crate) data: Vec<u8>,
}

/// The place of something in the batch; `segment` counts from its first segment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pending {
    pub(crate) segment: u32,
    pub(crate) offset: u32,
    pub(crate) length: u32,
}

/// A batch ready to be stored.
pub(crate) struct Packed {
    /// To be stored under consecutive numbers.
    pub(crate) segments: Vec<Segment>,
    /// Bodies to remember once they are committed.
    fresh: ByHash<Pending>,
}

impl Packed {
    /// Returns the bodies with their places, given the number of the first segment.
    pub(crate) fn bodies(self, first: i64) -> impl Iterator<Item = (BodyHash, Place)> {
        self.fresh.into_iter().map(move |(hash, pending)| (hash, pending.stored(first)))
    }
}

impl Pending {
    /// Returns the place, given the number of the batch's first segment.
    pub(crate) fn stored(self, first: i64) -> Place {
        Place { segment: first + i64::from(self.segment), offset: self.offset, length: self.length }
    }

    fn target(self) -> Target {
        Target::Pending { segment: self.segment, offset: self.offset, length: self.length }
    }
}

impl<'w> Packer<'w> {
    pub(crate) fn new(window: &'w Window) -> Result<Self, StoreError> {
        let scratch = Scratch::take().map_err(unavailable)?;
        Ok(Self { window, scratch, closed: Vec::new(), fresh: ByHash::default() })
    }

    /// Adds a span and returns where its record is.
    pub(crate) fn add(&mut self, span: &Encoded, encoder: &Encoder<'_>) -> Result<Pending, StoreError> {
        let window = self.window;
        let targets: Vec<Target> = window.with(|recent| {
            let bodies = span.bodies.iter().map(|body| match body {
                Body::Value(value) => self.value(recent, encoder, value),
                Body::List(items) => self.list(recent, encoder, items),
            });
            bodies.collect::<Result<_, _>>()
        })?;
        // The references are a few bytes each; a segment may overshoot by them.
        self.make_room(span.record.len())?;
        let own = self.own()?;
        let start = self.scratch.open.len();
        write_number(&mut self.scratch.open, targets.len() as u64);
        for target in targets {
            write(&mut self.scratch.open, target, own);
        }
        self.scratch.open.extend_from_slice(&span.record);
        self.pending(start)
    }

    pub(crate) fn finish(mut self) -> Result<Packed, StoreError> {
        self.close()?;
        self.scratch.keep();
        Ok(Packed { segments: self.closed, fresh: self.fresh })
    }

    fn value(&mut self, recent: &mut Generations, encoder: &Encoder<'_>, value: &Value) -> Result<Target, StoreError> {
        if let Some(target) = self.find(recent, &value.hash) {
            return Ok(target);
        }
        let bytes = encoder.json(value);
        self.make_room(bytes.len())?;
        let start = self.scratch.open.len();
        self.scratch.open.extend_from_slice(bytes);
        self.remember(value.hash, start)
    }

    /// Stores a list as the longest known list it begins with, and the items after that.
    fn list(&mut self, recent: &mut Generations, encoder: &Encoder<'_>, items: &[Item]) -> Result<Target, StoreError> {
        let mut base = None;
        let mut known = items.len();
        for item in items.iter().rev() {
            base = self.find(recent, &item.prefix);
            if base.is_some() {
                break;
            }
            known -= 1;
        }
        let (Some(last), added) = (items.last(), items.get(known..).unwrap_or_default()) else {
            return Err(StoreError::Invalid("an empty list has no body".to_owned()));
        };
        if let (Some(base), []) = (base, added) {
            return Ok(base);
        }
        let added: Vec<Target> =
            added.iter().map(|item| self.value(recent, encoder, &item.value)).collect::<Result<_, _>>()?;
        self.make_room(added.len() * 8)?;
        let own = self.own()?;
        let start = self.scratch.open.len();
        self.scratch.open.push(u8::from(base.is_some()));
        for target in base.into_iter().chain(added) {
            write(&mut self.scratch.open, target, own);
        }
        self.remember(last.prefix, start)
    }

    fn find(&self, recent: &mut Generations, hash: &BodyHash) -> Option<Target> {
        match self.fresh.get(hash) {
            Some(pending) => Some(pending.target()),
            None => recent.find(hash).map(Target::Stored),
        }
    }

    fn remember(&mut self, hash: BodyHash, start: usize) -> Result<Target, StoreError> {
        let pending = self.pending(start)?;
        self.fresh.insert(hash, pending);
        Ok(pending.target())
    }

    /// Returns the place from `start` to the end of the open segment.
    fn pending(&self, start: usize) -> Result<Pending, StoreError> {
        let number = |size: usize| u32::try_from(size).map_err(|_| too_large());
        Ok(Pending { segment: self.own()?, offset: number(start)?, length: number(self.scratch.open.len() - start)? })
    }

    fn own(&self) -> Result<u32, StoreError> {
        u32::try_from(self.closed.len()).map_err(|_| too_large())
    }

    /// Closes the open segment if so many bytes more would make it too large.
    fn make_room(&mut self, bytes: usize) -> Result<(), StoreError> {
        if !self.scratch.open.is_empty() && self.scratch.open.len() + bytes > SEGMENT_BYTES {
            self.close()
        } else {
            Ok(())
        }
    }

    fn close(&mut self) -> Result<(), StoreError> {
        if self.scratch.open.is_empty() {
            return Ok(());
        }
        let Scratch { compressor, open, compressed } = &mut self.scratch;
        compressed.clear();
        compressed.reserve(zstd::zstd_safe::compress_bound(open.len()));
        compressor.compress_to_buffer(open.as_slice(), compressed).map_err(unavailable)?;
        self.closed.push(Segment { raw_bytes: open.len(), data: compressed.clone() });
        open.clear();
        Ok(())
    }
}

fn too_large() -> StoreError {
    StoreError::Invalid("a batch of spans is larger than 4 GiB; append it in parts".to_owned())
}

fn unavailable(source: std::io::Error) -> StoreError {
    StoreError::Unavailable { attempted: "compress spans", source: Box::new(source) }
}
