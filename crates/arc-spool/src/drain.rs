//! Draining one process: its records become whole spans, and its files go when everything in them is durable elsewhere.
//!
//! Start at [`Drain::next`] and [`Drain::commit`]. [`state`] is what is known of the spans after reading up to a place; it is
//! built again by reading when a drainer starts over, so nothing but a position has to be noted.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    batch::{Batch, Group, MergedSpan, Position, Progress, Tally},
    error::SpoolError,
    exit::{self, Death},
    frame,
    header::{self, Counters, HEADER_BYTES, Identity},
    ledger::{Delivery, Ledger},
    record::Context,
    sidecar::{self, Note, Sidecar},
    spool::{self, Liveness, ProcessId},
    tail::{Step, Tail},
};

mod closing;
mod state;

use state::{Key, State};

/// A process that died without a word is given this long until its parent has said how ([`crate::record_exit`]).
const GRACE: Duration = Duration::from_millis(250);

/// So many spans that ended in a later file than they began in are noted.
const ENDED_LATER: usize = 500;

/// The reading end of a process's files; only one at a time exists.
#[derive(Debug)]
pub struct Drain {
    dir: PathBuf,
    process: ProcessId,
    sidecar: Sidecar,
    note: Note,
    files: BTreeMap<u32, Tail>,
    identity: Identity,
    state: State,
    cursor: Position,
    /// A batch was given and not committed yet.
    is_outstanding: bool,
    /// When the process was first found dead.
    dead_since: Option<Instant>,
    grace: Duration,
}

impl Drain {
    pub(crate) fn take(dir: &Path, process: &ProcessId) -> Result<Option<Self>, SpoolError> {
        let paths = list(dir, process)?;
        let readable = paths.values().find_map(|path| header::read(&File::open(path).ok()?).ok()?);
        let Some((identity, _)) = readable else { return Ok(None) };
        let Some((sidecar, note)) = Sidecar::take(dir, process.as_str())? else { return Ok(None) };
        let mut drain = Self {
            dir: dir.to_owned(),
            process: process.clone(),
            sidecar,
            note,
            files: BTreeMap::new(),
            identity,
            state: State::default(),
            cursor: Position::default(),
            is_outstanding: false,
            dead_since: None,
            grace: GRACE,
        };
        drain.rewind()?;
        Ok(Some(drain))
    }

    /// Sets how long a process that died without a word is left alone, so that its parent can say how it died.
    #[must_use]
    pub fn with_grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Returns the process that is drained.
    pub fn process(&self) -> &ProcessId {
        &self.process
    }

    /// Goes back to the last commit: what was given since is given again.
    pub fn rewind(&mut self) -> Result<(), SpoolError> {
        self.refresh()?;
        self.state = State::default();
        self.is_outstanding = false;
        let committed = Position { generation: self.note.generation, offset: self.note.offset };
        self.cursor = Position::default();
        if committed > Position::default() {
            let mut ignored = Tally::default();
            self.advance(usize::MAX, Some(committed), false, &mut ignored)?;
            self.state.forget_touched();
            self.cursor = committed;
        }
        self.state.learn_ended_later(&self.note.ended_later);
        self.state.learn_last_steps(&self.note.last_steps);
        Ok(())
    }

    /// Returns the next spans: everything that was recorded since, merged, at most about `max_bytes` of records. A span that
    /// runs is given as it is known so far, and again when there is more. When the process is dead and everything was read,
    /// its open spans come closed. Nothing when there is nothing new; ask again later, or stop when [`Self::is_finished`].
    pub fn next(&mut self, max_bytes: usize) -> Result<Option<Batch>, SpoolError> {
        if self.note.is_finished {
            self.delete_all()?;
            return Ok(None);
        }
        // First: what a dead process wrote is there before it is found dead.
        let is_dead = self.is_dead()?;
        let mut tally = Tally::default();
        // What stands before a span and is larger than a batch (its context) is no batch yet.
        let at_end = loop {
            let at_end = self.advance(max_bytes.max(1), None, is_dead, &mut tally)?;
            if at_end || self.state.is_touched() {
                break at_end;
            }
        };
        let touched = self.state.take_touched();
        if !touched.is_empty() {
            return self.batch(&touched, None, tally).map(Some);
        }
        if is_dead && at_end && self.may_close() {
            let open = self.state.open_spans();
            if !open.is_empty() {
                return self.close(&open, max_bytes, tally).map(Some);
            }
            if !self.is_outstanding {
                self.note.is_finished = true;
            }
        }
        let is_news = tally != Tally::default() || self.note.is_finished || self.has_moved();
        if is_news && !self.is_outstanding {
            let batch = Batch { groups: Vec::new(), tally, position: self.cursor };
            self.commit(&batch, &Delivery::stored())?;
        }
        Ok(None)
    }

