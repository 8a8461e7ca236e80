//! Connections to read with. A database in memory has one connection, which the writer shares.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use arc_store::StoreError;
use rusqlite::{Connection, OpenFlags};

use super::{error::while_trying, schema};

/// Idle connections kept open; more are opened when more reads run at once.
const IDLE: usize = 4;

pub(super) enum Readers {
    File { path: PathBuf, access: Access, idle: Mutex<Vec<Connection>> },
    Memory(Arc<Mutex<Connection>>),
}

impl Readers {
    pub(super) fn of_file(path: PathBuf, access: Access) -> Self {
        Self::File { path, access, idle: Mutex::default() }
    }

    /// Runs `read` on one snapshot of the database.
    pub(super) fn read<T>(
        &self,
        attempted: &'static str,
        read: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        match self {
            Self::Memory(connection) => read(&connection.lock().unwrap_or_else(PoisonError::into_inner)),
            Self::File { path, access, idle } => {
                let waiting = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
                let mut connection = waiting.map_or_else(|| access.connect(path), Ok)?;
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

/// How a file may be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// For reading and writing.
    ReadWrite,
    /// For reading, beside others who may write.
    ReadOnly,
    /// For reading a file that nobody can change: its folder has no room even for what readers share.
    Immutable,
}

impl Access {
    /// Finds out how a file that cannot be written to can be read.
    pub(super) fn of_read_only(path: &Path) -> Result<Self, StoreError> {
        let error = match Self::ReadOnly.try_out(path) {
            Ok(()) => return Ok(Self::ReadOnly),
            Err(error) => error,
        };
        // What is still in the log would be overlooked.
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        let has_log = std::fs::metadata(log).is_ok_and(|log| log.len() > 0);
        if has_log { Err(error) } else { Self::Immutable.try_out(path).map(|()| Self::Immutable) }
    }

    fn try_out(self, path: &Path) -> Result<(), StoreError> {
        let count = "SELECT count(*) FROM sqlite_schema";
        let counted = self.connect(path)?.query_row(count, [], |row| row.get::<_, i64>(0));
        counted.map(drop).map_err(while_trying("read the database"))
    }

    /// Opens a connection that only reads.
    pub(super) fn connect(self, path: &Path) -> Result<Connection, StoreError> {
        let failed = while_trying("open a reading connection");
        let connection = match self {
            Self::ReadWrite => Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | NO_MUTEX),
            Self::ReadOnly => Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | NO_MUTEX),
            Self::Immutable => {
                let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | NO_MUTEX;
                Connection::open_with_flags(immutable(path), flags)
            }
        };
        let connection = connection.map_err(&failed)?;
        schema::configure(&connection).map_err(&failed)?;
        connection.pragma_update(None, "query_only", true).map_err(failed)?;
        Ok(connection)
    }
}

const NO_MUTEX: OpenFlags = OpenFlags::SQLITE_OPEN_NO_MUTEX;

/// Returns the address of a file that nobody changes.
fn immutable(path: &Path) -> String {
    let escape = |byte: &u8| match byte {
        b'/' | b'-' | b'_' | b'.' => char::from(*byte).to_string(),
        _ if byte.is_ascii_alphanumeric() => char::from(*byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    let path: String = path.as_os_str().as_encoded_bytes().iter().map(escape).collect();
    format!("file:{path}?immutable=1")
}
