//! Pages under `docs/reference` that the program writes about itself.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result, ensure};

/// Each page and the arguments of `arc-eval` that print it.
const PAGES: &[(&str, &[&str])] = &[
    ("docs/reference/cli.md", &["reference", "cli"]),
    ("docs/reference/detectors.md", &["reference", "detectors"]),
    ("docs/reference/formats.md", &["reference", "formats"]),
    ("docs/reference/env.md", &["reference", "env"]),
    ("docs/reference/openapi.json", &["reference", "openapi"]),
];

/// Returns a complaint for every page that is not what the program prints now.
pub(crate) fn check(root: &Path) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    for (page, arguments) in PAGES {
        let current = print(root, arguments)?;
        if fs::read_to_string(root.join(page)).unwrap_or_default() != current {
            complaints.push(format!("{page} is stale: run `cargo xtask gen`"));
        }
    }
    Ok(complaints)
}

/// Writes every page.
pub(crate) fn write(root: &Path) -> Result<()> {
    for (page, arguments) in PAGES {
        let path = root.join(page);
        fs::write(&path, print(root, arguments)?).with_context(|| format!("write {}", path.display()))?;
        println!("wrote {page}");
    }
    Ok(())
}

fn print(root: &Path, arguments: &[&str]) -> Result<String> {
    let output = Command::new("cargo")
        .args(["run", "--quiet", "--package", "arc-eval", "--"])
        .args(arguments)
        .current_dir(root)
        .output()
        .context("run arc-eval")?;
    ensure!(output.status.success(), "arc-eval {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).context("read what arc-eval printed")
}
