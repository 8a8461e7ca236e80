//! The small, transactional side of storage: what people and programs decide, not what was captured.

use arc_model::{ProjectId, Timestamp};
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

/// Projects, and later keys, issue states, scenarios, shares, alerts.
#[async_trait]
pub trait Registry: Send + Sync {
    /// Makes a project unless it exists, and returns it as stored.
    ///
    /// MUST be idempotent: a second call returns the project of the first, `created_at` included.
    async fn ensure_project(&self, id: &ProjectId, now: Timestamp) -> Result<Project, StoreError>;

    /// Returns every project, ordered by id.
    async fn projects(&self) -> Result<Vec<Project>, StoreError>;
}
