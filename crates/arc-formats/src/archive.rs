//! Zip archives of JSON files: the `.eval` logs of Inspect, or an export of several files.

use std::io::{Cursor, Read};

use arc_model::Place;

use crate::output::Output;

/// Files of an archive that are read; more is not an export of traces.
const MOST_FILES: usize = 100_000;

/// Returns whether the bytes begin like a zip archive.
pub(crate) fn is_archive(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06")
}

/// A file of an archive.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

/// Unpacks the JSON files of an archive, `limit` bytes of them at most; each that cannot be read has a diagnostic.
pub(crate) fn members(bytes: &[u8], limit: u64, out: &mut Output) -> Vec<Member> {
    let mut archive = match zip::ZipArchive::new(Cursor::new(bytes)) {
        Ok(archive) => archive,
        Err(problem) => {
            let message = format!("the zip archive cannot be read ({problem}): copy or export it again");
            out.rejected(Place::default(), message);
            return Vec::new();
        }
    };
    let mut names: Vec<String> =
        archive.file_names().filter_map(|name| Some(name.ok()?.into_owned())).filter(|name| is_json(name)).collect();
    keep_log(&mut names);
    names.sort();
    if names.is_empty() {
        out.rejected(Place::default(), "the zip archive holds no JSON files; expected `.json` or `.jsonl`");
    }
    if names.len() > MOST_FILES {
        let message = format!("the zip archive holds {} files; the first {MOST_FILES} are read", names.len());
        out.rejected(Place::default(), message);
        names.truncate(MOST_FILES);
    }
    let mut left = limit;
    let mut members = Vec::new();
    for name in names {
        let mut plain = Vec::new();
        let read = archive.by_name(&name).map_err(|problem| problem.to_string()).and_then(|file| {
            file.take(left.saturating_add(1)).read_to_end(&mut plain).map_err(|problem| problem.to_string())
        });
        match read {
            Err(problem) => {
                out.rejected(Place::default(), format!("`{name}` in the archive cannot be read: {problem}"));
            }
            Ok(length) if length as u64 > left => {
                let message =
                    format!("the archive unpacks to more than {limit} bytes, the most that is read: split it");
                out.rejected(Place::default(), message);
                break;
            }
            Ok(length) => {
                left = left.saturating_sub(length as u64);
                members.push(Member { name, bytes: plain });
            }
        }
    }
    members
}

fn is_json(name: &str) -> bool {
    [".json", ".jsonl", ".ndjson"].iter().any(|ending| name.ends_with(ending))
}

/// Leaves of a log of Inspect its header and its samples: its other files repeat them.
fn keep_log(names: &mut Vec<String>) {
    let is_header = |name: &String| name == "header.json";
    let is_sample = |name: &String| name.starts_with("samples/");
    if names.iter().any(is_header) || names.iter().any(is_sample) {
        let has_header = names.iter().any(is_header);
        names.retain(|name| is_header(name) || is_sample(name) || (!has_header && name == "_journal/start.json"));
    }
}
