"""The `openai` package without a framework: the guide, a failing run, and an asynchronous stream."""

from __future__ import annotations

from .conftest import UMBRELLA, Lab, guide_code

FRAMEWORK = "openai"

STREAMED = """
import asyncio
from openai import AsyncOpenAI
from agent_eval.trace import trace_agent

@trace_agent
async def talk(question):
    async with AsyncOpenAI() as client:
        chunks = await client.chat.completions.create(
            model="gpt-4o", messages=[{"role": "user", "content": question}], stream=True,
            stream_options={"include_usage": True},
        )
        async for chunk in chunks:
            if chunk.choices and chunk.choices[0].delta.content:
                yield chunk.choices[0].delta.content

async def main():
    async for piece in talk("hello"):
        print(piece, end="")

asyncio.run(main())
"""


def test_the_guide_shows_the_run_it_promises(lab: Lab) -> None:
    done = lab.guide("openai", UMBRELLA)
    assert (done.stdout, done.code) == ("Take an umbrella.\n", 0), done.stderr
    run = lab.recorded()
    assert run.tree() == "agent weather_agent\n  llm chat gpt-4o\n  tool execute_tool get_weather\n  llm chat gpt-4o"
    assert run.tokens == (2500, 24)
    (tool,) = run.tools
    assert (tool.tool["name"], tool.arguments, tool.result) == ("get_weather", {"city": "Oslo"}, "rain in Oslo")
    assert run.run["output_preview"] == "Take an umbrella."


def test_a_tool_that_raises_fails_the_run(lab: Lab) -> None:
    code = guide_code("openai").replace('return f"rain in {city}"', 'raise RuntimeError("the station is gone")')
    done = lab.run(code, UMBRELLA)
    assert done.code == 1
    run = lab.recorded()
    assert (run.verdict, run.run["termination"]) == ("failed", "exception")
    assert run.run["error"] == "RuntimeError: the station is gone"
    assert (len(run.calls), run.tools) == (1, [])


def test_an_asynchronous_stream_is_recorded_with_its_tokens(lab: Lab) -> None:
    done = lab.run(STREAMED, '[[reply]]\ntext = "Good day to you."\nusage = { input = 7, output = 4 }\n')
    assert (done.stdout, done.code) == ("Good day to you.", 0), done.stderr
    run = lab.recorded()
    assert run.tokens == (7, 4)
    assert run.run["output_preview"] == "Good day to you."
    assert run.calls[0].raw["time_to_first_token_ns"] > 0
