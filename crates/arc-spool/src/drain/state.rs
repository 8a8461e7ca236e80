//! What is known of the spans of a process after reading up to a place: where their parts stand, not the parts themselves.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt::Write,
    sync::Arc,
};

use super::read_context;
use crate::{
    batch::Tally,
    exit::LastWord,
    frame::{self, Head},
    merge,
    record::Context,
};

/// Trace id and span id.
pub(crate) type Key = ([u8; 16], [u8; 8]);

/// So many ended spans are remembered, for what may still be said about them.
const ENDED_SPANS: usize = 8192;

/// Where a part of a span stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    pub(super) generation: u32,
    pub(super) at: u64,
    pub(super) length: u32,
}

/// What is known of a span.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each read in one place")]
pub(super) struct Known {
    pub(super) context: u32,
    pub(super) parts: Vec<Part>,
    pub(super) records: u64,
    pub(super) is_root: bool,
    pub(super) is_started: bool,
    pub(super) is_ended: bool,
    pub(super) lost_content: bool,
    is_touched: bool,
    name: Option<String>,
}

#[derive(Debug, Default)]
struct TraceState {
    open: usize,
    last_step: Option<String>,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    contexts: BTreeMap<u32, Arc<Context>>,
    spans: BTreeMap<Key, Known>,
    traces: BTreeMap<[u8; 16], TraceState>,
    open: BTreeSet<Key>,
    ended: VecDeque<Key>,
    /// Ended spans that began in an earlier file than they ended in, with the file they began in.
    ended_later: BTreeMap<Key, u32>,
    touched: Vec<Key>,
    sequence: Option<u32>,
    last_time_unix_ns: u64,
    last_word: Option<LastWord>,
}

impl State {
    /// Takes a frame in.
    pub(super) fn take_in(&mut self, head: &Head, payload: &[u8], generation: u32, at: u64, tally: &mut Tally) {
        let expected = self.sequence.unwrap_or(0);
        tally.records_damaged += u64::from(head.sequence.saturating_sub(expected));
        self.sequence = Some(head.sequence.wrapping_add(1));
        self.last_time_unix_ns = self.last_time_unix_ns.max(head.time_unix_ns);
        match head.kind {
            frame::CONTEXT => {
                if let Some(context) = read_context(payload) {
                    self.contexts.insert(head.context, context);
                }
            }
            frame::PROCESS_END => {
                self.last_word = Some(LastWord { code: frame::array(payload, 0).map(i32::from_le_bytes) });
            }
            frame::SPAN_START | frame::SPAN_PART | frame::SPAN_END => {
                tally.records += 1;
                let part = Part { generation, at, length: u32::try_from(payload.len()).unwrap_or(0) };
                self.take_in_span(head, payload, part, tally);
            }
            // A kind of a later version.
            _ => {}
        }
    }

    fn take_in_span(&mut self, head: &Head, payload: &[u8], part: Part, tally: &mut Tally) {
        let key = (head.trace_id, head.span_id);
        let is_new = !self.spans.contains_key(&key);
        let span = self.spans.entry(key).or_default();
        span.parts.push(part);
        span.records += 1;
        span.context = head.context;
        span.is_started |= head.kind == frame::SPAN_START;
        span.lost_content |= head.flags & frame::WITHOUT_CONTENT != 0;
        if head.is_root() && !span.is_root {
            span.is_root = true;
            // Something that is said about a run long after its end does not start it again.
            tally.runs_started += u64::from(head.kind != frame::SPAN_PART);
        }
        if span.name.is_none() {
            span.name = merge::name(payload);
        }
        if !span.is_touched {
            span.is_touched = true;
            self.touched.push(key);
        }
        if is_new {
            // A part without a start and an end belongs to a span that ended long ago.
            let is_late = head.kind == frame::SPAN_PART;
            if is_late {
                self.ended.push_back(key);
                span.is_ended = true;
            } else {
                self.open.insert(key);
                self.traces.entry(key.0).or_default().open += 1;
            }
        }
        if head.kind == frame::SPAN_END && !span.is_ended {
            let (is_root, name) = (span.is_root, span.name.clone());
            tally.runs_ended += u64::from(is_root);
            if let (Some(trace), false) = (self.traces.get_mut(&key.0), is_root) {
                trace.last_step = name.or(trace.last_step.take());
            }
            self.close(&key);
        }
    }

