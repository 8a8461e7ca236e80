"""What the tests share: a sink that takes OTLP/JSON, the scripted LLM server, and a transport that keeps records."""

from __future__ import annotations

import http.server
import json
import logging
import os
import pathlib
import subprocess
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from agent_eval._run import current, last
from agent_eval.trace import ArcTracer

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


def pytest_sessionfinish() -> None:
    """Says nothing about records that tests left behind on purpose."""
    logging.getLogger("agent_eval").addHandler(logging.NullHandler())


class Span:
    """A received span, with plain attributes."""

    def __init__(self, resource: dict[str, Any], raw: dict[str, Any]) -> None:
        self.raw = raw
        self.resource = resource
        self.attributes = _plain(raw["attributes"])
        self.name: str = raw["name"]
        self.id: str = raw["spanId"]
        self.trace: str = raw["traceId"]
        self.parent: str | None = raw.get("parentSpanId")
        self.start = int(raw["startTimeUnixNano"])
        self.end = int(raw.get("endTimeUnixNano", 0))
        self.status = raw.get("status", {})
        self.is_error = self.status.get("code") == 2
        self.kind = self.attributes["gen_ai.operation.name"]
        self.revision: int = self.attributes["arc_eval.revision"]
        self.events = [{"name": e["name"], **_plain(e["attributes"])} for e in raw.get("events", [])]

    def __getitem__(self, name: str) -> Any:
        return self.attributes[name]

    def get(self, name: str) -> Any:
        return self.attributes.get(name)

    def json(self, name: str) -> Any:
        return json.loads(self.attributes[name])

    def payload(self, name: str) -> Any:
        """Reads a payload: JSON, or else text as it is."""
        try:
            return self.json(name)
        except ValueError:
            return self[name]

    @property
    def tokens(self) -> dict[str, int]:
        prefix = "gen_ai.usage."
        return {k.removeprefix(prefix): v for k, v in self.attributes.items() if k.startswith(prefix) and v}


def _plain(attributes: list[dict[str, Any]]) -> dict[str, Any]:
    return {item["key"]: _value(item["value"]) for item in attributes}


def _value(value: dict[str, Any]) -> Any:
    ((kind, held),) = value.items()
    if kind == "intValue":
        return int(held)
    return [_value(item) for item in held["values"]] if kind == "arrayValue" else held


class Sink:
    """An OTLP/HTTP server. ``reply`` decides the answer to a request."""

    def __init__(self) -> None:
        self.received: list[Span] = []
        self.requests: list[dict[str, str]] = []
        self.reply: Callable[[], tuple[int, bytes]] = lambda: (200, b"{}")
        sink = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status, content = sink.reply()
                sink.requests.append({"path": self.path, **{k.lower(): v for k, v in self.headers.items()}})
                if status < 300:
                    for group in body["resourceSpans"]:
                        resource = _plain(group["resource"]["attributes"])
                        for scope in group["scopeSpans"]:
                            sink.received.extend(Span(resource, span) for span in scope["spans"])
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *args: Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def spans(self) -> list[Span]:
        """The last revision of every span, in the order of the trace."""
        newest: dict[str, Span] = {}
        for span in self.received:
            if span.id not in newest or newest[span.id].revision < span.revision:
                newest[span.id] = span
        return sorted(newest.values(), key=lambda span: span["arc_eval.sequence"])

    def of_kind(self, kind: str) -> list[Span]:
        return [span for span in self.spans if span.kind == kind]

    @property
    def runs(self) -> list[Span]:
        return self.of_kind("invoke_agent")

    @property
    def run(self) -> Span:
        (run,) = self.runs
        return run

    @property
    def calls(self) -> list[Span]:
        return self.of_kind("chat")

    @property
    def tools(self) -> list[Span]:
        return self.of_kind("execute_tool")


@pytest.fixture
def sink() -> Iterator[Sink]:
    sink = Sink()
    yield sink
    sink.close()


@pytest.fixture
def tracer(sink: Sink) -> ArcTracer:
    return ArcTracer("finance", agent="teller", endpoint=sink.url)


@pytest.fixture(autouse=True)
def _no_run_from_another_test() -> None:
    current.set(None)
    last.set(None)


def binary(name: str, variable: str) -> str:
    """Returns the path of one of our programs; that it is missing fails the test."""
    path = os.environ.get(variable) or str(REPOSITORY / "target" / "debug" / name)
    if not os.access(path, os.X_OK):
        pytest.fail(f"{path} is missing: build it with `cargo build -p {name}`, or set {variable}", pytrace=False)
    return path


@pytest.fixture
def scripted(tmp_path: pathlib.Path) -> Iterator[Callable[[str], str]]:
    """Starts the scripted LLM server with a script and returns its address."""
    started: list[subprocess.Popen[str]] = []

    def start(script: str) -> str:
        file = tmp_path / f"script-{len(started)}.toml"
        file.write_text(script)
        server = subprocess.Popen(
            [binary("scripted-llm", "SCRIPTED_LLM"), "--script", str(file)], stdout=subprocess.PIPE, text=True
        )
        started.append(server)
        assert server.stdout is not None
        line = server.stdout.readline()
        assert "listening on " in line, f"the scripted server did not start: {line!r}"
        return line.split()[-1]

    yield start
    for server in started:
        server.terminate()
        server.wait()
        assert server.stdout is not None
        server.stdout.close()
