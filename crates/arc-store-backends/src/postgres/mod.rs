//! The store that several servers share: one PostgreSQL database that is both ports.
//!
//! Everything is in one schema of the database ([`place`]), made and brought up to date when the
//! store is opened ([`schema`]). Appends go through [`writer`], with group commit; everything else is a
//! transaction on a connection of the pool. Programs on one database share the work of settling by
//! leases ([`lease`]), and see each other's changes in one order ([`settle`]).
//!
//! Reading order: `migrations/` (the tables), [`append`] (spans in), [`settle`] and [`rollup`] (runs
//! and figures), [`read`] and [`listing`] (out again). How spans become bytes is in
//! [`crate::segment`], how names become text in [`names`]. SQL of more than a line or two is in `sql/`.
//!
//! No lock is waited for in two orders: the counter of changes, then long names, then traces by project and id.

mod alerts;
mod append;
mod captures;
mod compact;
mod copy;
mod costs;
mod delete;
mod error;
mod lease;
mod listing;
mod names;
mod place;
mod read;
mod records;
mod rollup;
mod schema;
mod search;
mod settle;
mod storage;
mod tls;
mod writer;

use std::{sync::Arc, time::Duration};

use arc_model::{
    AgentFigures, AgentName, AgentSummary, Alert, Capture, CostTally, Delivery, Finding, ProjectId, Run, Span,
    Timestamp, Trace, TraceId,
};
use arc_store::{
    Appended, AppendedEach, Change, ChangeSeq, Compacted, CostQuery, Deleted, FindingQuery, Indexed, Page, Project,
    ReadSpans, Record, RecordQuery, RecordWrite, Registry, RunQuery, SearchHit, SearchQuery, Selection, Settled,
    Storage, StoreError, TraceStore, Unsettled, Visit, WorkId,
};
use async_trait::async_trait;
use deadpool_postgres::{Client, Pool};
use tokio::runtime::Handle;
use tokio_postgres::IsolationLevel;

use self::{
    append::Batch,
    error::{no_connection, not_opened, while_trying},
    lease::Lease,
    names::Names,
    place::Place,
    read::{get, query, texts},
    writer::Writer,
};
use crate::{
    remote::{append_read, compute, visit_each},
    segment::{SegmentCache, Window},
};

/// How long a program has a trace to itself after it was given it; so long a trace waits whose program died.
const LEASE: Duration = Duration::from_secs(30);

/// A store in one PostgreSQL database.
pub struct PostgresStore {
    place: Place,
    pool: Pool,
    writer: Writer,
    lease: Lease,
    window: Arc<Window>,
    cache: Arc<SegmentCache>,
}

impl PostgresStore {
    /// Opens a store, making its tables if they do not exist; the database must. Needs a Tokio
    /// runtime that lasts as long as the store.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        Self::start(url, false, LEASE).await
    }

    /// Opens a store that exists.
    pub async fn open_existing(url: &str) -> Result<Self, StoreError> {
        Self::start(url, true, LEASE).await
    }

    /// Opens a store that has traces it is given to itself for this long.
    pub async fn open_with_lease(url: &str, lease: Duration) -> Result<Self, StoreError> {
        Self::start(url, false, lease).await
    }

    async fn start(url: &str, must_exist: bool, lease: Duration) -> Result<Self, StoreError> {
        let place = Place::parse(url)?;
        let pool = place.pool()?;
        let mut db = pool.get().await.map_err(not_opened(&place.config))?;
        schema::prepare(&mut db, &place.schema, must_exist).await?;
        let holder = query(&db, "open the database", "SELECT nextval('holders')", &[]).await?;
        let holder = holder.first().map(|row| get(row, 0)).transpose()?.unwrap_or_default();
        drop(db);
        let writer = Writer::start(&pool, &place.config);
        let lease = Lease { holder, time: lease };
        Ok(Self { place, pool, writer, lease, window: Arc::default(), cache: Arc::default() })
    }

    /// Returns how much is stored, of each table by at most about so many of its blocks.
    pub async fn used_bytes_by(&self, blocks: i64) -> Result<u64, StoreError> {
        storage::used_bytes(&self.connect().await?, blocks).await
    }

    async fn connect(&self) -> Result<Client, StoreError> {
        self.pool.get().await.map_err(no_connection(&self.place.config))
    }
}

#[async_trait]
impl TraceStore for PostgresStore {
    async fn append(&self, project: &ProjectId, spans: &[Span], now: Timestamp) -> Result<Appended, StoreError> {
        if spans.is_empty() {
            return Ok(Appended::default());
        }
        let ids: Vec<_> = spans.iter().map(|span| (span.trace_id, span.span_id)).collect();
        let spans: Arc<[Span]> = spans.into();
        loop {
            let db = self.connect().await?;
            let (round, known) = tokio::join!(compact::round(&db), append::known(&db, project, &ids));
            let (round, known) = (round?, known?);
            drop(db);
            self.window.enter(round);
            let (project, spans, window) = (project.clone(), Arc::clone(&spans), Arc::clone(&self.window));
            let batch = compute("append spans", move || Batch::prepare(&project, &spans, now, &window, &known)).await?;
            if let Some(appended) = batch.is_done() {
                return Ok(appended);
            }
            // What it refers to may have been compacted away meanwhile: then it is packed again.
            if let Some(stored) = self.writer.append(batch, round).await? {
                self.window.remember_in(round, stored.batch.into_bodies(stored.first));
                return Ok(stored.appended);
            }
        }
    }

