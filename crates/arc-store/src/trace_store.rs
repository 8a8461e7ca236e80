//! The port for what was captured: spans in, settled runs and figures out.

use std::sync::Arc;

use arc_model::{
    AgentFigures, AgentName, AgentSummary, CostTally, Finding, ProjectId, Run, RunCosts, Span, Timestamp, Trace,
    TraceId,
};
use async_trait::async_trait;

use crate::{
    Change, ChangeSeq, Compacted, CostQuery, Deleted, FindingQuery, Indexed, Page, RunQuery, SearchHit, SearchQuery,
    Selection, Storage, StoreError,
};

/// Spans by project that a store reads itself; they are the same each time.
pub type ReadSpans = Arc<dyn Fn() -> Vec<(ProjectId, Vec<Span>)> + Send + Sync>;

/// What became of the spans of each project.
pub type AppendedEach = Vec<(ProjectId, Result<Appended, StoreError>)>;

/// What is done with each trace of several.
pub type Visit = Box<dyn FnMut(usize, Result<Option<Trace>, StoreError>) + Send>;

/// Spans, the runs they settle into, and figures that cost the same at 10³ and at 10⁷ spans.
///
/// Every method is confined to the project it is given: nothing of another project is ever read,
/// counted or changed. Methods may be called from many tasks at once.
#[async_trait]
pub trait TraceStore: Send + Sync {
    /// Stores spans and returns once they are durable.
    ///
    /// - MUST be all or nothing, and durable when it returns `Ok`: a crash after that loses nothing.
    /// - MUST be idempotent: a span already stored at the same revision with the same content
    ///   changes nothing and does not mark its trace as unsettled.
    /// - MUST be free of order: of several records of a span the highest revision is kept, and of
    ///   several at one revision the one with the greatest content hash. Several records of a span
    ///   in one call count like as many calls.
    /// - MUST accept spans without an end, without a start, and with a parent that never arrives.
    /// - Message bodies and other large values are stored once however often spans repeat them,
    ///   within the bounds the backend documents.
    async fn append(&self, project: &ProjectId, spans: &[Span], now: Timestamp) -> Result<Appended, StoreError>;

    /// Like [`Self::append`], for a caller that needs the spans no more: a backend MAY save a copy.
    async fn append_owned(
        &self,
        project: &ProjectId,
        spans: Vec<Span>,
        now: Timestamp,
    ) -> Result<Appended, StoreError> {
        self.append(project, &spans, now).await
    }

    /// Like [`Self::append`], for spans that have yet to be decoded. Each project by itself is all or nothing, and says what
    /// became of it; an error of the whole means that nothing was stored.
    ///
    /// `read` may take long. A backend that calls it on the thread that takes the spans apart need not hand them to
    /// another, nor hold them while it waits to be told that they are durable. It MAY call it again.
    async fn append_read(&self, read: ReadSpans, now: Timestamp) -> Result<AppendedEach, StoreError> {
        let mut appended = Vec::new();
        for (project, spans) in read() {
            let one = self.append_owned(&project, spans, now).await;
            appended.push((project, one));
        }
        Ok(appended)
    }

    /// Returns a whole trace, bodies included; `None` when no span of it is stored.
    ///
    /// MUST return every span exactly as it was appended, as far as its JSON form tells values apart.
    async fn trace(&self, project: &ProjectId, id: TraceId) -> Result<Option<Trace>, StoreError>;

    /// Reads these traces one after the other and hands each over with its place, so that one is held at a time.
    ///
    /// Each is what [`Self::trace`] returns. A backend with work to do off the async threads calls `visit`, which may take
    /// long, there too.
    async fn visit_traces(&self, traces: Vec<(ProjectId, TraceId)>, mut visit: Visit) -> Result<(), StoreError> {
        for (place, (project, id)) in traces.iter().enumerate() {
            visit(place, self.trace(project, *id).await);
        }
        Ok(())
    }

    /// Returns traces that were written to since they were last settled, longest untouched first.
    ///
    /// `root_ended_before`: a trace with an ended root (or no times at all) qualifies when its last
    /// write is at or before this; `idle_before`: any trace qualifies when its last write is at or
    /// before this. A root here is a span that names no parent: one whose parent has not arrived is
    /// no reason to hurry.
    ///
    /// Any other trace is [running](Unsettled::is_running). `seen_before`: it qualifies when it was
    /// written to since it was last settled, whatever the run was, and that was at or before this;
    /// when it was never settled, its first write takes that place. So however often a running
    /// trace is written to, who passes "a second ago" gets it once a second.
    ///
    /// MUST return at most `limit`, over all projects.
    async fn unsettled(
        &self,
        root_ended_before: Timestamp,
        idle_before: Timestamp,
        seen_before: Timestamp,
        limit: u32,
    ) -> Result<Vec<Unsettled>, StoreError>;

