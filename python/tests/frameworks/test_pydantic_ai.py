"""Pydantic AI: an agent, a stream, an agent within an agent, and runs that fail."""

from __future__ import annotations

from .conftest import version_of

FRAMEWORK = "pydantic-ai"

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
from pydantic_ai import Agent, ModelRetry

agent = Agent("openai-chat:gpt-4o", name="weather")

@agent.tool_plain
def get_weather(city: str) -> str:
    {body}

traced = ArcTracer("travel").trace_agent(agent)
"""


def test_the_guide_is_a_run_with_its_calls(lab):
    done = lab.guide("pydantic-ai", SCRIPT)
    assert (done.stdout, done.stderr, done.code) == ("Take an umbrella.\n", "", 0)
    run = lab.recorded()
    assert run.framework == ("pydantic-ai", version_of(FRAMEWORK, "pydantic-ai-slim"))
    assert run.run["agent"] == {"name": "weather", "version": "1.0"}
    assert (len(run.calls), run.tokens, len(run.tools)) == (2, (2500, 24), 1)
    (tool,) = run.tools
    assert (tool.tool["name"], tool.arguments, tool.result) == ("get_weather", {"city": "Oslo"}, "rain in Oslo")
    assert tool.tool["id"] == "call_oslo"
    assert tool.attributes["code.file.path"].endswith("main.py")
    assert tool.attributes["code.line.number"] > 1
    assert run.run["output_preview"] == "Take an umbrella."


def test_a_stream_is_a_run_too(lab):
    code = (
        AGENT.format(body="return f'rain in {city}'")
        + """
async def main():
    async with traced.run_stream("What is the weather in Oslo?") as answer:
        print(await answer.get_output())

asyncio.run(main())
"""
    )
    done = lab.run(code, SCRIPT)
    assert (done.stdout, done.stderr, done.code) == ("Take an umbrella.\n", "", 0)
    run = lab.recorded()
    assert (len(run.calls), run.tokens, len(run.tools)) == (2, (2500, 24), 1)
    assert run.tools[0].result == "rain in Oslo"
    assert run.run["termination"] == "completed"


def test_an_agent_within_a_tool_is_within_it_in_the_run(lab):
    code = """
from agent_eval.trace import ArcTracer
from pydantic_ai import Agent

expert = Agent("openai-chat:gpt-4o", name="expert")
agent = Agent("openai-chat:gpt-4o", name="weather")

@expert.tool_plain
def measure(place: str) -> str:
    return "wet"

@agent.tool_plain
async def get_weather(city: str) -> str:
    return (await expert.run(f"measure {city}")).output

print(ArcTracer().trace_agent(agent).run_sync("What is the weather in Oslo?").output)
"""
    script = (
        """
[[reply]]
match = { contains = "measure", last_role = "user" }
tool_calls = [{ name = "measure", arguments = { place = "roof" } }]
[[reply]]
match = { contains = "wet", last_role = "tool" }
text = "rain in Oslo"
"""
        + SCRIPT
    )
    done = lab.run(code, script)
    assert (done.stdout, done.stderr, done.code) == ("Take an umbrella.\n", "", 0)
    run = lab.recorded()
    assert (len(run.calls), len(run.tools)) == (4, 2)
    outer, inner = run.tools
    assert run.path(inner)[1] == outer.name == "execute_tool get_weather"
    assert [len(run.path(call)) for call in run.calls] == [1, 2, 2, 1]


def test_a_tool_that_raises_is_a_failed_run_at_that_tool(lab):
    code = (
        AGENT.format(body="raise RuntimeError('the station is gone')")
        + """
traced.run_sync("What is the weather in Oslo?")
"""
    )
    done = lab.run(code, SCRIPT)
    assert done.code == 1
    assert done.stderr.endswith("RuntimeError: the station is gone\n")
    run = lab.recorded()
    assert (run.verdict, run.run["termination"]) == ("failed", "exception")
    (tool,) = run.tools
    assert (tool.tool["name"], tool.error) == ("get_weather", "the station is gone")
    assert (len(run.calls), run.tokens) == (1, (1200, 18))


def test_a_retry_that_a_tool_asks_for_is_a_failed_call_and_the_next_one_another(lab):
    body = "if city == 'Oslo': raise ModelRetry('which Oslo?')\n    return f'rain in {city}'"
    script = (
        """
[[reply]]
match = { contains = "which Oslo", last_role = "tool" }
tool_calls = [{ name = "get_weather", arguments = { city = "Oslo, Norway" } }]
"""
        + SCRIPT
    )
    done = lab.run(AGENT.format(body=body) + 'print(traced.run_sync("What is the weather in Oslo?").output)', script)
    assert (done.stdout, done.code) == ("Take an umbrella.\n", 0)
    run = lab.recorded()
    assert [(tool.error, tool.result) for tool in run.tools] == [("which Oslo?", None), (None, "rain in Oslo, Norway")]
    assert len(run.calls) == 3


def test_spans_of_the_frameworks_own_instrumentation_are_part_of_the_run_and_count_once(lab):
    code = (
        AGENT.format(body="return f'rain in {city}'")
        + """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
Agent.instrument_all()
print(traced.run_sync("What is the weather in Oslo?").output)
print(sorted(span.name for span in exporter.get_finished_spans()))
"""
    )
    done = lab.run(code, SCRIPT, OTEL_SDK_DISABLED="false")
    names = ["chat gpt-4o", "chat gpt-4o", "execute_tool get_weather", "invoke_agent weather"]
    assert (done.stdout.split("\n")[:2], done.code) == (["Take an umbrella.", str(names)], 0), done.stderr
    run = lab.recorded()
    assert (run.run["llm_calls"], run.tokens, run.run["tool_calls"]) == (2, (2500, 24), 1)
    assert run.framework[0] == "pydantic-ai"


def test_a_tool_of_an_mcp_server_counts_once_and_names_the_server(lab):
    station = """
from mcp.server.mcpserver import MCPServer

server = MCPServer("weather-station")


@server.tool()
def get_weather(city: str) -> str:
    "Returns the weather in a city."
    return f"rain in {city}"


server.run()
"""
    (lab.folder / "station.py").write_text(station)
    code = """
import sys
from agent_eval.trace import ArcTracer
from fastmcp.client.transports import StdioTransport
from pydantic_ai import Agent
from pydantic_ai.mcp import MCPToolset

agent = Agent(
    "openai-chat:gpt-4o", name="weather", toolsets=[MCPToolset(StdioTransport(sys.executable, ["station.py"]))]
)
print(ArcTracer("travel").trace_agent(agent).run_sync("What is the weather in Oslo?").output)
"""
    done = lab.run(code, SCRIPT)
    assert (done.stdout, done.code) == ("Take an umbrella.\n", 0), done.stderr
    run = lab.recorded()
    assert (run.run["llm_calls"], run.tokens, run.run["tool_calls"]) == (2, (2500, 24), 1), run.tree()
    assert [tool.attributes.get("mcp.server.name") for tool in run.tools] == [None, "weather-station"]
    assert run.tools[0].result == "rain in Oslo"
