//! What was captured and what was not: the ledger of the sources that runs come from.
//!
//! A source is a process that writes to the spool, or an exporter that sends over OTLP. Counts only
//! grow. Where something is missing there is a [gap](Capture::has_gap), and the counts say how much.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// Most reasons that are told apart for one source; what is rejected for others is counted together.
const REASONS: usize = 20;
/// The reason of everything rejected for a reason beyond [`REASONS`].
const OTHER_REASONS: &str = "other reasons";

/// What became of what one source captured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Capture {
    /// The source's id, stable within its project.
    pub source: String,
    /// What sort of source it is.
    pub kind: CaptureKind,
    /// Its name: of the program, or of the service and its exporter.
    pub name: String,
    /// The machine it runs on, where known.
    pub host: Option<String>,
    /// The id of the process, where known.
    pub pid: Option<u32>,
    /// When it was first heard of.
    pub first_at: Timestamp,
    /// When something of it was last counted.
    pub last_at: Timestamp,
    /// When something of it was last found missing; `None` while nothing is.
    pub gap_at: Option<Timestamp>,
    /// Whether nothing more can come: the process is gone and everything it left was taken in.
    pub is_ended: bool,
    /// What became of its runs; `None` for a source that does not say how many it started.
    pub runs: Option<CaptureRuns>,
    /// What became of the rest.
    pub counts: CaptureCounts,
}

/// What sort of source something was captured from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum CaptureKind {
    /// A process that writes to the spool.
    Process,
    /// An exporter that sends over OTLP.
    Exporter,
    /// Sources that ended long ago, counted together.
    Earlier,
}

/// What became of the runs that a source started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CaptureRuns {
    /// Runs it started.
    pub started: u64,
    /// Of these, runs that ended and are stored.
    pub stored: u64,
    /// Of those stored, runs that ended only because their process died.
    pub cut_short: u64,
    /// Of these, runs that could not be read or were refused.
    pub rejected: u64,
    /// Of these, runs it could not even write down, because the disk or its share of it was full.
    pub dropped: u64,
    /// Runs beside these that it left out on purpose: only a share of all is recorded.
    #[serde(default)]
    pub unsampled: u64,
}

/// What became of what a source captured, runs apart.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct CaptureCounts {
    /// Spans that are stored.
    pub spans_stored: u64,
    /// Records that were written to the spool.
    pub records_written: u64,
    /// Records that could not be written, because the disk or its share of it was full.
    pub records_dropped: u64,
    /// Their size.
    pub bytes_dropped: u64,
    /// Records that were written and are damaged: at least so many.
    pub records_damaged: u64,
    /// What was rejected, and why.
    pub rejected: Vec<Rejected>,
}

/// How much was rejected for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Rejected {
    /// The reason, in a few words.
    pub why: String,
    /// What was rejected.
    pub what: RejectedUnit,
    /// How many.
    pub count: u64,
}

/// What is counted as rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RejectedUnit {
    /// A single span.
    Span,
    /// A whole request, with an unknown number of spans in it.
    Request,
}

impl Capture {
    /// Returns a source of which nothing was counted yet.
    pub fn new(source: impl Into<String>, kind: CaptureKind, name: impl Into<String>, at: Timestamp) -> Self {
        Self {
            source: source.into(),
            kind,
            name: name.into(),
            host: None,
            pid: None,
            first_at: at,
            last_at: at,
            gap_at: None,
            is_ended: false,
            runs: None,
            counts: CaptureCounts::default(),
        }
    }

    /// Returns whether something is known to be missing.
    pub fn has_gap(&self) -> bool {
        let counts = &self.counts;
        let runs = self.runs.is_some_and(|runs| runs.rejected > 0 || runs.dropped > 0)
            || (self.is_ended && self.runs.is_some_and(|runs| runs.in_flight() > 0));
        runs || counts.records_dropped > 0 || counts.records_damaged > 0 || !counts.rejected.is_empty()
    }

    /// Adds the counts of another source, or more of this one.
    pub fn add(&mut self, other: &Self) {
        self.first_at = self.first_at.min(other.first_at);
        self.last_at = self.last_at.max(other.last_at);
        self.gap_at = self.gap_at.max(other.gap_at);
        if let Some(more) = other.runs {
            self.runs.get_or_insert_default().add(more);
        }
        self.counts.add(&other.counts);
    }
}

