//! What the program says about itself: help, completions, the pages of `docs/reference`.

use std::{fs, path::Path};

use crate::Home;

#[test]
#[expect(clippy::disallowed_methods, reason = "asks whoever runs the test, not the program's configuration")]
fn the_committed_pages_are_current() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference");
    let home = Home::new("reference");
    for page in ["cli", "env", "detectors", "formats"] {
        let current = home.run(&["reference", page]).ok();
        let path = folder.join(format!("{page}.md"));
        if std::env::var("UPDATE_SNAPSHOTS").is_ok_and(|value| value == "1") {
            fs::write(&path, &current).unwrap();
        }
        let committed = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == current,
            "docs/reference/{page}.md is not current; UPDATE_SNAPSHOTS=1 cargo nextest run -p arc-eval reference"
        );
    }
}

#[test]
fn the_help_is_data_and_a_missing_command_is_a_mistake() {
    let home = Home::new("help");
    let help = home.run(&["--help"]).ok();
    for command in ["serve", "import", "debug", "trace", "completions"] {
        assert!(help.contains(&format!("\n  {command} ")), "{help}");
    }
    assert_eq!(home.run(&[]).code, Some(2));
    assert_eq!(home.run(&["debug", "--input", "a", "--live"]).code, Some(2));
    assert_eq!(home.run(&["--version"]).ok(), format!("arc-eval {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn every_shell_gets_completions() {
    let home = Home::new("completions");
    for shell in ["bash", "zsh", "fish"] {
        assert!(home.run(&["completions", shell]).ok().contains("arc-eval"));
    }
}

#[test]
fn a_setting_in_the_file_counts_and_a_misspelled_one_is_told() {
    let home = Home::new("settings");
    home.write("arc-eval.toml", "host = \"0.0.0.0\"\n");
    assert!(home.run(&["serve"]).stderr.contains("refusing to listen on 0.0.0.0"));
    home.write("arc-eval.toml", "prot = 9000\n");
    let ran = home.run(&["debug"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("arc-eval.toml: no setting is called `prot`"), "{}", ran.stderr);
}
