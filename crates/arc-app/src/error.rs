//! Why the application could not do what was asked, named by what the caller can do about it.

use arc_model::Diagnostic;
use arc_spool::SpoolError;
use arc_store::StoreError;

/// A failed deed. "Not found" is not an error: look-ups return `Option`.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The request makes no sense as it is; the text says what to change.
    #[error("{0}")]
    Invalid(String),
    /// The bytes are not what they were said to be.
    #[error("{}", unreadable(.0))]
    Unreadable(Vec<Diagnostic>),
    /// The store is busy, full or out of reach; asking again later may help.
    #[error("the store is unavailable")]
    Unavailable(#[source] StoreError),
    /// The store cannot answer, and asking again will not help.
    #[error("the store cannot answer")]
    Store(#[source] StoreError),
    /// The spool cannot be read or its position not be noted; asking again later may help.
    #[error("the spool is unavailable")]
    Spool(#[source] SpoolError),
    /// The work was given up because the program is going down, or because of a defect in it.
    #[error("the work was not finished")]
    Interrupted(#[source] tokio::task::JoinError),
}

fn unreadable(diagnostics: &[Diagnostic]) -> String {
    match diagnostics {
        [] => "the input is in no format this program knows".to_owned(),
        [only] => only.to_string(),
        [first, rest @ ..] => format!("{first} (and {} more)", rest.len()),
    }
}

impl From<SpoolError> for AppError {
    fn from(error: SpoolError) -> Self {
        Self::Spool(error)
    }
}

impl From<StoreError> for AppError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Invalid(what) => Self::Invalid(what),
            StoreError::Unavailable { .. } => Self::Unavailable(error),
            StoreError::Unsupported(_) | StoreError::Corrupt { .. } | StoreError::Newer { .. } => Self::Store(error),
        }
    }
}
