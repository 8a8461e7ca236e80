//! What a source file must look like: one idea, a name, a header.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Result;

/// Past this a file holds a second idea.
const MAX_LINES: usize = 500;

/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] = &["utils", "util", "helpers", "helper", "common", "misc", "manager"];

/// Returns a complaint for every source file that breaks a rule of CONVENTIONS.md.
pub(crate) fn check(root: &Path) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    for folder in ["crates", "xtask", "python", "ui/src", "examples"] {
        let mut files = Vec::new();
        collect(&root.join(folder), &mut files)?;
        files.sort();
        for file in files {
            let text = fs::read_to_string(&file)?;
            let shown = file.strip_prefix(root).unwrap_or(&file);
            complaints.extend(judge(shown, &text));
        }
    }
    Ok(complaints)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let built = ["target", "node_modules", "dist", "build"].contains(&name.as_str()) || name.starts_with('.');
        if path.is_dir() && !built {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|end| end == "rs" || end == "py" || end == "ts" || end == "tsx") {
            files.push(path);
        }
    }
    Ok(())
}

fn judge(path: &Path, text: &str) -> Vec<String> {
    let shown = path.display();
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let lines = text.lines().count();
    let mut complaints = Vec::new();
    if EMPTY_NAMES.contains(&stem.as_str()) {
        complaints.push(format!("{shown}: `{stem}` is no name; say what is inside"));
    }
    let is_generated = stem.strip_suffix(".gen").is_some();
    if lines > MAX_LINES && !is_generated {
        complaints.push(format!("{shown}: {lines} lines, at most {MAX_LINES}; which second idea moved in?"));
    }
    let is_test = stem == "tests" || path.components().any(|part| part.as_os_str() == "tests");
    let is_rust = path.extension().is_some_and(|end| end == "rs");
    let in_a_crate = path.components().any(|part| part.as_os_str() == "src");
    if is_rust && in_a_crate && !is_test && !text.trim_start().starts_with("//!") {
        complaints.push(format!("{shown}: open the module with `//!` and what it is"));
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_name_or_a_header_is_named() {
        assert_eq!(judge(Path::new("crates/a/src/utils.rs"), "fn f() {}").len(), 2);
        assert!(judge(Path::new("crates/a/src/price.rs"), "//! Prices.\n").is_empty());
    }

    #[test]
    fn a_long_file_is_named_unless_it_is_generated() {
        let long = format!("//! Long.\n{}", "\n".repeat(MAX_LINES + 1));
        assert_eq!(judge(Path::new("ui/src/App.tsx"), &long).len(), 1);
        assert!(judge(Path::new("ui/src/api/schema.gen.ts"), &long).is_empty());
    }
}
