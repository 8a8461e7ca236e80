//! What `SQLite` says, as what the caller can do about it.

use arc_store::StoreError;
use rusqlite::{Error, ErrorCode};

/// Returns a function that wraps the driver's error with what was attempted.
pub(super) fn while_trying(attempted: &'static str) -> impl Fn(Error) -> StoreError {
    move |source| match code(&source) {
        Some(ErrorCode::TooBig) => StoreError::Invalid(format!("a value is too large to {attempted}")),
        // Without a code, the driver could not make sense of a row.
        None
        | Some(
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::ConstraintViolation | ErrorCode::Unknown,
        ) => damaged(attempted, source),
        Some(_) => StoreError::Unavailable { attempted, source: Box::new(source) },
    }
}

/// Returns the error for rows that do not hold what this program writes.
pub(super) fn damaged(attempted: &str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
    StoreError::Corrupt { attempted: attempted.to_owned(), source: source.into() }
}

/// Returns whether another process holds the lock that was asked for.
pub(super) fn is_busy(error: &StoreError) -> bool {
    let StoreError::Unavailable { source, .. } = error else { return false };
    let code = source.downcast_ref::<Error>().and_then(code);
    matches!(code, Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

fn code(error: &Error) -> Option<ErrorCode> {
    error.sqlite_error_code()
}
