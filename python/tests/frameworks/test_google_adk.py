"""Google ADK: a runner with a Gemini model, agents that hand over, a stream of events, and calls that fail."""

from __future__ import annotations

from .conftest import Lab, version_of

FRAMEWORK = "google-adk"

SCRIPT = """
[[reply]]
match = { contains = "weather", last_role = "user" }
tool_calls = [{ name = "get_weather", arguments = { city = "Oslo" } }]
usage = { input = 1200, output = 18, cached = 1024 }

[[reply]]
match = { last_role = "tool" }
text = "Take an umbrella."
usage = { input = 1300, output = 6, cached = 1152 }
"""

AGENT = """
import asyncio
from agent_eval.trace import ArcTracer
from google.adk.agents import Agent
from google.adk.runners import InMemoryRunner
from google.genai import types

def get_weather(city: str) -> str:
    "Returns the weather in a city."
    {body}

agent = Agent(name="weather", model="gemini-2.5-flash", tools=[get_weather])
{more}
runner = InMemoryRunner(agent=agent, app_name="travel")
traced = ArcTracer("travel").trace_agent(runner)

async def main():
    session = await runner.session_service.create_session(app_name="travel", user_id="ada")
    message = types.Content(role="user", parts=[types.Part(text="What is the weather in Oslo?")])
    async for event in traced.run_async(user_id="ada", session_id=session.id, new_message=message):
        if event.is_final_response() and event.content:
            print(event.content.parts[0].text)

asyncio.run(main())
"""

KEYS = {"GOOGLE_API_KEY": "none", "GOOGLE_GENAI_USE_VERTEXAI": "0", "PYTHONWARNINGS": "ignore"}


def run(lab: Lab, script: str, body: str = "return f'rain in {city}'", more: str = ""):
    return lab.run(AGENT.format(body=body, more=more), script, **KEYS)


def seen(recorded):
    """Returns the calls the framework told of; without ids from Gemini the transcript's cannot be the same."""
    return [tool for tool in recorded.tools if not tool.attributes.get("arc_eval.derived")]


def test_the_guide_is_a_run_with_its_calls(lab):
    done = lab.guide("google-adk", SCRIPT, **KEYS)
    assert (done.stdout, done.code) == ("Take an umbrella.\n", 0), done.stderr
    recorded = lab.recorded()
    assert recorded.framework == ("google-adk", version_of(FRAMEWORK, "google-adk"))
    assert recorded.run["agent"] == {"name": "weather", "version": "1.0"}
    assert recorded.run["user"] == "ada"
    assert recorded.run["session"] is not None
    assert recorded.run["input_preview"] == "What is the weather in Oslo?"
    assert recorded.run["output_preview"] == "Take an umbrella."
    assert (len(recorded.calls), recorded.tokens) == (2, (2500, 24))
    assert recorded.run["tool_calls"] == 1
    (tool,) = seen(recorded)
    assert (tool.tool["name"], tool.arguments, tool.result) == ("get_weather", {"city": "Oslo"}, "rain in Oslo")
    assert tool.attributes["code.file.path"].endswith("main.py")


def test_an_agent_that_hands_over_and_the_one_that_takes_over_are_within_the_run(lab):
    more = """
agent = Agent(name="desk", model="gemini-2.5-flash", sub_agents=[agent])
"""
    script = """
[[reply]]
match = { contains = "weather in Oslo", last_role = "user" }
times = 1
tool_calls = [{ name = "transfer_to_agent", arguments = { agent_name = "weather" } }]

[[reply]]
match = { contains = "weather", last_role = "tool" }
text = "unused"
times = 0

[[reply]]
times = 1
tool_calls = [{ name = "get_weather", arguments = { city = "Oslo" } }]

[[reply]]
text = "Take an umbrella."
"""
    done = run(lab, script, more=more)
    assert (done.stdout, done.code) == ("Take an umbrella.\n", 0), done.stderr
    recorded = lab.recorded()
    assert recorded.run["tool_calls"] == 2
    assert [tool.tool["name"] for tool in seen(recorded)] == ["transfer_to_agent", "get_weather"]
    assert [recorded.path(call)[1:] for call in recorded.calls] == [[], ["weather"], ["weather"]], recorded.tree()


def test_an_exception_of_a_tool_is_a_failed_run_at_that_tool(lab):
    done = run(lab, SCRIPT, body="raise RuntimeError('the station is gone')")
    assert done.code == 1
    recorded = lab.recorded()
    assert (recorded.verdict, recorded.run["termination"]) == ("failed", "exception")
    (tool,) = recorded.tools
    assert (tool.tool["name"], tool.error) == ("get_weather", "the station is gone")
    assert len(recorded.calls) == 1


def test_a_model_that_refuses_is_a_failed_run(lab):
    done = run(lab, '[[reply]]\nerror = "unauthorized"\n')
    assert done.code == 1
    recorded = lab.recorded()
    assert (recorded.verdict, recorded.run["termination"]) == ("failed", "exception")
    assert (len(recorded.calls), len(recorded.tools)) == (1, 0)
    assert recorded.calls[0].error is not None
