//! `arc-eval trace RUN_ID`; following a server is in `serve`.

use expect_test::expect;

use crate::{
    Home,
    fixture::{SIX_RUNS, otlp},
};

#[test]
fn a_run_is_shown_as_a_tree_with_what_was_found() {
    let home = Home::new("trace-run");
    home.write("runs.json", otlp(&SIX_RUNS));
    home.run(&["import", "runs.json"]).ok();
    expect![[r#"
        exit 0
        --- stdout
        2025-06-15T15:10:40Z  shop                      failed          1.0 s       $0.0035  04040404040404040404040404040404  tool-error
        outcome found by a check of the result

        trace 04040404040404040404040404040404 at 2025-06-15T15:10:40Z
        agent shop agent=shop task=return end=completed failed by check @0s +1s scope=agent_eval ok
          llm "chat gpt-4o" model=gpt-4o provider=openai answered=gpt-4o in=1000 out=100 @200ms +90ms scope=agent_eval ok
          tool track_parcel {parcel: 7} @300ms +90ms scope=agent_eval !"no route to warehouse"

        Found
          medium   tool-error: track_parcel failed: no route to warehouse
            span 0000000000000003 no route to warehouse
            span 0000000000000003 {"parcel":7}
        --- stderr
    "#]].assert_eq(&home.run(&["trace", &SIX_RUNS[3].trace_id()]).all());
    let json = home.run(&["trace", &SIX_RUNS[3].trace_id(), "--json"]).json();
    assert_eq!(json["spans"].as_array().unwrap().len(), 3);
    assert_eq!(json["findings"][0]["leaf"], "tool-error");
}

#[test]
fn a_run_nobody_stored_is_a_mistake_of_the_caller() {
    let home = Home::new("trace-unknown");
    let ran = home.run(&["trace", &SIX_RUNS[0].trace_id()]);
    assert_eq!(ran.code, Some(2), "{ran:#?}");
    assert!(ran.stderr.contains("no settled run 0101"), "{}", ran.stderr);
    let ran = home.run(&["trace", "xyz"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("expected 32 hexadecimal digits"), "{}", ran.stderr);
}
