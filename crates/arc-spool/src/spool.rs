//! The directory: which processes wrote, and whether they live.

use std::{
    collections::BTreeMap,
    fmt,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    drain::Drain,
    error::SpoolError,
    header::{self, Counters, Identity},
    ledger::Ledger,
    os, sidecar,
};

/// The name of a process in the spool: 16 hexadecimal digits, its own however often its pid comes again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ProcessId(String);

impl ProcessId {
    pub(crate) fn from_name(name: String) -> Self {
        Self(name)
    }

    /// Returns the digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProcessId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Whether a process still writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Liveness {
    /// It holds its file.
    Alive,
    /// It is gone: nothing will be added.
    Dead,
}

/// A process that has files in the spool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Process {
    /// Its name in the spool.
    pub id: ProcessId,
    /// Its pid, on its host.
    pub pid: u32,
    /// Its machine.
    pub host: String,
    /// Its program.
    pub program: String,
    /// Where it ships its records itself; leave it to it while it lives.
    pub endpoint: Option<String>,
    /// When it wrote its first record that is still here, in nanoseconds since 1970.
    pub opened_unix_ns: u64,
    /// Whether it still writes.
    pub liveness: Liveness,
    /// Bytes of its files.
    pub bytes: u64,
    /// What became of its records so far, with the last drops.
    pub ledger: Ledger,
}

/// The spool of this machine or of a shared directory.
#[derive(Debug, Clone)]
pub struct Spool {
    dir: PathBuf,
}

impl Spool {
    /// Names the directory; it need not exist yet.
    pub fn open(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// Returns the directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Returns every process that has files, the first to open one first.
    pub fn processes(&self) -> Result<Vec<Process>, SpoolError> {
        let mut processes = Vec::new();
        for (name, files) in self.files()? {
            let Some(process) = self.process(&name, &files) else { continue };
            processes.push(process);
        }
        processes.sort_by(|a, b| (a.opened_unix_ns, &a.id).cmp(&(b.opened_unix_ns, &b.id)));
        Ok(processes)
    }

    fn process(&self, name: &str, files: &BTreeMap<u32, PathBuf>) -> Option<Process> {
        let bytes = files.values().filter_map(|path| Some(fs::metadata(path).ok()?.len())).sum();
        let headers = files.values().filter_map(|path| header::read(&File::open(path).ok()?).ok()?);
        let headers: Vec<(Identity, Option<Counters>)> = headers.collect();
        let (first, _) = headers.first()?;
        let counters = headers.iter().filter_map(|(_, counters)| *counters).next_back();
        let mut ledger = sidecar::read_ledger(&self.dir, name).unwrap_or_default();
        sidecar::add_counters(&mut ledger, counters.unwrap_or_default());
        Some(Process {
            id: ProcessId(name.to_owned()),
            pid: first.pid,
            host: first.host.clone(),
            program: first.program.clone(),
            endpoint: first.endpoint.clone(),
            opened_unix_ns: first.opened_unix_ns,
            liveness: liveness(&self.dir, name),
            bytes,
            ledger,
        })
    }

    /// Takes a process to drain it. Nothing when somebody else does, or when there is nothing of it.
    pub fn drain(&self, process: &ProcessId) -> Result<Option<Drain>, SpoolError> {
        Drain::take(&self.dir, process)
    }

    /// Returns the accounts that are left of processes whose files were delivered and deleted, with the time of their last
    /// change in seconds since 1970.
    pub fn finished(&self) -> Result<Vec<(ProcessId, Ledger, u64)>, SpoolError> {
        sidecar::finished(&self.dir)
    }

    /// Deletes the account of a process whose files are gone.
    pub fn forget(&self, process: &ProcessId) -> Result<(), SpoolError> {
        sidecar::forget(&self.dir, process.as_str())
    }

    /// Returns the bytes of all files.
    pub fn used_bytes(&self) -> u64 {
        crate::bound::used_bytes(&self.dir)
    }

    pub(crate) fn identities(&self) -> Result<Vec<Identity>, SpoolError> {
        let paths = self.files()?.into_values().filter_map(|files| files.into_values().next_back());
        let read = |path: PathBuf| Some(header::read(&File::open(path).ok()?).ok()??.0);
        Ok(paths.filter_map(read).collect())
    }

    fn files(&self) -> Result<BTreeMap<String, BTreeMap<u32, PathBuf>>, SpoolError> {
        list(&self.dir).map_err(SpoolError::on("list", &self.dir))
    }
}

/// Returns the name of a file.
pub(crate) fn file_name(process: &str, generation: u32) -> String {
    format!("{process}-{generation:06}.spool")
}

/// Returns the files of a directory by process and generation.
pub(crate) fn list(dir: &Path) -> io::Result<BTreeMap<String, BTreeMap<u32, PathBuf>>> {
    let mut processes: BTreeMap<String, BTreeMap<u32, PathBuf>> = BTreeMap::new();
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(processes),
        other => other?,
    };
    for entry in entries {
        let path = entry?.path();
        if let Some((process, generation)) = parse_name(&path) {
            processes.entry(process).or_default().insert(generation, path);
        }
    }
    Ok(processes)
}

fn parse_name(path: &Path) -> Option<(String, u32)> {
    let (process, generation) = path.file_name()?.to_str()?.strip_suffix(".spool")?.split_once('-')?;
    let is_process = process.len() == 16 && process.bytes().all(|byte| byte.is_ascii_hexdigit());
    Some((process.to_owned(), generation.parse().ok()?)).filter(|_| is_process)
}

/// Returns whether a process still writes. It holds a lock on its newest file; but a child that it forked may hold it as
/// well, so where its pid can be seen, that decides too.
pub(crate) fn liveness(dir: &Path, process: &str) -> Liveness {
    // A file that was just followed by another is not locked: look until the newest is the one that was looked at.
    let newest = || list(dir).ok()?.remove(process)?.into_iter().next_back();
    let mut looked_at = None;
    while let Some((generation, path)) = newest() {
        if looked_at == Some(generation) {
            return Liveness::Dead;
        }
        if holds(&path) {
            return Liveness::Alive;
        }
        looked_at = Some(generation);
    }
    Liveness::Dead
}

/// Returns whether a living process holds a file.
pub(crate) fn holds(path: &Path) -> bool {
    let Ok(file) = File::open(path) else { return false };
    match file.try_lock_shared() {
        Ok(()) => return false,
        Err(fs::TryLockError::WouldBlock) => {}
        Err(fs::TryLockError::Error(_)) => return true,
    }
    match header::read(&file) {
        Ok(Some((identity, _))) if is_here(&identity) => runs(identity.pid, identity.start_ticks),
        _ => true,
    }
}

/// Returns whether a pid still is the process that started then.
pub(crate) fn runs(pid: u32, start_ticks: Option<u64>) -> bool {
    match os::stat(pid) {
        Some(stat) => !stat.is_zombie && start_ticks.is_none_or(|ticks| ticks == stat.start_ticks),
        None => false,
    }
}

/// Returns whether the pid of a process means something here: same boot, same namespace.
pub(crate) fn is_here(identity: &Identity) -> bool {
    identity.start_ticks.is_some()
        && identity.pid_namespace.is_some()
        && identity.pid_namespace == os::pid_namespace()
        && identity.boot == os::boot()
}
