"""What the tests of frameworks share: a script in the framework's own environment, against the scripted LLM server and
the real server, and what that shows of the run.

The tests run in the project's environment; only the scripts run in the frameworks'. To add a framework: a file of
requirements (see `requirements/README.md`), a test `test_<name>.py`, a guide `docs/guides/<name>.md` that it executes.
"""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from conftest import REPOSITORY, binary

from .environments import interpreter, is_current

GUIDES = REPOSITORY / "docs" / "guides"
# No framework may call home from a test.
QUIET = {
    "ANONYMIZED_TELEMETRY": "false",
    "CREWAI_DISABLE_TELEMETRY": "true",
    "CREWAI_TRACING_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    # Whatever tries nevertheless gets nowhere.
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "HTTP_PROXY": "http://127.0.0.1:9",
    "NO_PROXY": "127.0.0.1,localhost",
    "LANGCHAIN_TRACING_V2": "false",
    "LANGSMITH_TRACING": "false",
    "OTEL_SDK_DISABLED": "true",
}
# An agent asks for a tool and answers.
UMBRELLA = """
[[reply]]
match = { last_role = "user" }
tool_calls = [{ name = "get_weather", arguments = { city = "Oslo" } }]
usage = { input = 1200, output = 18, cached = 1024 }

[[reply]]
match = { last_role = "tool" }
text = "Take an umbrella."
usage = { input = 1300, output = 6, cached = 1152 }
"""


@dataclass
class Done:
    """A script that has run."""

    stdout: str
    stderr: str
    code: int


class Span:
    """A span as the API shows it."""

    def __init__(self, raw: dict[str, Any]) -> None:
        self.raw = raw
        self.id: str = raw["span_id"]
        self.parent_id: str | None = raw.get("parent_id")
        self.kind: str = raw["kind"]
        self.name: str = raw["name"]
        self.tool: dict[str, Any] = raw.get("tool") or {}
        self.attributes: dict[str, Any] = raw.get("attributes") or {}

    @property
    def error(self) -> str | None:
        """The message of the error, `None` when it is none."""
        status = self.raw["status"]
        return status["message"] if status["code"] == "error" else None

    @property
    def arguments(self) -> Any:
        return _payload(self.tool.get("arguments"))

    @property
    def result(self) -> Any:
        return _payload(self.tool.get("result"))

    def __repr__(self) -> str:
        return f"{self.kind} {self.name}"


def _payload(payload: Any) -> Any:
    """Returns what a payload holds: the text, or the JSON."""
    if isinstance(payload, dict) and set(payload) in ({"json"}, {"text"}):
        (value,) = payload.values()
        return value
    return payload


class Recorded:
    """A run as the API shows it."""

    def __init__(self, run: dict[str, Any], spans: list[dict[str, Any]]) -> None:
        self.run = run
        self.spans = [Span(span) for span in spans]
        self.by_id = {span.id: span for span in self.spans}

    def of_kind(self, kind: str) -> list[Span]:
        return [span for span in self.spans if span.kind == kind]

    @property
    def calls(self) -> list[Span]:
        return self.of_kind("llm")

    @property
    def tools(self) -> list[Span]:
        return self.of_kind("tool")

    @property
    def tokens(self) -> tuple[int, int]:
        return self.run["input_tokens"], self.run["output_tokens"]

    @property
    def verdict(self) -> str:
        return self.run["outcome"]["verdict"]

    @property
    def framework(self) -> tuple[str | None, str | None]:
        """The framework's id and version."""
        found = self.run["framework"]
        return found.get("id"), found.get("version")

    def path(self, span: Span) -> list[str]:
        """Returns the names of the spans above a span, outermost first."""
        names = []
        while span.parent_id is not None:
            span = self.by_id[span.parent_id]
            names.append(span.name)
        return names[::-1]

    def tree(self) -> str:
        """Returns the run as an indented list of kinds and names, for messages and snapshots."""
        lines: list[str] = []

        def add(parent: str | None, depth: int) -> None:
            for span in self.spans:
                known = span.parent_id if span.parent_id in self.by_id else None
                if known == parent:
                    lines.append("  " * depth + repr(span) + (" !" if span.error is not None else ""))
                    add(span.id, depth + 1)

        add(None, 0)
        return "\n".join(lines)


