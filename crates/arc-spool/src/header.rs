//! The first page of a file: who writes it, and how much could not be written.
//!
//! Two copies of the identity (length, CRC-32, JSON), so that one damaged byte does not cost a file; then the counters,
//! which stand in a page that exists already and so can be updated when the disk is full.

use std::{fs::File, io, os::unix::fs::FileExt};

use serde::{Deserialize, Serialize};

use crate::frame::array;

/// Bytes before the first frame.
pub(crate) const HEADER_BYTES: u64 = 4096;
/// The second copy of the identity.
const COPY_BYTES: usize = 1984;
const COUNTERS_AT: u64 = 2 * COPY_BYTES as u64;
const MAGIC: &[u8; 8] = b"arcspl\x01\n";

/// Who writes a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    /// 16 hexadecimal digits.
    pub(crate) process: String,
    /// The number of the file among those of the process.
    pub(crate) generation: u32,
    pub(crate) salt: u64,
    pub(crate) pid: u32,
    /// When the process started, in clock ticks since boot.
    pub(crate) start_ticks: Option<u64>,
    /// Where the pid means something.
    pub(crate) pid_namespace: Option<String>,
    /// Which start of the system pid and ticks belong to.
    pub(crate) boot: Option<String>,
    pub(crate) host: String,
    pub(crate) program: String,
    /// Where the process itself ships to.
    pub(crate) endpoint: Option<String>,
    /// When the first record was written.
    pub(crate) opened_unix_ns: u64,
    /// The control group, and how many processes the kernel had killed in it for want of memory.
    pub(crate) control_group: Option<String>,
    pub(crate) oom_kills: Option<u64>,
}

/// What the writer counted, over all files of its process so far. Up to date after a drop, a rotation and the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Counters {
    pub(crate) runs_started: u64,
    pub(crate) runs_dropped: u64,
    pub(crate) records_written: u64,
    pub(crate) records_dropped: u64,
    pub(crate) bytes_dropped: u64,
    /// Runs that were left out on purpose. Stands apart in the page: who does not know it reads the others.
    pub(crate) runs_unsampled: u64,
    /// 0 is being written, 1 there is a next file, 2 closed by its writer.
    pub(crate) state: u64,
}

pub(crate) const ROTATED: u64 = 1;
pub(crate) const CLOSED: u64 = 2;

/// Returns the bytes of a new file's header.
pub(crate) fn encode(identity: &Identity, counters: &Counters) -> Vec<u8> {
    let mut identity = identity.clone();
    // A path is cut rather than the page overrun.
    for (text, limit) in [(&mut identity.program, 200), (&mut identity.host, 100)] {
        cut(text, limit);
    }
    if let Some(endpoint) = &mut identity.endpoint {
        cut(endpoint, 300);
    }
    if identity.control_group.as_ref().is_some_and(|path| path.len() > 400) {
        identity.control_group = None;
    }
    let json = serde_json::to_vec(&identity).unwrap_or_default();
    let mut copy = MAGIC.to_vec();
    copy.extend_from_slice(&u32::try_from(json.len()).unwrap_or(0).to_le_bytes());
    copy.extend_from_slice(&crc32fast::hash(&json).to_le_bytes());
    copy.extend_from_slice(&json);
    copy.resize(COPY_BYTES, b' ');
    let mut page = copy.repeat(2);
    page.extend_from_slice(&counters_bytes(counters));
    page.resize(usize::try_from(HEADER_BYTES).unwrap_or(4096), 0);
    page
}

fn cut(text: &mut String, limit: usize) {
    if text.len() > limit {
        text.truncate(text.floor_char_boundary(limit));
    }
}

/// Reads a file's header; nothing when both copies are damaged.
pub(crate) fn read(file: &File) -> io::Result<Option<(Identity, Option<Counters>)>> {
    let mut page = [0; 4096];
    let mut filled = 0;
    while let Some(space) = page.get_mut(filled..).filter(|space| !space.is_empty()) {
        match file.read_at(space, filled as u64) {
            Ok(0) => break,
            Ok(bytes) => filled += bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let page = page.get(..filled).unwrap_or_default();
    let copies = [page.get(..COPY_BYTES), page.get(COPY_BYTES..2 * COPY_BYTES)];
    let identity = copies.into_iter().flatten().find_map(read_identity);
    Ok(identity.map(|identity| (identity, read_counters(page.get(2 * COPY_BYTES..).unwrap_or_default()))))
}

fn read_identity(copy: &[u8]) -> Option<Identity> {
    let after = copy.strip_prefix(MAGIC)?;
    let length = u32::from_le_bytes(array(after, 0)?) as usize;
    let json = after.get(8..8 + length)?;
    if crc32fast::hash(json) != u32::from_le_bytes(array(after, 4)?) {
        return None;
    }
    serde_json::from_slice(json).ok()
}

fn counters_bytes(counters: &Counters) -> Vec<u8> {
    let Counters { runs_started, runs_dropped, records_written, records_dropped, bytes_dropped, .. } = *counters;
    let Counters { runs_unsampled, state, .. } = *counters;
    let numbers = [runs_started, runs_dropped, records_written, records_dropped, bytes_dropped, state];
    let mut bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
    let later = runs_unsampled.to_le_bytes();
    bytes.extend_from_slice(&later);
    bytes.extend_from_slice(&crc32fast::hash(&later).to_le_bytes());
    bytes
}

fn read_counters(bytes: &[u8]) -> Option<Counters> {
    let number = |index: usize| Some(u64::from_le_bytes(array(bytes, index * 8)?));
    if crc32fast::hash(bytes.get(..48)?) != u32::from_le_bytes(array(bytes, 48)?) {
        return None;
    }
    Some(Counters {
        runs_started: number(0)?,
        runs_dropped: number(1)?,
        records_written: number(2)?,
        records_dropped: number(3)?,
        bytes_dropped: number(4)?,
        runs_unsampled: read_later(bytes).unwrap_or_default(),
        state: number(5)?,
    })
}

/// Reads what writers of older versions left empty.
fn read_later(bytes: &[u8]) -> Option<u64> {
    let later: [u8; 8] = array(bytes, 52)?;
    (crc32fast::hash(&later) == u32::from_le_bytes(array(bytes, 60)?)).then(|| u64::from_le_bytes(later))
}

/// Updates the counters of a file. The page exists, so this works on a full disk.
pub(crate) fn write_counters(file: &File, counters: &Counters) -> io::Result<()> {
    file.write_all_at(&counters_bytes(counters), COUNTERS_AT)
}
