//! What became of every run: the account of one process.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What became of what a process recorded. Kept beside its files, and left there when they are deleted.
///
/// `runs_started = runs_stored + runs rejected + runs_dropped + in_flight`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Ledger {
    /// Runs that began, as far as the records have been read; those whose start was lost are among them.
    pub runs_started: u64,
    /// Runs that ended and are durable elsewhere.
    pub runs_stored: u64,
    /// Of these, the ones that ended only because their process died.
    pub runs_closed: u64,
    /// Runs whose start could not be written: the disk or the spool was full.
    pub runs_dropped: u64,
    /// Runs that were left out on purpose, because only a share of all is recorded. Not among those that began.
    pub runs_unsampled: u64,
    /// Spans that were delivered whole, an unfinished one every time that there was more of it.
    pub spans_delivered: u64,
    /// Records that were read.
    pub records_read: u64,
    /// Records that could not be written, or not with their content.
    pub records_dropped: u64,
    /// The bytes of these.
    pub bytes_dropped: u64,
    /// Places where a file was damaged.
    pub damages: u64,
    /// Records that are missing there; at least, when the end of a file is missing.
    pub records_damaged: u64,
    /// What the other side did not take, by its reason.
    pub rejected: BTreeMap<String, Rejected>,
    /// Why what is left could not be delivered at the last attempt. Nothing of it is lost.
    pub waiting: Option<String>,
}

/// What was not taken for one reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Rejected {
    /// Runs whose root ended and was not taken.
    pub runs: u64,
    /// Spans that were not taken.
    pub spans: u64,
}

impl Ledger {
    /// Returns how many runs were rejected, whatever the reason.
    pub fn runs_rejected(&self) -> u64 {
        self.rejected.values().map(|rejected| rejected.runs).sum()
    }

    /// Returns how many runs began and are neither stored nor lost yet.
    pub fn runs_in_flight(&self) -> u64 {
        self.runs_started.saturating_sub(self.runs_stored + self.runs_rejected() + self.runs_dropped)
    }

    /// Adds the account of another process.
    pub fn add(&mut self, other: &Self) {
        self.runs_started += other.runs_started;
        self.runs_stored += other.runs_stored;
        self.runs_closed += other.runs_closed;
        self.runs_dropped += other.runs_dropped;
        self.runs_unsampled += other.runs_unsampled;
        self.spans_delivered += other.spans_delivered;
        self.records_read += other.records_read;
        self.records_dropped += other.records_dropped;
        self.bytes_dropped += other.bytes_dropped;
        self.damages += other.damages;
        self.records_damaged += other.records_damaged;
        self.waiting = self.waiting.take().or_else(|| other.waiting.clone());
        for (reason, rejected) in &other.rejected {
            self.reject(reason, *rejected);
        }
    }

    pub(crate) fn reject(&mut self, reason: &str, rejected: Rejected) {
        // The reason is the other side's text: bounded, in length and in number.
        let reason: String = reason.chars().take(200).collect();
        let is_known = self.rejected.contains_key(&reason);
        let reason = if is_known || self.rejected.len() < 20 { reason } else { "other reasons".to_owned() };
        let all = self.rejected.entry(reason).or_default();
        all.runs += rejected.runs;
        all.spans += rejected.spans;
    }
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Delivery {
    pub(crate) rejected: Vec<(String, Rejected)>,
}

impl Delivery {
    /// Everything is durable.
    pub fn stored() -> Self {
        Self::default()
    }

    /// Some of it was not taken, for this reason; it will not be offered again. `runs` counts the roots that ended among
    /// the spans. May be said several times.
    #[must_use]
    pub fn reject(mut self, reason: impl Into<String>, spans: u64, runs: u64) -> Self {
        self.rejected.push((reason.into(), Rejected { runs, spans }));
        self
    }

    /// Returns why something was not taken.
    pub fn reasons(&self) -> impl Iterator<Item = &str> {
        self.rejected.iter().map(|(reason, _)| reason.as_str())
    }

    /// Returns how many spans were not taken.
    pub fn spans_rejected(&self) -> u64 {
        self.rejected.iter().map(|(_, rejected)| rejected.spans).sum()
    }
}
