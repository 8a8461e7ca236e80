//! `arc-eval connect`: a user's source in, the lines that trace it out.

use std::fs;

use expect_test::expect;

use crate::Home;

const GRAPH: &str =
    "from langgraph.prebuilt import create_react_agent\n\nagent = create_react_agent(model, tools=[])\n";

#[test]
fn the_change_is_shown_and_nothing_is_written() {
    let home = Home::new("connect-shown");
    home.write("app/main.py", GRAPH);
    expect![[r#"
        exit 0
        --- stdout
        --- a/app/main.py
        +++ b/app/main.py
        @@ -1,3 +1,5 @@
         from langgraph.prebuilt import create_react_agent
        +from agent_eval.trace import trace_agent
         
         agent = create_react_agent(model, tools=[])
        +agent = trace_agent(agent, domain="finance")
        --- stderr
        found agent (langgraph) in app/main.py:3
        nothing was changed; add --write to make this change
    "#]]
    .assert_eq(&home.run(&["connect", "--framework=langgraph", "--domain=finance", "app"]).all());
    assert_eq!(fs::read_to_string(home.path("app/main.py")).unwrap(), GRAPH);
}

#[test]
fn told_to_it_writes_the_change_once() {
    let home = Home::new("connect-written");
    home.write("main.py", GRAPH);
    let ran = home.run(&["connect", "--write", "--json", "main.py"]);
    assert_eq!(ran.json()["written"], true);
    let written = fs::read_to_string(home.path("main.py")).unwrap();
    assert!(written.ends_with("agent = trace_agent(agent, domain=\"auto\")\n"), "{written}");
    let again = home.run(&["connect", "--write", "main.py"]);
    assert_eq!(again.code, Some(3), "{again:#?}");
    assert!(again.stderr.contains("traced already: main.py:2"), "{}", again.stderr);
    assert_eq!(fs::read_to_string(home.path("main.py")).unwrap(), written);
}

#[test]
fn of_several_agents_the_user_chooses() {
    let home = Home::new("connect-several");
    home.write("one.py", "from pydantic_ai import Agent\nsupport = Agent('m')\nsales = Agent('m')\n");
    home.write("venv/pyvenv.cfg", "");
    home.write("venv/lib.py", GRAPH);
    expect![[r#"
        exit 2
        --- stdout
        --- stderr
        error: 2 agents could be meant; choose one with --agent NAME, or the path of its file:
          ./one.py:2  support  (pydantic-ai)
          ./one.py:3  sales  (pydantic-ai)
    "#]]
    .assert_eq(&home.run(&["connect"]).all());
    let ran = home.run(&["connect", "--agent", "sales"]);
    assert!(ran.stdout.contains("+sales = trace_agent(sales, domain=\"auto\")"), "{ran:#?}");
}

#[test]
fn what_is_not_found_is_not_guessed() {
    let home = Home::new("connect-nothing");
    home.write("main.py", GRAPH);
    expect![[r#"
        exit 3
        --- stdout
        --- stderr
        error: no agent was found in main.py; these do not fit what was asked for:
          main.py:3  agent  (langgraph)
        without a change of the source: `arc-eval run -- python PROGRAM.py`
    "#]]
    .assert_eq(&home.run(&["connect", "--framework=crewai", "main.py"]).all());
    assert_eq!(home.run(&["connect", "--framework=nonsense", "main.py"]).code, Some(2));
    assert_eq!(home.run(&["connect", "missing.py"]).code, Some(3));
}

#[test]
fn a_program_without_functions_needs_no_change() {
    let home = Home::new("connect-script");
    home.write("ask.py", "from openai import OpenAI\nprint(OpenAI().responses.create(model='m', input='hi'))\n");
    let ran = home.run(&["connect", "ask.py"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "arc-eval run -- python ask.py\n"), "{ran:#?}");
}