    /// Says what became of a batch: its spans are durable elsewhere, or were refused for good. Files that nobody needs any
    /// more are deleted. Commit batches in the order in which they were given.
    pub fn commit(&mut self, batch: &Batch, delivery: &Delivery) -> Result<(), SpoolError> {
        let Tally { runs_started, runs_ended, runs_closed, records, damages, records_damaged } = batch.tally;
        let ledger = &mut self.note.ledger;
        ledger.runs_started += runs_started;
        let runs_rejected: u64 = delivery.rejected.iter().map(|(_, rejected)| rejected.runs).sum();
        ledger.runs_stored += runs_ended.saturating_sub(runs_rejected);
        ledger.runs_closed += runs_closed;
        let spans = batch.spans().count() as u64;
        ledger.spans_delivered += spans.saturating_sub(delivery.spans_rejected());
        ledger.records_read += records;
        ledger.damages += damages;
        ledger.records_damaged += records_damaged;
        ledger.waiting = None;
        for (reason, rejected) in &delivery.rejected {
            ledger.reject(reason, *rejected);
        }
        if let Some(counters) = self.counters() {
            sidecar::add_counters(&mut self.note.ledger, counters);
        }
        (self.note.generation, self.note.offset) = (batch.position.generation, batch.position.offset);
        self.is_outstanding &= batch.position != self.cursor;
        self.note.last_steps = self.state.last_steps();
        self.note.ended_later = self.state.ended_later();
        // On a full disk the note may not be writable, and going on is what makes room. Whoever drains next then delivers again
        // what it does not know to be delivered, which changes nothing.
        let is_noted = self.sidecar.write(&self.note).is_ok();
        if self.note.is_finished {
            self.delete_all()?;
            // Only the account is left. What cannot be made smaller stays as it is.
            let _ = self.sidecar.shrink(&self.note);
            return Ok(());
        }
        self.delete_delivered(is_noted)
    }

    /// Notes why the rest cannot be delivered now, for the account; the next commit forgets it.
    pub fn note_waiting(&mut self, why: &str) -> Result<(), SpoolError> {
        let why: String = why.chars().take(300).collect();
        if self.note.ledger.waiting.as_ref() == Some(&why) {
            return Ok(());
        }
        self.note.ledger.waiting = Some(why);
        let path = self.dir.join(self.process.as_str());
        self.sidecar.write(&self.note).map_err(SpoolError::on("write the account of", path))
    }

    /// Returns whether the process is dead and everything of it was delivered and deleted.
    pub fn is_finished(&self) -> bool {
        self.note.is_finished
    }

    /// Returns the account of the process up to the last commit.
    pub fn ledger(&self) -> &Ledger {
        &self.note.ledger
    }

    fn has_moved(&self) -> bool {
        self.cursor > Position { generation: self.note.generation, offset: self.note.offset }
    }

    /// Returns what the writer counted, from its newest file.
    fn counters(&self) -> Option<Counters> {
        let (_, newest) = self.files.last_key_value()?;
        header::read(newest.file()).ok()??.1
    }

    /// Opens the files that are new, and returns whether nobody will write another one.
    fn is_dead(&mut self) -> Result<bool, SpoolError> {
        // Often asked of a living process: then only its own files are looked at, not the directory.
        let next = self.newest().map(|newest| self.path(newest + 1));
        if let (Some(newest), Some(next)) = (self.newest(), next)
            && !next.exists()
            && spool::holds(&self.path(newest))
        {
            return Ok(false);
        }
        let is_dead = spool::liveness(&self.dir, self.process.as_str()) == Liveness::Dead;
        self.refresh()?;
        Ok(is_dead)
    }