    async fn append_read(&self, read: ReadSpans, now: Timestamp) -> Result<AppendedEach, StoreError> {
        append_read(self, read, now).await
    }

    async fn trace(&self, project: &ProjectId, id: TraceId) -> Result<Option<Trace>, StoreError> {
        let db = self.connect().await?;
        let spans = read::spans(&db, project, id).await?;
        if spans.is_empty() {
            return Ok(None);
        }
        let (runtime, project, cache) = (Handle::current(), project.clone(), Arc::clone(&self.cache));
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
        let db = self.connect().await?;
        lease::unsettled(&db, self.lease, root_ended_before, idle_before, seen_before, limit).await
    }

    async fn settle(&self, settled: &[Settled], now: Timestamp) -> Result<(), StoreError> {
        if settled.is_empty() {
            return Ok(());
        }
        let failed = while_trying("settle runs");
        let mut db = self.connect().await?;
        let tx = db.transaction().await.map_err(&failed)?;
        settle::settle(&tx, settled, now).await?;
        tx.commit().await.map_err(failed)
    }

    async fn unsettle(&self, project: &ProjectId) -> Result<u64, StoreError> {
        let failed = while_trying("unsettle traces");
        let mut db = self.connect().await?;
        let tx = db.transaction().await.map_err(&failed)?;
        // In the order in which everybody locks them.
        let lock = "SELECT FROM traces WHERE project = $1 AND settled > 0 ORDER BY project, trace_id FOR UPDATE";
        let update = "UPDATE traces SET settled = 0 WHERE project = $1 AND settled > 0";
        let key = names::key(project.as_str());
        tx.execute(lock, &[&key]).await.map_err(&failed)?;
        let changed = tx.execute(update, &[&key]).await.map_err(&failed)?;
        tx.commit().await.map_err(failed)?;
        Ok(changed)
    }

    async fn run(&self, project: &ProjectId, id: TraceId) -> Result<Option<Run>, StoreError> {
        read::run(&self.connect().await?, project, id).await
    }

    async fn runs(&self, project: &ProjectId, query: &RunQuery) -> Result<Page<Run>, StoreError> {
        listing::runs(&self.connect().await?, project, query).await
    }

    async fn findings(&self, project: &ProjectId, query: &FindingQuery) -> Result<Page<Finding>, StoreError> {
        listing::findings(&self.connect().await?, project, query).await
    }

    async fn agents(&self, project: &ProjectId) -> Result<Vec<AgentSummary>, StoreError> {
        read::agents(&self.connect().await?, project).await
    }

    async fn figures(&self, project: &ProjectId, agent: &AgentName) -> Result<AgentFigures, StoreError> {
        let failed = while_trying("read an agent's figures");
        let mut db = self.connect().await?;
        let snapshot = db.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true);
        let tx = snapshot.start().await.map_err(&failed)?;
        let figures = read::figures(&tx, project, agent).await?;
        tx.commit().await.map_err(failed)?;
        Ok(figures)
    }

    async fn costs(&self, project: &ProjectId, query: &CostQuery) -> Result<Vec<CostTally>, StoreError> {
        costs::read(&self.connect().await?, project, query).await
    }

    async fn changes(&self, after: ChangeSeq, limit: u32) -> Result<Vec<Change>, StoreError> {
        read::changes(&self.connect().await?, after, limit).await
    }

    async fn last_change(&self) -> Result<ChangeSeq, StoreError> {
        read::last_change(&self.connect().await?).await
    }

    async fn delete(&self, project: &ProjectId, selection: &Selection, limit: u32) -> Result<Deleted, StoreError> {
        delete::delete(self, project, selection, limit).await
    }

    async fn count(&self, project: &ProjectId, selection: &Selection) -> Result<u64, StoreError> {
        delete::count(&self.connect().await?, project, selection).await
    }

    async fn compact(&self) -> Result<Compacted, StoreError> {
        compact::compact(self).await
    }

    async fn vacuum(&self) -> Result<(), StoreError> {
        storage::vacuum(&self.connect().await?).await
    }

    async fn used_bytes(&self) -> Result<u64, StoreError> {
        self.used_bytes_by(storage::BLOCKS).await
    }

    async fn storage(&self) -> Result<Storage, StoreError> {
        storage::storage(&self.connect().await?).await
    }

    async fn index_text(&self, limit: u32) -> Result<Indexed, StoreError> {
        search::index(self, limit).await
    }

    async fn search(&self, project: &ProjectId, query: &SearchQuery) -> Result<Page<SearchHit>, StoreError> {
        search::search(self, project, query).await
    }
}