    /// Tells that a trace could not be analysed as it was when [`Self::unsettled`] returned it.
    ///
    /// It stays unsettled, and MAY be returned again. A store in which what waits for long makes the rest slower to find
    /// MUST pass over it there until it is written to again, as long as this program has it open.
    async fn set_aside(&self, trace: &Unsettled) -> Result<(), StoreError> {
        let _ = trace;
        Ok(())
    }

    /// Stores runs with their findings, replacing what was settled before for the same traces.
    ///
    /// - MUST write run, findings and every figure derived from them in one transaction.
    /// - MUST leave a trace unsettled that was appended to after [`Unsettled::mark`] was read; the
    ///   run is stored all the same. So a run that saw less than the one it replaces is analysed again.
    /// - A run that [is running](Run::is_running) is listed like any other, but MUST NOT enter a
    ///   figure, and MUST leave its trace unsettled: once it ends or is idle, it is due. What was
    ///   found in it counts only then; findings given with a running run are not stored.
    /// - Runs are stored in order; of several of one trace the last is kept. A run MAY be settled
    ///   whose spans are not stored, with a mark of zero.
    /// - MUST NOT store a run whose mark is greater than what was written to its trace: the trace was deleted after
    ///   it was read for analysis.
    /// - Each settled run gets a new [`ChangeSeq`], greater than all before.
    async fn settle(&self, settled: &[Settled], now: Timestamp) -> Result<(), StoreError>;

    /// Makes every settled trace of a project wait to be analysed again, and returns how many. Runs and figures stay
    /// what they are until then. A store that cannot do it refuses.
    async fn unsettle(&self, project: &ProjectId) -> Result<u64, StoreError> {
        let _ = project;
        Err(StoreError::Unsupported("analysing stored traces again"))
    }

    /// Returns a settled run; `None` when it is not settled or not known.
    async fn run(&self, project: &ProjectId, id: TraceId) -> Result<Option<Run>, StoreError>;

    /// Returns settled runs, newest first. Pages MUST concatenate to the whole listing.
    async fn runs(&self, project: &ProjectId, query: &RunQuery) -> Result<Page<Run>, StoreError>;

    /// Returns findings of settled runs. Pages MUST concatenate to the whole listing.
    async fn findings(&self, project: &ProjectId, query: &FindingQuery) -> Result<Page<Finding>, StoreError>;

    /// Returns every agent with settled runs, the most recently active one first, ties by name.
    ///
    /// One whose only runs are running is listed as well, with no runs counted.
    /// Its latest run is the first that [`TraceStore::runs`] lists.
    async fn agents(&self, project: &ProjectId) -> Result<Vec<AgentSummary>, StoreError>;

    /// Returns what an agent's reliability and cost figures are computed from.
    ///
    /// MUST equal what counting its settled runs would give ([`recount`](crate::recount)), and MUST
    /// read rollups, not runs.
    async fn figures(&self, project: &ProjectId, agent: &AgentName) -> Result<AgentFigures, StoreError>;

    /// Returns how the cost and the time of settled runs divide.
    ///
    /// MUST equal what counting them would give ([`recount_costs`](crate::recount_costs)), and MUST NOT read runs for
    /// it. Runs that were settled by a version that did not divide them yet are not counted until they are settled
    /// again. A store that keeps no such sums refuses.
    async fn costs(&self, project: &ProjectId, query: &CostQuery) -> Result<Vec<CostTally>, StoreError> {
        let _ = (project, query);
        Err(StoreError::Unsupported("divisions of cost"))
    }

    /// Returns changes after `after` in order, over all projects, at most `limit`.
    ///
    /// A run that was settled again appears once, at its newest number.
    async fn changes(&self, after: ChangeSeq, limit: u32) -> Result<Vec<Change>, StoreError>;

    /// Returns the number of the newest change; zero when there is none.
    async fn last_change(&self) -> Result<ChangeSeq, StoreError>;

    /// Deletes the runs of a selection, at most `limit`, the oldest first, and returns how many went; fewer than
    /// `limit` when none is left.
    ///
    /// - MUST delete a run whole and in one transaction: its spans, the run, its findings, its searchable text, and
    ///   what it adds to every figure and division. After that every figure equals a recount of the runs that stay,
    ///   and nobody reads the run, in [`Self::changes`] neither. Change numbers are never used again.
    /// - Bodies that no span refers to any more are unreachable at once, and gone from the storage after
    ///   [`Self::compact`].
    /// - An append that runs meanwhile is deleted whole or kept whole.
    /// - A deleted run is forgotten, not banned: spans of it that are appended later are stored as if they were never
    ///   there, so what was deleted by mistake can be imported again. Whoever wants it gone for good stops its source.
    ///
    /// A store that cannot delete refuses.
    async fn delete(&self, project: &ProjectId, selection: &Selection, limit: u32) -> Result<Deleted, StoreError> {
        let _ = (project, selection, limit);
        Err(StoreError::Unsupported("deleting runs"))
    }

