//! From a URL to open stores. The one place that lists the backends.

use std::{path::PathBuf, sync::Arc};

use arc_store::{Registry, StoreError, TraceStore};

use crate::{clickhouse::ClickHouseStore, postgres::PostgresStore, sqlite::SqliteStore};

/// The two ports of an open store.
#[derive(Clone)]
pub struct Stores {
    /// What was captured.
    pub traces: Arc<dyn TraceStore>,
    /// What people and programs decided.
    pub registry: Arc<dyn Registry>,
}

/// Opens the store a URL names, making it if it does not exist.
///
/// `sqlite:///var/lib/arc.db` is a file at an absolute path, `sqlite://arc.db` one at a relative
/// path, `sqlite::memory:` a store that ends with the process. Missing folders are made.
/// `postgres://user:password@host/database` is a PostgreSQL database, which must exist, and which
/// several servers may open.
pub async fn open(url: &str) -> Result<Stores, StoreError> {
    match parse(url)? {
        Place::File(path) => start(move || SqliteStore::open(path)).await,
        Place::Memory => start(SqliteStore::in_memory).await,
        Place::Postgres(url) => PostgresStore::open(&url).await.map(stores),
        Place::ClickHouse(_) => Err(needs_registry()),
    }
}

/// Opens the store a URL names with a registry elsewhere, making what does not exist.
///
/// `clickhouse://user:password@host:8123/database` holds what was captured only, so what was decided is in the
/// `SQLite` file or PostgreSQL database that `registry` names. Any other store is its own registry.
pub async fn open_with(url: &str, registry: Option<&str>) -> Result<Stores, StoreError> {
    match check_pair(parse(url)?, registry)? {
        (Place::ClickHouse(url), Some(registry)) => {
            let registry = open(registry).await?.registry;
            let traces = ClickHouseStore::open(&url, Arc::clone(&registry)).await?;
            Ok(Stores { traces: Arc::new(traces), registry })
        }
        _ => open(url).await,
    }
}

/// Like [`open_with`], for a program that reads: what does not exist is refused, not made.
pub async fn open_existing_with(url: &str, registry: Option<&str>) -> Result<Stores, StoreError> {
    match check_pair(parse(url)?, registry)? {
        (Place::ClickHouse(url), Some(registry)) => {
            let registry = open_existing(registry).await?.registry;
            let traces = ClickHouseStore::open_existing(&url, Arc::clone(&registry)).await?;
            Ok(Stores { traces: Arc::new(traces), registry })
        }
        _ => open_existing(url).await,
    }
}

fn check_pair(place: Place, registry: Option<&str>) -> Result<(Place, Option<&str>), StoreError> {
    match (&place, registry) {
        (Place::ClickHouse(_), None) => Err(needs_registry()),
        (Place::ClickHouse(_), Some(_)) | (_, None) => Ok((place, registry)),
        (_, Some(_)) => Err(StoreError::Invalid(
            "this store is its own registry; name another registry only for a clickhouse:// store".to_owned(),
        )),
    }
}

fn needs_registry() -> StoreError {
    StoreError::Invalid(
        "a clickhouse:// store keeps what was captured only; name a registry for the rest: \
         postgres://user:password@host/database or sqlite:///path/to/file.db"
            .to_owned(),
    )
}

/// Opens the store a URL names for a program that reads: one that does not exist is refused, not made.
///
/// A store that cannot be written to, on a full disk or a read-only one, is opened all the same;
/// writing to it then fails.
pub async fn open_existing(url: &str) -> Result<Stores, StoreError> {
    match parse(url)? {
        Place::File(path) => start(move || SqliteStore::open_existing(path)).await,
        Place::Memory => start(SqliteStore::in_memory).await,
        Place::Postgres(url) => PostgresStore::open_existing(&url).await.map(stores),
        Place::ClickHouse(_) => Err(needs_registry()),
    }
}

