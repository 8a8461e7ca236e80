//! Source in, traced source out.
#![expect(clippy::needless_raw_string_hashes, reason = "expect-test writes its snapshots with them")]

use expect_test::{Expect, expect};

use super::*;

/// Shows what was found, and the source with the edits of the only candidate made.
fn check(source: &str, expected: &Expect) {
    let found = find_agents(source, "finance", Catalog::builtin());
    let heading = |found: &Candidate| format!("# {} `{}` in line {}\n", found.framework, found.name, found.line);
    let mut shown: String = found.candidates.iter().map(heading).collect();
    match found.candidates.as_slice() {
        [Candidate { how: How::Edits(edits), .. }] => shown += &Edit::apply(edits, source),
        [Candidate { how: How::WholeProgram, .. }] => shown += "# the whole program\n",
        _ => {}
    }
    expected.assert_eq(&shown);
}

#[test]
fn an_agent_that_gets_a_name_is_traced_in_the_line_below() {
    check(
        "from langgraph.prebuilt import create_react_agent\n\nagent = create_react_agent(\n    model,\n    tools=[],\n)\nprint(agent)\n",
        &expect![[r#"
            # langgraph `agent` in line 3
            from langgraph.prebuilt import create_react_agent
            from agent_eval.trace import trace_agent

            agent = create_react_agent(
                model,
                tools=[],
            )
            agent = trace_agent(agent, domain="finance")
            print(agent)
        "#]],
    );
}

#[test]
fn an_agent_that_is_returned_is_traced_where_it_is_made() {
    check(
        "import crewai\n\nclass Team:\n    def crew(self):\n        return crewai.Crew(agents=self.agents, tasks=self.tasks)\n",
        &expect![[r#"
            # crewai `Crew` in line 5
            import crewai
            from agent_eval.trace import trace_agent

            class Team:
                def crew(self):
                    return trace_agent(crewai.Crew(agents=self.agents, tasks=self.tasks), domain="finance")
        "#]],
    );
}

#[test]
fn the_members_of_a_crew_are_not_the_agent() {
    check(
        "from crewai import Agent, Crew, Task\nwriter = Agent(role='w')\neditor = Agent(role='e')\nteam = Crew(agents=[writer, editor], tasks=[])\n",
        &expect![[r#"
            # crewai `team` in line 4
            from crewai import Agent, Crew, Task
            from agent_eval.trace import trace_agent
            writer = Agent(role='w')
            editor = Agent(role='e')
            team = Crew(agents=[writer, editor], tasks=[])
            team = trace_agent(team, domain="finance")
        "#]],
    );
}

#[test]
fn a_graph_is_what_compile_returns() {
    check(
        "from langgraph.graph import StateGraph as Graph\nbuilder = Graph(dict)\nbuilder.add_node('a', print)\nself.app = builder.compile()  # ready\n",
        &expect![[r#"
            # langgraph `self.app` in line 4
            from langgraph.graph import StateGraph as Graph
            from agent_eval.trace import trace_agent
            builder = Graph(dict)
            builder.add_node('a', print)
            self.app = builder.compile()  # ready
            self.app = trace_agent(self.app, domain="finance")
        "#]],
    );
}

#[test]
fn two_agents_side_by_side_are_two_candidates() {
    check(
        "from pydantic_ai import Agent\nsupport = Agent('m')\nsales = Agent('m')\n",
        &expect![[r#"
            # pydantic-ai `support` in line 2
            # pydantic-ai `sales` in line 3
        "#]],
    );
}

#[test]
fn the_agent_that_is_started_is_the_agent() {
    check(
        "from agents import Agent, Runner\na = Agent(name='a')\nb = Agent(name='b')\nprint(Runner.run_sync(b, 'hi'))\n",
        &expect![[r#"
            # openai-agents `b` in line 3
            from agents import Agent, Runner
            from agent_eval.trace import trace_agent
            a = Agent(name='a')
            b = Agent(name='b')
            b = trace_agent(b, domain="finance")
            print(Runner.run_sync(b, 'hi'))
        "#]],
    );
}

#[test]
fn a_users_own_module_is_not_a_framework() {
    check("from agents.sales import Agent\nfrom .agents import Runner\na = Agent()\n", &expect![""]);
}

#[test]
fn without_a_framework_the_outer_function_that_calls_a_model_is_the_agent() {
    check(
        "#!/usr/bin/env python\n\"\"\"Answers.\"\"\"\nfrom openai import OpenAI\n\nclient = OpenAI()\n\ndef ask(text):\n    return client.chat.completions.create(model='m', messages=[])\n\n@cached\ndef answer(question):\n    plan = client.responses.create(model='m', input='x')\n    return ask(plan)\n",
        &expect![[r#"
            # openai `answer` in line 11
            #!/usr/bin/env python
            """Answers."""
            from openai import OpenAI
            from agent_eval.trace import trace_agent

            client = OpenAI()

            def ask(text):
                return client.chat.completions.create(model='m', messages=[])

            @cached
            @trace_agent(domain="finance")
            def answer(question):
                plan = client.responses.create(model='m', input='x')
                return ask(plan)
        "#]],
    );
}

#[test]
fn a_client_that_comes_from_elsewhere_is_known_by_its_import_and_its_methods() {
    check(
        "import anthropic\n\nclass Bot:\n    async def reply(self, text):\n        return await self.client.messages.create(model='m')\n",
        &expect![[r#"
            # anthropic `reply` in line 4
            import anthropic
            from agent_eval.trace import trace_agent

            class Bot:
                @trace_agent(domain="finance")
                async def reply(self, text):
                    return await self.client.messages.create(model='m')
        "#]],
    );
}

#[test]
fn calls_outside_any_function_make_the_whole_program_the_run() {
    check(
        "from openai import OpenAI\nprint(OpenAI().chat.completions.create(model='m', messages=[]))\n",
        &expect![[r#"
            # openai `the program` in line 2
            # the whole program
        "#]],
    );
}

#[test]
fn line_endings_stay_as_they_are() {
    let source = "from pydantic_ai import Agent\r\nagent = Agent('m')\r\n";
    let found = find_agents(source, "auto", Catalog::builtin());
    let [Candidate { how: How::Edits(edits), .. }] = found.candidates.as_slice() else { panic!("{found:?}") };
    let traced = Edit::apply(edits, source);
    assert_eq!(traced.matches("\r\n").count(), traced.matches('\n').count());
    assert!(traced.contains("agent = Agent('m')\r\nagent = trace_agent(agent, domain=\"auto\")\r\n"), "{traced}");
}

#[test]
fn a_traced_program_says_where() {
    let found = find_agents("import os\nfrom agent_eval.trace import ArcTracer\n", "auto", Catalog::builtin());
    assert_eq!(found.traced_at, Some(2));
}

#[test]
fn source_that_is_no_python_gives_nothing_and_says_so() {
    let found = find_agents("}{ class class (((( \u{0} é", "auto", Catalog::builtin());
    assert!(found.is_partly_unreadable && found.candidates.is_empty());
    let deep = format!("x = {}{}", "[".repeat(3_000), "]".repeat(3_000));
    assert!(find_agents(&deep, "auto", Catalog::builtin()).candidates.is_empty());
}

#[test]
fn a_pattern_stands_for_any_module_of_its_package() {
    assert!(matches("crewai.*.Crew", "crewai.Crew") && matches("crewai.*.Crew", "crewai.crew.Crew"));
    assert!(!matches("crewai.*.Crew", "crewai.Crew.kickoff") && !matches("agents.Agent", "agents.x.Agent"));
}
