//! Copies the log into the database beside the writer, so that no commit waits for it.
//!
//! SQLite would do it within a commit, as often as the log is a thousand pages long. Here the log grows larger first, so
//! that a page which changes often is copied once, and the bulk is copied while the writer goes on; writers wait only
//! for what came in the meantime. When nothing was written for a while the log is copied whole and cut off.

use std::{
    path::Path,
    sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender},
    thread::JoinHandle,
    time::Duration,
};

use arc_store::StoreError;
use rusqlite::Connection;

use super::{error::while_trying, schema};

/// The log is copied when it is longer than this; it is read back after a crash, and takes room on the disk.
const LONG_LOG_BYTES: u64 = 32 << 20;

/// How long nothing was written when the log is cut off.
const QUIET: Duration = Duration::from_secs(1);

/// How long writers may be held up because somebody still reads what the log held before.
const PATIENCE: Duration = Duration::from_millis(50);

/// Copies the log of one database file; ends when this is dropped.
pub(super) struct Checkpointer {
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    pub(super) fn start(path: &Path) -> Result<Self, StoreError> {
        let failed = while_trying("open a connection that copies the log");
        let connection = Connection::open(path).map_err(&failed)?;
        schema::configure(&connection).map_err(&failed)?;
        connection.busy_timeout(PATIENCE).map_err(failed)?;
        let (wake, committed) = mpsc::sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("arc-store-log".to_owned())
            .spawn(move || run(&connection, &committed))
            .map_err(|source| StoreError::Unavailable { attempted: "copy the log", source: Box::new(source) })?;
        Ok(Self { wake: Some(wake), thread: Some(thread) })
    }

    /// Says that the log has become longer.
    pub(super) fn committed(&self) {
        if let Some(wake) = &self.wake {
            // A full channel means that it was said already.
            let _ = wake.try_send(());
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        drop(self.wake.take());
        if let Some(thread) = self.thread.take() {
            // A panic there was reported when it happened.
            let _ = thread.join();
        }
    }
}

fn run(connection: &Connection, committed: &Receiver<()>) {
    while committed.recv().is_ok() {
        loop {
            // A failure loses nothing: the log holds everything until it was copied, and the next commit tries again.
            let _ = shorten(connection);
            match committed.recv_timeout(QUIET) {
                Ok(()) => {}
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
        let _ = checkpoint(connection, "TRUNCATE");
    }
}

/// Copies the log if it is long, and lets the writer begin it anew.
fn shorten(connection: &Connection) -> rusqlite::Result<()> {
    let page: u32 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
    if checkpoint(connection, "NOOP")?.saturating_mul(page.into()) < LONG_LOG_BYTES {
        return Ok(());
    }
    // This one holds no writer up; the next one does, for what was written meanwhile.
    checkpoint(connection, "PASSIVE")?;
    checkpoint(connection, "RESTART").map(drop)
}

/// Returns how many pages the log holds.
fn checkpoint(connection: &Connection, mode: &str) -> rusqlite::Result<u64> {
    let pages: i64 = connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| row.get(1))?;
    Ok(u64::try_from(pages).unwrap_or_default())
}
