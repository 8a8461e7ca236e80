//! The store for more than one machine takes: captured spans and settled runs in ClickHouse.
//!
//! It is the port for what was captured; what people and programs decide stays in a registry, `SQLite` or PostgreSQL,
//! which also holds the leases by which programs share out the work.
//!
//! Everything is appended: an insert of one block into one table is stored as a whole or not at all, and the design
//! follows from that. A record of a span is a row of `spans` that nothing ever changes; which record counts is decided when
//! it is read. A settlement is one block of `settled` ([`settle`]).
//!
//! Reading order: [`schema`] (the tables), [`append`] (spans in), [`settle`] and [`rollup`] (runs and figures), [`read`]
//! and [`listing`] (out again), [`search`], [`lease`] (what waits), [`delete`] and [`compact`] (what goes). How spans become bytes is in [`crate::segment`].
//!
//! Tables named alike have the same columns on one node and on a cluster.

mod append;
mod compact;
mod costs;
mod delete;
mod describe;
mod error;
mod figures;
mod lease;
mod listing;
mod place;
mod read;
mod rollup;
mod rounds;
mod rows;
mod schema;
mod search;
mod settle;
mod storage;
mod writer;

use std::{sync::Arc, time::Duration};

use arc_model::{
    AgentFigures, AgentName, AgentSummary, CostTally, Finding, ProjectId, Run, Span, Timestamp, Trace, TraceId,
};
use arc_store::{
    Appended, AppendedEach, Change, ChangeSeq, Compacted, CostQuery, Deleted, FindingQuery, Indexed, Page, ReadSpans,
    Registry, RunQuery, SearchHit, SearchQuery, Selection, Settled, Storage, StoreError, TraceStore, Unsettled, Visit,
};
use async_trait::async_trait;
use clickhouse::{Client, Row};
use serde::Deserialize;
use tokio::{runtime::Handle, sync::Mutex};

pub use self::schema::ddl;
use self::{
    append::Batch,
    error::while_trying,
    lease::{Horizon, Lease, When},
    place::Place,
    rounds::Rounds,
    schema::Local,
    search::Progress,
    settle::Settler,
    writer::Writer,
};
use crate::{
    remote::{append_read, compute, visit_each},
    segment::SegmentCache,
};

/// How long a program has a trace to itself after it was given it; so long a trace waits whose program died.
const LEASE: Duration = Duration::from_secs(30);

/// A store in one ClickHouse database.
pub struct ClickHouseStore {
    db: Client,
    writer: Writer,
    settler: Settler,
    horizon: Horizon,
    lease: Lease,
    local: Local,
    indexed: Progress,
    rounds: Arc<Rounds>,
    compacting: Mutex<()>,
    registry: Arc<dyn Registry>,
    cache: Arc<SegmentCache>,
}

impl ClickHouseStore {
    /// Opens a store, making its database and tables if they do not exist. Needs a Tokio runtime that lasts as long as
    /// the store.
    pub async fn open(url: &str, registry: Arc<dyn Registry>) -> Result<Self, StoreError> {
        Self::start(url, registry, false, LEASE).await
    }

    /// Opens a store that exists.
    pub async fn open_existing(url: &str, registry: Arc<dyn Registry>) -> Result<Self, StoreError> {
        Self::start(url, registry, true, LEASE).await
    }

    /// Opens a store that has traces it is given to itself for this long.
    pub async fn open_with_lease(url: &str, registry: Arc<dyn Registry>, lease: Duration) -> Result<Self, StoreError> {
        Self::start(url, registry, false, lease).await
    }

    /// Returns the moment before which nothing waits as far as this program knows, by ClickHouse's clock: to find what does,
    /// everything that was written since is looked at.
    pub fn settled_before(&self) -> Timestamp {
        Timestamp::from_nanos(self.horizon.settled_before().saturating_mul(1_000))
    }

    async fn start(
        url: &str,
        registry: Arc<dyn Registry>,
        must_exist: bool,
        lease: Duration,
    ) -> Result<Self, StoreError> {
        #[derive(Row, Deserialize)]
        struct Drawn {
            name: String,
        }
        let place = Place::parse(url)?;
        let db = schema::prepare(&place, must_exist).await?;
        let name = "SELECT lower(leftPad(hex(rand64()), 16, '0')) AS name";
        let Drawn { name } = db.query_raw(name).fetch_one().await.map_err(while_trying("open the database"))?;
        let rounds: Arc<Rounds> = Arc::default();
        Ok(Self {
            writer: Writer::start(db.clone(), Arc::clone(&rounds)),
            settler: Settler::new(name.clone()),
            horizon: Horizon::default(),
            lease: Lease { holder: name, time: lease },
            local: Local::of(&place),
            indexed: Progress::default(),
            rounds,
            compacting: Mutex::default(),
            registry,
            cache: Arc::default(),
            db,
        })
    }
}

