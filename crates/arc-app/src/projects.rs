//! Projects: everything stored belongs to exactly one.

use arc_model::ProjectId;

use crate::{App, AppError, app::lock};

/// Longest name of a project, in characters.
const NAME_CHARS: usize = 100;

impl App {
    /// Returns the project a text names.
    pub fn project(text: &str) -> Result<ProjectId, AppError> {
        let text = text.trim();
        if text.is_empty() || text.chars().count() > NAME_CHARS || text.chars().any(char::is_control) {
            return Err(AppError::Invalid(format!(
                "the name of a project is 1 to {NAME_CHARS} characters without control characters"
            )));
        }
        Ok(ProjectId::new(text))
    }

    /// Registers a project unless this process already did.
    pub(crate) async fn ensure_project(&self, project: &ProjectId) -> Result<(), AppError> {
        if lock(&self.inner.projects).contains(project) {
            return Ok(());
        }
        self.inner.registry.ensure_project(project, self.now()).await?;
        lock(&self.inner.projects).insert(project.clone());
        Ok(())
    }
}
