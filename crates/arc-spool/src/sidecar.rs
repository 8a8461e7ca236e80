//! The note beside a process's files: up to where they were delivered, and what became of it. Its lock says who drains.
//!
//! Two slots, written in turn, so that one of them is whole after a crash in the middle of writing. Losing the note costs
//! nothing but work: what was delivered since is delivered again, which changes nothing.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use serde::{Deserialize, Serialize};

use crate::{
    error::SpoolError,
    exit,
    frame::array,
    header::Counters,
    ledger::Ledger,
    os,
    spool::{self, ProcessId},
};

const SLOT_BYTES: u64 = 64 << 10;
const MAGIC: &[u8; 8] = b"arcdrn\x01\n";
/// Names of steps are a help, not worth more room.
const LAST_STEPS: usize = 64;

/// What is noted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Note {
    pub(crate) generation: u32,
    pub(crate) offset: u64,
    /// The process is dead and everything of it was delivered; its files may be there for a moment longer.
    pub(crate) is_finished: bool,
    pub(crate) ledger: Ledger,
    /// The last completed step of runs that are open, by trace id.
    pub(crate) last_steps: BTreeMap<String, String>,
    /// Spans that ended in a later file than they began in, by key, with the file they began in: while that one is kept and
    /// the later one is not, nothing else says that they ended.
    pub(crate) ended_later: BTreeMap<String, u32>,
    owner: Option<Owner>,
}

/// Who drains, to know whether a lock is held by a child that inherited it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Owner {
    pid: u32,
    start_ticks: Option<u64>,
    pid_namespace: Option<String>,
    boot: Option<String>,
}

impl Owner {
    fn this_process() -> Self {
        let pid = std::process::id();
        let start_ticks = os::stat(pid).map(|stat| stat.start_ticks);
        Self { pid, start_ticks, pid_namespace: os::pid_namespace(), boot: os::boot() }
    }

    fn is_gone(&self) -> bool {
        let is_here = self.pid_namespace.is_some() && self.pid_namespace == os::pid_namespace();
        is_here && self.start_ticks.is_some() && (self.boot != os::boot() || !spool::runs(self.pid, self.start_ticks))
    }
}

/// The open and locked file.
#[derive(Debug)]
pub(crate) struct Sidecar {
    file: File,
    turn: u64,
    owner: Owner,
}

fn path_of(dir: &Path, process: &str) -> PathBuf {
    dir.join(format!("{process}.drain"))
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).truncate(false).read(true).write(true).mode(0o600).open(path)
}

impl Sidecar {
    /// Takes the lock and reads the note; nothing when somebody else has it.
    pub(crate) fn take(dir: &Path, process: &str) -> Result<Option<(Self, Note)>, SpoolError> {
        let path = path_of(dir, process);
        Self::try_take(&path).map_err(SpoolError::on("lock", &path))
    }

    fn try_take(path: &Path) -> io::Result<Option<(Self, Note)>> {
        let file = open(path)?;
        let file = match file.try_lock() {
            Ok(()) => file,
            Err(TryLockError::WouldBlock) => match inherit(path, &file)? {
                Some(file) => file,
                None => return Ok(None),
            },
            Err(TryLockError::Error(error)) => return Err(error),
        };
        // Somebody may have put another file in its place between opening and locking.
        if fs::metadata(path).map(|now| now.ino()).ok() != Some(file.metadata()?.ino()) {
            return Ok(None);
        }
        let (turn, note) = read(&file).unwrap_or_default();
        if file.metadata()?.len() < 2 * SLOT_BYTES {
            // Room for later, when the disk may be full. Without it draining goes on, and starts over after a restart.
            let _ = file.write_all_at(&vec![0; usize::try_from(SLOT_BYTES).unwrap_or(0)], SLOT_BYTES);
        }
        Ok(Some((Self { file, turn, owner: Owner::this_process() }, note)))
    }

    /// Writes the note into the slot whose turn it is.
    pub(crate) fn write(&mut self, note: &Note) -> io::Result<()> {
        let mut note = Note { owner: Some(self.owner.clone()), ..note.clone() };
        while note.last_steps.len() > LAST_STEPS {
            note.last_steps.pop_first();
        }
        self.turn += 1;
        let bytes = encode(self.turn, &note).or_else(|| {
            note.last_steps.clear();
            encode(self.turn, &note)
        });
        let at = (self.turn % 2) * SLOT_BYTES;
        self.file.write_all_at(&bytes.unwrap_or_default(), at)
    }

    /// Makes the file no longer than the account of a finished process needs.
    pub(crate) fn shrink(&mut self, note: &Note) -> io::Result<()> {
        self.turn |= 1;
        let (last_steps, ended_later) = (BTreeMap::new(), BTreeMap::new());
        self.write(&Note { last_steps, ended_later, ..note.clone() })?;
        self.file.set_len(SLOT_BYTES.min(4096))
    }
}

