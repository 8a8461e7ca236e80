//! Findings across runs.

use arc_model::{Finding, ProjectId};
use arc_store::{FindingQuery, Page};

use crate::{App, AppError};

impl App {
    /// Returns findings of settled runs, newest run first.
    pub async fn findings(&self, project: &ProjectId, query: &FindingQuery) -> Result<Page<Finding>, AppError> {
        Ok(self.inner.traces.findings(project, query).await?)
    }
}
