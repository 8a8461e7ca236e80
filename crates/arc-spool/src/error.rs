//! What can go wrong while reading; writing never fails towards its caller.

use std::{io, path::PathBuf};

/// Why a spool could not be read or a commit not be noted.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The file system refused. Trying again later may help.
    #[error("cannot {what} {}", path.display())]
    Unavailable {
        /// What was attempted.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

impl SpoolError {
    pub(crate) fn on(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Unavailable { what, path, source }
    }
}
