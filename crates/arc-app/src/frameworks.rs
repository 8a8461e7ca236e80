//! What frameworks cost in time and reliability, from the latest runs of a project.

use arc_analysis::frameworks::{Frameworks, frameworks};
use arc_model::ProjectId;

use crate::{App, AppError, RunQuery};

/// Runs read at once, and pages read at most.
const PAGE: u32 = 500;
const PAGES: u32 = 4;

impl App {
    /// Returns what was measured of the frameworks of a project, over its latest two thousand runs.
    pub async fn frameworks(&self, project: &ProjectId) -> Result<Frameworks, AppError> {
        let mut query = RunQuery { limit: PAGE, ..RunQuery::default() };
        let mut runs = Vec::new();
        for _ in 0..PAGES {
            let page = self.runs(project, &query).await?;
            runs.extend(page.items);
            query.after = page.next;
            if query.after.is_none() {
                break;
            }
        }
        self.tasks().compute(move || frameworks(&runs)).await.map_err(AppError::Interrupted)
    }
}
