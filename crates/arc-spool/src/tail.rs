//! Reading a file that is being written, was cut, or is damaged.
//!
//! A frame is taken only with its checksum. Where there is none, the file is read once more (the writer may have been in the
//! middle of it), then searched for the next whole frame: what lies between is damage. Without a next one it is the torn
//! tail: not there yet while the writer lives, lost when it does not.

use std::{fs::File, io, os::unix::fs::FileExt};

use crate::frame::{self, Head, Parsed};

/// Bytes that are read at once.
const WINDOW_BYTES: usize = 256 << 10;

/// What stands at a place of a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step<'a> {
    /// A frame; the next one is expected behind it.
    Frame { head: Head, payload: &'a [u8], payload_at: u64, next: u64 },
    /// Nothing that can be read, up to the next frame or to the end of a file that nobody writes.
    Damage { next: u64, is_tail: bool },
    /// Nothing, or not yet.
    End,
}

/// A file and the part of it that was read last.
#[derive(Debug)]
pub(crate) struct Tail {
    file: File,
    salt: u64,
    window: Vec<u8>,
    window_at: u64,
}

impl Tail {
    pub(crate) fn new(file: File, salt: u64) -> Self {
        Self { file, salt, window: Vec::new(), window_at: 0 }
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Reads what stands at a place. `is_final` says that nobody writes this file any more.
    pub(crate) fn step(&mut self, at: u64, is_final: bool) -> io::Result<Step<'_>> {
        let mut length = self.look(at, false)?;
        if length.is_none() {
            length = self.look(at, true)?;
        }
        if let Some(bytes) = length {
            let place = self.index(at);
            let Parsed::Frame { head, payload, .. } =
                frame::parse(self.salt, self.window.get(place..).unwrap_or_default())
            else {
                return Ok(Step::End);
            };
            let payload_at = at + frame::HEAD_BYTES as u64;
            return Ok(Step::Frame { head, payload, payload_at, next: at + bytes });
        }
        if let Some(next) = self.search(at + 1)? {
            return Ok(Step::Damage { next, is_tail: false });
        }
        let end = self.file.metadata()?.len();
        if is_final && end > at { Ok(Step::Damage { next: end, is_tail: true }) } else { Ok(Step::End) }
    }

    /// Reads bytes again that belong to a frame.
    pub(crate) fn read(&self, at: u64, length: u32) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length as usize];
        self.file.read_exact_at(&mut bytes, at)?;
        Ok(bytes)
    }

    fn index(&self, at: u64) -> usize {
        usize::try_from(at.saturating_sub(self.window_at)).unwrap_or(usize::MAX)
    }

    /// Returns the length of the frame at a place, if there is a whole one.
    fn look(&mut self, at: u64, afresh: bool) -> io::Result<Option<u64>> {
        let is_outside = at < self.window_at || self.index(at) >= self.window.len();
        if afresh || is_outside {
            self.fill(at, frame::HEAD_BYTES)?;
        }
        // At most twice: the head says how much is needed.
        for _ in 0..3 {
            match frame::parse(self.salt, self.window.get(self.index(at)..).unwrap_or_default()) {
                Parsed::Frame { bytes, .. } => return Ok(Some(bytes as u64)),
                Parsed::Needs(bytes) => {
                    self.fill(at, bytes)?;
                    if self.window.len() < bytes {
                        return Ok(None);
                    }
                }
                Parsed::Damaged => return Ok(None),
            }
        }
        Ok(None)
    }

    /// Moves the window to a place, wide enough for so many bytes where the file has them.
    fn fill(&mut self, at: u64, bytes: usize) -> io::Result<()> {
        let there = usize::try_from(self.file.metadata()?.len().saturating_sub(at)).unwrap_or(usize::MAX);
        self.window.resize(bytes.max(WINDOW_BYTES).min(there), 0);
        self.window_at = at;
        let mut filled = 0;
        while let Some(space) = self.window.get_mut(filled..).filter(|space| !space.is_empty()) {
            match self.file.read_at(space, at + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.window.clear();
                    return Err(error);
                }
            }
        }
        self.window.truncate(filled);
        Ok(())
    }

    /// Returns the place of the next whole frame, from a place on.
    fn search(&mut self, from: u64) -> io::Result<Option<u64>> {
        let mark = frame::mark(self.salt);
        let mut at = from;
        loop {
            self.fill(at, WINDOW_BYTES)?;
            if self.window.len() < frame::HEAD_BYTES {
                return Ok(None);
            }
            let Some(found) = self.window.windows(mark.len()).position(|bytes| bytes == mark) else {
                at += (self.window.len() - (mark.len() - 1)) as u64;
                continue;
            };
            at += found as u64;
            if self.look(at, false)?.is_some() {
                return Ok(Some(at));
            }
            at += 1;
        }
    }
}
