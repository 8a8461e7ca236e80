//! The default store: one `SQLite` file that is both ports, or a database in memory for tests.
//!
//! One thread writes ([`writer`]), with group commit; reads take connections of their own from
//! [`readers`] and see snapshots (write-ahead log, which [`checkpoint`] copies into the database). A write is durable
//! when it returns: `synchronous` is FULL. Several processes may open one file; they take turns at writing.
//!
//! Reading order: `migrations/` (the tables), [`append`] (spans in), [`settle`] and [`rollup`] (runs
//! and figures), [`read`] and [`listing`] (out again). How spans become bytes is in
//! [`crate::segment`]. SQL of more than a line or two is in `sql/`.

mod alerts;
mod append;
mod captures;
mod checkpoint;
mod compact;
pub(crate) mod copy;
mod costs;
mod delete;
mod error;
mod lease;
mod listing;
mod packed;
pub(crate) mod place;
mod read;
mod readers;
mod records;
mod rollup;
mod schema;
mod search;
mod settle;
mod storage;
mod writer;

#[cfg(test)]
mod tests;

use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

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
use rusqlite::{Connection, params};

use self::{append::Batch, checkpoint::Checkpointer, error::while_trying, readers::Readers, writer::Writer};
use crate::{
    remote::compute,
    segment::{SegmentCache, Window},
};

/// How often opening is tried again while another process makes the same file.
const OPEN_TRIES: u32 = 50;

/// A store in one `SQLite` database.
pub struct SqliteStore {
    reading: Arc<Reading>,
    writer: Writer,
}

/// What reads need, on whatever thread they run.
struct Reading {
    readers: Readers,
    cache: SegmentCache,
    window: Window,
}

impl SqliteStore {
    /// Opens a database file, making it and its folder if they do not exist.
    ///
    /// A file that is something else is refused and left as it is.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        make_folder(path)?;
        let mut tries = 0;
        let connection = loop {
            let opened = Connection::open(path).map_err(while_trying("open the database file")).and_then(|mut db| {
                schema::prepare(&mut db, &path.display().to_string())?;
                Ok(db)
            });
            let opened = opened.map_err(|error| place::explain(error, path));
            match opened {
                Err(error) if error::is_busy(&error) && tries < OPEN_TRIES => {
                    tries += 1;
                    std::thread::sleep(Duration::from_millis(20));
                }
                other => break other?,
            }
        };
        let checkpointer = Checkpointer::start(path)?;
        schema::configure_writer(&connection).map_err(while_trying("open the database file"))?;
        let readers = Readers::of_file(path.to_owned(), readers::Access::ReadWrite);
        Self::start(Arc::new(Mutex::new(connection)), readers, Some(checkpointer))
    }

    /// Opens a database file that exists, also where it cannot be written to.
    ///
    /// Fails where there is none, and where an older one would have to be brought up to date and cannot.
    pub fn open_existing(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        if !path.exists() {
            return Err(StoreError::Invalid(format!("there is no store at {}", path.display())));
        }
        match Self::open(path) {
            Err(error @ StoreError::Unavailable { .. }) => Self::open_read_only(path).map_err(|_| error),
            other => other,
        }
    }

    /// Opens a database file that cannot be written to.
    fn open_read_only(path: &Path) -> Result<Self, StoreError> {
        let access = readers::Access::of_read_only(path)?;
        let mut connection = access.connect(path)?;
        schema::check_current(&mut connection, &path.display().to_string())?;
        Self::start(Arc::new(Mutex::new(connection)), Readers::of_file(path.to_owned(), access), None)
    }

    /// Opens an empty database that ends with this value.
    pub fn in_memory() -> Result<Self, StoreError> {
        let mut connection = Connection::open_in_memory().map_err(while_trying("open a database in memory"))?;
        schema::prepare(&mut connection, "memory")?;
        let connection = Arc::new(Mutex::new(connection));
        Self::start(Arc::clone(&connection), Readers::Memory(connection), None)
    }

    fn start(
        connection: Arc<Mutex<Connection>>,
        readers: Readers,
        checkpointer: Option<Checkpointer>,
    ) -> Result<Self, StoreError> {
        let reading = Reading { readers, cache: SegmentCache::default(), window: Window::default() };
        Ok(Self { reading: Arc::new(reading), writer: Writer::start(connection, checkpointer)? })
    }

    /// Runs a read where it may block.
    async fn read<T: Send + 'static>(
        &self,
        attempted: &'static str,
        read: impl FnOnce(&Connection, &Reading) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let reading = Arc::clone(&self.reading);
        compute(attempted, move || reading.readers.read(attempted, |connection| read(connection, &reading))).await
    }

    /// Stores what `read` returns, each project's spans as a batch: they are taken apart and dropped on the thread that
    /// reads them, before the wait for the disk.
    async fn append_all<S: AsRef<[(ProjectId, Vec<Span>)]>>(
        &self,
        read: impl Fn() -> S + Send + Sync + 'static,
        now: Timestamp,
    ) -> Result<Vec<(ProjectId, Appended)>, StoreError> {
        let attempted = "append spans";
        let read = Arc::new(read);
        loop {
            let (read, with) = (Arc::clone(&read), Arc::clone(&self.reading));
            let prepare = move || {
                let spans = read();
                with.readers.read(attempted, |db| {
                    let round = compact::round(db)?;
                    with.window.enter(round);
                    let batch = |(project, spans): &(_, Vec<_>)| Batch::prepare(project, spans, now, &with.window, db);
                    let batches: Result<Vec<_>, _> = spans.as_ref().iter().map(batch).collect();
                    Ok((batches?, round))
                })
            };
            let (batches, round) = compute(attempted, prepare).await?;
            if batches.iter().all(Batch::is_done) {
                return Ok(batches.into_iter().map(|batch| (batch.project, batch.decided)).collect());
            }
            let insert = move |db: &Connection| {
                // What it refers to may have been compacted away meanwhile: then it is packed again.
                if compact::round(db)? != round {
                    return Ok(None);
                }
                let inserted: Result<Vec<_>, _> = batches.iter().map(|batch| batch.insert(db)).collect();
                Ok(Some((inserted?, batches)))
            };
            if let Some((inserted, batches)) = self.writer.write(insert).await? {
                let mut all = Vec::with_capacity(batches.len());
                for ((appended, first), batch) in inserted.into_iter().zip(batches) {
                    all.push((batch.project.clone(), appended));
                    self.reading.window.remember_in(round, batch.into_bodies(first));
                }
                return Ok(all);
            }
        }
    }
}

