//! Prints what the models are told about the runs in a folder, a line of JSON for each: training reads it.
//!
//! `cargo run --release -p arc-analysis --example features -- DIR > features.jsonl`

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program of developers; it ends at the first problem")]

use std::path::{Path, PathBuf};

use arc_analysis::{
    accuracy::blind,
    localisation::{features, fold_of, run_features, task_key},
};
use arc_formats::{Source, decode};
use arc_model::Trace;
use serde_json::{Map, json};

const SETS: [&str; 4] = ["trail", "who-and-when", "agentrx", "tau-bench"];

fn main() {
    let folder = std::env::args().nth(1).map(PathBuf::from).unwrap();
    for set in SETS {
        let mut files = Vec::new();
        collect(&folder.join(set), &mut files);
        for file in files {
            let path = file.strip_prefix(folder.join(set)).unwrap().to_string_lossy().replace('\\', "/");
            let decoded = decode(&std::fs::read(&file).unwrap(), Source { name: Some(&path), format: None });
            let traces: Vec<Trace> = Trace::group(decoded.spans).iter().map(blind).collect();
            for (index, trace) in traces.iter().enumerate() {
                let (shape, steps) = features::of(trace);
                let steps = steps.iter().map(|step| {
                    let values: Map<String, _> =
                        step.features.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
                    json!({"id": step.span.span_id, "kind": step.span.kind, "speaker": step.speaker, "features": values})
                });
                let key = task_key(trace);
                let run: Map<String, _> = run_features(trace, &traces)
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), json!(value)))
                    .collect();
                println!(
                    "{}",
                    json!({
                        "set": set, "path": path, "index": index, "task": format!("{key:016x}"), "fold": fold_of(key),
                        "shape": shape.as_str(), "run": run, "steps": steps.collect::<Vec<_>>(),
                    })
                );
            }
        }
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path()).collect();
    entries.sort();
    for entry in entries {
        if entry.is_dir() {
            collect(&entry, files);
        } else if !entry.to_string_lossy().contains("labels") && entry.extension().is_some_and(|ext| ext == "json") {
            files.push(entry);
        }
    }
}
