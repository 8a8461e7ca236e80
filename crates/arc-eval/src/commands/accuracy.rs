//! `arc-eval accuracy`: how often the engines are right, on labelled runs.

use std::{
    fs,
    path::{Path, PathBuf},
};

use arc_analysis::accuracy::{self, DATASETS, Dataset, File, Section};
use arc_formats::Source;
use arc_model::Trace;
use serde::Serialize;

use crate::{cli::Accuracy, failure::Failure, inputs, output};

/// What is printed as JSON.
#[derive(Serialize)]
struct Measured {
    sections: Vec<Section>,
    /// Folders that hold no known data set.
    unknown_folders: Vec<String>,
}

pub(super) fn run(arguments: &Accuracy) -> Result<(), Failure> {
    let found = find(&arguments.dir)?;
    let progress = output::progress("measuring", found.known.len());
    let mut sections = Vec::new();
    for (dataset, folder) in &found.known {
        progress.step(dataset.folder());
        let files = read(folder)?;
        sections.push(accuracy::measure(*dataset, &files, &decode));
        progress.done();
    }
    progress.finish();
    let unknown_folders = found.unknown;
    if arguments.json {
        return output::json(&Measured { sections, unknown_folders });
    }
    for folder in unknown_folders {
        output::talk(&format!("skipped {}: no data set of this name is known", output::plain(&folder)));
    }
    Ok(output::data(&output::plain(&accuracy::page(&sections)))?)
}

struct Found {
    known: Vec<(&'static dyn Dataset, PathBuf)>,
    unknown: Vec<String>,
}

/// Finds the data sets in a folder, or the one that the folder is.
fn find(dir: &Path) -> Result<Found, Failure> {
    let cannot = |problem: std::io::Error| Failure::unreadable(format!("cannot read {}: {problem}", dir.display()));
    let name = fs::canonicalize(dir).map_err(cannot)?;
    let name = name.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if let Some(dataset) = accuracy::dataset(&name) {
        return Ok(Found { known: vec![(dataset, dir.to_owned())], unknown: Vec::new() });
    }
    let mut found = Found { known: Vec::new(), unknown: Vec::new() };
    let mut folders: Vec<PathBuf> =
        fs::read_dir(dir).map_err(cannot)?.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    for folder in folders {
        let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        match accuracy::dataset(&name) {
            Some(dataset) => found.known.push((dataset, folder)),
            None if name.starts_with('.') => {}
            None => found.unknown.push(name),
        }
    }
    // In the order of the report, whatever the order of the folders.
    let rank = |dataset: &dyn Dataset| DATASETS.iter().position(|known| known.folder() == dataset.folder());
    found.known.sort_by_key(|(dataset, _)| rank(*dataset));
    if found.known.is_empty() {
        let names: Vec<&str> = DATASETS.iter().map(|dataset| dataset.folder()).collect();
        let (dir, names) = (dir.display(), names.join(", "));
        return Err(Failure::unreadable(format!("{dir} is no known data set and holds none; known are {names}")));
    }
    Ok(found)
}

fn read(folder: &Path) -> Result<Vec<File>, Failure> {
    let inputs = inputs::find(&[folder.to_owned()])?;
    let prefix = folder.display().to_string();
    let files = inputs.iter().map(|input| {
        let name = input.name();
        let bytes = input.read().map_err(|problem| Failure::unreadable(format!("cannot read {name}: {problem}")))?;
        let path = name.strip_prefix(&prefix).unwrap_or(&name).trim_start_matches(['/', '\\']);
        Ok(File { path: path.replace('\\', "/"), bytes })
    });
    files.collect()
}

/// Returns the runs in a file, in the order in which they begin in it.
fn decode(file: &File) -> Vec<Trace> {
    let decoded = arc_formats::decode(&file.bytes, Source { name: Some(&file.path), format: None });
    Trace::group(decoded.spans)
}
