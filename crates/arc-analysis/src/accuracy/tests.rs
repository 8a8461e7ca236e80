use arc_model::{Outcome, Verdict, sketch};

use super::*;

fn file(path: &str, text: &str) -> File {
    File { path: path.to_owned(), bytes: text.as_bytes().to_vec() }
}

/// Reads sketches, so that the scorers can be tested without formats.
fn sketches(file: &File) -> Vec<Trace> {
    sketch::parse(std::str::from_utf8(&file.bytes).unwrap()).into_iter().collect()
}

#[test]
fn a_label_file_that_is_not_json_is_named_and_the_others_are_scored() {
    let good = r#"{"errors": [{"category": "Goal Deviation", "location": "0000000000000001"}]}"#;
    let files = [
        file("gaia/labels/bad.json", "{"),
        file("gaia/labels/good.json", good),
        file("gaia/labels/orphan.json", good),
        file("gaia/traces/good.json", "llm m -> \"hello\""),
    ];
    let section = measure(&trail::Trail, &files, &sketches);
    let skipped: Vec<&str> = section.skipped.iter().map(|skipped| skipped.file.as_str()).collect();
    assert_eq!(skipped, ["gaia/labels/bad.json", "gaia/labels/orphan.json"]);
    assert!(section.figures.iter().all(|figure| figure.n == 1));
}

#[test]
fn a_blind_run_says_nothing_about_its_outcome() {
    let trace = sketch::parse("agent a steps<=3 end=step_limit\n  llm m -> \"done\"").unwrap();
    let blind = blind(&trace);
    assert_eq!(blind.spans().len(), trace.spans().len());
    let facts = blind.facts();
    assert_eq!((facts.termination, facts.step_limit, facts.outcomes), (None, None, Vec::new()));
    assert_eq!(crate::settle_outcome(&blind, &[]).0, Outcome::default());
    assert_eq!(Outcome::default().verdict, Verdict::Unknown);
}

#[test]
fn nothing_measured_gives_no_figures_with_values() {
    for dataset in DATASETS {
        let section = measure(*dataset, &[], &sketches);
        assert!(section.figures.iter().all(|figure| figure.value.is_none()), "{}", dataset.folder());
    }
}

#[test]
fn every_data_set_is_found_by_its_folder() {
    for known in DATASETS {
        assert_eq!(dataset(known.folder()).map(Dataset::folder), Some(known.folder()));
    }
    assert!(dataset("something-else").is_none());
}

#[test]
fn the_best_constant_is_the_most_frequent_answer() {
    let answers = ["b", "a", "b", "c"].map(str::to_owned);
    let constant = best_constant(answers, 4, "always").unwrap();
    assert_eq!((constant.answer.as_str(), constant.value), ("always b", 0.5));
}
