//! The files of one process, one after the other; the current one is locked as long as the process lives.

use std::{
    collections::BTreeSet,
    fs::{DirBuilder, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt},
    time::{Duration, Instant},
};

use super::{Appended, Counts, DropReason, Options};
use crate::{
    bound::Allowance,
    frame::{self, Head, MAX_PAYLOAD_BYTES},
    header::{self, Counters, Identity},
    merge, os,
    record::Context,
    spool::{ProcessId, file_name},
};

/// After a file could not be opened, the next attempt waits so long.
const OPEN_AGAIN: Duration = Duration::from_secs(1);
/// So many lost runs are remembered, to leave out the rest of them.
const LOST_RUNS: usize = 65_536;

#[derive(Debug)]
pub(super) struct Series {
    pid: u32,
    name: Option<String>,
    generation: u32,
    current: Option<Current>,
    counters: Counters,
    allowance: Allowance,
    failed_at: Option<Instant>,
    lost_runs: BTreeSet<[u8; 16]>,
    buffer: Vec<u8>,
}

/// The file that is written to.
#[derive(Debug)]
struct Current {
    file: File,
    salt: u64,
    offset: u64,
    sequence: u32,
    /// The contexts that are in this file.
    contexts: Vec<u32>,
}

impl Series {
    pub(super) fn new(pid: u32) -> Self {
        Self {
            pid,
            name: None,
            generation: 0,
            current: None,
            counters: Counters::default(),
            allowance: Allowance::default(),
            failed_at: None,
            lost_runs: BTreeSet::new(),
            buffer: Vec::new(),
        }
    }

    pub(super) fn append(
        &mut self,
        options: &Options,
        context: Option<&Context>,
        head: Head,
        payload: &[u8],
    ) -> Appended {
        let starts_run = head.kind == frame::SPAN_START && head.is_root();
        let ends_run = head.kind == frame::SPAN_END && head.is_root();
        self.counters.runs_started += u64::from(starts_run);
        let appended = self.try_append(options, context, head, payload);
        match appended {
            Ok(()) => {
                self.counters.records_written += 1;
                Appended::Written
            }
            Err(reason) => {
                self.counters.records_dropped += 1;
                self.counters.bytes_dropped += payload.len() as u64;
                if starts_run {
                    self.counters.runs_dropped += 1;
                    if self.lost_runs.len() < LOST_RUNS {
                        self.lost_runs.insert(head.trace_id);
                    }
                }
                if ends_run {
                    self.lost_runs.remove(&head.trace_id);
                }
                self.note_counters();
                Appended::Dropped(reason)
            }
        }
    }

    fn try_append(
        &mut self,
        options: &Options,
        context: Option<&Context>,
        mut head: Head,
        payload: &[u8],
    ) -> Result<(), DropReason> {
        if !self.lost_runs.is_empty() && self.lost_runs.contains(&head.trace_id) {
            return Err(DropReason::RunDropped);
        }
        let is_end = matches!(head.kind, frame::SPAN_END | frame::PROCESS_END);
        let first = if payload.len() > MAX_PAYLOAD_BYTES {
            Err(DropReason::TooLarge)
        } else {
            self.put(options, context, head, payload, is_end)
        };
        match first {
            // The fact that it ended fits into the rest of a block where the content does not.
            Err(_) if head.kind == frame::SPAN_END && !payload.is_empty() => {
                head.flags |= frame::WITHOUT_CONTENT;
                let mut only_end = Vec::new();
                merge::put_end(head.time_unix_ns, &mut only_end);
                self.put(options, context, head, &only_end, is_end)?;
                self.counters.bytes_dropped += payload.len() as u64;
                self.note_counters();
                Ok(())
            }
            other => other,
        }
    }

    fn put(
        &mut self,
        options: &Options,
        context: Option<&Context>,
        head: Head,
        payload: &[u8],
        is_end: bool,
    ) -> Result<(), DropReason> {
        let rotates = self.current.as_ref().is_some_and(|current| current.offset >= options.file_bytes);
        if (self.current.is_none() || rotates) && !self.open_next(options, head.time_unix_ns) && self.current.is_none()
        {
            return Err(DropReason::DiskFull);
        }
        let Some(current) = &mut self.current else { return Err(DropReason::DiskFull) };
        let buffer = &mut self.buffer;
        buffer.clear();
        let mut sequence = current.sequence;
        let new_context = context.filter(|context| !current.contexts.contains(&context.id()));
        if let Some(context) = new_context {
            let head = Head {
                kind: frame::CONTEXT,
                context: context.id(),
                sequence,
                time_unix_ns: head.time_unix_ns,
                ..Head::default()
            };
            frame::encode(current.salt, &head, &described(context), buffer);
            sequence = sequence.wrapping_add(1);
        }
        frame::encode(current.salt, &Head { sequence, ..head }, payload, buffer);
        if !self.allowance.take(buffer.len() as u64, options.limit_bytes, &options.dir, is_end) {
            return Err(DropReason::SpoolFull);
        }
        if current.file.write_all_at(buffer, current.offset).is_err() {
            // What is there of it must not be read as the beginning of something, and takes room that a counter needs.
            let _ = current.file.set_len(current.offset);
            return Err(DropReason::DiskFull);
        }
        current.offset += buffer.len() as u64;
        current.sequence = sequence.wrapping_add(1);
        current.contexts.extend(new_context.map(Context::id));
        if buffer.capacity() > 4 << 20 {
            *buffer = Vec::new();
        }
        Ok(())
    }