#[async_trait]
impl Registry for PostgresStore {
    async fn ensure_project(&self, id: &ProjectId, now: Timestamp) -> Result<Project, StoreError> {
        const ATTEMPTED: &str = "make a project";
        let failed = while_trying(ATTEMPTED);
        let mut db = self.connect().await?;
        let tx = db.transaction().await.map_err(&failed)?;
        names::keep(&tx, [id.as_str()].into_iter()).await?;
        let key = names::key(id.as_str());
        let insert = "INSERT INTO projects (id, created_at) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        query(&tx, ATTEMPTED, insert, &[&key, &now.as_nanos()]).await?;
        let rows = query(&tx, ATTEMPTED, "SELECT created_at FROM projects WHERE id = $1", &[&key]).await?;
        tx.commit().await.map_err(failed)?;
        let row = rows.first().ok_or_else(|| error::damaged(ATTEMPTED, "a project is both stored and not"))?;
        Ok(Project { id: id.clone(), created_at: Timestamp::from_nanos(get(row, 0)?) })
    }

    async fn projects(&self) -> Result<Vec<Project>, StoreError> {
        let db = self.connect().await?;
        let rows = query(&db, "list projects", "SELECT id, created_at FROM projects ORDER BY id", &[]).await?;
        let names = Names::of(&db, texts(&rows, 0)?.into_iter()).await?;
        let projects = rows.iter().map(|row| {
            let created_at = Timestamp::from_nanos(get(row, 1)?);
            Ok(Project { id: ProjectId::new(names.whole(get(row, 0)?)?), created_at })
        });
        projects.collect()
    }

    async fn put_captures(&self, project: &ProjectId, captures: &[Capture]) -> Result<(), StoreError> {
        if captures.is_empty() {
            return Ok(());
        }
        let failed = while_trying("write the capture ledger");
        let mut db = self.connect().await?;
        let tx = db.transaction().await.map_err(&failed)?;
        captures::put(&tx, project, captures).await?;
        tx.commit().await.map_err(failed)
    }

    async fn add_captures(&self, project: &ProjectId, captures: &[Capture]) -> Result<(), StoreError> {
        if captures.is_empty() {
            return Ok(());
        }
        let failed = while_trying("write the capture ledger");
        let mut db = self.connect().await?;
        let tx = db.transaction().await.map_err(&failed)?;
        captures::add(&tx, project, captures).await?;
        tx.commit().await.map_err(failed)
    }

    async fn captures(&self, project: &ProjectId) -> Result<Vec<Capture>, StoreError> {
        captures::list(&self.connect().await?, project).await
    }

    async fn fold_captures(&self, project: &ProjectId, keep: u32) -> Result<(), StoreError> {
        let failed = while_trying("write the capture ledger");
        let mut db = self.connect().await?;
        let tx = db.transaction().await.map_err(&failed)?;
        captures::fold(&tx, project, keep).await?;
        tx.commit().await.map_err(failed)
    }

    async fn add_alert(&self, project: &ProjectId, alert: &Alert) -> Result<bool, StoreError> {
        let failed = while_trying("write an alert");
        let mut db = self.connect().await?;
        let tx = db.transaction().await.map_err(&failed)?;
        let is_new = alerts::add(&tx, project, alert).await?;
        tx.commit().await.map_err(failed)?;
        Ok(is_new)
    }

    async fn put_deliveries(&self, project: &ProjectId, id: &str, attempts: &[Delivery]) -> Result<(), StoreError> {
        alerts::put_deliveries(&self.connect().await?, project, id, attempts).await
    }

    async fn alerts(&self, project: &ProjectId, limit: u32) -> Result<Vec<Alert>, StoreError> {
        alerts::list(&self.connect().await?, project, limit).await
    }

    async fn put_note(&self, project: &ProjectId, name: &str, text: &str) -> Result<(), StoreError> {
        alerts::put_note(&self.connect().await?, project, name, text).await
    }

    async fn note(&self, project: &ProjectId, name: &str) -> Result<Option<String>, StoreError> {
        alerts::note(&self.connect().await?, project, name).await
    }

    async fn write_records(&self, project: &ProjectId, writes: &[RecordWrite]) -> Result<bool, StoreError> {
        let failed = while_trying("write records");
        let writes = RecordWrite::ordered(writes)?;
        let mut db = self.connect().await?;
        let tx = db.transaction().await.map_err(&failed)?;
        let is_written = records::write(&tx, project, &writes).await?;
        if is_written {
            tx.commit().await.map_err(failed)?;
        } else {
            tx.rollback().await.map_err(failed)?;
        }
        Ok(is_written)
    }

    async fn records_by_id(
        &self,
        project: &ProjectId,
        collection: &str,
        ids: &[String],
    ) -> Result<Vec<Record>, StoreError> {
        records::by_id(&self.connect().await?, project, collection, ids).await
    }

    async fn records(&self, project: &ProjectId, query: &RecordQuery) -> Result<Page<Record>, StoreError> {
        records::list(&self.connect().await?, project, query).await
    }

    async fn lease(&self, program: &str, work: &[WorkId], time: Duration) -> Result<Vec<bool>, StoreError> {
        lease::work(&self.connect().await?, program, work, time).await
    }
}
