//! Which crate may use which: our own among each other, and third-party ones that belong in one place.

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::{Context, Result};

/// Our crates and the ones each may use. The order is bottom up.
const LAYERS: &[(&str, &[&str])] = &[
    ("arc-model", &[]),
    ("arc-catalog", &["arc-model"]),
    ("arc-formats", &["arc-model"]),
    ("arc-redact", &[]),
    ("arc-spool", &[]),
    ("arc-ship", &["arc-spool"]),
    ("arc-store", &["arc-model"]),
    ("arc-analysis", &["arc-model", "arc-catalog"]),
    ("arc-store-backends", &["arc-model", "arc-store"]),
    ("arc-app", &["arc-model", "arc-catalog", "arc-formats", "arc-analysis", "arc-spool", "arc-store"]),
    ("arc-server", &["arc-model", "arc-analysis", "arc-app"]),
    (
        "arc-eval",
        &[
            "arc-model",
            "arc-catalog",
            "arc-formats",
            "arc-analysis",
            "arc-spool",
            "arc-ship",
            "arc-store",
            "arc-store-backends",
            "arc-app",
            "arc-server",
        ],
    ),
    ("python", &["arc-redact", "arc-spool", "arc-ship"]),
    ("scripted-llm", &[]),
    ("ingest", &["arc-model", "arc-catalog", "arc-formats", "arc-analysis", "arc-store", "arc-store-backends"]),
    ("xtask", &[]),
];

/// Third-party crates that mark an outside world, and the only crates that may know it.
const OUTSIDE_WORLDS: &[(&str, &[&str])] = &[
    ("axum", &["arc-server", "scripted-llm"]),
    ("clap", &["arc-eval", "scripted-llm"]),
    ("rusqlite", &["arc-store-backends"]),
    ("tokio-postgres", &["arc-store-backends"]),
    ("deadpool-postgres", &["arc-store-backends"]),
    ("clickhouse", &["arc-store-backends"]),
    ("tokio", &["arc-store-backends", "arc-app", "arc-server", "arc-eval", "scripted-llm", "ingest"]),
    ("anyhow", &["arc-eval", "scripted-llm", "xtask", "ingest"]),
    ("ureq", &["arc-eval", "arc-ship"]),
    ("parquet", &["arc-eval"]),
];

/// Returns a complaint for every dependency that the tables above do not allow. Dependencies of
/// tests are free: a test may compose what the product may not.
pub(crate) fn check(root: &Path) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    let mut folders: Vec<_> =
        fs::read_dir(root.join("crates"))?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    folders.extend(["bench/ingest", "python", "xtask"].map(|folder| root.join(folder)));
    folders.sort();
    for folder in folders {
        let manifest = folder.join("Cargo.toml");
        let text = fs::read_to_string(&manifest).with_context(|| format!("read {}", manifest.display()))?;
        let table: toml::Table = text.parse().with_context(|| format!("parse {}", manifest.display()))?;
        let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let dependencies =
            ["dependencies", "build-dependencies"].into_iter().filter_map(|key| table.get(key)?.as_table());
        let used: BTreeSet<&str> = dependencies.flat_map(|table| table.keys().map(String::as_str)).collect();
        complaints.extend(judge(&name, &used));
    }
    Ok(complaints)
}

fn judge(name: &str, used: &BTreeSet<&str>) -> Vec<String> {
    let Some((_, allowed)) = LAYERS.iter().find(|(layer, _)| *layer == name) else {
        return vec![format!("{name} is not in the layers of xtask/src/layers.rs")];
    };
    let ours = used.iter().filter(|dependency| LAYERS.iter().any(|(layer, _)| layer == *dependency));
    let upward = ours
        .filter(|dependency| !allowed.contains(dependency))
        .map(|dependency| format!("{name} must not use {dependency}: see the layers in ARCHITECTURE.md"));
    let outside = OUTSIDE_WORLDS
        .iter()
        .filter(|(world, knows)| used.contains(world) && !knows.contains(&name))
        .map(|(world, knows)| format!("{name} must not use {world}: only {} may", knows.join(", ")));
    upward.chain(outside).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dependency_against_the_layers_is_named() {
        let complaints = judge("arc-model", &BTreeSet::from(["serde", "arc-store"]));
        assert_eq!(complaints, ["arc-model must not use arc-store: see the layers in ARCHITECTURE.md"]);
    }

    #[test]
    fn an_outside_world_in_the_wrong_crate_is_named() {
        let complaints = judge("arc-store", &BTreeSet::from(["rusqlite", "arc-model"]));
        assert_eq!(complaints, ["arc-store must not use rusqlite: only arc-store-backends may"]);
    }

    #[test]
    fn an_unlisted_crate_is_named() {
        assert_eq!(judge("arc-new", &BTreeSet::new()).len(), 1);
    }
}