    pub(super) fn leave_out_run(&mut self, options: &Options, time_unix_ns: u64) {
        self.counters.runs_unsampled += 1;
        // Opening tells it, too.
        if self.current.is_some() {
            self.note_counters();
        } else {
            self.open_next(options, time_unix_ns);
        }
    }

    pub(super) fn prepare(&mut self, options: &Options, time_unix_ns: u64) -> bool {
        self.current.is_some() || self.open_next(options, time_unix_ns)
    }

    /// Opens the next file; the one before is let go only then, so that a reader never finds the process without a lock.
    fn open_next(&mut self, options: &Options, time_unix_ns: u64) -> bool {
        if self.failed_at.is_some_and(|at| at.elapsed() < OPEN_AGAIN) {
            return false;
        }
        let Ok(next) = self.create(options, time_unix_ns) else {
            self.failed_at = Some(Instant::now());
            return false;
        };
        if let Some(before) = self.current.replace(next) {
            let counters = Counters { state: header::ROTATED, ..self.counters };
            let _ = header::write_counters(&before.file, &counters);
        }
        self.generation += 1;
        self.failed_at = None;
        true
    }

    fn create(&mut self, options: &Options, time_unix_ns: u64) -> io::Result<Current> {
        DirBuilder::new().recursive(true).mode(0o700).create(&options.dir)?;
        let name = self.name.get_or_insert_with(|| format!("{:016x}", u64::from_le_bytes(os::random())));
        let salt = u64::from_le_bytes(os::random());
        let control_group = os::control_group();
        let identity = Identity {
            process: name.clone(),
            generation: self.generation,
            salt,
            pid: self.pid,
            start_ticks: os::stat(self.pid).map(|stat| stat.start_ticks),
            pid_namespace: os::pid_namespace(),
            boot: os::boot(),
            host: os::host(),
            program: options.program.clone(),
            endpoint: options.endpoint.clone(),
            opened_unix_ns: time_unix_ns,
            oom_kills: control_group.as_deref().and_then(os::oom_kills),
            control_group,
        };
        // Complete and locked before it has a name that readers look at.
        let unfinished = options.dir.join(format!("{name}-{:06}.new", self.generation));
        let finished = options.dir.join(file_name(name, self.generation));
        let create = || {
            let mut open = OpenOptions::new();
            let file = open.create(true).truncate(true).read(true).write(true).mode(0o600).open(&unfinished)?;
            file.try_lock()?;
            file.write_all_at(&header::encode(&identity, &self.counters), 0)?;
            std::fs::rename(&unfinished, &finished)?;
            Ok(file)
        };
        let file = create().inspect_err(|_: &io::Error| {
            let _ = std::fs::remove_file(&unfinished);
        })?;
        Ok(Current { file, salt, offset: header::HEADER_BYTES, sequence: 0, contexts: Vec::new() })
    }

    fn note_counters(&self) {
        if let Some(current) = &self.current {
            let _ = header::write_counters(&current.file, &self.counters);
        }
    }

    /// Lets go of the file without a word: it is the parent's.
    pub(super) fn let_go(&mut self) {
        self.current = None;
    }

    pub(super) fn close(&mut self) {
        if let Some(current) = self.current.take() {
            let _ = header::write_counters(&current.file, &Counters { state: header::CLOSED, ..self.counters });
        }
    }

    pub(super) fn process(&self) -> Option<ProcessId> {
        self.current.as_ref()?;
        self.name.clone().map(ProcessId::from_name)
    }

    pub(super) fn counts(&self) -> Counts {
        let Counters { runs_started, runs_dropped, runs_unsampled, .. } = self.counters;
        let Counters { records_written, records_dropped, bytes_dropped, .. } = self.counters;
        Counts { runs_started, runs_dropped, runs_unsampled, records_written, records_dropped, bytes_dropped }
    }
}

/// The payload of a context's frame: the length of the resource, the resource, the scope.
fn described(context: &Context) -> Vec<u8> {
    let (resource, scope) = (context.resource(), context.scope());
    let mut bytes = Vec::with_capacity(4 + resource.len() + scope.len());
    bytes.extend_from_slice(&u32::try_from(resource.len()).unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend_from_slice(resource);
    bytes.extend_from_slice(scope);
    bytes
}
