//! What is wrong with a place on the disk: the driver says little, so the file is asked itself.

use std::{fs, io, path::Path};

use arc_store::StoreError;
use rusqlite::{Connection, Error, ErrorCode};

use super::error::while_trying;

/// Returns a function that wraps an IO error with what was attempted, and where.
pub(crate) fn cannot(attempted: &'static str, place: &Path) -> impl Fn(io::Error) -> StoreError {
    move |error| StoreError::Unavailable { attempted, source: format!("{}: {error}", place.display()).into() }
}

/// Returns a function that wraps the driver's error with what was attempted, where, and why it cannot be.
pub(super) fn explained(attempted: &'static str, place: &Path) -> impl Fn(Error) -> StoreError {
    move |source| explain(while_trying(attempted)(source), place)
}

/// Adds to an error of the disk which file it is about, and what the system says about that.
pub(super) fn explain(error: StoreError, place: &Path) -> StoreError {
    let StoreError::Unavailable { attempted, source } = error else { return error };
    let code = source.downcast_ref::<Error>().and_then(Error::sqlite_error_code);
    let is_of_disk = matches!(
        code,
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::DiskFull | ErrorCode::SystemIoFailure)
    );
    if !is_of_disk {
        return StoreError::Unavailable { attempted, source };
    }
    let why = what_is_wrong(place).map(|why| format!(" ({why})")).unwrap_or_default();
    StoreError::Unavailable { attempted, source: format!("{}: {source}{why}", place.display()).into() }
}

/// The same for an open database.
pub(super) fn explain_open(error: StoreError, db: &Connection) -> StoreError {
    match db.path() {
        Some(path) if !path.is_empty() => explain(error, Path::new(path)),
        _ => error,
    }
}

/// Tries what a database does with its file, and returns what the system says against it.
fn what_is_wrong(file: &Path) -> Option<io::Error> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if file.exists()
        && let Err(error) = fs::OpenOptions::new().read(true).write(true).open(file)
    {
        return Some(error);
    }
    let mut probe = file.as_os_str().to_owned();
    probe.push(format!("-probe-{}", std::process::id()));
    let made = fs::OpenOptions::new().write(true).create_new(true).open(&probe);
    let made = made.and_then(|mut file| io::Write::write_all(&mut file, &[0; 8_192]).and_then(|()| file.sync_all()));
    let _ = fs::remove_file(&probe);
    made.err().or_else(|| fs::read_dir(folder).err())
}
