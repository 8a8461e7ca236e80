//! Which files a command line names: files as they are, directories with everything in them.

use std::{
    collections::VecDeque,
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use crate::failure::Failure;

/// Something to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Input {
    /// Where it is; `None` is standard input.
    path: Option<PathBuf>,
    /// The name of the directory it was found through.
    pub(crate) folder: Option<String>,
}

impl Input {
    /// Returns the name to show.
    pub(crate) fn name(&self) -> String {
        self.path.as_ref().map_or_else(|| "stdin".to_owned(), |path| path.display().to_string())
    }

    /// Reads all of it.
    pub(crate) fn read(&self) -> io::Result<Vec<u8>> {
        if let Some(path) = &self.path {
            return fs::read(path);
        }
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// Returns what the arguments name, in order; directories recursively, sorted, without what is hidden.
///
/// What cannot be looked at is returned as well, and fails when it is read: one bad path must not
/// keep the others from being imported.
pub(crate) fn find(arguments: &[PathBuf]) -> Result<Vec<Input>, Failure> {
    let mut inputs = Vec::new();
    for argument in arguments {
        if argument.as_os_str() == "-" {
            inputs.push(Input { path: None, folder: None });
        } else if argument.is_dir() {
            let files = files_in(argument);
            if files.is_empty() {
                let shown = argument.display();
                return Err(Failure::unreadable(format!("{shown} holds no files (hidden ones are skipped)")));
            }
            let folder = folder_name(argument);
            inputs.extend(files.into_iter().map(|path| Input { path: Some(path), folder: folder.clone() }));
        } else {
            inputs.push(Input { path: Some(argument.clone()), folder: None });
        }
    }
    Ok(inputs)
}

fn folder_name(folder: &Path) -> Option<String> {
    // `.` and `..` have no name of their own.
    let folder = fs::canonicalize(folder).ok()?;
    Some(folder.file_name()?.to_string_lossy().into_owned())
}

fn files_in(folder: &Path) -> Vec<PathBuf> {
    let (mut files, mut folders) = (Vec::new(), VecDeque::from([folder.to_owned()]));
    while let Some(folder) = folders.pop_front() {
        let Ok(entries) = fs::read_dir(&folder) else {
            files.push(folder);
            continue;
        };
        for entry in entries.flatten().filter(|entry| !entry.file_name().to_string_lossy().starts_with('.')) {
            // A link to a directory could lead in a circle; a link to a file cannot.
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push_back(entry.path());
            } else if !entry.path().is_dir() {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    files
}