    fn newest(&self) -> Option<u32> {
        self.files.last_key_value().map(|(generation, _)| *generation)
    }

    fn path(&self, generation: u32) -> PathBuf {
        self.dir.join(spool::file_name(self.process.as_str(), generation))
    }

    /// Opens the files that are new.
    fn refresh(&mut self) -> Result<(), SpoolError> {
        for (generation, path) in list(&self.dir, &self.process)? {
            if self.files.contains_key(&generation) {
                continue;
            }
            let file = File::open(&path).map_err(SpoolError::on("open", &path))?;
            if let Some((identity, _)) = header::read(&file).map_err(SpoolError::on("read", &path))? {
                self.files.insert(generation, Tail::new(file, identity.salt));
                self.identity = identity;
            } else {
                // Nothing in it can be read. It is put aside rather than deleted.
                self.note.ledger.damages += 1;
                let aside = path.with_extension("damaged");
                fs::rename(&path, &aside).map_err(SpoolError::on("put aside", &path))?;
            }
        }
        Ok(())
    }

    /// Reads on. Returns whether there is nothing more now. `until` stops at a place that was reached before.
    fn advance(
        &mut self,
        max_bytes: usize,
        until: Option<Position>,
        is_dead: bool,
        tally: &mut Tally,
    ) -> Result<bool, SpoolError> {
        let mut bytes = 0;
        while bytes < max_bytes {
            if until.is_some_and(|until| self.cursor >= until) {
                return Ok(false);
            }
            let Some((generation, is_newest)) = self.current() else { return Ok(true) };
            let Some(file) = self.files.get_mut(&generation) else { return Ok(true) };
            let at = self.cursor.offset;
            let step = file.step(at, is_dead || !is_newest).map_err(SpoolError::on("read", &self.dir))?;
            match step {
                Step::Frame { head, payload, payload_at, next } => {
                    bytes += usize::try_from(next - at).unwrap_or(usize::MAX);
                    self.state.take_in(&head, payload, generation, payload_at, tally);
                    self.cursor.offset = next;
                }
                Step::Damage { next, is_tail } => {
                    tally.damages += 1;
                    // Behind a damage the sequence says how much is missing; behind a tail nothing says it.
                    tally.records_damaged += u64::from(is_tail);
                    self.cursor.offset = next;
                }
                Step::End if is_newest => return Ok(true),
                Step::End => {
                    self.cursor = Position { generation: generation + 1, offset: 0 };
                }
            }
        }
        Ok(false)
    }

    /// Moves the cursor to a file that exists; returns it, and whether it is the newest.
    fn current(&mut self) -> Option<(u32, bool)> {
        let generation = *self.files.range(self.cursor.generation..).next()?.0;
        if generation != self.cursor.generation || self.cursor.offset < HEADER_BYTES {
            self.cursor = Position { generation, offset: HEADER_BYTES };
            self.state.begin_file();
        }
        Some((generation, self.files.last_key_value().is_none_or(|(newest, _)| *newest == generation)))
    }

    fn may_close(&mut self) -> bool {
        let since = *self.dead_since.get_or_insert_with(Instant::now);
        let is_known = self.state.last_word().is_some() || exit::recorded(&self.dir, self.process.as_str()).is_some();
        is_known || since.elapsed() >= self.grace || !self.state.has_open_spans()
    }

    fn close(&mut self, open: &[Key], max_bytes: usize, tally: Tally) -> Result<Batch, SpoolError> {
        let death = exit::death(&self.dir, &self.identity, self.state.last_word());
        let mut bytes = 0_usize;
        let closed = open.iter().take_while(|key| {
            let is_room = bytes < max_bytes;
            bytes = bytes.saturating_add(self.state.bytes_of(key));
            is_room
        });
        let closed: Vec<Key> = closed.copied().collect();
        self.batch(&closed, Some(&death), tally)
    }

