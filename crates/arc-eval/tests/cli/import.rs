//! `arc-eval import`.

use expect_test::expect;

use crate::{
    Home,
    fixture::{CHAT, SIX_RUNS, otlp, otlp_lines_gz},
};

#[test]
fn a_file_is_stored_once_however_often_it_is_imported() {
    let home = Home::new("import-twice");
    home.write("runs.json", otlp(&SIX_RUNS));
    expect![[r#"
        exit 0
        --- stdout
        runs.json: 6 runs, 18 spans (18 new, 0 unchanged) otlp-json
        --- stderr
    "#]]
    .assert_eq(&home.run(&["import", "runs.json"]).all());
    expect![[r#"
        exit 0
        --- stdout
        runs.json: 6 runs, 18 spans (0 new, 18 unchanged) otlp-json
        --- stderr
    "#]]
    .assert_eq(&home.run(&["import", "runs.json"]).all());
}

#[test]
fn compressed_lines_and_standard_input_are_read_as_well() {
    let home = Home::new("import-gzip-stdin");
    let lines = otlp_lines_gz(&SIX_RUNS);
    home.write("runs.jsonl.gz", &lines);
    expect![[r#"
        exit 0
        --- stdout
        runs.jsonl.gz: 6 runs, 18 spans (18 new, 0 unchanged) otlp-json
        --- stderr
    "#]]
    .assert_eq(&home.run(&["import", "runs.jsonl.gz"]).all());
    expect![[r#"
        exit 0
        --- stdout
        stdin: 6 runs, 18 spans (0 new, 18 unchanged) otlp-json
        --- stderr
    "#]]
    .assert_eq(&home.run_with_stdin(&["import", "-"], &lines).all());
}

#[test]
fn a_directory_is_read_with_everything_in_it_but_what_is_hidden() {
    let home = Home::new("import-directory");
    home.write("parcels/b.json", CHAT.replace("parcel", "letter"));
    home.write("parcels/a/first.json", CHAT);
    home.write("parcels/.hidden.json", "not read");
    home.write("parcels/.git/config", "not read");
    expect![[r#"
        exit 0
        --- stdout
        parcels/a/first.json: 1 run, 2 spans (2 new, 0 unchanged) chat
        parcels/b.json: 1 run, 2 spans (2 new, 0 unchanged) chat
        2 files: 2 runs, 4 spans (4 new)
        --- stderr
    "#]]
    .assert_eq(&home.run(&["import", "parcels"]).all());
    // Files with one run each are runs of one agent, called like the directory.
    let overview = home.run(&["debug", "--json"]).json();
    assert_eq!(overview["agents"].as_array().unwrap().len(), 1);
    assert_eq!((&overview["agents"][0]["name"], &overview["agents"][0]["runs"]), (&"parcels".into(), &2.into()));
}

#[test]
fn an_agent_without_a_name_is_called_like_its_file_unless_a_name_is_given() {
    let home = Home::new("import-agent");
    home.write("courier.json", CHAT);
    home.run(&["import", "courier.json"]).ok();
    assert_eq!(home.run(&["debug", "--json"]).json()["agent"]["name"], "courier");
    home.run(&["import", "courier.json", "--agent", "postman"]).ok();
    assert_eq!(home.run(&["debug", "--json", "--agent", "postman"]).json()["agent"]["name"], "postman");
}

#[test]
fn what_is_whole_in_a_damaged_file_is_read_and_the_damage_is_told_with_its_place() {
    let home = Home::new("import-bad");
    home.write("notes.json", "{\"messages\": [\n  {\"role\": \"user\", \"content\": \"hi\"},\n  oops\n]}");
    expect![[r#"
        exit 0
        --- stdout
        notes.json: 1 run, 1 span (1 new, 0 unchanged) chat
        --- stderr
        rejected notes.json:3: from here on this is not JSON (expected value in column 3); the 1 whole elements before it are read, the rest is not: repair the file or export it again
        note notes.json: at /messages: no message has the role `assistant`, so no model call is known; all messages are on the run's first span
    "#]]
    .assert_eq(&home.run(&["import", "notes.json"]).all());
}

#[test]
fn a_directory_of_garbage_is_diagnosed_file_by_file() {
    let home = Home::new("import-garbage");
    let noise: Vec<u8> = (0..4_000_u32).map(|i| i.wrapping_mul(2_654_435_761).to_be_bytes()[1]).collect();
    home.write("garbage/noise.bin", &noise);
    home.write("garbage/empty.json", "");
    home.write("garbage/cut.jsonl.gz", &otlp_lines_gz(&SIX_RUNS)[..60]);
    home.write("garbage/deep.json", "[".repeat(100_000));
    home.write("garbage/text.txt", "Dear diary, no trace today.");
    let ran = home.run(&["import", "garbage"]);
    assert_eq!(ran.code, Some(3), "{ran:#?}");
    for file in ["noise.bin", "empty.json", "deep.json", "text.txt"] {
        assert!(ran.stderr.contains(&format!("garbage/{file}")), "{file}: {}", ran.stderr);
    }
}

#[test]
fn what_can_be_read_is_stored_although_something_else_cannot() {
    let home = Home::new("import-partly");
    home.write("runs/good.json", otlp(&SIX_RUNS));
    home.write("runs/readme.md", "# Runs\n");
    expect![[r#"
        exit 3
        --- stdout
        runs/good.json: 6 runs, 18 spans (18 new, 0 unchanged) otlp-json
        runs/readme.md: nothing could be read
        2 files: 6 runs, 18 spans (18 new)
        --- stderr
        rejected runs/readme.md: this is text of 7 bytes that is not JSON, in no known format; expected one of otlp-json, otlp-protobuf, openinference-export, tau-bench, tau2, agentdojo, claude-code, codex, atif, inspect-ai, langfuse-export, langsmith-export, mlflow-export, http-recording, provider-response, swe-agent, crewai, autogen, google-adk-events, pydantic-ai-messages, smolagents, agno, mcp-transcript, group-chat, langchain-messages, chat, steps; docs/reference/formats.md says what each looks like
        error: nothing could be read from runs/readme.md; what the others hold is stored
        if it is one of the known formats, name it with --format
    "#]].assert_eq(&home.run(&["import", "runs"]).all());
    assert_eq!(home.run(&["debug", "--json"]).json()["reliability"]["runs"], 6);
}

#[test]
fn the_same_is_told_as_json() {
    let home = Home::new("import-json");
    home.write("runs.json", otlp(&SIX_RUNS[..1]));
    expect![[r#"
        {
          "files": [
            {
              "file": "runs.json",
              "readable": true,
              "format": "otlp-json",
              "detected": [
                {
                  "format": "otlp-json",
                  "score": 100,
                  "because": "it has `resourceSpans`",
                  "records": 1
                }
              ],
              "runs": 1,
              "spans": 3,
              "new": 3,
              "updated": 0,
              "unchanged": 0,
              "diagnostics": []
            }
          ],
          "runs_settled": 1
        }
    "#]]
    .assert_eq(&home.run(&["import", "runs.json", "--json"]).ok());
}

#[test]
fn a_file_that_is_not_there_and_a_format_nobody_knows_are_refused() {
    let home = Home::new("import-refused");
    expect![[r#"
        exit 3
        --- stdout
        nowhere.json: nothing could be read
        --- stderr
        rejected nowhere.json: cannot be read: No such file or directory (os error 2)
        error: nothing could be read from nowhere.json
    "#]]
    .assert_eq(&home.run(&["import", "nowhere.json"]).all());
    home.write("runs.json", otlp(&SIX_RUNS));
    expect![[r#"
        exit 2
        --- stdout
        --- stderr
        error: no format is called `morse`; there are otlp-json, otlp-protobuf, openinference-export, tau-bench, tau2, agentdojo, claude-code, codex and 19 more
    "#]]
    .assert_eq(&home.run(&["import", "runs.json", "--format", "morse"]).all());
}
