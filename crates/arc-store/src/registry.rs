//! The small, transactional side of storage: what people and programs decide, and the ledger of what
//! was captured; not what was captured itself.

use std::time::Duration;

use arc_model::{Alert, Capture, Delivery, ProjectId, Timestamp};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{Page, Record, RecordQuery, RecordWrite, StoreError};

/// A project: everything stored belongs to exactly one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Project {
    /// Its name.
    pub id: ProjectId,
    /// When it was first seen.
    pub created_at: Timestamp,
}

/// A piece of work that programs share out: a hash of what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkId(pub [u8; 16]);

/// Projects, the capture ledger, alerts, and [records](Record) of everything else that is decided.
#[async_trait]
pub trait Registry: Send + Sync {
    /// Makes a project unless it exists, and returns it as stored.
    ///
    /// MUST be idempotent: a second call returns the project of the first, `created_at` included.
    async fn ensure_project(&self, id: &ProjectId, now: Timestamp) -> Result<Project, StoreError>;

    /// Returns every project, ordered by id.
    async fn projects(&self) -> Result<Vec<Project>, StoreError>;

    /// Stores what became of what sources captured, replacing what was known of each.
    ///
    /// MUST be idempotent: counts are absolute, and the earliest `first_at` is kept. All or nothing.
    async fn put_captures(&self, project: &ProjectId, captures: &[Capture]) -> Result<(), StoreError>;

    /// Adds to what became of what sources captured ([`Capture::add`]); one that is not known is made.
    async fn add_captures(&self, project: &ProjectId, captures: &[Capture]) -> Result<(), StoreError>;

    /// Returns the sources of a project, the one with the latest news first, ties by id.
    async fn captures(&self, project: &ProjectId) -> Result<Vec<Capture>, StoreError>;

    /// Adds all processes of a project that ended, but the `keep` latest, to one source of kind
    /// [`CaptureKind::Earlier`](arc_model::CaptureKind::Earlier). Sums over all sources MUST stay what they are.
    async fn fold_captures(&self, project: &ProjectId, keep: u32) -> Result<(), StoreError>;

    /// Stores an alert unless one with its id is there; returns whether it was new.
    ///
    /// MUST be atomic: of several that raise the same alert at once, exactly one is told that it is new.
    async fn add_alert(&self, _project: &ProjectId, _alert: &Alert) -> Result<bool, StoreError> {
        Err(StoreError::Unsupported("alerts"))
    }

    /// Replaces the attempts to send an alert on; an alert that is not there is left so.
    async fn put_deliveries(&self, _project: &ProjectId, _id: &str, _attempts: &[Delivery]) -> Result<(), StoreError> {
        Err(StoreError::Unsupported("alerts"))
    }

    /// Returns alerts, the latest first, ties by id; at most `limit`.
    async fn alerts(&self, _project: &ProjectId, _limit: u32) -> Result<Vec<Alert>, StoreError> {
        Err(StoreError::Unsupported("alerts"))
    }

    /// Keeps what background work has to remember under a name, replacing what was there.
    async fn put_note(&self, _project: &ProjectId, _name: &str, _text: &str) -> Result<(), StoreError> {
        Err(StoreError::Unsupported("notes"))
    }

    /// Returns what was kept under a name; `None` when nothing was.
    async fn note(&self, _project: &ProjectId, _name: &str) -> Result<Option<String>, StoreError> {
        Err(StoreError::Unsupported("notes"))
    }

    /// Writes and removes records in one transaction; returns whether it did.
    ///
    /// - MUST be all or nothing: `false` when what is [expected](crate::Expected) of any of them does not hold, and
    ///   then nothing was changed.
    /// - MUST be atomic: of several that expect the same of one record at once, at most one is told `true`.
    /// - A written record has the version 1 when it was not there, and one more than it had otherwise.
    /// - Removing what is not there is no failure, unless a version of it is expected.
    /// - MUST refuse what [`RecordWrite::ordered`] refuses.
    async fn write_records(&self, _project: &ProjectId, _writes: &[RecordWrite]) -> Result<bool, StoreError> {
        Err(StoreError::Unsupported("records"))
    }

    /// Returns a record; `None` when it is not there.
    async fn record(&self, project: &ProjectId, collection: &str, id: &str) -> Result<Option<Record>, StoreError> {
        Ok(self.records_by_id(project, collection, &[id.to_owned()]).await?.pop())
    }

    /// Returns those of these records that are there, ordered by id, each once.
    async fn records_by_id(
        &self,
        _project: &ProjectId,
        _collection: &str,
        _ids: &[String],
    ) -> Result<Vec<Record>, StoreError> {
        Err(StoreError::Unsupported("records"))
    }

    /// Returns records of a collection. Pages MUST concatenate to the whole listing, and cost the same wherever
    /// they are in it.
    async fn records(&self, _project: &ProjectId, _query: &RecordQuery) -> Result<Page<Record>, StoreError> {
        Err(StoreError::Unsupported("records"))
    }

    /// Gives pieces of work to a program until a time is over, by the registry's clock; returns for each whether the
    /// program has it now.
    ///
    /// - MUST give a piece of work to one program at a time.
    /// - Who has one is given it again, for the time asked for now; none at all gives it back.
    async fn lease(&self, _program: &str, _work: &[WorkId], _time: Duration) -> Result<Vec<bool>, StoreError> {
        Err(StoreError::Unsupported("leases of work"))
    }
}
