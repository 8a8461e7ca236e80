//! The small, transactional side of storage: what people and programs decide, and the ledger of what
//! was captured; not what was captured itself.

use arc_model::{Capture, ProjectId, Timestamp};
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
}
