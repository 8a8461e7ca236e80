//! The files of the spool: which processes there are, what is new of them, and how far they were taken in.

use std::{
    collections::BTreeMap,
    fs,
    io::ErrorKind,
    path::PathBuf,
    time::{Duration, Instant},
};

use arc_spool::{Batch, Delivery, Drain, Liveness, Process, ProcessId, Spool, SpoolError};

use super::SpoolSettings;

/// About how much is read of a process at once.
const BATCH_BYTES: usize = 4 << 20;
/// How often a process is looked at of whose files nothing tells that anything is new: it may have died.
const LOOK: Duration = Duration::from_millis(200);
/// How often it is looked whether a process that others read is free now, and which are finished.
const SELDOM: Duration = Duration::from_secs(1);

/// What a look at the spool found.
#[derive(Debug)]
pub(super) struct Found {
    /// What is new, by process.
    pub(super) batches: Vec<(ProcessId, Batch)>,
    /// Accounts of processes whose files are gone.
    pub(super) finished: Vec<(ProcessId, arc_spool::Ledger, u64)>,
    /// Processes that have files.
    pub(super) processes: u64,
    /// The size of all files.
    pub(super) bytes: u64,
    /// Why something could not be read; the rest was.
    pub(super) failure: Option<SpoolError>,
}

/// A process that is read here.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) process: Process,
    drain: Drain,
    size: u64,
    looked: Option<Instant>,
}

/// The spool, and the processes that are read here.
#[derive(Debug)]
pub(super) struct Files {
    spool: Spool,
    settings: SpoolSettings,
    taken: BTreeMap<String, Taken>,
    /// Processes that somebody else reads, with the time they were last looked at.
    left_alone: BTreeMap<String, Instant>,
    asked_for_finished: Option<Instant>,
}

impl Files {
    pub(super) fn new(settings: SpoolSettings) -> Self {
        let spool = Spool::open(settings.dir.clone());
        Self { spool, settings, taken: BTreeMap::new(), left_alone: BTreeMap::new(), asked_for_finished: None }
    }

    /// Looks what is new, without waiting for anything.
    pub(super) fn look(&mut self) -> Found {
        let mut found = Found { batches: Vec::new(), finished: Vec::new(), processes: 0, bytes: 0, failure: None };
        let sizes = match sizes(&self.settings.dir) {
            Ok(sizes) => sizes,
            Err(error) => {
                found.failure = Some(error);
                return found;
            }
        };
        found.processes = sizes.len() as u64;
        found.bytes = sizes.values().sum();
        self.left_alone.retain(|name, _| sizes.contains_key(name));
        if let Err(error) = self.take_new(&sizes) {
            found.failure = Some(error);
        }
        for (name, taken) in self.taken.iter_mut().filter(|(_, taken)| !taken.drain.is_finished()) {
            let size = sizes.get(name).copied().unwrap_or_default();
            let is_due = taken.looked.is_none_or(|looked| looked.elapsed() >= LOOK);
            if size == taken.size && !is_due {
                continue;
            }
            match taken.drain.next(BATCH_BYTES) {
                Ok(Some(batch)) => {
                    // There may be more; the size it was read at is not known, so it is looked at again.
                    taken.size = 0;
                    found.batches.push((taken.process.id.clone(), batch));
                }
                Ok(None) => {
                    (taken.size, taken.looked) = (size, Some(Instant::now()));
                    if taken.drain.is_finished() {
                        self.asked_for_finished = None;
                    }
                }
                Err(error) => found.failure = Some(error),
            }
        }
        if self.asked_for_finished.is_none_or(|asked| asked.elapsed() >= SELDOM) {
            self.asked_for_finished = Some(Instant::now());
            match self.spool.finished() {
                Ok(finished) => found.finished = finished,
                Err(error) => found.failure = Some(error),
            }
        }
        found
    }

    /// Takes the processes that are new and that nobody else reads.
    fn take_new(&mut self, sizes: &BTreeMap<String, u64>) -> Result<(), SpoolError> {
        let is_waiting = |seen: &Instant| seen.elapsed() < SELDOM;
        let is_new =
            |name: &String| !self.taken.contains_key(name) && !self.left_alone.get(name).is_some_and(is_waiting);
        if !sizes.keys().any(is_new) {
            return Ok(());
        }
        for process in self.spool.processes()? {
            let name = process.id.as_str().to_owned();
            if self.taken.contains_key(&name) {
                continue;
            }
            let drain = if self.is_ours(&process) { self.spool.drain(&process.id)? } else { None };
            match drain {
                Some(drain) => {
                    self.left_alone.remove(&name);
                    self.taken.insert(name, Taken { process, drain, size: 0, looked: None });
                }
                None => {
                    self.left_alone.insert(name, Instant::now());
                }
            }
        }
        // A file without a readable beginning is no process; it is not asked for all the time.
        for name in sizes.keys().filter(|name| !self.taken.contains_key(*name)) {
            self.left_alone.entry(name.clone()).or_insert_with(Instant::now);
        }
        Ok(())
    }

    /// Returns whether what a process writes is meant for this server, and not sent by the process itself.
    fn is_ours(&self, process: &Process) -> bool {
        match process.endpoint.as_deref().map(|endpoint| endpoint.trim_end_matches('/')) {
            None => true,
            Some(endpoint) => {
                process.liveness == Liveness::Dead && self.settings.own_endpoints.iter().any(|own| own == endpoint)
            }
        }
    }

    /// Notes what became of a batch.
    pub(super) fn commit(&mut self, process: &ProcessId, batch: &Batch, became: &Delivery) -> Result<(), SpoolError> {
        match self.taken.get_mut(process.as_str()) {
            Some(taken) => taken.drain.commit(batch, became),
            None => Ok(()),
        }
    }

    /// Goes back to what was noted; what was read since is found again. A process that cannot be read any
    /// more is let go, and taken anew.
    pub(super) fn rewind(&mut self, processes: impl Iterator<Item = ProcessId>) {
        for process in processes {
            let rewound = self.taken.get_mut(process.as_str()).is_none_or(|taken| {
                taken.size = 0;
                taken.drain.rewind().is_ok()
            });
            if !rewound {
                self.taken.remove(process.as_str());
            }
        }
    }

    /// Returns the processes that are read here, with their accounts.
    pub(super) fn accounts(&self) -> impl Iterator<Item = (&Process, &arc_spool::Ledger, bool)> {
        self.taken.values().map(|taken| (&taken.process, taken.drain.ledger(), taken.drain.is_finished()))
    }

    /// Deletes the account of a process that is in the registry.
    pub(super) fn forget(&mut self, process: &ProcessId) -> Result<(), SpoolError> {
        self.taken.remove(process.as_str());
        self.spool.forget(process)
    }
}

/// Returns the bytes in the files of each process.
fn sizes(dir: &PathBuf) -> Result<BTreeMap<String, u64>, SpoolError> {
    let failed = |source| SpoolError::Unavailable { what: "list", path: dir.clone(), source };
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeMap::new()),
        entries => entries.map_err(failed)?,
    };
    let mut sizes = BTreeMap::new();
    for entry in entries {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| name.strip_suffix(".spool")?.split_once('-'));
        if let Some((process, _)) = process {
            // A file that was deleted meanwhile has no size.
            let size = entry.metadata().map_or(0, |metadata| metadata.len());
            *sizes.entry(process.to_owned()).or_default() += size;
        }
    }
    Ok(sizes)
}
