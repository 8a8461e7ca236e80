"""OpenTelemetry's own exporters, over gRPC and HTTP, against the real server: what they send is there."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import requests
from opentelemetry._logs import LogRecord
from opentelemetry.exporter.otlp.proto.grpc import _log_exporter as grpc_logs
from opentelemetry.exporter.otlp.proto.grpc import trace_exporter as grpc_traces
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http import _log_exporter as http_logs
from opentelemetry.exporter.otlp.proto.http import trace_exporter as http_traces
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from conftest import binary

RESOURCE = Resource.create({"service.name": "exported"})


class Ports:
    """Where the server listens."""

    def __init__(self, log: str) -> None:
        self.page = _word(r"listening on (http://\S+)", log)
        self.grpc = _word(r"over gRPC at (http://\S+)", log)
        self.http = _word(r"over HTTP at (http://\S+)", log)

    def run(self, trace_id: str) -> Any:
        """Returns a run once it was analysed."""
        until = time.monotonic() + 20
        while True:
            try:
                with urllib.request.urlopen(f"{self.page}/api/v1/runs/{trace_id}", timeout=5) as answer:
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                if error.code != 404 or time.monotonic() > until:
                    raise
            time.sleep(0.1)


def _word(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    assert found, text
    return found[1]


@pytest.fixture
def ports(tmp_path: Path) -> Iterator[Ports]:
    environment = {
        **os.environ,
        "ARC_EVAL_HOME": str(tmp_path / "home"),
        "ARC_EVAL_OTLP_GRPC_PORT": "0",
        "ARC_EVAL_OTLP_HTTP_PORT": "0",
    }
    log = tmp_path / "serve.log"
    with log.open("w") as output:
        command = [binary("arc-eval", "ARC_EVAL_BIN"), "serve", "--port", "0"]
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
    until = time.monotonic() + 10
    while "OpenTelemetry is taken in" not in log.read_text():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.02)
    yield Ports(log.read_text())
    process.terminate()
    process.wait()


def exporters(ports: Ports, protocol: str) -> tuple[Any, Any]:
    if protocol == "grpc":
        gzip = grpc.Compression.Gzip
        return (
            grpc_traces.OTLPSpanExporter(endpoint=ports.grpc, insecure=True),
            grpc_logs.OTLPLogExporter(endpoint=ports.grpc, insecure=True, compression=gzip),
        )
    return (
        http_traces.OTLPSpanExporter(endpoint=f"{ports.http}/v1/traces", compression=Compression.Gzip),
        http_logs.OTLPLogExporter(endpoint=f"{ports.http}/v1/logs"),
    )


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_spans_and_events_of_the_real_exporters_are_one_run(ports: Ports, protocol: str) -> None:
    span_exporter, log_exporter = exporters(ports, protocol)
    traces, logs = TracerProvider(resource=RESOURCE), LoggerProvider(resource=RESOURCE)
    traces.add_span_processor(BatchSpanProcessor(span_exporter))
    logs.add_log_record_processor(BatchLogRecordProcessor(log_exporter))
    logger = logs.get_logger("test")
    tracer = traces.get_tracer("test")
    with tracer.start_as_current_span("invoke_agent a", attributes={"gen_ai.operation.name": "invoke_agent"}) as root:
        with tracer.start_as_current_span("chat m", attributes={"gen_ai.operation.name": "chat"}):
            logger.emit(LogRecord(event_name="gen_ai.user.message", body={"content": "Hi"}))
            logger.emit(LogRecord(event_name="gen_ai.choice", body={"message": {"content": "Hello"}, "index": 0}))
            # The events are there before the span they belong to.
            assert logs.force_flush()
        score = {"gen_ai.evaluation.name": "relevance", "gen_ai.evaluation.score.value": 0.5}
        logger.emit(LogRecord(event_name="gen_ai.evaluation.result", attributes=score))
    assert traces.force_flush()
    assert logs.force_flush()
    run = ports.run(f"{root.get_span_context().trace_id:032x}")
    spans = {span["name"]: span for span in run["spans"]}
    assert set(spans) == {"invoke_agent a", "chat m", "evaluation relevance"}
    chat = spans["chat m"]
    said = [message["parts"][0]["text"] for message in chat["messages_in"] + chat["messages_out"]]
    assert (chat["kind"], said) == ("llm", ["Hi", "Hello"])
    judged = spans["evaluation relevance"]
    assert (judged["kind"], judged["parent_id"]) == ("evaluation", spans["invoke_agent a"]["span_id"])
    traces.shutdown()
    logs.shutdown()


def test_the_port_for_otlp_over_http_serves_nothing_else(ports: Ports) -> None:
    assert requests.get(f"{ports.http}/api/v1/runs", timeout=5).status_code == 404
