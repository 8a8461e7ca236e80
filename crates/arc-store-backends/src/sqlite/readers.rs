//! Connections to read with. A database in memory has one connection, which the writer shares.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use arc_store::StoreError;
use rusqlite::{Connection, OpenFlags};

use super::{error::while_trying, schema};

/// Idle connections kept open; more are opened when more reads run at once.
const IDLE: usize = 4;

pub(super) enum Readers {
    File { path: PathBuf, idle: Mutex<Vec<Connection>> },
    Memory(Arc<Mutex<Connection>>),
}

impl Readers {
    pub(super) fn of_file(path: PathBuf) -> Self {
        Self::File { path, idle: Mutex::default() }
    }

    /// Runs `read` on one snapshot of the database.
    pub(super) fn read<T>(
        &self,
        attempted: &'static str,
        read: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        match self {
            Self::Memory(connection) => read(&connection.lock().unwrap_or_else(PoisonError::into_inner)),
            Self::File { path, idle } => {
                let waiting = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
                let mut connection = waiting.map_or_else(|| connect(path), Ok)?;
                let tx = connection.transaction().map_err(while_trying(attempted))?;
                let result = read(&tx)?;
                tx.finish().map_err(while_trying(attempted))?;
                let mut idle = idle.lock().unwrap_or_else(PoisonError::into_inner);
                if idle.len() < IDLE {
                    idle.push(connection);
                }
                Ok(result)
            }
        }
    }
}

fn connect(path: &PathBuf) -> Result<Connection, StoreError> {
    let failed = while_trying("open a reading connection");
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(&failed)?;
    schema::configure(&connection).map_err(&failed)?;
    connection.pragma_update(None, "query_only", true).map_err(failed)?;
    Ok(connection)
}
