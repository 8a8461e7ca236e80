//! What PostgreSQL says, as what the caller can do about it. Never with a password: the driver's
//! errors hold none, and an address is shown without it.

use arc_store::StoreError;
use deadpool_postgres::PoolError;
use tokio_postgres::{Config, Error, config::Host, error::SqlState};

const CONNECT: &str = "connect to PostgreSQL";

/// Returns a function that wraps the driver's error with what was attempted.
pub(super) fn while_trying(attempted: &'static str) -> impl Fn(Error) -> StoreError {
    move |source| match source.code() {
        Some(code) => match code.code().get(..2) {
            _ if *code == SqlState::PROGRAM_LIMIT_EXCEEDED => {
                StoreError::Invalid(format!("a value is too large to {attempted}"))
            }
            // A constraint, a value, a statement or a file is not what this program made.
            Some("22" | "23" | "42") if *code != SqlState::INSUFFICIENT_PRIVILEGE => damaged(attempted, source),
            Some("XX") => damaged(attempted, source),
            _ => unavailable(attempted, source),
        },
        None if source.is_closed() || is_of_the_connection(&source) => unavailable(attempted, source),
        // The driver could not make sense of a row.
        None => damaged(attempted, source),
    }
}

/// Returns the error for rows that do not hold what this program writes.
pub(super) fn damaged(attempted: &str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
    StoreError::Corrupt { attempted: attempted.to_owned(), source: source.into() }
}

pub(super) fn unavailable(
    attempted: &'static str,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> StoreError {
    StoreError::Unavailable { attempted, source: source.into() }
}

/// Wraps why no connection could be had by a store that is open.
///
/// The address was right when it was opened. So a login that is refused now is the server's state, not a mistake of whoever
/// asks for something: it may be let in again, and what is to be stored waits until then. The address is in the cause
/// only, which is logged and not sent to anybody.
pub(super) fn no_connection(place: &Config) -> impl Fn(PoolError) -> StoreError {
    let not_opened = not_opened(place);
    move |error| match not_opened(error) {
        StoreError::Invalid(why) => unavailable(CONNECT, why),
        other => other,
    }
}

/// Wraps why a store could not be opened for want of a connection.
pub(super) fn not_opened(place: &Config) -> impl Fn(PoolError) -> StoreError {
    move |error| match error {
        PoolError::Backend(error) => refused(place, &error),
        PoolError::Timeout(_) => {
            unavailable("wait for a free connection to PostgreSQL", "all connections are busy; try again later")
        }
        other => unavailable(CONNECT, other.to_string()),
    }
}

/// Explains why PostgreSQL did not let this program in.
fn refused(place: &Config, error: &Error) -> StoreError {
    let (at, user) = (address(place), place.get_user().unwrap_or_default());
    let database = place.get_dbname().unwrap_or(user);
    let Some(code) = error.code() else {
        let why = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
        return unavailable(
            CONNECT,
            format!("no answer from {at}: {why}; is the server running, and is this its address?"),
        );
    };
    if *code == SqlState::INVALID_PASSWORD {
        return StoreError::Invalid(format!("PostgreSQL at {at} does not accept the password of user `{user}`"));
    }
    if *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION {
        return StoreError::Invalid(format!(
            "PostgreSQL at {at} does not let user `{user}` in: {}; if it asks for encryption, add ?sslmode=require",
            server_message(error)
        ));
    }
    if *code == SqlState::INVALID_CATALOG_NAME {
        return StoreError::Invalid(format!(
            "PostgreSQL at {at} has no database `{database}`; make it with: CREATE DATABASE \"{database}\" ENCODING 'UTF8'"
        ));
    }
    unavailable(CONNECT, format!("{at}: {}", server_message(error)))
}

fn server_message(error: &Error) -> String {
    error.as_db_error().map_or_else(|| error.to_string(), |error| error.message().to_owned())
}

fn address(place: &Config) -> String {
    let port = place.get_ports().first().copied().unwrap_or(5432);
    match place.get_hosts().first() {
        Some(Host::Tcp(host)) => format!("{host}:{port}"),
        Some(Host::Unix(folder)) => format!("{}/.s.PGSQL.{port}", folder.display()),
        None => "an address without a host".to_owned(),
    }
}

fn is_of_the_connection(error: &Error) -> bool {
    std::error::Error::source(error).is_some_and(<dyn std::error::Error + 'static>::is::<std::io::Error>)
}
