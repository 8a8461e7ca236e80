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
    /// The file of an archive that is read at present.
    member: Option<String>,
    /// Where the items of the list that is read at present stand in the source, if it is a selection of a longer one.
    pub(crate) places: Option<Vec<usize>>,
    /// Bytes of repeated history that may still be held; see `wire::transcript`.
    pub(crate) history_budget: usize,
    /// What was read so far.
    pub(crate) seen: Rc<Seen>,
}

/// Bytes of references to message history one decoding may hold. A transcript of n model calls refers to
/// its first message n times; without a bound a file of a few megabytes could ask for all memory.
const HISTORY_BUDGET: usize = 128 << 20;

/// Characters of the name of a file in an archive that diagnostics repeat.
const MEMBER_CHARS: usize = 256;

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

    /// Says of which file of an archive the next diagnostics are.
    pub(crate) fn within(&mut self, member: Option<&str>) {
        // Every diagnostic holds it.
        self.member = member.map(|name| name.chars().take(MEMBER_CHARS).collect());
    }

    fn say(&mut self, severity: DiagnosticSeverity, mut place: Place, message: String) {
        if let (Some(places), Some(pointer)) = (&self.places, &place.pointer) {
            place.pointer = Some(of_source(places, pointer).unwrap_or_else(|| pointer.clone()));
        }
        let source = match (&self.source, &self.member) {
            (Some(source), Some(member)) => Some(format!("{source}/{member}")),
            (source, member) => source.clone().or_else(|| member.clone()),
        };
        self.diagnostics.push(Diagnostic { severity, source, place, message });
    }
}

/// Returns a pointer into a selection as one into what was selected from: `/1/messages` may be `/7/messages` there.
fn of_source(places: &[usize], pointer: &str) -> Option<String> {
    let rest = pointer.strip_prefix('/')?;
    let (index, rest) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    Some(format!("/{}{rest}", places.get(index.parse::<usize>().ok()?)?))
}
