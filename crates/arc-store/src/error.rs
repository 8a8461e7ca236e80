//! Why a store could not do what was asked, named by what the caller can do about it.

/// A failed store operation. Absence is not an error: look-ups return `Option`.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The backend cannot do this at all; asking again will not help.
    #[error("this store does not support {0}")]
    Unsupported(&'static str),
    /// The request is malformed: a cursor that this store did not give out, for example.
    #[error("invalid request: {0}")]
    Invalid(String),
    /// The store is busy, full or out of reach; asking again later may help.
    #[error("the store is unavailable while trying to {attempted}")]
    Unavailable {
        /// What was attempted.
        attempted: &'static str,
        /// What the driver said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// What is stored cannot be read; the data or its schema is damaged.
    #[error("stored data is damaged: {attempted}")]
    Corrupt {
        /// What was attempted.
        attempted: String,
        /// What went wrong.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The file or database was written by a newer version of arc-eval.
    #[error("the store has schema version {found}, this program knows up to {known}; use a newer arc-eval")]
    Newer {
        /// The version found.
        found: u32,
        /// The newest version this program knows.
        known: u32,
    },
}

impl StoreError {
    /// Returns the error again, for callers who shared an attempt and each need one of their own; what caused it is told in
    /// one text.
    #[must_use]
    pub fn repeated(&self) -> Self {
        let chain = || {
            let causes = std::iter::successors(std::error::Error::source(self), |cause| cause.source());
            causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
        };
        match self {
            Self::Unsupported(what) => Self::Unsupported(what),
            Self::Invalid(why) => Self::Invalid(why.clone()),
            Self::Unavailable { attempted, .. } => Self::Unavailable { attempted, source: chain().into() },
            Self::Corrupt { attempted, .. } => Self::Corrupt { attempted: attempted.clone(), source: chain().into() },
            Self::Newer { found, known } => Self::Newer { found: *found, known: *known },
        }
    }
}
