//! `arc-eval doctor`, and what reading commands make of a store that is not there.

use arc_spool::{Options, Writer};

use crate::Home;

#[test]
fn a_fresh_machine_has_no_problem() {
    let home = Home::new("doctor-fresh");
    let ran =
        crate::Ran::from(home.command(&["doctor"]).env("ARC_EVAL_ENDPOINT", "http://127.0.0.1:9").output().unwrap());
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    for said in
        ["home", "arc-eval.db does not exist yet", "none answers at http://127.0.0.1:9", "Nothing was captured yet"]
    {
        assert!(ran.stdout.contains(said), "{said}: {}", ran.stdout);
    }
}

#[test]
fn a_store_that_was_named_and_is_not_there_is_a_problem() {
    let home = Home::new("doctor-typo");
    let ran = home.run(&["doctor", "--json", "--store", "sqlite://typo/arc.db"]);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    let checkup: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(checkup["is_well"], false);
    let store = checkup["checks"].as_array().unwrap().iter().find(|check| check["id"] == "store").unwrap();
    assert_eq!((&store["state"], &store["found"]), (&"problem".into(), &"typo/arc.db does not exist".into()));
}

#[test]
fn a_command_that_reads_makes_no_store() {
    let home = Home::new("doctor-read");
    for arguments in [&["debug"][..], &["trace", &"01".repeat(16)][..]] {
        let ran = home.run(&[arguments, &["--store", "sqlite://typo/arc.db"]].concat());
        assert_eq!(ran.code, Some(2), "{ran:#?}");
        assert!(ran.stderr.contains("there is no store at typo/arc.db"), "{}", ran.stderr);
        assert!(!home.has("work/typo"));
    }
    assert_eq!(home.run(&["debug"]).code, Some(0));
    assert!(!home.has("arc-eval.db"));
}

#[test]
fn what_was_meant_for_another_server_is_said_to_wait_for_collect() {
    let home = Home::new("doctor-elsewhere");
    let mut options = Options::new(home.at("spool"));
    options.endpoint = Some("localhost:8000".to_owned());
    let writer = Writer::new(options);
    assert!(writer.prepare(1));
    drop(writer);
    let ran =
        crate::Ran::from(home.command(&["doctor"]).env("ARC_EVAL_ENDPOINT", "http://127.0.0.1:9").output().unwrap());
    let told = "some of it was meant for localhost:8000; `arc-eval collect` sends it to http://127.0.0.1:9";
    assert!(ran.stdout.contains(told), "{ran:#?}");
}