fn make_folder(path: &Path) -> Result<(), StoreError> {
    if path.is_dir() {
        return Err(StoreError::Invalid(format!("{} is a folder; name a file", path.display())));
    }
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => fs::create_dir_all(folder).map_err(|source| {
            let text = format!("cannot make the folder {}: {source}", folder.display());
            StoreError::Unavailable { attempted: "open the database file", source: text.into() }
        }),
        _ => Ok(()),
    }
}

#[async_trait]
impl TraceStore for SqliteStore {
    async fn append(&self, project: &ProjectId, spans: &[Span], now: Timestamp) -> Result<Appended, StoreError> {
        self.append_owned(project, spans.to_vec(), now).await
    }

    async fn append_owned(
        &self,
        project: &ProjectId,
        spans: Vec<Span>,
        now: Timestamp,
    ) -> Result<Appended, StoreError> {
        let spans: Arc<[_]> = Arc::new([(project.clone(), spans)]);
        let appended = self.append_all(move || Arc::clone(&spans), now).await?;
        Ok(appended.first().map(|(_, appended)| *appended).unwrap_or_default())
    }

    async fn append_read(&self, read: ReadSpans, now: Timestamp) -> Result<AppendedEach, StoreError> {
        let all = self.append_all(move || read(), now).await?;
        Ok(all.into_iter().map(|(project, appended)| (project, Ok(appended))).collect())
    }

    async fn trace(&self, project: &ProjectId, id: TraceId) -> Result<Option<Trace>, StoreError> {
        let project = project.clone();
        self.read("read a trace", move |db, with| read::trace(db, &with.cache, &project, id)).await
    }

    async fn visit_traces(&self, traces: Vec<(ProjectId, TraceId)>, mut visit: Visit) -> Result<(), StoreError> {
        let each = move |db: &Connection, with: &Reading| {
            for (place, (project, id)) in traces.iter().enumerate() {
                visit(place, read::trace(db, &with.cache, project, *id));
            }
            Ok(())
        };
        self.read("read traces", each).await
    }

    async fn unsettled(
        &self,
        root_ended_before: Timestamp,
        idle_before: Timestamp,
        seen_before: Timestamp,
        limit: u32,
    ) -> Result<Vec<Unsettled>, StoreError> {
        let find =
            move |db: &Connection, _: &Reading| read::unsettled(db, root_ended_before, idle_before, seen_before, limit);
        self.read("find unsettled traces", find).await
    }

