//! Where spans go: a file in a data directory, or the PostgreSQL or the ClickHouse that the tests of the stores start.

use std::{any::Any, path::Path, path::PathBuf};

use anyhow::{Context, Result, bail};
use arc_store_backends::Stores;

use crate::server;

#[expect(clippy::unwrap_used, clippy::panic, dead_code, reason = "shared with tests, which fail by panicking")]
#[path = "../../../crates/arc-store-backends/tests/clickhouse_server/mod.rs"]
mod clickhouse_server;
#[expect(clippy::unwrap_used, clippy::panic, reason = "shared with tests, which fail by panicking")]
#[path = "../../../crates/arc-store-backends/tests/postgres_server/mod.rs"]
mod postgres_server;

/// The backends by the names that they are chosen by.
pub(crate) const KINDS: [&str; 3] = ["sqlite", "postgres", "clickhouse"];

/// A place for spans; a server that was started for it ends with it.
pub(crate) struct Place {
    store: String,
    registry: Option<String>,
    folders: Vec<PathBuf>,
    _server: Option<Box<dyn Any>>,
}

impl Place {
    /// Makes an empty one; files of ours are in `home`.
    pub(crate) fn start(kind: &str, home: &Path) -> Result<Self> {
        std::fs::create_dir_all(home)?;
        let file = |name: &str| format!("sqlite://{}", home.join(name).display());
        let own = home.to_path_buf();
        match kind {
            "sqlite" => Ok(Self { store: file("arc-eval.db"), registry: None, folders: vec![own], _server: None }),
            "postgres" => {
                let server = postgres_server::Server::start().context("there is no PostgreSQL here")?;
                let folders = vec![own, server.folder().to_path_buf()];
                Ok(Self { store: server.url("bench"), registry: None, folders, _server: Some(Box::new(server)) })
            }
            "clickhouse" => {
                let server = clickhouse_server::Server::start().context("there is no engine of ClickHouse here")?;
                let folders = vec![own, server.folder().to_path_buf()];
                let (store, registry) = (server.url("bench"), Some(file("registry.db")));
                Ok(Self { store, registry, folders, _server: Some(Box::new(server)) })
            }
            _ => bail!("{kind} is none of {}", KINDS.join(", ")),
        }
    }

    /// Opens the store in this process.
    pub(crate) async fn open(&self) -> Result<Stores> {
        arc_store_backends::open_with(&self.store, self.registry.as_deref()).await.context("open the store")
    }

    /// Returns what a server of arc-eval has to be told.
    pub(crate) fn environment(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let registry = self.registry.as_deref().map(|registry| ("ARC_EVAL_REGISTRY", registry));
        std::iter::once(("ARC_EVAL_STORE", self.store.as_str())).chain(registry)
    }

    /// Returns what everything there takes on disk.
    pub(crate) fn bytes(&self) -> Result<u64> {
        self.folders.iter().map(|folder| server::disk_bytes(folder)).sum()
    }
}
