//! `arc-eval compare`.

use serde_json::json;

use crate::{
    Home,
    fixture::{Run, otlp},
};

/// Ten tasks: the baseline succeeds on nine of them, the candidate on the last one only.
fn before() -> Vec<Run> {
    (0..10)
        .map(|task| if task < 9 { Run::good(task + 1, TASKS[usize::from(task)]) } else { Run::bad(10, TASKS[9]) })
        .collect()
}

fn after() -> Vec<Run> {
    let run =
        |task: u8| if task < 9 { Run::bad(task + 101, TASKS[usize::from(task)]) } else { Run::good(110, TASKS[9]) };
    (0..10).map(run).collect()
}

const TASKS: [&str; 10] = ["t0", "t1", "t2", "t3", "t4", "t5", "t6", "t7", "t8", "t9"];

#[test]
fn two_files_are_compared_task_by_task() {
    let home = Home::new("compare-files");
    home.write("before.json", otlp(&before()));
    home.write("after.json", otlp(&after()));
    let compared = home.run(&["compare", "--input", "before.json", "after.json", "--json"]).json();
    assert_eq!(compared["change"], "worse");
    assert_eq!(compared["paired"]["test"], "mcnemar_exact");
    assert_eq!(compared["paired"]["p_value"], 0.021_484_375);
    assert_eq!(compared["newly_failing"].as_array().unwrap().len(), 9);
    assert_eq!(compared["newly_failing"][0]["candidate"]["runs"], json!(["65656565656565656565656565656565"]));
    assert_eq!(compared["newly_passing"][0]["task"], "t9");
    let page = home.run(&["compare", "--input", "before.json", "after.json"]).ok();
    assert!(page.contains("less reliable") && page.contains("better on 1, worse on 9; McNemar's exact test"), "{page}");
    assert!(page.contains("Newly failing: 9 tasks") && page.contains("look at run 6565"), "{page}");
    assert_eq!(page, home.run(&["compare", "--input", "before.json", "after.json"]).ok());
}

#[test]
fn a_file_is_like_itself() {
    let home = Home::new("compare-same");
    home.write("runs.json", otlp(&before()));
    let page = home.run(&["compare", "--input", "runs.json", "runs.json"]).ok();
    assert!(page.contains("no clear change in reliability"), "{page}");
}

#[test]
fn two_agents_are_compared_in_the_store() {
    let home = Home::new("compare-agents");
    let courier: Vec<Run> = after().into_iter().map(|run| Run { agent: "courier", ..run }).collect();
    home.write("shop.json", otlp(&before()));
    home.write("courier.json", otlp(&courier));
    home.run(&["import", "shop.json", "courier.json"]).ok();
    let compared = home.run(&["compare", "shop", "courier", "--json"]).json();
    assert_eq!((&compared["change"], &compared["candidate"]["name"]), (&json!("worse"), &json!("courier")));
}

#[test]
fn a_version_nobody_ran_is_told() {
    let home = Home::new("compare-version");
    home.write("runs.json", otlp(&before()));
    home.run(&["import", "runs.json"]).ok();
    let said = home.run(&["compare", "v1", "v2"]).all();
    assert!(said.starts_with("exit 2") && said.contains("no runs of version `v1` of the agent `shop`"), "{said}");
    assert!(home.run(&["compare"]).all().contains("what to compare?"));
}