    /// Returns how many runs [`Self::delete`] would delete if nothing changed; reads an index, not runs.
    async fn count(&self, project: &ProjectId, selection: &Selection) -> Result<u64, StoreError> {
        let _ = (project, selection);
        Err(StoreError::Unsupported("counting runs to delete"))
    }

    /// Rewrites storage that holds bodies of deleted runs, over all projects, without those that nothing refers to.
    ///
    /// - MUST keep every span readable exactly, also for readers and writers at work meanwhile.
    /// - MUST leave no body of runs that were deleted before the call, unless another span has the same.
    /// - MUST NOT hold up appends for longer than one of its steps takes; a step is small.
    /// - MUST go on where a record cannot be read, and count it. What such a record is known to refer to stays, and so
    ///   does the piece of storage it is in; what nothing else refers to MAY go.
    /// - Whether the file or the database gets smaller is a matter of [`Self::vacuum`]; what was freed is used again
    ///   either way.
    async fn compact(&self) -> Result<Compacted, StoreError> {
        Err(StoreError::Unsupported("compacting"))
    }

    /// Gives free room back to the disk. MAY make writers wait for as long as that takes, and MAY need as much free
    /// room as the data takes.
    async fn vacuum(&self) -> Result<(), StoreError> {
        Err(StoreError::Unsupported("giving free room back"))
    }

    /// Returns the bytes the data takes, over all projects: [`Storage::used_bytes`]. MUST NOT read the data for it.
    async fn used_bytes(&self) -> Result<u64, StoreError> {
        Err(StoreError::Unsupported("measuring itself"))
    }

    /// Returns how much is stored, over all projects. MAY count, so it is for a question now and then.
    async fn storage(&self) -> Result<Storage, StoreError> {
        Err(StoreError::Unsupported("measuring itself"))
    }

    /// Makes text of at most `limit` runs searchable, and returns for how many it did what can be done; fewer than
    /// `limit` when none waits.
    ///
    /// - A run waits from when it is settled as ended; of those that wait, those settled last come first. Settling it
    ///   anew makes it wait again, while it stays searchable as it was. Running runs are not searchable.
    /// - MUST be one short transaction, and is never part of an append: who never calls it pays nothing.
    /// - What is searchable is [`documents`](crate::search::documents), with its bounds.
    /// - A run whose text cannot be read is told of and waits no longer, but counts as one whose text cannot be found
    ///   ([`Storage::unsearchable_runs`]) until it is settled anew.
    async fn index_text(&self, limit: u32) -> Result<Indexed, StoreError> {
        let _ = limit;
        Err(StoreError::Unsupported("searching text"))
    }

    /// Returns spans that contain every word of a query, in the order of [`SearchQuery`]. Pages MUST concatenate to
    /// the whole listing.
    ///
    /// MUST NOT fail for a span that cannot be read: it was found by its words, and is returned with
    /// [`Excerpt::unreadable`](crate::search::Excerpt::unreadable).
    async fn search(&self, project: &ProjectId, query: &SearchQuery) -> Result<Page<SearchHit>, StoreError> {
        let _ = (project, query);
        Err(StoreError::Unsupported("searching text"))
    }
}

/// What became of appended spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Appended {
    /// Spans that were not known before.
    pub new: u64,
    /// Spans that replaced an older record.
    pub updated: u64,
    /// Spans already stored, at this revision or a higher one.
    pub unchanged: u64,
}

/// Tells whether a trace was appended to since it was read; grows with each append.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct WriteMark(pub u64);

/// A trace that waits to be analysed.
#[derive(Debug, Clone, PartialEq)]
pub struct Unsettled {
    /// Its project.
    pub project: ProjectId,
    /// The trace.
    pub trace_id: TraceId,
    /// When its first span arrived.
    pub received_at: Timestamp,
    /// Whether its run goes on: no root of it ended, though it has times, and it was not left idle.
    pub is_running: bool,
    /// How far it was written when this was read.
    pub mark: WriteMark,
}

/// A trace that was analysed.
#[derive(Debug, Clone, PartialEq)]
pub struct Settled {
    /// Its project.
    pub project: ProjectId,
    /// How far it was written when it was read for analysis.
    pub mark: WriteMark,
    /// What is known about it now.
    pub run: Run,
    /// What was found in it, in the order of the run.
    pub findings: Vec<Finding>,
    /// How its cost and time divide.
    pub costs: RunCosts,
}
