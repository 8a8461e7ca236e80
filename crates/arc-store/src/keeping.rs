//! What is kept and what goes: which runs to delete, and what deleting and compacting did.

use std::ops::AddAssign;

use arc_model::{AgentName, SessionId, Timestamp, TraceId, UserId};

/// Which runs to delete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// These, whether they were analysed or not.
    Runs(Vec<TraceId>),
    /// Those of an agent.
    Agent(AgentName),
    /// Those of a conversation.
    Session(SessionId),
    /// Those of an end user.
    User(UserId),
    /// Those that began before this ([`Run::at`](arc_model::Run::at)) and are not running; traces that were never
    /// analysed count by their last write.
    Before(Timestamp),
}

/// What was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Deleted {
    /// Runs, and traces that were never analysed.
    pub runs: u64,
    /// Their spans.
    pub spans: u64,
}

/// What compacting did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Compacted {
    /// Pieces of storage that were removed as a whole.
    pub removed: u64,
    /// Pieces of storage that were rewritten without what nothing refers to.
    pub rewritten: u64,
    /// Bytes this freed, as they are stored.
    pub freed_bytes: u64,
    /// Records and pieces of storage that were looked at and cannot be read. They were left as they are.
    pub unreadable: u64,
}

impl AddAssign for Compacted {
    fn add_assign(&mut self, more: Self) {
        self.removed += more.removed;
        self.rewritten += more.rewritten;
        self.freed_bytes += more.freed_bytes;
        self.unreadable += more.unreadable;
    }
}

/// How much a store holds, over all projects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Storage {
    /// Bytes the data takes, without room that is free to be used again.
    pub used_bytes: u64,
    /// Bytes that are free to be used again, where the store knows.
    pub free_bytes: u64,
    /// Runs, running ones included.
    pub runs: u64,
    /// Spans.
    pub spans: u64,
    /// When the oldest run began.
    pub oldest_at: Option<Timestamp>,
    /// Runs that ended and whose text cannot be found: not yet, or because it cannot be read.
    pub unsearchable_runs: u64,
}
