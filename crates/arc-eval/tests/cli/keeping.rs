//! `arc-eval search`, `delete`, `vacuum`, `backup` and `restore`.

use std::{fs, thread};

use serde_json::Value;

use crate::{
    Home,
    fixture::{Run, SIX_RUNS, otlp},
    serve::Running,
};

fn with_runs(test: &str) -> Home {
    let home = Home::new(test);
    home.write("runs.json", otlp(&SIX_RUNS));
    home.run(&["import", "runs.json"]).ok();
    home
}

/// Returns how many runs there are.
fn runs(home: &Home) -> u64 {
    home.run(&["delete", "--older-than", "1s", "--dry-run", "--json"]).json()["runs"].as_u64().unwrap()
}

#[test]
fn what_was_said_is_found() {
    let home = with_runs("search");
    let found = home.run(&["search", "WAREHOUSE, route", "--json"]).json();
    let hits = found["hits"].as_array().unwrap();
    assert!(!hits.is_empty(), "{found}");
    let first = &hits[0];
    let ran = home.run(&["search", "warehouse", "--limit", "1"]);
    assert!(ran.stdout.contains(first["trace_id"].as_str().unwrap()), "{ran:#?}");
    let agent = first["agent"].as_str().unwrap();
    assert!(!home.run(&["search", "warehouse", "--agent", agent]).ok().is_empty());
    let ran = home.run(&["search", "warehouse", "--agent", "nobody"]);
    assert!(ran.code == Some(0) && ran.stdout.is_empty() && ran.stderr.contains("no run that ended"), "{ran:#?}");
    assert_eq!(home.run(&["search", "?!"]).code, Some(2));
}

#[test]
fn runs_are_deleted_only_by_who_agrees() {
    let home = with_runs("delete");
    let before = runs(&home);
    assert_eq!(before, 6);
    let id = home.run(&["search", "warehouse", "--json"]).json()["hits"][0]["trace_id"].as_str().unwrap().to_owned();
    let ran = home.run(&["delete", "--run", &id]);
    assert!(ran.code == Some(2) && ran.stderr.contains("--yes"), "{ran:#?}");
    assert_eq!(home.run(&["delete", "--run", &id, "--dry-run"]).ok(), "would delete 1 run\n");
    assert_eq!(home.run(&["delete"]).code, Some(2));
    assert_eq!(home.run(&["delete", "--older-than", "soon", "--yes"]).code, Some(2));
    assert_eq!(runs(&home), before);
    let deleted = home.run(&["delete", "--run", &id, "--yes", "--json"]).json();
    assert_eq!((deleted["runs"].as_u64(), deleted["deleted"].as_bool()), (Some(1), Some(true)));
    assert_eq!(runs(&home), before - 1);
    assert_eq!(home.run(&["delete", "--run", &id, "--yes"]).ok(), "no run is of this kind; nothing was deleted\n");
    let vacuumed = home.run(&["vacuum", "--json"]).json();
    assert_eq!(vacuumed["runs"].as_u64(), Some(5));
    // Deleted by mistake: imported again.
    home.run(&["import", "runs.json"]).ok();
    assert_eq!(runs(&home), before);
    home.run(&["delete", "--older-than", "1s", "--yes"]).ok();
    assert_eq!(runs(&home), 0);
}

#[test]
fn a_backup_made_under_load_is_whole_and_can_be_put_back() {
    let home = with_runs("backup");
    let (server, endpoint) = Running::serve(&home);
    let sender = {
        thread::spawn(move || {
            for number in 10..200 {
                let body = otlp(&[Run::good(number, "load")]);
                let sent = ureq::post(format!("{endpoint}/v1/traces")).content_type("application/json").send(body);
                assert_eq!(sent.unwrap().status(), 200);
            }
        })
    };
    for number in 0..5 {
        let file = format!("copy{number}.db");
        let copied = home.run(&["backup", &file, "--json"]).json();
        assert!(copied["runs"].as_u64().unwrap() >= 6, "{copied}");
        let counted = home.run(&["--store", &format!("sqlite://{file}"), "vacuum", "--json"]).json();
        assert_eq!((&counted["runs"], &counted["spans"]), (&copied["runs"], &copied["spans"]));
    }
    sender.join().unwrap();
    let last = "last.db";
    let copied: Value = home.run(&["backup", last, "--json"]).json();
    let ran = home.run(&["backup", last]);
    assert!(ran.code == Some(2) && ran.stderr.contains("exists already"), "{ran:#?}");
    let ran = home.run(&["restore", last, "--force"]);
    assert!(ran.code == Some(2) && ran.stderr.contains("is in use"), "{ran:#?}");
    drop(server);
    home.run(&["delete", "--older-than", "1s", "--yes"]).ok();
    let ran = home.run(&["restore", last]);
    assert!(ran.code == Some(2) && ran.stderr.contains("--force"), "{ran:#?}");
    let restored = home.run(&["restore", last, "--force", "--json"]).json();
    assert_eq!((&restored["runs"], &restored["spans"]), (&copied["runs"], &copied["spans"]));
    assert!(runs(&home) >= 6);
}

#[test]
fn only_a_whole_backup_is_put_back() {
    let home = with_runs("restore");
    let file = "copy.db";
    home.run(&["backup", file]).ok();
    let mut bytes = fs::read(home.path(file)).unwrap();
    let half = bytes.len() / 2;
    bytes[half..].fill(0x5a);
    home.write("torn.db", &bytes);
    home.write("notes.txt", "not a database");
    for (name, code) in [("torn.db", 3), ("notes.txt", 3), ("missing.db", 2)] {
        let ran = home.run(&["restore", name, "--force"]);
        assert_eq!(ran.code, Some(code), "{name}: {ran:#?}");
    }
    assert_eq!(runs(&home), 6, "the store is what it was");
    // A store that is damaged, which is when backups are for.
    fs::write(home.at("arc-eval.db"), "damaged").unwrap();
    home.run(&["restore", file, "--force"]).ok();
    assert_eq!(runs(&home), 6);
}
