"""The `anthropic` package without a framework: the guide, a failing run, and a stream."""

from __future__ import annotations

from .conftest import UMBRELLA, Lab

FRAMEWORK = "anthropic"

STREAMED = """
from anthropic import Anthropic
from agent_eval.trace import trace_agent

@trace_agent
def talk(question):
    with Anthropic() as client, client.messages.stream(
        model="claude-sonnet-4-5", max_tokens=100, messages=[{"role": "user", "content": question}]
    ) as stream:
        yield from stream.text_stream

print("".join(talk("hello")))
"""


def test_the_guide_shows_the_run_it_promises(lab: Lab) -> None:
    done = lab.guide("anthropic", UMBRELLA)
    assert (done.stdout, done.code) == ("Take an umbrella.\n", 0), done.stderr
    run = lab.recorded()
    model = "claude-sonnet-4-5"
    assert run.tree() == f"agent weather_agent\n  llm chat {model}\n  tool execute_tool get_weather\n  llm chat {model}"
    assert run.tokens == (2500, 24)
    (tool,) = run.tools
    assert (tool.tool["name"], tool.arguments, tool.result) == ("get_weather", {"city": "Oslo"}, "rain in Oslo")
    assert run.run["output_preview"] == "Take an umbrella."


def test_an_error_of_the_model_fails_the_run_at_the_call(lab: Lab) -> None:
    done = lab.guide("anthropic", '[[reply]]\nerror = "bad_request"\nerror_message = "prompt is too long"\n')
    assert done.code == 1
    run = lab.recorded()
    assert (run.verdict, run.run["termination"]) == ("failed", "exception")
    (call,) = run.calls
    assert "prompt is too long" in (call.error or "")


def test_a_stream_is_recorded_with_its_tokens(lab: Lab) -> None:
    done = lab.run(STREAMED, '[[reply]]\ntext = "Good day to you."\nusage = { input = 7, output = 4 }\n')
    assert (done.stdout, done.code) == ("Good day to you.\n", 0), done.stderr
    run = lab.recorded()
    assert run.tokens == (7, 4)
    assert run.run["output_preview"] == "Good day to you."
