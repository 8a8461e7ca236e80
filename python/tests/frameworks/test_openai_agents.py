"""OpenAI Agents SDK: runs of traced agents, their handoffs and tools, from its tracing."""

from __future__ import annotations

from .conftest import UMBRELLA, Lab, guide_code, version_of

FRAMEWORK = "openai-agents"

HEAD = """
import asyncio
from agents import Agent, Runner, function_tool
from agent_eval.trace import ArcTracer
"""

BROKEN_TOOL = (
    HEAD
    + """
@function_tool(failure_error_function=None)
def get_weather(city: str) -> str:
    raise RuntimeError("the weather station is gone")

agent = ArcTracer("travel").trace_agent(Agent(name="Weather", model="gpt-4o", tools=[get_weather]))
Runner.run_sync(agent, "weather in Oslo?")
"""
)

HANDED_OFF = (
    HEAD
    + """
from agents import set_trace_processors
set_trace_processors([])

@function_tool
def get_weather(city: str) -> str:
    return f"rain in {city}"

forecaster = Agent(name="Forecaster", model="gpt-4o-mini", tools=[get_weather])
triage = Agent(name="Triage", model="gpt-4o", handoffs=[forecaster])
ArcTracer("travel").trace_agent(triage)

async def main():
    result = Runner.run_streamed(triage, "weather in Oslo?")
    async for event in result.stream_events():
        if event.type == "raw_response_event" and event.data.type == "response.output_text.delta":
            print(event.data.delta, end="")

asyncio.run(main())
"""
)

HANDED_OFF_SCRIPT = """
[[reply]]
match = { model = "gpt-4o" }
tool_calls = [{ name = "transfer_to_forecaster", arguments = {} }]
usage = { input = 10, output = 1 }
times = 1

[[reply]]
match = { model = "gpt-4o-mini" }
tool_calls = [{ name = "get_weather", arguments = { city = "Oslo" } }]
usage = { input = 20, output = 2 }
times = 1

[[reply]]
match = { model = "gpt-4o-mini", contains = "rain in Oslo" }
text = "Take an umbrella."
usage = { input = 30, output = 3 }
"""

TREE = """\
agent Weather
  llm chat gpt-4o
  tool execute_tool get_weather
  llm chat gpt-4o"""


def test_the_guide_shows_the_run_it_promises(lab: Lab) -> None:
    done = lab.guide("openai-agents", UMBRELLA)
    assert (done.stdout, done.code) == ("Take an umbrella.\n", 0), done.stderr
    run = lab.recorded()
    assert run.framework == ("openai-agents", version_of(FRAMEWORK, "openai-agents"))
    assert run.tree() == TREE
    assert run.tokens == (2500, 24)
    assert run.run["input_preview"] == "Do I need an umbrella in Oslo?"
    assert run.run["output_preview"] == "Take an umbrella."
    (tool,) = run.tools
    assert (tool.tool["name"], tool.arguments, tool.result) == ("get_weather", {"city": "Oslo"}, "rain in Oslo")
    assert tool.tool["id"] == "call_1"
    assert tool.attributes["code.file.path"] == str(lab.folder / "main.py")


def test_a_tool_that_raises_fails_the_run_at_the_tool(lab: Lab) -> None:
    done = lab.run(BROKEN_TOOL, UMBRELLA)
    assert done.code == 1
    assert "the weather station is gone" in done.stderr
    run = lab.recorded()
    assert (run.verdict, run.run["termination"]) == ("failed", "exception")
    (tool,) = run.tools
    assert "the weather station is gone" in (tool.error or "")
    assert tool.tool.get("result") is None
    assert (len(run.calls), run.calls[0].error) == (1, None)


def test_a_streamed_run_with_a_handoff_shows_both_agents(lab: Lab) -> None:
    done = lab.run(HANDED_OFF, HANDED_OFF_SCRIPT)
    assert (done.stdout, done.code) == ("Take an umbrella.", 0), done.stderr
    run = lab.recorded()
    assert run.tokens == (60, 6)
    assert run.run["output_preview"] == "Take an umbrella."
    assert [tool.tool["name"] for tool in run.tools] == ["get_weather"], run.tree()
    assert run.path(run.tools[0]) == ["Triage", "Forecaster"]
    assert [run.path(call) for call in run.calls] == [["Triage"], ["Triage", "Forecaster"], ["Triage", "Forecaster"]]
    assert [request["stream"] for request in lab.requests] == [True, True, True]


def test_an_error_of_the_model_fails_the_run_at_the_call(lab: Lab) -> None:
    script = '[[reply]]\nerror = "bad_request"\nerror_message = "context too long"\n'
    done = lab.guide("openai-agents", script)
    assert done.code == 1
    run = lab.recorded()
    assert run.verdict == "failed"
    (call,) = run.calls
    assert "context too long" in (call.error or "")


def test_processors_of_the_host_and_the_sdks_exporter_stay(lab: Lab) -> None:
    host = """
from agents import add_trace_processor
from agents.tracing import TracingProcessor, get_trace_provider

seen = []

class Host(TracingProcessor):
    def on_trace_start(self, trace): pass
    def on_trace_end(self, trace): pass
    def on_span_start(self, span): seen.append(span.span_data.type)
    def on_span_end(self, span): pass
    def shutdown(self): pass
    def force_flush(self): pass

add_trace_processor(Host())
"""
    names = "[type(one).__name__ for one in get_trace_provider()._multi_processor._processors]"
    tail = f"print(seen.count('function'), {names})\n"
    done = lab.run(host + guide_code("openai-agents") + tail, UMBRELLA)
    assert done.code == 0, done.stderr
    assert done.stdout.splitlines()[1:] == ["1 ['BatchTraceProcessor', 'Host', 'ArcEvalProcessor']"], done.stdout
    assert lab.recorded().tree() == TREE
