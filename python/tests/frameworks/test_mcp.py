"""The Model Context Protocol's client: a call, an answer that is an error, and a call that a model asked for."""

from __future__ import annotations

import re

from .conftest import GUIDES

FRAMEWORK = "mcp"

AGENT = """
import asyncio, json, sys
import openai
from agent_eval.trace import ArcTracer
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

@ArcTracer("travel").trace_agent
async def weather(question):
    station = StdioServerParameters(command=sys.executable, args=["station.py"])
    async with stdio_client(station) as (read, write), ClientSession(read, write) as session:
        await session.initialize()
        {body}

print(asyncio.run(weather("What is the weather in Oslo?")))
"""

LOOP = """
        messages = [{"role": "user", "content": question}]
        client = openai.AsyncOpenAI(max_retries=0)
        while True:
            answer = await client.chat.completions.create(model="gpt-4o", messages=messages)
            message = answer.choices[0].message
            if not message.tool_calls:
                return message.content
            messages.append(message.model_dump(exclude_none=True))
            for call in message.tool_calls:
                result = await session.call_tool(call.function.name, json.loads(call.function.arguments))
                messages.append({"role": "tool", "tool_call_id": call.id, "content": result.content[0].text})
"""

SCRIPT = """
[[reply]]
match = { contains = "weather", last_role = "user" }
tool_calls = [{ name = "get_weather", arguments = { city = "Oslo" }, id = "call_oslo" }]
usage = { input = 1200, output = 18 }

[[reply]]
match = { last_role = "tool" }
text = "Take an umbrella."
usage = { input = 1300, output = 6 }
"""


def station(lab, body="return f'rain in {city}'"):
    """Writes the guide's server."""
    (code,) = re.findall(r"^```py\n(.*?)^```$", (GUIDES / "mcp.md").read_text(), re.DOTALL | re.MULTILINE)
    (lab.folder / "station.py").write_text(code.replace('return f"rain in {city}"', body))


def test_the_guide_is_a_run_with_its_call(lab):
    station(lab)
    done = lab.guide("mcp", SCRIPT)
    assert (done.stdout, done.stderr, done.code) == ("rain in Oslo\n", "", 0)
    run = lab.recorded()
    assert (len(run.calls), len(run.tools), run.run["tool_calls"]) == (0, 1, 1)
    (tool,) = run.tools
    assert (tool.tool["name"], tool.arguments, tool.result) == ("get_weather", {"city": "Oslo"}, "rain in Oslo")
    assert tool.attributes["mcp.server.name"] == "weather-station"
    assert tool.attributes["mcp.method.name"] == "tools/call"
    assert run.run["output_preview"] == "rain in Oslo"


def test_a_call_that_a_model_asked_for_counts_once(lab):
    station(lab)
    done = lab.run(AGENT.replace("{body}", LOOP.strip()), SCRIPT)
    assert (done.stdout, done.stderr, done.code) == ("Take an umbrella.\n", "", 0)
    run = lab.recorded()
    assert (len(run.calls), run.tokens, run.run["tool_calls"]) == (2, (2500, 24), 1)
    assert {tool.tool["name"] for tool in run.tools} == {"get_weather"}


def test_an_answer_that_says_it_is_an_error_is_a_failed_call(lab):
    station(lab, "raise ValueError('no such city')")
    body = 'return (await session.call_tool("get_weather", {"city": "Atlantis"})).content[0].text'
    done = lab.run(AGENT.replace("{body}", body), SCRIPT)
    assert done.code == 0
    run = lab.recorded()
    (tool,) = run.tools
    assert tool.error == "Error executing tool get_weather"
    assert [found["leaf"] for found in run.run["findings"]] == ["tool-error"]


def test_a_server_that_dies_is_a_failed_run_at_its_call(lab):
    station(lab, "import os; os._exit(3)")
    body = 'return (await session.call_tool("get_weather", {"city": "Oslo"})).content[0].text'
    done = lab.run(AGENT.replace("{body}", body), SCRIPT)
    assert done.code == 1
    run = lab.recorded()
    assert (run.verdict, run.run["termination"]) == ("failed", "exception")
    (tool,) = run.tools
    assert tool.error is not None