/// Returns an address as it may be shown: without its password.
pub fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://").filter(|(scheme, _)| !scheme.starts_with("sqlite")) else {
        return url.to_owned();
    };
    let (place, parameters) = rest.split_once('?').map_or((rest, None), |(place, more)| (place, Some(more)));
    // A password may contain an @ that is not escaped.
    let place = match place.rsplit_once('@') {
        Some((who, place)) => format!("{}@{place}", who.split(':').next().unwrap_or_default()),
        None => place.to_owned(),
    };
    let shown = parameters.into_iter().flat_map(|all| all.split('&')).filter(|one| !one.starts_with("password"));
    let shown: Vec<&str> = shown.collect();
    let more = if shown.is_empty() { String::new() } else { format!("?{}", shown.join("&")) };
    format!("{scheme}://{place}{more}")
}

async fn start(open: impl FnOnce() -> Result<SqliteStore, StoreError> + Send + 'static) -> Result<Stores, StoreError> {
    let opened = tokio::task::spawn_blocking(open);
    let store = opened
        .await
        .map_err(|source| StoreError::Unavailable { attempted: "open the store", source: Box::new(source) })??;
    Ok(stores(store))
}

fn stores(store: impl TraceStore + Registry + 'static) -> Stores {
    let store = Arc::new(store);
    Stores { traces: store.clone(), registry: store }
}

#[derive(Debug, PartialEq)]
enum Place {
    File(PathBuf),
    Memory,
    Postgres(String),
    ClickHouse(String),
}

fn parse(url: &str) -> Result<Place, StoreError> {
    if url == "sqlite::memory:" {
        return Ok(Place::Memory);
    }
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return Ok(Place::Postgres(url.to_owned()));
    }
    if url.starts_with("clickhouse://") {
        return Ok(Place::ClickHouse(url.to_owned()));
    }
    match url.strip_prefix("sqlite://") {
        Some(path) if !path.is_empty() && !path.ends_with('/') => Ok(Place::File(PathBuf::from(path))),
        _ => {
            // The rest of a URL may hold a password.
            let scheme = url.split(':').next().unwrap_or_default();
            Err(StoreError::Invalid(format!(
                "no store can be opened by this `{scheme}` address; write sqlite:///path/to/file.db, \
                 sqlite::memory:, postgres://user:password@host/database or clickhouse://user:password@host:8123/database"
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_file_or_memory() {
        assert_eq!(parse("sqlite:///var/lib/arc.db").unwrap(), Place::File("/var/lib/arc.db".into()));
        assert_eq!(parse("sqlite://arc.db").unwrap(), Place::File("arc.db".into()));
        assert_eq!(parse("sqlite::memory:").unwrap(), Place::Memory);
    }

    #[test]
    fn an_address_is_shown_without_its_password() {
        for (url, shown) in [
            ("postgres://me:secret@host:1/db?sslmode=require", "postgres://me@host:1/db?sslmode=require"),
            ("postgres://me:sec@ret@host/db?password=secret", "postgres://me@host/db"),
            ("postgres:///db?host=/run/postgresql", "postgres:///db?host=/run/postgresql"),
            ("clickhouse://me:secret@host:8123/db?secure=true", "clickhouse://me@host:8123/db?secure=true"),
            ("sqlite:///a@b:c.db", "sqlite:///a@b:c.db"),
        ] {
            assert_eq!(without_password(url), shown);
        }
    }

    #[tokio::test]
    async fn a_registry_belongs_to_clickhouse_and_to_nothing_else() {
        let missing = open_with("clickhouse://me:secret@host/db", None).await.err().unwrap().to_string();
        assert!(missing.contains("name a registry") && !missing.contains("secret"), "{missing}");
        let useless = open_with("sqlite::memory:", Some("sqlite::memory:")).await.err().unwrap().to_string();
        assert!(useless.contains("its own registry"), "{useless}");
        let nested = open_with("clickhouse://host/db", Some("clickhouse://host/db")).await.err().unwrap().to_string();
        assert!(nested.contains("name a registry"), "{nested}");
    }

    #[test]
    fn an_unknown_address_is_refused_without_its_password() {
        for url in ["mysql://me:secret@host/db", "sqlite://", "sqlite:///", "", "secret"] {
            let message = parse(url).unwrap_err().to_string();
            assert!(message.contains("sqlite:///path"), "{message}");
            assert!(!message.contains("me:secret"), "{message}");
        }
    }
}