    fn batch(&mut self, keys: &[Key], death: Option<&Death>, mut tally: Tally) -> Result<Batch, SpoolError> {
        let records_dropped = self.counters().map_or(0, |counters| counters.records_dropped);
        let mut groups: BTreeMap<u32, Group> = BTreeMap::new();
        for key in keys {
            let ending = death.map(|death| closing::Ending {
                death,
                at_unix_ns: self.state.last_time_unix_ns(),
                last_step: self.state.last_step(key),
                records_dropped,
            });
            let Some((context, span)) = self.span(key, ending.as_ref())? else { continue };
            if span.progress == Progress::Closed {
                self.state.close(key);
                tally.runs_ended += u64::from(span.root);
                tally.runs_closed += u64::from(span.root);
            }
            let group = groups
                .entry(context)
                .or_insert_with(|| Group { context: self.state.context(context), spans: Vec::new() });
            group.spans.push(span);
        }
        self.state.trim();
        self.is_outstanding = true;
        Ok(Batch { groups: groups.into_values().collect(), tally, position: self.cursor })
    }

    /// Merges the parts of a span, which are read again: nothing of them is kept in memory.
    fn span(&self, key: &Key, ending: Option<&closing::Ending<'_>>) -> Result<Option<(u32, MergedSpan)>, SpoolError> {
        let Some(known) = self.state.span(key) else { return Ok(None) };
        let mut whole = known.is_started;
        let mut parts = Vec::with_capacity(known.parts.len() + 1);
        for part in &known.parts {
            match self.files.get(&part.generation) {
                Some(file) => parts.push(file.read(part.at, part.length).map_err(SpoolError::on("read", &self.dir))?),
                None => whole = false,
            }
        }
        let closed = ending.is_some();
        let bytes = closing::finish(parts, known, ending);
        let revision = known.records + u64::from(closed);
        let (trace_id, span_id) = *key;
        let root = known.is_root;
        let progress = match (closed, known.is_ended) {
            (true, _) => Progress::Closed,
            (false, true) => Progress::Ended,
            (false, false) => Progress::Running,
        };
        Ok(Some((known.context, MergedSpan { trace_id, span_id, root, progress, whole, revision, bytes })))
    }

    /// Deletes the files before the committed place that no open span has a part in.
    fn delete_delivered(&mut self, is_noted: bool) -> Result<(), SpoolError> {
        // What only the note could say is not there: then files go only with the ones before them.
        let keeps_order = !is_noted || self.state.count_ended_later() > ENDED_LATER;
        let done: Vec<u32> = self.files.range(..self.note.generation).map(|(generation, _)| *generation).collect();
        for generation in done {
            if !self.state.is_needed(generation) {
                self.delete(generation)?;
                self.state.forget_file(generation);
            } else if keeps_order {
                break;
            }
        }
        Ok(())
    }

    fn delete_all(&mut self) -> Result<(), SpoolError> {
        let generations: Vec<u32> = self.files.keys().copied().collect();
        for generation in generations {
            self.delete(generation)?;
        }
        exit::forget(&self.dir, self.process.as_str()).map_err(SpoolError::on("delete", &self.dir))
    }

    fn delete(&mut self, generation: u32) -> Result<(), SpoolError> {
        let path = self.path(generation);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(SpoolError::on("delete", &path)(error));
            }
            _ => {}
        }
        self.files.remove(&generation);
        Ok(())
    }
}

fn list(dir: &Path, process: &ProcessId) -> Result<BTreeMap<u32, PathBuf>, SpoolError> {
    let mut all = spool::list(dir).map_err(SpoolError::on("list", dir))?;
    Ok(all.remove(process.as_str()).unwrap_or_default())
}

/// Reads the payload of a context's frame.
fn read_context(payload: &[u8]) -> Option<Arc<Context>> {
    let length = u32::from_le_bytes(frame::array(payload, 0)?) as usize;
    let (resource, scope) = payload.get(4..)?.split_at_checked(length)?;
    Some(Arc::new(Context::new(resource.to_vec(), scope.to_vec())))
}
