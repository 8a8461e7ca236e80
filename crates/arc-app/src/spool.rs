//! Reading the spool: what agents on this machine wrote down, into the store.

use arc_model::Timestamp;

use crate::{App, app::lock};

/// How the reader of the spool fares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpoolStatus {
    /// What it does.
    pub state: SpoolState,
    /// Since when.
    pub since: Timestamp,
    /// Why it waits; `None` while it reads.
    pub why: Option<String>,
    /// Files in the spool.
    pub files: u64,
    /// Their size.
    pub bytes: u64,
}

/// What the reader of the spool does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpoolState {
    /// It takes in what is written.
    Reading,
    /// It waits, because the store or the spool fails; nothing is lost meanwhile.
    Waiting,
}

impl App {
    /// Returns how the reader of the spool fares; `None` when this program does not read it.
    pub fn spool_status(&self) -> Option<SpoolStatus> {
        lock(&self.inner.spool).clone()
    }
}