    /// Notes that a span ended.
    pub(super) fn close(&mut self, key: &Key) {
        if let Some(span) = self.spans.get_mut(key) {
            span.is_ended = true;
            if let (Some(first), Some(last)) = (span.parts.first(), span.parts.last())
                && first.generation < last.generation
            {
                self.ended_later.insert(*key, first.generation);
            }
        }
        if !self.open.remove(key) {
            return;
        }
        self.ended.push_back(*key);
        if let Some(trace) = self.traces.get_mut(&key.0) {
            trace.open -= trace.open.min(1);
            if trace.open == 0 {
                self.traces.remove(&key.0);
            }
        }
    }

    pub(super) fn begin_file(&mut self) {
        self.sequence = None;
    }

    pub(super) fn is_touched(&self) -> bool {
        !self.touched.is_empty()
    }

    pub(super) fn take_touched(&mut self) -> Vec<Key> {
        let touched = std::mem::take(&mut self.touched);
        for key in &touched {
            if let Some(span) = self.spans.get_mut(key) {
                span.is_touched = false;
            }
        }
        touched
    }

    pub(super) fn forget_touched(&mut self) {
        self.take_touched();
        self.trim();
    }

    /// Forgets the ended spans that are too many.
    pub(super) fn trim(&mut self) {
        while self.ended.len() > ENDED_SPANS {
            if let Some(key) = self.ended.pop_front() {
                self.spans.remove(&key);
            }
        }
    }

    /// Forgets the ended spans that have a part in a file that is gone.
    pub(super) fn forget_file(&mut self, generation: u32) {
        self.ended_later.retain(|_, first| *first != generation);
        let in_file = |span: &Known| span.parts.iter().any(|part| part.generation == generation);
        let spans = &mut self.spans;
        self.ended.retain(|key| {
            let is_gone = spans.get(key).is_none_or(in_file);
            if is_gone {
                spans.remove(key);
            }
            !is_gone
        });
    }

    /// Returns the spans of which only a file that may be gone says that they ended.
    pub(super) fn ended_later(&self) -> BTreeMap<String, u32> {
        self.ended_later.iter().map(|((trace, span), first)| (hex(trace) + &hex(span), *first)).collect()
    }

    /// Returns how many these are.
    pub(super) fn count_ended_later(&self) -> usize {
        self.ended_later.len()
    }

    /// Learns of spans that ended in files that are gone.
    pub(super) fn learn_ended_later(&mut self, noted: &BTreeMap<String, u32>) {
        if noted.is_empty() {
            return;
        }
        for key in self.open_spans() {
            if let Some(first) = noted.get(&(hex(&key.0) + &hex(&key.1))) {
                self.close(&key);
                self.ended_later.insert(key, *first);
            }
        }
    }

    /// Returns whether an open span has a part in a file.
    pub(super) fn is_needed(&self, generation: u32) -> bool {
        let open = self.open.iter().filter_map(|key| self.spans.get(key));
        open.flat_map(|span| &span.parts).any(|part| part.generation == generation)
    }

    pub(super) fn open_spans(&self) -> Vec<Key> {
        self.open.iter().copied().collect()
    }

    pub(super) fn has_open_spans(&self) -> bool {
        !self.open.is_empty()
    }

    pub(super) fn span(&self, key: &Key) -> Option<&Known> {
        self.spans.get(key)
    }

    pub(super) fn bytes_of(&self, key: &Key) -> usize {
        let parts = self.spans.get(key).map(|span| span.parts.as_slice()).unwrap_or_default();
        parts.iter().map(|part| part.length as usize).sum()
    }

    pub(super) fn context(&self, id: u32) -> Arc<Context> {
        self.contexts.get(&id).cloned().unwrap_or_else(|| Arc::new(Context::new(Vec::new(), Vec::new())))
    }

    pub(super) fn last_time_unix_ns(&self) -> u64 {
        self.last_time_unix_ns
    }

    pub(super) fn last_word(&self) -> Option<LastWord> {
        self.last_word
    }

    /// Returns the last step of the span's run that was completed.
    pub(super) fn last_step(&self, key: &Key) -> Option<String> {
        self.traces.get(&key.0)?.last_step.clone()
    }

    /// Returns the last steps of open runs, to be noted.
    pub(super) fn last_steps(&self) -> BTreeMap<String, String> {
        let known = self.traces.iter().filter_map(|(trace, state)| Some((hex(trace), state.last_step.clone()?)));
        known.map(|(trace, step)| (trace, step.chars().take(120).collect())).collect()
    }

    /// Learns the last steps whose records are in files that are gone.
    pub(super) fn learn_last_steps(&mut self, noted: &BTreeMap<String, String>) {
        for (trace, state) in &mut self.traces {
            if state.last_step.is_none() {
                state.last_step = noted.get(&hex(trace)).cloned();
            }
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
