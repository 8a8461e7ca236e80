//! Copies of a store in a file, made while it is used and put back when it is not.
//!
//! A copy is that of one moment: it is read in one snapshot, however long it takes, and whoever writes to the store
//! meanwhile is not held up. It is made beside its final name, checked page by page, and only then gets that name;
//! so a file with the name of a backup is a whole one.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use arc_store::StoreError;

use crate::sqlite::{copy, place::cannot};

/// What was copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    /// Size of the copy.
    pub bytes: u64,
    /// Runs in it.
    pub runs: u64,
    /// Spans in it.
    pub spans: u64,
}

/// How far copying is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// So many pages of so many are copied.
    Copied {
        /// Pages copied.
        pages: usize,
        /// Pages of the whole.
        of: usize,
    },
    /// All are copied, and the copy is checked.
    Checking,
}

/// Copies a store that may be in use to a file that does not exist yet.
pub fn back_up(store: &Path, file: &Path, mut tell: impl FnMut(Step)) -> Result<Copied, StoreError> {
    if !store.exists() {
        return Err(StoreError::Invalid(format!("there is no store at {}", store.display())));
    }
    if file.exists() {
        return Err(StoreError::Invalid(format!("{} exists already; name a new file", file.display())));
    }
    let copied = copy_beside(store, file, &mut tell)?;
    put_in_place(file, "make the backup")?;
    Ok(copied)
}

/// Puts a copy in the place of a store that no program uses; one that is there is replaced only with `force`.
///
/// The copy is checked before anything is touched, and stays what it is.
pub fn restore(file: &Path, store: &Path, force: bool, mut tell: impl FnMut(Step)) -> Result<Copied, StoreError> {
    if !file.exists() {
        return Err(StoreError::Invalid(format!("there is no backup at {}", file.display())));
    }
    if store.exists() && !force {
        let what = format!("{} exists; --force replaces it with the backup, for good", store.display());
        return Err(StoreError::Invalid(what));
    }
    if let Some(folder) = store.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).map_err(cannot("make the folder", folder))?;
    }
    let copied = copy_beside(file, store, &mut tell)?;
    if store.exists() {
        if let Err(error) = copy::check_unused(store) {
            remove(&partial(store))?;
            return Err(error);
        }
        for log in ["-wal", "-shm"] {
            remove(&beside(store, log))?;
        }
    }
    put_in_place(store, "restore the store")?;
    Ok(copied)
}

fn copy_beside(from: &Path, to: &Path, tell: &mut dyn FnMut(Step)) -> Result<Copied, StoreError> {
    let partial = partial(to);
    // Of an earlier attempt that was cut short.
    remove(&partial)?;
    let copied = copy::copy(from, &partial, tell);
    if copied.is_err() {
        for end in ["", "-wal", "-shm", "-journal"] {
            // What went wrong matters more than what is left.
            let _ = fs::remove_file(beside(&partial, end));
        }
    }
    copied
}

fn put_in_place(file: &Path, attempted: &'static str) -> Result<(), StoreError> {
    let partial = partial(file);
    fs::rename(&partial, file).map_err(cannot(attempted, file))?;
    // The name is on the disk when its folder is.
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(cannot(attempted, folder))
}

fn remove(file: &Path) -> Result<(), StoreError> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(cannot("remove a file", file)(error)),
        _ => Ok(()),
    }
}

fn partial(file: &Path) -> PathBuf {
    beside(file, ".partial")
}

fn beside(file: &Path, end: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(end);
    name.into()
}
