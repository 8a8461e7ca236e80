"""What the tests share: a spool of their own and what is in it, an OTLP server, the scripted LLM server."""

from __future__ import annotations

import gzip
import http.server
import json
import logging
import os
import pathlib
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

from agent_eval import _core, _guard
from agent_eval._run import current, last
from agent_eval.trace import ArcTracer

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


def pytest_sessionfinish() -> None:
    """Says nothing about records that tests left behind on purpose."""
    logging.getLogger("agent_eval").addHandler(logging.NullHandler())


class Span:
    """A recorded span, with plain attributes."""

    def __init__(self, resource: dict[str, Any], raw: trace_pb2.Span) -> None:
        self.raw = raw
        self.resource = resource
        self.attributes = _plain(raw.attributes)
        self.name: str = raw.name
        self.id: str = raw.span_id.hex()
        self.trace: str = raw.trace_id.hex()
        self.parent: str | None = raw.parent_span_id.hex() or None
        self.start: int = raw.start_time_unix_nano
        self.end: int = raw.end_time_unix_nano
        self.status = {"code": raw.status.code, "message": raw.status.message} if raw.status.code else {}
        self.is_error = raw.status.code == 2
        is_call = "arc_eval.http.url" in self.attributes
        self.kind = "model call" if is_call else self.attributes["gen_ai.operation.name"]
        self.revision: int = self.attributes["arc_eval.revision"]
        self.events = [{"name": event.name, **_plain(event.attributes)} for event in raw.events]

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


def _plain(attributes: Iterable[common_pb2.KeyValue]) -> dict[str, Any]:
    return {item.key: _value(item.value) for item in attributes}


def _value(value: common_pb2.AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(item) for item in value.array_value.values]
    return getattr(value, kind) if kind is not None else None


def spans_of(request: bytes) -> Iterator[Span]:
    """Returns the spans of an OTLP request."""
    for group in trace_service_pb2.ExportTraceServiceRequest.FromString(request).resource_spans:
        resource = _plain(group.resource.attributes)
        for scope in group.scope_spans:
            for span in scope.spans:
                yield Span(resource, span)


class Sink:
    """What is in the spool of a test."""

    def __init__(self, home: pathlib.Path) -> None:
        self.home = home

    @property
    def received(self) -> list[Span]:
        requests = _core.read_spool(str(self.home / "spool"))
        return [span for request in requests for span in spans_of(request)]

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
        return self.of_kind("model call")

    @property
    def tools(self) -> list[Span]:
        return self.of_kind("execute_tool")


class Endpoint:
    """An OTLP/HTTP server that takes what is shipped."""

    def __init__(self) -> None:
        self.received: list[Span] = []
        self.paths: list[str] = []
        endpoint = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                endpoint.paths.append(self.path)
                endpoint.received.extend(spans_of(body))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

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


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    endpoint = Endpoint()
    yield endpoint
    endpoint.close()


@pytest.fixture(autouse=True)
def home(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """A folder of its own for what every test records."""
    folder = tmp_path / "arc-eval-home"
    monkeypatch.setenv("ARC_EVAL_HOME", str(folder))
    monkeypatch.delenv("ARC_EVAL_ENDPOINT", raising=False)
    return folder


@pytest.fixture
def sink(home: pathlib.Path) -> Sink:
    return Sink(home)


@pytest.fixture
def tracer(home: pathlib.Path) -> ArcTracer:
    return ArcTracer("finance", agent="teller")


@pytest.fixture(autouse=True)
def _nothing_from_another_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_guard, "failures", 0)
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
