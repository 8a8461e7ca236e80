"""AutoGen: an agent, a stream, a team, tools of an MCP server, and calls that fail."""

from __future__ import annotations

from .conftest import version_of

FRAMEWORK = "autogen"

SCRIPT = """
[[reply]]
match = { contains = "weather", last_role = "user" }
tool_calls = [{ name = "get_weather", arguments = { city = "Oslo" }, id = "call_oslo" }]
usage = { input = 1200, output = 18, cached = 1024 }

[[reply]]
match = { last_role = "tool" }
text = "Take an umbrella."
usage = { input = 1300, output = 6, cached = 1152 }
"""

AGENT = """
import asyncio
from agent_eval.trace import ArcTracer
from autogen_agentchat.agents import AssistantAgent
from autogen_ext.models.openai import OpenAIChatCompletionClient

def get_weather(city: str) -> str:
    "Returns the weather in a city."
    {body}

model = OpenAIChatCompletionClient(model="gpt-4o-2024-08-06", max_retries=0)
agent = AssistantAgent("weather", model, tools=[get_weather], reflect_on_tool_use=True)
traced = ArcTracer("travel").trace_agent(agent)
"""


def test_the_guide_is_a_run_with_its_calls(lab):
    done = lab.guide("autogen", SCRIPT)
    assert (done.stdout, done.stderr, done.code) == ("Take an umbrella.\n", "", 0)
    run = lab.recorded()
    assert run.framework == ("autogen", version_of(FRAMEWORK, "autogen-agentchat"))
    assert run.run["agent"] == {"name": "weather", "version": "1.0"}
    assert run.run["output_preview"] == "Take an umbrella."
    assert (len(run.calls), run.tokens, len(run.tools)) == (2, (2500, 24), 1)
    (tool,) = run.tools
    assert (tool.tool["name"], tool.arguments, tool.result) == ("get_weather", {"city": "Oslo"}, "rain in Oslo")
    assert tool.tool["id"] == "call_oslo"
    assert tool.attributes["code.file.path"].endswith("main.py")


def test_a_stream_is_a_run_that_ends_with_its_last_item(lab):
    code = (
        AGENT.format(body="return f'rain in {city}'")
        + """
async def main():
    async for item in traced.run_stream(task="What is the weather in Oslo?"):
        print(type(item).__name__)

asyncio.run(main())
"""
    )
    done = lab.run(code, SCRIPT)
    names = "TextMessage ToolCallRequestEvent ToolCallExecutionEvent TextMessage TaskResult"
    assert (done.stdout.split(), done.stderr, done.code) == (names.split(), "", 0)
    run = lab.recorded()
    assert (len(run.calls), run.tokens, len(run.tools)) == (2, (2500, 24), 1)
    assert run.run["output_preview"] == "Take an umbrella."
    assert run.run["termination"] == "completed"


def test_the_agents_of_a_team_are_within_its_run(lab):
    code = (
        AGENT.format(body="return f'rain in {city}'")
        + """
from autogen_agentchat.conditions import MaxMessageTermination
from autogen_agentchat.teams import RoundRobinGroupChat

writer = AssistantAgent("writer", model)
team = RoundRobinGroupChat([agent, writer], termination_condition=MaxMessageTermination(3))
traced = ArcTracer("travel", agent="desk").trace_agent(team)
print(asyncio.run(traced.run(task="What is the weather in Oslo?")).messages[-1].content)
"""
    )
    script = (
        """
[[reply]]
match = { contains = "umbrella" }
text = "Umbrellas for everybody."
usage = { input = 100, output = 5 }
"""
        + SCRIPT
    )
    done = lab.run(code, script)
    assert (done.stdout, done.stderr, done.code) == ("Umbrellas for everybody.\n", "", 0)
    run = lab.recorded()
    assert run.framework[0] == "autogen"
    assert (len(run.calls), run.tokens, len(run.tools)) == (3, (2600, 29), 1)
    assert [run.path(call)[1:] for call in run.calls] == [["weather"], ["weather"], ["writer"]]
    assert run.path(run.tools[0])[1:] == ["weather"]
    assert run.run["output_preview"] == "Umbrellas for everybody."


def test_an_exception_of_a_tool_is_a_failed_call_though_the_run_goes_on(lab):
    code = (
        AGENT.format(body="raise RuntimeError('the station is gone')")
        + """
print(asyncio.run(traced.run(task="What is the weather in Oslo?")).messages[-1].content)
"""
    )
    done = lab.run(code, SCRIPT)
    assert (done.stdout, done.code) == ("Take an umbrella.\n", 0)
    run = lab.recorded()
    (tool,) = run.tools
    assert (tool.tool["name"], tool.error) == ("get_weather", "the station is gone")
    assert run.verdict == "unknown"
    assert [found["leaf"] for found in run.run["findings"]] == ["tool-error"]


def test_a_model_that_refuses_is_a_failed_run(lab):
    code = AGENT.format(body="return 'rain'") + 'asyncio.run(traced.run(task="What is the weather in Oslo?"))'
    done = lab.run(code, '[[reply]]\nerror = "unauthorized"\n')
    assert done.code == 1
    run = lab.recorded()
    assert (run.verdict, run.run["termination"]) == ("failed", "exception")
    assert (len(run.calls), len(run.tools)) == (1, 0)
    assert run.calls[0].error is not None


def test_a_tool_of_an_mcp_workbench_is_a_call_with_its_id(lab):
    station = """
from mcp.server.fastmcp import FastMCP

server = FastMCP("weather-station")


@server.tool()
def get_weather(city: str) -> str:
    "Returns the weather in a city."
    return f"rain in {city}"


server.run()
"""
    (lab.folder / "station.py").write_text(station)
    code = """
import asyncio, sys
from agent_eval.trace import ArcTracer
from autogen_agentchat.agents import AssistantAgent
from autogen_ext.models.openai import OpenAIChatCompletionClient
from autogen_ext.tools.mcp import McpWorkbench, StdioServerParams

model = OpenAIChatCompletionClient(model="gpt-4o-2024-08-06")

async def main():
    async with McpWorkbench(StdioServerParams(command=sys.executable, args=["station.py"])) as workbench:
        agent = AssistantAgent("weather", model, workbench=workbench, reflect_on_tool_use=True)
        traced = ArcTracer("travel").trace_agent(agent)
        print((await traced.run(task="What is the weather in Oslo?")).messages[-1].content)

asyncio.run(main())
"""
    done = lab.run(code, SCRIPT)
    assert (done.stdout, done.code) == ("Take an umbrella.\n", 0), done.stderr
    run = lab.recorded()
    assert (run.run["llm_calls"], run.tokens, run.run["tool_calls"]) == (2, (2500, 24), 1), run.tree()
    asked, sent = run.tools
    assert (asked.tool["name"], asked.tool["id"], asked.result) == ("get_weather", "call_oslo", "rain in Oslo")
    assert sent.attributes["mcp.server.name"] == "weather-station", sent.attributes
