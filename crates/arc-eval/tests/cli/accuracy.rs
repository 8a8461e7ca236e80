//! `arc-eval accuracy`: which folders are measured, and what is said of the others.

use serde_json::json;

use crate::Home;

/// A folder with one labelled run, and one that nobody knows.
fn labelled(home: &Home) {
    let run = json!({
        "question": "How many legs has a spider?",
        "history": [
            {"role": "assistant", "name": "Zoology_Expert", "content": "Let me count."},
            {"role": "user", "name": "Verification_Expert", "content": "Eight. TERMINATE"},
        ],
        "mistake_agent": "zoology_expert",
        "mistake_step": "0",
    });
    home.write("data/who-and-when/Small/1.json", run.to_string());
    home.write("data/who-and-when/Small/2.json", b"{");
    home.write("data/something-else/1.json", b"{}");
}

#[test]
fn known_folders_are_measured_and_the_others_named() {
    let home = Home::new("accuracy");
    labelled(&home);
    let measured = home.run(&["accuracy", "data", "--json"]).json();
    assert_eq!(measured["unknown_folders"], json!(["something-else"]));
    let section = &measured["sections"][0];
    assert_eq!((&section["dataset"], &section["figures"][0]["n"]), (&json!("who-and-when"), &json!(1)));
    assert_eq!(section["skipped"][0]["file"], "Small/2.json");
    assert_eq!(section["weights"], json!({"cross_validated": 0, "shipped": 1}));
}

#[test]
fn one_of_the_folders_can_be_named_alone() {
    let home = Home::new("accuracy-one");
    labelled(&home);
    let page = home.run(&["accuracy", "data/who-and-when"]).ok();
    assert!(page.contains("## who-and-when"), "{page}");
}

#[test]
fn a_folder_without_labelled_runs_says_what_is_known() {
    let home = Home::new("accuracy-none");
    home.write("data/other/1.json", b"{}");
    let ran = home.run(&["accuracy", "data"]);
    assert_eq!(ran.code, Some(3));
    assert!(ran.stderr.contains("known are trail, who-and-when"), "{}", ran.stderr);
}
