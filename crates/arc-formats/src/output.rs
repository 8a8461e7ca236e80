//! Where wires put what they decode: spans, and diagnostics that say what became of everything else.

use std::{collections::BTreeSet, rc::Rc};

use arc_model::{Diagnostic, DiagnosticSeverity, Place, Span};

use crate::read::seen::Seen;

/// Collects the spans and diagnostics of one decoding.
#[derive(Debug, Default)]
pub struct Output {
    /// The spans so far, in the order of the source.
    pub spans: Vec<Span>,
    /// The diagnostics so far.
    pub diagnostics: Vec<Diagnostic>,
    source: Option<String>,
    said: BTreeSet<String>,
    /// Bytes of repeated history that may still be held; see `wire::transcript`.
    pub(crate) history_budget: usize,
    /// What was read so far.
    pub(crate) seen: Rc<Seen>,
}

/// Bytes of repeated message history one decoding may hold. A transcript of n model calls holds its
/// first message n times; without a bound a file of a few megabytes could ask for all memory.
const HISTORY_BUDGET: usize = 512 << 20;

impl Output {
    /// Returns an empty output for a source of this name.
    pub fn new(source: Option<&str>) -> Self {
        Self { source: source.map(str::to_owned), history_budget: HISTORY_BUDGET, ..Self::default() }
    }

    /// Says something about a thing that was taken in.
    pub fn note(&mut self, place: Place, message: impl Into<String>) {
        self.say(DiagnosticSeverity::Note, place, message.into());
    }

    /// Says something that holds for many places, the first time only.
    pub fn note_once(&mut self, place: Place, message: impl Into<String>) {
        let message = message.into();
        if self.said.insert(message.clone()) {
            self.note(place, message);
        }
    }

    /// Says that a thing was taken in after a repair.
    pub fn repaired(&mut self, place: Place, message: impl Into<String>) {
        self.say(DiagnosticSeverity::Repaired, place, message.into());
    }

    /// Says that a thing was not taken in.
    pub fn rejected(&mut self, place: Place, message: impl Into<String>) {
        self.say(DiagnosticSeverity::Rejected, place, message.into());
    }

    fn say(&mut self, severity: DiagnosticSeverity, place: Place, message: String) {
        self.diagnostics.push(Diagnostic { severity, source: self.source.clone(), place, message });
    }
}