#[async_trait]
impl TraceStore for ClickHouseStore {
    async fn append(&self, project: &ProjectId, spans: &[Span], now: Timestamp) -> Result<Appended, StoreError> {
        self.append_owned(project, spans.to_vec(), now).await
    }

    async fn append_owned(
        &self,
        project: &ProjectId,
        spans: Vec<Span>,
        now: Timestamp,
    ) -> Result<Appended, StoreError> {
        if spans.is_empty() {
            return Ok(Appended::default());
        }
        self.writer.append(Batch::new(project.clone(), spans, now)?).await
    }

    async fn append_read(&self, read: ReadSpans, now: Timestamp) -> Result<AppendedEach, StoreError> {
        append_read(self, read, now).await
    }

    async fn trace(&self, project: &ProjectId, id: TraceId) -> Result<Option<Trace>, StoreError> {
        let spans = read::spans(&self.db, project, id).await?;
        if spans.is_empty() {
            return Ok(None);
        }
        let (runtime, db, cache) = (Handle::current(), self.db.clone(), Arc::clone(&self.cache));
        let project = project.clone();
        compute("read a trace", move || read::trace(&runtime, &db, &cache, &project, id, &spans).map(Some)).await
    }

    async fn visit_traces(&self, traces: Vec<(ProjectId, TraceId)>, visit: Visit) -> Result<(), StoreError> {
        visit_each(self, traces, visit).await
    }

    async fn unsettled(
        &self,
        root_ended_before: Timestamp,
        idle_before: Timestamp,
        seen_before: Timestamp,
        limit: u32,
    ) -> Result<Vec<Unsettled>, StoreError> {
        let when = When { root_ended: root_ended_before, idle: idle_before, seen: seen_before };
        lease::unsettled(&self.db, &self.horizon, &*self.registry, &self.lease, when, limit).await
    }

    async fn set_aside(&self, trace: &Unsettled) -> Result<(), StoreError> {
        self.horizon.set_aside(&self.db, trace).await
    }

    async fn settle(&self, settled: &[Settled], now: Timestamp) -> Result<(), StoreError> {
        self.settler.settle(&self.db, settled, now).await
    }

    async fn unsettle(&self, project: &ProjectId) -> Result<u64, StoreError> {
        self.settler.unsettle(&self.db, project).await
    }

    async fn run(&self, project: &ProjectId, id: TraceId) -> Result<Option<Run>, StoreError> {
        read::run(&self.db, project, id).await
    }

    async fn runs(&self, project: &ProjectId, query: &RunQuery) -> Result<Page<Run>, StoreError> {
        listing::runs(&self.db, project, query).await
    }

    async fn findings(&self, project: &ProjectId, query: &FindingQuery) -> Result<Page<Finding>, StoreError> {
        listing::findings(&self.db, project, query).await
    }

    async fn agents(&self, project: &ProjectId) -> Result<Vec<AgentSummary>, StoreError> {
        figures::agents(&self.db, project).await
    }

    async fn figures(&self, project: &ProjectId, agent: &AgentName) -> Result<AgentFigures, StoreError> {
        figures::figures(&self.db, project, agent).await
    }

    async fn costs(&self, project: &ProjectId, query: &CostQuery) -> Result<Vec<CostTally>, StoreError> {
        costs::read(&self.db, project, query).await
    }

    async fn changes(&self, after: ChangeSeq, limit: u32) -> Result<Vec<Change>, StoreError> {
        read::changes(&self.db, after, limit).await
    }

    async fn last_change(&self) -> Result<ChangeSeq, StoreError> {
        read::last_change(&self.db).await
    }

    async fn delete(&self, project: &ProjectId, selection: &Selection, limit: u32) -> Result<Deleted, StoreError> {
        delete::delete(self, project, selection, limit).await
    }

    async fn count(&self, project: &ProjectId, selection: &Selection) -> Result<u64, StoreError> {
        delete::count(self, project, selection).await
    }

    async fn compact(&self) -> Result<Compacted, StoreError> {
        compact::compact(self).await
    }

    async fn vacuum(&self) -> Result<(), StoreError> {
        storage::vacuum(&self.db, &self.local).await
    }

    async fn used_bytes(&self) -> Result<u64, StoreError> {
        storage::used_bytes(&self.db, &self.local).await
    }

    async fn storage(&self) -> Result<Storage, StoreError> {
        storage::storage(&self.db, &self.local).await
    }

    async fn index_text(&self, limit: u32) -> Result<Indexed, StoreError> {
        search::index(&self.db, &self.cache, &self.indexed, limit).await
    }

    async fn search(&self, project: &ProjectId, query: &SearchQuery) -> Result<Page<SearchHit>, StoreError> {
        search::search(&self.db, &self.cache, project, query).await
    }
}