    async fn settle(&self, settled: &[Settled], now: Timestamp) -> Result<(), StoreError> {
        if settled.is_empty() {
            return Ok(());
        }
        let settled = settled.to_vec();
        self.writer.write(move |db| settle::settle(db, &settled, now)).await
    }

    async fn unsettle(&self, project: &ProjectId) -> Result<u64, StoreError> {
        let project = project.clone();
        let unsettle = move |db: &Connection| {
            let update = "UPDATE traces SET settled = 0 WHERE project = ?1 AND settled > 0";
            let changed = db.execute(update, [project.as_str()]).map_err(while_trying("unsettle traces"))?;
            Ok(u64::try_from(changed).unwrap_or(u64::MAX))
        };
        self.writer.write(unsettle).await
    }

    async fn run(&self, project: &ProjectId, id: TraceId) -> Result<Option<Run>, StoreError> {
        let project = project.clone();
        self.read("read a run", move |db, _| read::run(db, &project, id)).await
    }

    async fn runs(&self, project: &ProjectId, query: &RunQuery) -> Result<Page<Run>, StoreError> {
        let (project, query) = (project.clone(), query.clone());
        self.read("list runs", move |db, _| listing::runs(db, &project, &query)).await
    }

    async fn findings(&self, project: &ProjectId, query: &FindingQuery) -> Result<Page<Finding>, StoreError> {
        let (project, query) = (project.clone(), query.clone());
        self.read("list findings", move |db, _| listing::findings(db, &project, &query)).await
    }

    async fn agents(&self, project: &ProjectId) -> Result<Vec<AgentSummary>, StoreError> {
        let project = project.clone();
        self.read("list agents", move |db, _| read::agents(db, &project)).await
    }

    async fn figures(&self, project: &ProjectId, agent: &AgentName) -> Result<AgentFigures, StoreError> {
        let (project, agent) = (project.clone(), agent.clone());
        self.read("read an agent's figures", move |db, _| read::figures(db, &project, &agent)).await
    }

    async fn costs(&self, project: &ProjectId, query: &CostQuery) -> Result<Vec<CostTally>, StoreError> {
        let (project, query) = (project.clone(), query.clone());
        self.read("read a division of cost", move |db, _| costs::read(db, &project, &query)).await
    }

    async fn changes(&self, after: ChangeSeq, limit: u32) -> Result<Vec<Change>, StoreError> {
        self.read("read changes", move |db, _| read::changes(db, after, limit)).await
    }

    async fn last_change(&self) -> Result<ChangeSeq, StoreError> {
        self.read("read the last change", |db, _| read::last_change(db)).await
    }

    async fn delete(&self, project: &ProjectId, selection: &Selection, limit: u32) -> Result<Deleted, StoreError> {
        delete::delete(self, project, selection, limit).await
    }

    async fn count(&self, project: &ProjectId, selection: &Selection) -> Result<u64, StoreError> {
        let (project, selection) = (project.clone(), selection.clone());
        self.read("count runs", move |db, _| delete::count(db, &project, &selection)).await
    }

    async fn compact(&self) -> Result<Compacted, StoreError> {
        compact::compact(self).await
    }

    async fn vacuum(&self) -> Result<(), StoreError> {
        self.writer.alone(storage::vacuum).await
    }

    async fn used_bytes(&self) -> Result<u64, StoreError> {
        self.read("measure the store", |db, _| storage::used_bytes(db)).await
    }

    async fn storage(&self) -> Result<Storage, StoreError> {
        self.read("measure the store", |db, _| storage::storage(db)).await
    }

    async fn index_text(&self, limit: u32) -> Result<Indexed, StoreError> {
        let (texts, unreadable) =
            self.read("read text to index", move |db, with| search::waiting(db, &with.cache, limit)).await?;
        if texts.is_empty() {
            return Ok(Indexed::default());
        }
        let runs = self.writer.write(move |db| search::index(db, &texts)).await?;
        Ok(Indexed { runs, unreadable })
    }

    async fn search(&self, project: &ProjectId, query: &SearchQuery) -> Result<Page<SearchHit>, StoreError> {
        let (project, query) = (project.clone(), query.clone());
        self.read("search text", move |db, with| search::search(db, &with.cache, &project, &query)).await
    }
}