impl CaptureRuns {
    /// Returns runs that began and of whose end nothing is stored: they go on, are on their way, or lost.
    pub const fn in_flight(self) -> u64 {
        self.started.saturating_sub(self.stored).saturating_sub(self.rejected).saturating_sub(self.dropped)
    }

    /// Adds other runs.
    pub const fn add(&mut self, other: Self) {
        self.started = self.started.saturating_add(other.started);
        self.stored = self.stored.saturating_add(other.stored);
        self.cut_short = self.cut_short.saturating_add(other.cut_short);
        self.rejected = self.rejected.saturating_add(other.rejected);
        self.dropped = self.dropped.saturating_add(other.dropped);
        self.unsampled = self.unsampled.saturating_add(other.unsampled);
    }
}

impl CaptureCounts {
    /// Counts something that was rejected.
    pub fn reject(&mut self, what: RejectedUnit, why: &str, count: u64) {
        if count == 0 {
            return;
        }
        let known = |rejected: &&mut Rejected| rejected.why == why && rejected.what == what;
        if let Some(known) = self.rejected.iter_mut().find(known) {
            known.count = known.count.saturating_add(count);
        } else if self.rejected.len() < REASONS || why == OTHER_REASONS {
            self.rejected.push(Rejected { why: why.to_owned(), what, count });
        } else {
            self.reject(what, OTHER_REASONS, count);
        }
    }

    /// Returns how many spans were rejected.
    pub fn spans_rejected(&self) -> u64 {
        let spans = self.rejected.iter().filter(|rejected| rejected.what == RejectedUnit::Span);
        spans.fold(0, |sum, rejected| sum.saturating_add(rejected.count))
    }

    /// Adds other counts.
    pub fn add(&mut self, other: &Self) {
        self.spans_stored = self.spans_stored.saturating_add(other.spans_stored);
        self.records_written = self.records_written.saturating_add(other.records_written);
        self.records_dropped = self.records_dropped.saturating_add(other.records_dropped);
        self.bytes_dropped = self.bytes_dropped.saturating_add(other.bytes_dropped);
        self.records_damaged = self.records_damaged.saturating_add(other.records_damaged);
        for rejected in &other.rejected {
            self.reject(rejected.what, &rejected.why, rejected.count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process() -> Capture {
        let mut capture = Capture::new("p", CaptureKind::Process, "agent.py", Timestamp::from_millis(1));
        capture.runs = Some(CaptureRuns { started: 3, stored: 2, ..CaptureRuns::default() });
        capture
    }

    #[test]
    fn a_run_on_its_way_is_a_gap_only_once_nothing_more_can_come() {
        let mut capture = process();
        assert_eq!((capture.runs.unwrap().in_flight(), capture.has_gap()), (1, false));
        capture.is_ended = true;
        assert!(capture.has_gap());
        capture.runs = Some(CaptureRuns { started: 3, stored: 3, ..CaptureRuns::default() });
        assert!(!capture.has_gap());
    }

    #[test]
    fn whatever_was_dropped_damaged_or_rejected_is_a_gap() {
        let gaps: [fn(&mut Capture); 5] = [
            |capture| capture.runs.as_mut().unwrap().dropped = 1,
            |capture| capture.runs.as_mut().unwrap().rejected = 1,
            |capture| capture.counts.records_dropped = 1,
            |capture| capture.counts.records_damaged = 1,
            |capture| capture.counts.reject(RejectedUnit::Request, "it cannot be read", 1),
        ];
        for gap in gaps {
            let mut capture = process();
            gap(&mut capture);
            assert!(capture.has_gap());
        }
    }

    #[test]
    fn counts_add_up_by_reason() {
        let mut one = process();
        one.counts.reject(RejectedUnit::Span, "no id", 2);
        one.counts.reject(RejectedUnit::Request, "no id", 1);
        let mut sum = one.clone();
        sum.add(&one);
        let counts: Vec<_> = sum.counts.rejected.iter().map(|rejected| rejected.count).collect();
        assert_eq!((sum.runs.unwrap().started, sum.counts.spans_rejected(), counts), (6, 4, vec![4, 2]));
    }

    #[test]
    fn reasons_beyond_the_first_few_are_counted_together() {
        let mut counts = CaptureCounts::default();
        for number in 0..100 {
            counts.reject(RejectedUnit::Span, &format!("reason {number}"), 1);
        }
        assert_eq!((counts.rejected.len(), counts.spans_rejected()), (REASONS + 1, 100));
        assert_eq!(counts.rejected.last().map(|rejected| rejected.count), Some(80));
    }
}
