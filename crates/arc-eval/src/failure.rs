//! How a command ends when it does not end well: the exit code, and the chain of causes.

use std::{fmt::Display, io, process::ExitCode};

use arc_app::AppError;

/// An exit code other than 0, which means that everything went fine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Whoever reads our output has gone, as `head` does; nobody is left to tell.
    NobodyReads = 0,
    /// The command line, the environment or the configuration file asks for what cannot be.
    Usage = 2,
    /// What was to be read cannot be: a file, a directory, standard input, a server.
    Unreadable = 3,
    /// Anything else: the store, the machine, a defect.
    Internal = 4,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command did not end well.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) error: anyhow::Error,
}

impl Failure {
    /// Wraps a sentence that says what was attempted, on what, and what to do.
    pub(crate) fn new(exit: Exit, message: impl Display) -> Self {
        Self { exit, error: anyhow::Error::msg(message.to_string()) }
    }

    pub(crate) fn usage(message: impl Display) -> Self {
        Self::new(Exit::Usage, message)
    }

    pub(crate) fn unreadable(message: impl Display) -> Self {
        Self::new(Exit::Unreadable, message)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self { exit: Exit::Internal, error }
    }
}

impl From<AppError> for Failure {
    fn from(error: AppError) -> Self {
        let exit = match &error {
            AppError::Invalid(_) => Exit::Usage,
            AppError::Unreadable(_) => Exit::Unreadable,
            AppError::Unavailable(_) | AppError::Store(_) | AppError::Spool(_) | AppError::Interrupted(_) => {
                Exit::Internal
            }
        };
        Self { exit, error: error.into() }
    }
}

/// Only output fails with a bare IO error; reading says what it read.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        let exit = if error.kind() == io::ErrorKind::BrokenPipe { Exit::NobodyReads } else { Exit::Internal };
        Self { exit, error: anyhow::Error::new(error).context("cannot write the output") }
    }
}
