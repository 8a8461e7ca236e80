//! Writing: one `write(2)` per record on the caller's thread, nothing that can block or fail towards it.

use std::{
    path::PathBuf,
    process,
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
};

use crate::{
    frame::{self, Head},
    record::{Kind, ProcessEnd, Record},
    spool::ProcessId,
};

mod series;

use series::Series;

/// Where and how much to write.
#[derive(Debug, Clone)]
pub struct Options {
    /// The directory of the spool; made when it does not exist, for this user only.
    pub dir: PathBuf,
    /// How many bytes all processes together may leave in it.
    pub limit_bytes: u64,
    /// A file that is larger is followed by a next one, so that what was delivered can be deleted.
    pub file_bytes: u64,
    /// The program, as people know it: shown with its runs.
    pub program: String,
    /// Where this process ships its records itself; nothing when it leaves that to a local server.
    pub endpoint: Option<String>,
}

impl Options {
    /// Returns the defaults: 1 GiB in all, files of 16 MiB.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), limit_bytes: 1 << 30, file_bytes: 16 << 20, program: String::new(), endpoint: None }
    }
}

/// What became of a record. The caller has nothing to do about it: it is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// It is in the page cache: it survives the death of the process.
    Written,
    /// It is lost; the ledger says so.
    Dropped(DropReason),
}

/// Why a record is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DropReason {
    /// The spool is at its limit: nobody drains it.
    SpoolFull,
    /// The file system did not take it: full, over quota, read-only.
    DiskFull,
    /// Its payload is longer than [`crate::MAX_PAYLOAD_BYTES`].
    TooLarge,
    /// The start of its run was lost, so the rest is left out too: a run is there or counted as lost, never half.
    RunDropped,
}

/// Appends the records of this process. Shared by all threads; a forked child uses the same one and gets its own file.
///
/// Opening is left to the first record. Dropping the writer ends the series: what is open in it counts as ended with the
/// process, so keep it as long as the process records.
#[derive(Debug)]
pub struct Writer {
    options: Options,
    first: Member,
}

/// The series of one process. A child's hangs behind its parent's, because after a fork no lock that the parent's threads
/// may have held can be waited for.
#[derive(Debug)]
struct Member {
    pid: u32,
    series: Mutex<Series>,
    child: OnceLock<Box<Member>>,
}

impl Member {
    fn new(pid: u32) -> Self {
        Self { pid, series: Mutex::new(Series::new(pid)), child: OnceLock::new() }
    }

    fn series(&self) -> MutexGuard<'_, Series> {
        self.series.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writer {
    /// Makes a writer; touches nothing yet.
    pub fn new(options: Options) -> Self {
        Self { options, first: Member::new(process::id()) }
    }

    /// Appends a record. When this returns [`Appended::Written`], the death of the process cannot undo it.
    pub fn append(&self, record: &Record<'_>) -> Appended {
        self.append_in(process::id(), record)
    }

    /// Does the same for a caller who knows the id of the calling process without asking the system.
    pub fn append_in(&self, process: u32, record: &Record<'_>) -> Appended {
        let kind = match record.kind {
            Kind::SpanStart => frame::SPAN_START,
            Kind::SpanPart => frame::SPAN_PART,
            Kind::SpanEnd => frame::SPAN_END,
        };
        let head = Head {
            kind,
            flags: if record.root { frame::ROOT } else { 0 },
            context: record.context.id(),
            sequence: 0,
            time_unix_ns: record.time_unix_ns,
            trace_id: record.trace_id,
            span_id: record.span_id,
        };
        self.member_of(process).series().append(&self.options, Some(record.context), head, record.payload)
    }

    /// Counts a run that is left out on purpose: only a share of all is recorded. Works on a full disk, once a file is open.
    pub fn leave_out_run(&self, process: u32, time_unix_ns: u64) {
        self.member_of(process).series().leave_out_run(&self.options, time_unix_ns);
    }

    /// Says goodbye. Call it last; what is recorded afterwards is still taken.
    pub fn end_process(&self, end: ProcessEnd, time_unix_ns: u64) -> Appended {
        let code = match end {
            ProcessEnd::Exited(code) => code.to_le_bytes().to_vec(),
            ProcessEnd::AtExit => Vec::new(),
        };
        let head = Head { kind: frame::PROCESS_END, time_unix_ns, ..Head::default() };
        self.member().series().append(&self.options, None, head, &code)
    }

    /// Opens the file now rather than at the first record, which then costs no more than the others. Says whether that was
    /// possible; if not, it is tried again.
    pub fn prepare(&self, time_unix_ns: u64) -> bool {
        self.member().series().prepare(&self.options, time_unix_ns)
    }

    /// To be called in a child right after a fork, while it has one thread (in Python: `os.register_at_fork`). Not required,
    /// but lets go of the parent's file at once, and of the locks that its threads may have held.
    pub fn after_fork(&self) {
        let pid = process::id();
        let mut member = &self.first;
        while member.pid != pid {
            if let Ok(mut series) = member.series.try_lock() {
                series.let_go();
            }
            member = member.child.get_or_init(|| Box::new(Member::new(pid)));
        }
    }

    /// Returns the name of this process in the spool, once a file is open.
    pub fn process(&self) -> Option<ProcessId> {
        self.member().series().process()
    }

    /// Returns how many records this process wrote and lost.
    pub fn counts(&self) -> Counts {
        self.member().series().counts()
    }

    /// Returns the options it was made with.
    pub fn options(&self) -> &Options {
        &self.options
    }

    fn member(&self) -> &Member {
        self.member_of(process::id())
    }

    fn member_of(&self, pid: u32) -> &Member {
        let mut member = &self.first;
        while member.pid != pid {
            member = member.child.get_or_init(|| Box::new(Member::new(pid)));
        }
        member
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let pid = process::id();
        let mut member = Some(&self.first);
        while let Some(one) = member {
            // A parent's series is not the child's to close.
            if one.pid == pid {
                one.series().close();
            }
            member = one.child.get().map(|child| &**child);
        }
    }
}

/// What a writer counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Runs whose start was appended, the lost ones among them.
    pub runs_started: u64,
    /// Runs whose start was lost.
    pub runs_dropped: u64,
    /// Runs that were left out on purpose.
    pub runs_unsampled: u64,
    /// Records that are in the spool.
    pub records_written: u64,
    /// Records that are lost.
    pub records_dropped: u64,
    /// Their bytes.
    pub bytes_dropped: u64,
}
