"""Real client packages, a scripted provider, and a real server: what its API shows is what was said over the wire."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from agent_eval.trace import ArcTracer
from conftest import binary

SCRIPT = """
[[reply]]
match = { contains = "weather", last_role = "user", model = "*" }
tool_calls = [{ name = "get_weather", arguments = { city = "Oslo" } }]
usage = { input = 1200, output = 18, cached = 1024 }

[[reply]]
match = { last_role = "tool", contains = "rain" }
text = "Take an umbrella."
usage = { input = 1300, output = 16 }

[[reply]]
match = { api = "embeddings" }
usage = { input = 7 }

[[reply]]
match = { contains = "limit" }
error = "rate_limit"
error_message = "slow down"
retry_after_ms = 1

[[reply]]
match = { contains = "twice" }
times = 1
error = "rate_limit"
retry_after_ms = 1

[[reply]]
match = { contains = "twice" }
text = "At last."
usage = { input = 3, output = 2 }

[[reply]]
match = { contains = "cut" }
error = "cut"
text = "one two three four five six seven eight nine ten"

[[reply]]
match = { contains = "malformed" }
error = "malformed"
text = "one two three four five six seven eight nine ten"

[[reply]]
match = { contains = "broken off" }
error = "stream_error"
text = "one two three four five six seven eight nine ten"

[[reply]]
match = { contains = "slowly" }
text = "one two three four five six seven eight nine ten"
usage = { input = 5, output = 10 }
chunk_delay_ms = 30
"""


class Run:
    """A run as the server's API shows it."""

    def __init__(self, shown: dict[str, Any]) -> None:
        self.run: dict[str, Any] = shown["run"]
        self.spans: list[dict[str, Any]] = shown["spans"]

    def of_kind(self, *kinds: str) -> list[dict[str, Any]]:
        return [span for span in self.spans if span["kind"] in kinds]

    @property
    def calls(self) -> list[dict[str, Any]]:
        return self.of_kind("llm", "embedding")

    @property
    def call(self) -> dict[str, Any]:
        (call,) = self.calls
        return call

    @property
    def tools(self) -> list[dict[str, Any]]:
        return self.of_kind("tool")


def tokens(call: dict[str, Any]) -> dict[str, int]:
    """The counts of a call that are not zero."""
    return {name: count for name, count in call.get("usage", {}).items() if isinstance(count, int) and count}


class Server:
    """A real server with a folder of its own."""

    def __init__(self, url: str) -> None:
        self.url = url

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path) as response:
            return json.load(response)

    def trace(self, agent: Any, *args: Any, **options: Any) -> Run:
        """Calls an agent, traced, and returns its run; what the agent raises is raised after it is recorded."""
        tracer = ArcTracer(endpoint=self.url, **options)
        with tracer.run() as block:
            self.last = block.trace_id
            try:
                self.result = tracer.trace_agent(agent)(*args)
            except Exception as error:
                self.result = error
        assert tracer.flush(60)
        return self.run(block.trace_id)

    def run(self, trace_id: str | None) -> Run:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                shown = self.get(f"/api/v1/runs/{trace_id}")
                if not shown["run"]["is_running"]:
                    return Run(shown)
            except urllib.error.HTTPError as error:
                assert error.code == 404  # noqa: PT017
            time.sleep(0.02)
        return pytest.fail(f"the run {trace_id} is not shown as ended")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    with _Started(
        [binary("arc-eval", "ARC_EVAL_BIN"), "serve", "--port", "0"], folder, {"ARC_EVAL_HOME": str(folder)}
    ) as url:
        yield Server(url)


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("models")
    (folder / "script.toml").write_text(SCRIPT)
    with _Started([binary("scripted-llm", "SCRIPTED_LLM"), "--script", "script.toml"], folder, {}) as url:
        yield url


@pytest.fixture(autouse=True)
def start_over(models: str) -> None:
    urllib.request.urlopen(urllib.request.Request(f"{models}/reset", method="POST")).close()


class _Started:
    """A program that says its address when it is ready."""

    def __init__(self, command: list[str], folder: pathlib.Path, environment: dict[str, str]) -> None:
        self._log = folder / "log"
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                command, cwd=folder, stdout=log, stderr=log, env={**os.environ, **environment}
            )

    def __enter__(self) -> str:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            urls = [word for word in self._log.read_text().split() if word.startswith("http://")]
            if urls:
                return urls[0].rstrip(".,;/")
            time.sleep(0.02)
        return pytest.fail(self._log.read_text())

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()
