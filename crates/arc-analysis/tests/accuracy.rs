//! What `docs/reference/accuracy.md` rests on, measured again on the labelled runs, where they are there. Not part of the
//! repository: they lie in `../shared/data` beside the checkout or where `ARC_EVAL_DATA` says, and a test whose
//! folder is not there says so and passes.

#![expect(clippy::unwrap_used, reason = "a test; its own functions are not recognised as one")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use arc_analysis::accuracy::{Figure, File, Section, dataset, measure};
use arc_formats::{Source, decode};
use arc_model::Trace;

/// Reads the files of a data set, or says that the test is skipped.
#[expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "tests find their data, and say when there is none"
)]
fn files_of(name: &str) -> Option<Vec<File>> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");
    let folder = std::env::var("ARC_EVAL_DATA").map_or_else(|_| PathBuf::from(beside), PathBuf::from).join(name);
    if !folder.is_dir() {
        eprintln!("SKIPPED: {} is not there", folder.display());
        return None;
    }
    let mut files = Vec::new();
    collect(&folder, &folder, &mut files);
    Some(files)
}

fn scored(name: &str, files: &[File]) -> Section {
    let read = |file: &File| Trace::group(decode(&file.bytes, Source { name: Some(&file.path), format: None }).spans);
    measure(dataset(name).unwrap(), files, &read)
}

fn measured(name: &str) -> Option<Section> {
    Some(scored(name, &files_of(name)?))
}

fn collect(folder: &Path, root: &Path, files: &mut Vec<File>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for entry in entries {
        if entry.is_dir() {
            collect(&entry, root, files);
        } else {
            let path = entry.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
            files.push(File { path, bytes: fs::read(&entry).unwrap() });
        }
    }
}

fn figure<'a>(section: &'a Section, subset: &str, measure: &str) -> &'a Figure {
    let found = section.figures.iter().find(|figure| figure.subset == subset && figure.measure == measure);
    assert!(found.is_some(), "{subset}: {measure} was not measured");
    found.unwrap()
}

#[test]
fn detectors_that_are_certain_fire_on_at_most_two_percent_of_successful_runs() {
    for name in ["agentdojo", "tau-bench"] {
        let Some(section) = measured(name) else { continue };
        for row in section.detectors.iter().filter(|row| row.is_certain) {
            assert!(row.on_good.estimate.unwrap() <= 0.02, "{name} {}: {:?}", row.leaf, row.on_good);
        }
    }
}

#[test]
fn detectors_of_what_a_run_does_in_vain_fire_on_failed_runs_far_more_often() {
    for (name, leaf) in
        [("agentdojo", "resource-abuse"), ("tau-bench", "resource-abuse"), ("tau-bench", "excessive-steps")]
    {
        let Some(section) = measured(name) else { continue };
        let row = section.detectors.iter().find(|row| row.leaf == leaf).unwrap();
        assert!(row.on_bad.estimate.unwrap() > 2.0 * row.on_good.estimate.unwrap(), "{name} {leaf}: {row:?}");
    }
}

#[test]
fn errors_of_trail_are_placed_and_named_better_than_published() {
    let Some(section) = measured("trail") else { return };
    for subset in ["gaia", "swe-bench"] {
        for measure in ["category F1", "location accuracy", "joint accuracy"] {
            let figure = figure(&section, subset, measure);
            assert!(figure.value > figure.published, "{subset}: {measure} {:?}", figure.value);
        }
        for measure in ["location accuracy", "joint accuracy", "precision of locations"] {
            let figure = figure(&section, subset, measure);
            let constant = figure.constant.as_ref().unwrap().value;
            assert!(figure.value.unwrap() > constant, "{subset}: {measure} {:?} {constant}", figure.value);
        }
        assert!(figure(&section, subset, "precision of locations").value.unwrap() >= 0.33, "{subset}");
    }
    assert_eq!(section.skipped.len(), 1, "one file of labels is malformed");
    assert_eq!(section.weights.shipped, 0, "every trace is judged by weights that never saw it");
}

#[test]
fn who_and_when_is_told_better_than_published_and_cross_validated() {
    let Some(section) = measured("who-and-when") else { return };
    assert_eq!(section.weights.shipped, 0);
    for subset in ["Algorithm-Generated", "Hand-Crafted"] {
        for measure in ["agent", "step"] {
            let figure = figure(&section, subset, measure);
            assert!(figure.value > figure.published, "{subset}: {measure} {:?}", figure.value);
        }
    }
}

#[test]
fn questions_that_training_never_saw_are_judged_by_the_shipped_weights_wherever_the_files_lie() {
    let Some(mut files) = files_of("who-and-when") else { return };
    for file in &mut files {
        let text = String::from_utf8_lossy(&file.bytes).replace("\"question\": \"", "\"question\": \"In other words: ");
        file.bytes = text.into_bytes();
        file.path = format!("elsewhere/{}", file.path);
    }
    let section = scored("who-and-when", &files);
    assert_eq!((section.weights.cross_validated, section.weights.shipped), (0, 62));
    assert!(section.figures.iter().all(|figure| figure.n > 0 && figure.value.is_some()));
    let few: Vec<File> = files.into_iter().take(1).collect();
    assert_eq!(scored("who-and-when", &few).weights.shipped, 1);
}

#[test]
fn a_single_agents_decisive_step_is_told_where_it_first_changes_something() {
    let Some(section) = measured("agentrx") else { return };
    for measure in ["root step ±0", "root step ±1", "root step ±3"] {
        let near = figure(&section, "tau_retail", measure);
        assert!(near.value.unwrap() > near.constant.as_ref().unwrap().value, "{measure} {:?}", near.value);
    }
}

#[test]
fn instructions_in_results_are_found_and_clean_runs_are_left_alone() {
    let Some(section) = measured("agentdojo") else { return };
    let share = |subset, measure| figure(&section, subset, measure).value.unwrap();
    assert!(share("attacked", "hijacked: precision") >= 0.85);
    assert!(share("attacked", "hijacked: recall") >= 0.95);
    assert!(share("all", "an injection reached the agent: precision") >= 0.99);
    assert!(share("all", "an injection reached the agent: recall") >= 0.99);
    assert!(share("clean", "false alarms: an injection reached the agent") <= 0.002);
}

#[test]
fn silent_failures_are_flagged_far_more_often_than_good_runs() {
    let Some(section) = measured("tau-bench") else { return };
    assert_eq!(section.weights.shipped, 0);
    let share = |measure| figure(&section, "gpt-4o-airline", measure).value.unwrap();
    assert!(share("failed runs flagged") >= 0.30);
    assert!(share("false alarms on good runs") <= 0.10);
}