#[async_trait]
impl Registry for SqliteStore {
    async fn ensure_project(&self, id: &ProjectId, now: Timestamp) -> Result<Project, StoreError> {
        let id = id.clone();
        let ensure = move |db: &Connection| {
            let created_at = db
                .execute(
                    "INSERT INTO projects (id, created_at) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
                    params![id.as_str(), now.as_nanos()],
                )
                .and_then(|_| {
                    db.query_row("SELECT created_at FROM projects WHERE id = ?1", [id.as_str()], |row| row.get(0))
                });
            let created_at = created_at.map_err(while_trying("make a project"))?;
            Ok(Project { id, created_at: Timestamp::from_nanos(created_at) })
        };
        self.writer.write(ensure).await
    }

    async fn projects(&self) -> Result<Vec<Project>, StoreError> {
        let find = |db: &Connection, _: &Reading| {
            read::list(db, "SELECT id, created_at FROM projects ORDER BY id", [], |row| {
                let (id, created_at): (String, i64) = (row.get(0)?, row.get(1)?);
                Ok(Project { id: ProjectId::new(id), created_at: Timestamp::from_nanos(created_at) })
            })
            .map_err(while_trying("list projects"))
        };
        self.read("list projects", find).await
    }

    async fn put_captures(&self, project: &ProjectId, captures: &[Capture]) -> Result<(), StoreError> {
        if captures.is_empty() {
            return Ok(());
        }
        let (project, captures) = (project.clone(), captures.to_vec());
        self.writer.write(move |db| captures::put(db, &project, &captures)).await
    }

    async fn add_captures(&self, project: &ProjectId, captures: &[Capture]) -> Result<(), StoreError> {
        if captures.is_empty() {
            return Ok(());
        }
        let (project, captures) = (project.clone(), captures.to_vec());
        self.writer.write(move |db| captures::add(db, &project, &captures)).await
    }

    async fn captures(&self, project: &ProjectId) -> Result<Vec<Capture>, StoreError> {
        let project = project.clone();
        self.read("read the capture ledger", move |db, _| captures::list(db, &project)).await
    }

    async fn fold_captures(&self, project: &ProjectId, keep: u32) -> Result<(), StoreError> {
        let project = project.clone();
        self.writer.write(move |db| captures::fold(db, &project, keep)).await
    }

    async fn add_alert(&self, project: &ProjectId, alert: &Alert) -> Result<bool, StoreError> {
        let (project, alert) = (project.clone(), alert.clone());
        self.writer.write(move |db| alerts::add(db, &project, &alert)).await
    }

    async fn put_deliveries(&self, project: &ProjectId, id: &str, attempts: &[Delivery]) -> Result<(), StoreError> {
        let (project, id, attempts) = (project.clone(), id.to_owned(), attempts.to_vec());
        self.writer.write(move |db| alerts::put_deliveries(db, &project, &id, &attempts)).await
    }

    async fn alerts(&self, project: &ProjectId, limit: u32) -> Result<Vec<Alert>, StoreError> {
        let project = project.clone();
        self.read("list alerts", move |db, _| alerts::list(db, &project, limit)).await
    }

    async fn put_note(&self, project: &ProjectId, name: &str, text: &str) -> Result<(), StoreError> {
        let (project, name, text) = (project.clone(), name.to_owned(), text.to_owned());
        self.writer.write(move |db| alerts::put_note(db, &project, &name, &text)).await
    }

    async fn note(&self, project: &ProjectId, name: &str) -> Result<Option<String>, StoreError> {
        let (project, name) = (project.clone(), name.to_owned());
        self.read("read a note", move |db, _| alerts::note(db, &project, &name)).await
    }

    async fn write_records(&self, project: &ProjectId, writes: &[RecordWrite]) -> Result<bool, StoreError> {
        let (project, writes) = (project.clone(), RecordWrite::ordered(writes)?);
        self.writer.write(move |db| records::write(db, &project, &writes)).await
    }

    async fn records_by_id(
        &self,
        project: &ProjectId,
        collection: &str,
        ids: &[String],
    ) -> Result<Vec<Record>, StoreError> {
        let (project, collection, ids) = (project.clone(), collection.to_owned(), ids.to_vec());
        self.read("read records", move |db, _| records::by_id(db, &project, &collection, &ids)).await
    }

    async fn records(&self, project: &ProjectId, query: &RecordQuery) -> Result<Page<Record>, StoreError> {
        let (project, query) = (project.clone(), query.clone());
        self.read("list records", move |db, _| records::list(db, &project, &query)).await
    }

    async fn lease(&self, program: &str, work: &[WorkId], time: Duration) -> Result<Vec<bool>, StoreError> {
        let (program, work) = (program.to_owned(), work.to_vec());
        self.writer.write(move |db| lease::lease(db, &program, &work, time)).await
    }
}
