//! The small, transactional side of storage: what people and programs decide, and the ledger of what
//! was captured; not what was captured itself.

use arc_model::{Alert, Capture, Delivery, ProjectId, Timestamp};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::StoreError;

/// A project: everything stored belongs to exactly one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Project {
    /// Its name.
    pub id: ProjectId,
    /// When it was first seen.
    pub created_at: Timestamp,
}

/// Projects, the capture ledger, and later keys, issue states, scenarios, shares, alerts.
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
}
