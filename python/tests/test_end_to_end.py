"""A script of five lines, the real `openai` package, the real server: what the API shows is what happened."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request

import pytest

from conftest import binary

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

# Everything but the agent itself.
FIVE_LINES = """
from agent_eval.trace import ArcTracer
from weather_agent import agent
tracer = ArcTracer("travel", agent="Weather", version="1.2")
print(tracer.trace_agent(agent)("weather?"))
tracer.record_outcome({success}, source="check")
"""

AGENT = """
import openai

def agent(question):
    with openai.OpenAI() as client:
        messages = [{"role": "user", "content": question}]
        first = client.chat.completions.create(model="gpt-4o", messages=messages).choices[0].message
        if "storm" in question:
            raise RuntimeError("the weather station is gone")
        result = {"role": "tool", "tool_call_id": first.tool_calls[0].id, "content": "rain"}
        messages += [first.model_dump(exclude_none=True), result]
        chunks = client.chat.completions.create(
            model="gpt-4o", messages=messages, stream=True, stream_options={"include_usage": True}
        )
        return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
"""


@pytest.fixture
def server(tmp_path):
    """The server on a free port, with a store of its own."""
    environment = {**os.environ, "ARC_EVAL_HOME": str(tmp_path / "home")}
    log = tmp_path / "serve.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [binary("arc-eval", "ARC_EVAL_BIN"), "serve", "--port", "0"],
            stdout=output,
            stderr=output,
            env=environment,
        )
        url = within(10, lambda: next((w for w in log.read_text().split() if w.startswith("http://")), None), log)
        yield url.rstrip(".,;/")
        process.terminate()
        process.wait()


def within(seconds, ask, log=None):
    """Returns the first answer that says something."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer = ask()
        if answer:
            return answer
        time.sleep(0.02)
    return pytest.fail(f"no answer within {seconds} s{': ' + log.read_text() if log else ''}")


def get(url):
    with urllib.request.urlopen(url) as response:
        return json.load(response)


def run_script(tmp_path, server, models, text):
    (tmp_path / "weather_agent.py").write_text(AGENT)
    (tmp_path / "main.py").write_text(text)
    environment = {
        **os.environ,
        "ARC_EVAL_ENDPOINT": server,
        "OPENAI_BASE_URL": f"{models}/v1",
        "OPENAI_API_KEY": "none",
    }
    return subprocess.run(
        [sys.executable, "-W", "error", "main.py"], cwd=tmp_path, env=environment, capture_output=True, text=True
    )


def settled_run(server, ready):
    def ask():
        runs = get(f"{server}/api/v1/runs")["runs"]
        return next((run for run in runs if not run["is_running"] and ready(run)), None)

    return within(2, ask)


def test_a_script_of_five_lines_is_a_run_within_two_seconds(server, scripted, tmp_path):
    done = run_script(tmp_path, server, scripted(SCRIPT), FIVE_LINES.format(success=True))
    assert (done.stdout, done.stderr, done.returncode) == ("Take an umbrella.\n", "", 0)
    run = settled_run(server, lambda run: run["outcome"]["verdict"] != "unknown")
    assert run["agent"] == {"name": "Weather", "version": "1.2"}
    assert (run["outcome"]["verdict"], run["outcome"]["source"]) == ("succeeded", "check")
    assert run["termination"] == "completed"
    assert (run["input_tokens"], run["output_tokens"]) == (2500, 24)
    assert (run["llm_calls"], run["tool_calls"], run["models"]) == (2, 1, ["gpt-4o"])
    assert run["input_preview"] == "weather?"
    assert run["output_preview"] == "Take an umbrella."
    # 324 tokens at 2.50, 2176 cached ones at 1.25 and 24 written ones at 10 dollars a million, in nano-dollars.
    assert run["cost"]["total"] == 324 * 2500 + 2176 * 1250 + 24 * 10_000
    assert run["domain"]["id"] == "travel"
    spans = get(f"{server}/api/v1/runs/{run['trace_id']}")["spans"]
    assert [span["kind"] for span in spans] == ["agent", "llm", "tool", "llm"]
    tool = spans[2]["tool"]
    assert (tool["name"], tool["arguments"], tool["result"]) == (
        "get_weather",
        {"json": {"city": "Oslo"}},
        {"text": "rain"},
    )
    assert spans[3]["time_to_first_token_ns"] > 0
    assert spans[1]["usage"]["cache_read"] == 1024


def test_a_script_that_fails_is_a_failed_run_with_its_exception(server, scripted, tmp_path):
    text = FIVE_LINES.format(success=True).replace('"weather?"', '"weather in the storm?"')
    done = run_script(tmp_path, server, scripted(SCRIPT), text)
    assert done.returncode == 1
    assert done.stderr.endswith("RuntimeError: the weather station is gone\n")
    run = settled_run(server, lambda run: run["outcome"]["verdict"] != "unknown")
    assert (run["outcome"]["verdict"], run["outcome"]["source"]) == ("failed", "process_death")
    assert (run["termination"], run["error"]) == ("exception", "RuntimeError: the weather station is gone")
    assert [found["leaf"] for found in run["findings"]] == ["unhandled-exception"]
    spans = get(f"{server}/api/v1/runs/{run['trace_id']}")["spans"]
    # The model asked for a tool; nothing says that it ran.
    assert [span["kind"] for span in spans] == ["agent", "llm"]
    assert spans[1]["messages_out"][0]["parts"][0]["name"] == "get_weather"