/// Replaces a sidecar whose owner is gone but whose lock lives on in a child that it forked.
fn inherit(path: &Path, old: &File) -> io::Result<Option<File>> {
    let Some((turn, note)) = read(old) else { return Ok(None) };
    if !note.owner.as_ref().is_some_and(Owner::is_gone) {
        return Ok(None);
    }
    let random = u64::from_le_bytes(os::random());
    let fresh_path = path.with_extension(format!("drain-{random:016x}"));
    let fresh = open(&fresh_path)?;
    let replaced = (|| {
        fresh.try_lock()?;
        fresh.write_all_at(&encode(turn, &note).unwrap_or_default(), (turn % 2) * SLOT_BYTES)?;
        // One heir at a time, and only while the file is still the one that was found abandoned.
        let heirs = open(&path.with_file_name("heirs.lock"))?;
        heirs.lock()?;
        if fs::metadata(path)?.ino() != old.metadata()?.ino() {
            return Ok(false);
        }
        fs::rename(&fresh_path, path).map(|()| true)
    })();
    if !matches!(replaced, Ok(true)) {
        let _ = fs::remove_file(&fresh_path);
    }
    replaced.map(|is_ours| is_ours.then_some(fresh))
}

fn encode(turn: u64, note: &Note) -> Option<Vec<u8>> {
    let json = serde_json::to_vec(note).ok()?;
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&turn.to_le_bytes());
    bytes.extend_from_slice(&u32::try_from(json.len()).ok()?.to_le_bytes());
    bytes.extend_from_slice(&crc32fast::hash(&json).to_le_bytes());
    bytes.extend_from_slice(&json);
    Some(bytes).filter(|bytes| bytes.len() as u64 <= SLOT_BYTES)
}

/// Returns the newest whole note and its turn.
fn read(file: &File) -> Option<(u64, Note)> {
    let slots = [0, SLOT_BYTES].into_iter().filter_map(|at| read_slot(file, at));
    slots.max_by_key(|(turn, _)| *turn)
}

fn read_slot(file: &File, at: u64) -> Option<(u64, Note)> {
    let mut head = [0; 24];
    file.read_exact_at(&mut head, at).ok()?;
    let after = head.strip_prefix(MAGIC)?;
    let turn = u64::from_le_bytes(array(after, 0)?);
    let length = u32::from_le_bytes(array(after, 8)?);
    if u64::from(length) > SLOT_BYTES {
        return None;
    }
    let mut json = vec![0; length as usize];
    file.read_exact_at(&mut json, at + 24).ok()?;
    if crc32fast::hash(&json) != u32::from_le_bytes(array(after, 12)?) {
        return None;
    }
    Some((turn, serde_json::from_slice(&json).ok()?))
}

/// Returns the account of a process as it was noted last.
pub(crate) fn read_ledger(dir: &Path, process: &str) -> Option<Ledger> {
    Some(read(&File::open(path_of(dir, process)).ok()?)?.1.ledger)
}

/// Puts what a writer counted into an account. Both only grow.
pub(crate) fn add_counters(ledger: &mut Ledger, counters: Counters) {
    let newly_dropped = counters.runs_dropped.saturating_sub(ledger.runs_dropped);
    ledger.runs_started += newly_dropped;
    ledger.runs_dropped += newly_dropped;
    ledger.runs_unsampled = ledger.runs_unsampled.max(counters.runs_unsampled);
    ledger.records_dropped = ledger.records_dropped.max(counters.records_dropped);
    ledger.bytes_dropped = ledger.bytes_dropped.max(counters.bytes_dropped);
}

/// Returns the accounts of processes without files.
pub(crate) fn finished(dir: &Path) -> Result<Vec<(ProcessId, Ledger, u64)>, SpoolError> {
    let with_files = spool::list(dir).map_err(SpoolError::on("list", dir))?;
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(SpoolError::on("list", dir))?,
    };
    let mut finished = Vec::new();
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(process) = name.to_str().and_then(|name| name.strip_suffix(".drain")) else { continue };
        if with_files.contains_key(process) {
            continue;
        }
        let Some(ledger) = read_ledger(dir, process) else { continue };
        let changed = entry.metadata().and_then(|metadata| metadata.modified()).ok();
        let seconds = changed.and_then(|time| time.duration_since(UNIX_EPOCH).ok()).map_or(0, |since| since.as_secs());
        finished.push((ProcessId::from_name(process.to_owned()), ledger, seconds));
    }
    finished.sort_by(|a, b| (a.2, &a.0).cmp(&(b.2, &b.0)));
    Ok(finished)
}

/// Deletes the note of a process without files.
pub(crate) fn forget(dir: &Path, process: &str) -> Result<(), SpoolError> {
    let path = path_of(dir, process);
    let has_files = spool::list(dir).map_err(SpoolError::on("list", dir))?.contains_key(process);
    if has_files {
        return Ok(());
    }
    let removed = fs::remove_file(&path).or_else(|error| match error.kind() {
        io::ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    });
    removed.and_then(|()| exit::forget(dir, process)).map_err(SpoolError::on("delete", &path))
}
