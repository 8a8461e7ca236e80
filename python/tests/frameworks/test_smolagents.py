"""smolagents: agents that write code and agents that call tools, managed agents, and calls that fail."""

from __future__ import annotations

from .conftest import version_of

FRAMEWORK = "smolagents"

CODE = '''
[[reply]]
match = { contains = "weather in Oslo" }
times = 1
text = """Thought: I look it up.
<code>
answer = get_weather(city="Oslo")
print(answer)
</code>"""
usage = { input = 1200, output = 18, cached = 1024 }

[[reply]]
text = """Thought: Done.
<code>
final_answer("Take an umbrella.")
</code>"""
usage = { input = 1300, output = 6, cached = 1152 }
'''

CALLS = """
[[reply]]
match = { contains = "weather in Oslo" }
times = 1
tool_calls = [{ name = "get_weather", arguments = { city = "Oslo" }, id = "call_oslo" }]
usage = { input = 1200, output = 18, cached = 1024 }

[[reply]]
tool_calls = [{ name = "final_answer", arguments = { answer = "Take an umbrella." } }]
usage = { input = 1300, output = 6, cached = 1152 }
"""

AGENT = '''
from agent_eval.trace import ArcTracer
from smolagents import CodeAgent, OpenAIServerModel, ToolCallingAgent, tool

@tool
def get_weather(city: str) -> str:
    """Returns the weather in a city.

    Args:
        city: The name of the city.
    """
    {body}

model = OpenAIServerModel("gpt-4o")
agent = {kind}(tools=[get_weather], model=model, name="weather", verbosity_level=0)
traced = ArcTracer("travel").trace_agent(agent)
'''

ASK = """
print(traced.run("What is the weather in Oslo?"))
"""


def test_the_guide_is_a_run_with_its_calls(lab):
    done = lab.guide("smolagents", CODE)
    assert (done.stdout, done.stderr, done.code) == ("Take an umbrella.\n", "", 0)
    run = lab.recorded()
    assert run.framework == ("smolagents", version_of(FRAMEWORK, "smolagents"))
    assert run.run["agent"] == {"name": "weather", "version": "1.0"}
    assert run.run["output_preview"] == "Take an umbrella."
    assert (len(run.calls), run.tokens, len(run.tools)) == (2, (2500, 24), 1)
    (tool,) = run.tools
    assert (tool.tool["name"], tool.arguments, tool.result) == ("get_weather", {"city": "Oslo"}, "rain in Oslo")
    assert tool.attributes["code.file.path"].endswith("main.py")


def test_a_tool_that_the_model_asks_for_by_name_has_its_id(lab):
    done = lab.run(AGENT.format(kind="ToolCallingAgent", body="return f'rain in {city}'") + ASK, CALLS)
    assert (done.stdout, done.stderr, done.code) == ("Take an umbrella.\n", "", 0)
    run = lab.recorded()
    assert (len(run.calls), run.tokens, len(run.tools), run.run["tool_calls"]) == (2, (2500, 24), 1, 1)
    (tool,) = run.tools
    assert (tool.tool["name"], tool.arguments, tool.result) == ("get_weather", {"city": "Oslo"}, "rain in Oslo")
    assert tool.tool["id"] == "call_oslo"
    assert tool.attributes["code.file.path"].endswith("main.py")


def test_tools_that_run_at_the_same_time_have_each_their_own_id(lab):
    second = 'id = "call_oslo" }, { name = "get_weather", arguments = { city = "Bergen" }, id = "call_bergen" }]'
    script = CALLS.replace('id = "call_oslo" }]', second)
    done = lab.run(AGENT.format(kind="ToolCallingAgent", body="return f'rain in {city}'") + ASK, script)
    assert (done.stdout, done.stderr, done.code) == ("Take an umbrella.\n", "", 0)
    run = lab.recorded()
    calls = sorted((tool.tool["id"], tool.arguments["city"], tool.result) for tool in run.tools)
    assert calls == [("call_bergen", "Bergen", "rain in Bergen"), ("call_oslo", "Oslo", "rain in Oslo")]


def test_a_stream_is_a_run_and_its_final_answer_the_output(lab):
    code = (
        AGENT.format(kind="CodeAgent", body="return f'rain in {city}'")
        + """
for step in traced.run("What is the weather in Oslo?", stream=True):
    last = step
print(last.output)
"""
    )
    done = lab.run(code, CODE)
    assert (done.stdout, done.stderr, done.code) == ("Take an umbrella.\n", "", 0)
    run = lab.recorded()
    assert (len(run.calls), run.tokens, len(run.tools)) == (2, (2500, 24), 1)
    assert run.run["output_preview"] == "Take an umbrella."


def test_a_managed_agent_is_within_the_run(lab):
    code = (
        AGENT.format(kind="ToolCallingAgent", body="return f'rain in {city}'").replace(
            'name="weather",', 'name="expert", description="Knows weather.",'
        )
        + """
boss = CodeAgent(tools=[], model=model, name="boss", managed_agents=[agent], verbosity_level=0)
print(ArcTracer().trace_agent(boss).run("Advise me."))
"""
    )
    script = (
        '''
[[reply]]
match = { contains = "Advise me" }
times = 1
text = """Thought: I ask.
<code>
print(expert(task="the weather in Oslo"))
</code>"""
'''
        + CALLS.replace(
            '[[reply]]\ntool_calls = [{ name = "final', '[[reply]]\ntimes = 1\ntool_calls = [{ name = "final'
        )
        + '''
[[reply]]
text = """Thought: Done.
<code>
final_answer("Boots.")
</code>"""
'''
    )
    done = lab.run(code, script)
    assert (done.stdout, done.stderr, done.code) == ("Boots.\n", "", 0)
    run = lab.recorded()
    assert (len(run.calls), len(run.tools)) == (4, 1)
    assert [run.path(call) for call in run.calls] == [["boss"], ["boss", "expert"], ["boss", "expert"], ["boss"]]
    assert run.path(run.tools[0]) == ["boss", "expert"]


def test_an_exception_of_a_tool_is_a_failed_call_though_the_run_goes_on(lab):
    body = "raise RuntimeError('the station is gone')"
    done = lab.run(AGENT.format(kind="CodeAgent", body=body) + ASK, CODE)
    assert (done.stdout.splitlines()[-1], done.code) == ("Take an umbrella.", 0)
    run = lab.recorded()
    (tool,) = run.tools
    assert (tool.tool["name"], tool.error) == ("get_weather", "the station is gone")
    assert [found["leaf"] for found in run.run["findings"]] == ["tool-error"]


def test_a_tool_that_is_not_there_is_a_failed_call_too(lab):
    done = lab.run(
        AGENT.format(kind="ToolCallingAgent", body="return 'rain'") + ASK,
        CALLS.replace('"get_weather"', '"get_wether"'),
    )
    assert (done.stdout.splitlines()[-1], done.code) == ("Take an umbrella.", 0)
    run = lab.recorded()
    (tool,) = run.tools
    assert (tool.tool["name"], tool.tool["id"]) == ("get_wether", "call_oslo")
    assert tool.error.startswith("Unknown tool get_wether")


def test_a_model_that_refuses_is_a_failed_run(lab):
    done = lab.run(AGENT.format(kind="CodeAgent", body="return 'rain'") + ASK, '[[reply]]\nerror = "unauthorized"\n')
    assert done.code == 1
    run = lab.recorded()
    assert (run.verdict, run.run["termination"]) == ("failed", "exception")
    assert (len(run.calls), len(run.tools)) == (1, 0)
