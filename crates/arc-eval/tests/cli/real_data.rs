//! Published runs with known figures. They are not part of the project: where the folder is absent,
//! the tests say so and check nothing.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::Home;

#[expect(clippy::print_stderr, reason = "a test that checks nothing has to say so")]
fn data(path: &str) -> Option<String> {
    let beside_the_checkout = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data"));
    let folder = std::env::var_os("ARC_EVAL_DATA").map_or_else(beside_the_checkout, PathBuf::from);
    let path = folder.join(path);
    if path.exists() {
        return Some(path.display().to_string());
    }
    eprintln!("SKIPPED: {} is absent; set ARC_EVAL_DATA to the folder of published runs", path.display());
    None
}

fn rounded(value: &Value) -> f64 {
    (value.as_f64().unwrap() * 10_000.0).round() / 10_000.0
}

fn values(list: &Value) -> Vec<f64> {
    list.as_array().unwrap().iter().map(|one| rounded(&one["value"])).collect()
}

#[test]
fn two_hundred_airline_runs_have_their_published_figures() {
    let Some(file) = data("tau-bench/gpt-4o-airline.json") else { return };
    let home = Home::new("real-airline");
    home.run(&["import", &file]).ok();
    let report = home.run(&["debug", "--json"]).json();
    let reliability = &report["reliability"];
    assert_eq!(reliability["success"]["n"], 200);
    assert_eq!(values(&reliability["pass_hat_k"]), [0.42, 0.2733, 0.22, 0.2]);
    assert_eq!(values(&reliability["pass_at_k"]), [0.42, 0.5667, 0.66, 0.72]);
    let interval = &reliability["success"]["interval"];
    assert_eq!((rounded(&interval["low"]), rounded(&interval["high"])), (0.3151, 0.5249));
    let naive = &reliability["success_naive"]["interval"];
    assert_eq!((rounded(&naive["low"]), rounded(&naive["high"])), (0.3537, 0.4893));
    assert_eq!(reliability["step_limit_failures"], 5);
    assert_eq!(reliability["grade"]["letter"], "F");
    assert_eq!(report["cost"]["per_run"], json!(null));
}

#[test]
fn every_span_of_the_published_span_trees_is_stored() {
    let (Some(gaia), Some(swe)) = (data("trail/gaia/traces"), data("trail/swe-bench/traces")) else { return };
    let home = Home::new("real-trail");
    let imported = home.run(&["import", &gaia, &swe, "--agent", "trail", "--json"]).json();
    let files = imported["files"].as_array().unwrap();
    let sum = |key: &str| files.iter().map(|file| file[key].as_u64().unwrap()).sum::<u64>();
    assert_eq!((files.len(), sum("runs"), sum("new")), (57, 57, 1440));
    assert_eq!(home.run(&["debug", "--json"]).json()["reliability"]["runs"], 57);
}
