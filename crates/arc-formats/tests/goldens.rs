//! What each hand-written fixture decodes to. `UPDATE_EXPECT=1` writes the golden files; review them.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::BTreeSet,
    fmt::Write,
    path::{Path, PathBuf},
};

use arc_formats::{Decoded, Source, decode};
use arc_model::{Trace, TraceId, sketch};
use expect_test::expect_file;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/formats")
}

fn inputs() -> Vec<PathBuf> {
    let mut files = Vec::new();
    for folder in std::fs::read_dir(fixtures()).unwrap() {
        let entries = std::fs::read_dir(folder.unwrap().path()).unwrap();
        files.extend(entries.map(|entry| entry.unwrap().path()));
    }
    files.sort();
    files
}

/// Prints what the sketch notation covers as sketches, and the rest of a span's identity below.
fn render(decoded: &Decoded) -> String {
    let mut text = format!("format: {}\n", decoded.format.unwrap_or("none"));
    for found in &decoded.diagnostics {
        let severity = format!("{:?}", found.severity).to_lowercase();
        writeln!(text, "{severity}: {found}").unwrap();
    }
    let mut seen = BTreeSet::new();
    for id in decoded.spans.iter().map(|span| span.trace_id) {
        if seen.insert(id) {
            write!(text, "\n{}", trace(id, decoded)).unwrap();
        }
    }
    text
}

fn trace(id: TraceId, decoded: &Decoded) -> String {
    let trace = Trace::new(id, decoded.spans.iter().filter(|span| span.trace_id == id).cloned());
    let mut text = sketch::print(&trace);
    text.push_str("  ids:\n");
    for (_, span) in trace.walk() {
        write!(text, "  {} sequence {} revision {}", span.span_id, span.sequence, span.revision).unwrap();
        for link in &span.links {
            write!(text, " link {}/{}", link.trace_id, link.span_id).unwrap();
        }
        text.push('\n');
    }
    text
}

#[test]
fn every_fixture_decodes_to_its_golden_file() {
    let mut decoded_files = 0;
    for path in inputs().iter().filter(|path| path.extension().is_some_and(|extension| extension != "golden")) {
        let name = path.file_name().unwrap().to_string_lossy();
        let bytes = std::fs::read(path).unwrap();
        assert!(bytes.len() <= 50_000, "{name} is larger than a fixture may be");
        let decoded = decode(&bytes, Source { name: Some(&name), format: None });
        let folder = path.parent().unwrap().file_name().unwrap().to_string_lossy().into_owned();
        assert_eq!(decoded.format, Some(folder.as_str()), "{name} is in the folder of its format");
        expect_file![path.with_file_name(format!("{name}.golden"))].assert_eq(&render(&decoded));
        decoded_files += 1;
    }
    assert!(decoded_files >= 12);
}

#[test]
fn every_golden_file_has_its_fixture() {
    for golden in inputs().iter().filter(|path| path.extension().is_some_and(|extension| extension == "golden")) {
        assert!(golden.with_extension("").exists(), "{} belongs to nothing", golden.display());
    }
}