class Lab:
    """Runs scripts in a framework's environment and shows what was recorded."""

    def __init__(self, folder: pathlib.Path, name: str, server: str, home: pathlib.Path, models: Callable[[str], str]):
        self.folder = folder
        self.name = name
        self.server = server
        self.home = home
        self._models = models

    def run(self, code: str, script: str, **environment: str) -> Done:
        """Runs Python code against a scripted LLM server."""
        file = self.folder / "main.py"
        file.write_text(code)
        models = self._models(script)
        variables = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "PYTHON"))},
            **QUIET,
            "ARC_EVAL_HOME": str(self.home),
            "HOME": str(self.folder),
            "OPENAI_API_KEY": "none",
            "OPENAI_BASE_URL": f"{models}/v1",
            "OPENAI_API_BASE": f"{models}/v1",
            "ANTHROPIC_API_KEY": "none",
            "ANTHROPIC_BASE_URL": models,
            "GOOGLE_API_KEY": "none",
            "GOOGLE_GEMINI_BASE_URL": models,
            **environment,
        }
        command = [str(interpreter(self.name)), str(file)]
        done = subprocess.run(command, cwd=self.folder, env=variables, capture_output=True, text=True, timeout=120)
        self.requests = _get(f"{models}/requests")["requests"]
        return Done(done.stdout, done.stderr, done.returncode)

    def guide(self, name: str, script: str, **environment: str) -> Done:
        """Runs the Python blocks of a guide, one after the other in one program."""
        return self.run(guide_code(name), script, **environment)

    def recorded(self, ready: Callable[[dict[str, Any]], bool] = lambda _run: True) -> Recorded:
        """Returns the only run there is, once it is over."""
        runs = self.runs(1)
        assert len(runs) == 1, f"{len(runs)} runs: {[run.tree() for run in runs]}"
        return runs[0]

    def runs(self, count: int) -> list[Recorded]:
        """Returns the runs once there are as many and all are over, oldest first."""
        deadline = time.monotonic() + 10
        while True:
            runs = _get(f"{self.server}/api/v1/runs")["runs"]
            if len(runs) >= count and not any(run["is_running"] for run in runs):
                break
            if time.monotonic() > deadline:
                pytest.fail(f"{len(runs)} of {count} runs within 10 s: {json.dumps(runs)[:2000]}")
            time.sleep(0.05)
        runs.sort(key=lambda run: run["started_at"])
        return [Recorded(run, _get(f"{self.server}/api/v1/runs/{run['trace_id']}")["spans"]) for run in runs]


def guide_code(name: str) -> str:
    """Returns the Python blocks of a guide."""
    blocks = re.findall(r"^```python\n(.*?)^```$", (GUIDES / f"{name}.md").read_text(), re.DOTALL | re.MULTILINE)
    assert blocks, f"docs/guides/{name}.md has no Python"
    return "\n".join(blocks)


def version_of(name: str, package: str) -> str:
    """Returns the version of a package as its requirements pin it and the environment has it."""
    code = f"import importlib.metadata as m; print(m.version({package!r}))"
    return subprocess.run([interpreter(name), "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def _get(url: str) -> Any:
    with urllib.request.urlopen(url) as response:
        return json.load(response)


@pytest.fixture
def server_home(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "home"


@pytest.fixture
def server_url(tmp_path: pathlib.Path, server_home: pathlib.Path) -> Iterator[str]:
    """The server on a free port, with a store of its own."""
    log = tmp_path / "serve.log"
    environment = {**os.environ, "ARC_EVAL_HOME": str(server_home)}
    with log.open("w") as output:
        command = [binary("arc-eval", "ARC_EVAL_BIN"), "serve", "--port", "0"]
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
    try:
        deadline = time.monotonic() + 20
        while not (found := re.search(r"http://[\w.:\[\]]+\d", log.read_text())):
            assert time.monotonic() < deadline, f"the server did not start: {log.read_text()}"
            time.sleep(0.02)
        yield found.group()
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
def lab(
    request: pytest.FixtureRequest,
    tmp_path: pathlib.Path,
    server_url: str,
    server_home: pathlib.Path,
    scripted: Callable[[str], str],
) -> Lab:
    """The laboratory of the framework that the test's module names as `FRAMEWORK`."""
    name: str = request.module.FRAMEWORK
    if not is_current(name):
        pytest.fail(f"the environment of {name} is missing or out of date: run `make test-frameworks`", pytrace=False)
    return Lab(tmp_path, name, server_url, server_home, scripted)
