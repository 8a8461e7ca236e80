//! What ClickHouse says, as errors of the port.

use std::error::Error as _;

use arc_store::StoreError;
use clickhouse::error::Error;

use super::place::Place;

/// Returns a function that wraps an error of the client.
pub(super) fn while_trying(attempted: &'static str) -> impl Fn(Error) -> StoreError {
    move |error| match error {
        // The answer came and is not what was asked for.
        Error::NotEnoughData | Error::SchemaMismatch(_) | Error::InvalidUtf8Encoding(_) => damaged(attempted, error),
        error => unavailable(attempted, error),
    }
}

pub(super) fn unavailable(
    attempted: &'static str,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> StoreError {
    StoreError::Unavailable { attempted, source: source.into() }
}

pub(super) fn damaged(attempted: &str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
    StoreError::Corrupt { attempted: attempted.to_owned(), source: source.into() }
}

/// Explains why a database could not be opened.
pub(super) fn refused(place: &Place) -> impl Fn(Error) -> StoreError {
    const ATTEMPTED: &str = "connect to ClickHouse";
    let (at, user) = (place.shown().to_owned(), place.user().to_owned());
    move |error| match &error {
        Error::BadResponse(said) if said.contains("AUTHENTICATION_FAILED") || said.contains("Code: 516") => {
            StoreError::Invalid(format!("ClickHouse at {at} does not accept the password of user `{user}`"))
        }
        Error::BadResponse(said) if said.contains("UNKNOWN_DATABASE") => {
            StoreError::Invalid(format!("ClickHouse at {at} does not have this database"))
        }
        Error::BadResponse(said) => unavailable(ATTEMPTED, format!("{at}: {said}")),
        Error::Network(cause) => {
            // The innermost cause says it: refused, not known, timed out.
            let mut inner: &dyn std::error::Error = cause.as_ref();
            while let Some(source) = inner.source() {
                inner = source;
            }
            let why = format!(
                "no answer from {at}: {inner}; is the server running, and is this the port of its HTTP interface?"
            );
            unavailable(ATTEMPTED, why)
        }
        other => unavailable(
            ATTEMPTED,
            format!("{at}: {other}{}", other.source().map(|why| format!(": {why}")).unwrap_or_default()),
        ),
    }
}
