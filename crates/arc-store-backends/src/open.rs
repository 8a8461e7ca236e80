//! From a URL to open stores. The one place that lists the backends.

use std::{path::PathBuf, sync::Arc};

use arc_store::{Registry, StoreError, TraceStore};

use crate::sqlite::SqliteStore;

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
pub async fn open(url: &str) -> Result<Stores, StoreError> {
    let place = parse(url)?;
    start(move || match place {
        Place::File(path) => SqliteStore::open(path),
        Place::Memory => SqliteStore::in_memory(),
    })
    .await
}

/// Opens the store a URL names for a program that reads: one that does not exist is refused, not made.
///
/// A store that cannot be written to, on a full disk or a read-only one, is opened all the same;
/// writing to it then fails.
pub async fn open_existing(url: &str) -> Result<Stores, StoreError> {
    let place = parse(url)?;
    start(move || match place {
        Place::File(path) => SqliteStore::open_existing(path),
        Place::Memory => SqliteStore::in_memory(),
    })
    .await
}

async fn start(open: impl FnOnce() -> Result<SqliteStore, StoreError> + Send + 'static) -> Result<Stores, StoreError> {
    let opened = tokio::task::spawn_blocking(open);
    let store = opened
        .await
        .map_err(|source| StoreError::Unavailable { attempted: "open the store", source: Box::new(source) })??;
    let store = Arc::new(store);
    Ok(Stores { traces: store.clone(), registry: store })
}

#[derive(Debug, PartialEq)]
enum Place {
    File(PathBuf),
    Memory,
}

fn parse(url: &str) -> Result<Place, StoreError> {
    if url == "sqlite::memory:" {
        return Ok(Place::Memory);
    }
    match url.strip_prefix("sqlite://") {
        Some(path) if !path.is_empty() && !path.ends_with('/') => Ok(Place::File(PathBuf::from(path))),
        _ => {
            // The rest of a URL may hold a password.
            let scheme = url.split(':').next().unwrap_or_default();
            Err(StoreError::Invalid(format!(
                "no store can be opened by this `{scheme}` address; write sqlite:///path/to/file.db or sqlite::memory:"
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
    fn an_unknown_address_is_refused_without_its_password() {
        for url in ["postgres://me:secret@host/db", "sqlite://", "sqlite:///", "", "secret"] {
            let message = parse(url).unwrap_err().to_string();
            assert!(message.contains("sqlite:///path"), "{message}");
            assert!(!message.contains("me:secret"), "{message}");
        }
    }
}
