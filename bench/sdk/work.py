"""The measured program: the same steps, recorded by arc-eval or by opentelemetry-sdk. Prints JSON.

One process records with one of them: arc-eval takes in spans of an OpenTelemetry that is in its process, and the time it
needs for that would be counted as theirs.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import statistics
import sys
import time

REQUEST = json.dumps(
    {
        "model": "gpt-4o",
        "messages": [
            {"role": "system", "content": "You answer questions about orders. " * 20},
            {"role": "user", "content": "Where is order 17?"},
        ],
        "tools": [{"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}],
    }
).encode()
ANSWER = json.dumps(
    {
        "id": "chatcmpl-1",
        "model": "gpt-4o-2024-08-06",
        "choices": [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "It is here. " * 40}}
        ],
        "usage": {"prompt_tokens": 900, "completion_tokens": 120},
    }
).encode()

LLM_START = {
    "gen_ai.operation.name": "chat",
    "arc_eval.http.url": "https://api.example.com/v1/chat/completions",
    "arc_eval.http.method": "POST",
    "server.address": "api.example.com",
    "server.port": 443,
}
LLM_END = {
    "arc_eval.http.status": 200,
    "arc_eval.http.response.content_type": "application/json",
    "arc_eval.http.whole": True,
}
TOOL_START = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "look_up", "gen_ai.tool.call.id": "call_1"}
ARGUMENTS = '{"order": 17, "fields": ["state", "place"]}'
RESULT = '{"state": "on its way", "place": "Oslo", "events": ["packed", "sent", "seen"]}'


class Ours:
    """arc-eval."""

    def __init__(self, endpoint: str | None) -> None:
        from agent_eval._run import current
        from agent_eval.trace import ArcTracer

        self.tracer = ArcTracer("finance", agent="bench", endpoint=endpoint)
        self.current = current

        self.times: list[int] | None = None
        self._traced = self.tracer.trace_agent(self._agent)

    def run(self, times: list[int] | None) -> None:
        self.times = times
        self._traced("Where is order 17?")

    def _agent(self, question: str) -> str:
        run, times = self.current.get(), self.times
        clock = time.perf_counter_ns
        for _ in range(3):
            a = clock()
            step = run.begin_step("chat", "client", {**LLM_START, "arc_eval.http.request.body": REQUEST})
            b = clock()
            step.end({**LLM_END, "arc_eval.http.response.body": ANSWER})
            c = clock()
            tool = run.begin_step(
                "execute_tool look_up", "internal", {**TOOL_START, "gen_ai.tool.call.arguments": ARGUMENTS}
            )
            d = clock()
            tool.end({"gen_ai.tool.call.result": RESULT})
            e = clock()
            if times is not None:
                times += [b - a, c - b, d - c, e - d]
        return "done"


class Theirs:
    """opentelemetry-sdk with a BatchSpanProcessor."""

    def __init__(self, endpoint: str | None) -> None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        provider = TracerProvider(resource=Resource.create({"service.name": "bench"}), shutdown_on_exit=False)
        provider.add_span_processor(
            BatchSpanProcessor(OTLPSpanExporter(f"{endpoint or 'http://127.0.0.1:9'}/v1/traces"))
        )
        self.tracer = provider.get_tracer("bench")

    def run(self, times: list[int] | None) -> None:
        clock = time.perf_counter_ns
        tracer = self.tracer
        with tracer.start_as_current_span("bench", attributes={"gen_ai.operation.name": "invoke_agent"}) as root:
            root.set_attribute("arc_eval.input", "Where is order 17?")
            for _ in range(3):
                a = clock()
                span = tracer.start_span("chat", attributes={**LLM_START, "arc_eval.http.request.body": REQUEST})
                b = clock()
                span.set_attributes({**LLM_END, "arc_eval.http.response.body": ANSWER})
                span.end()
                c = clock()
                tool = tracer.start_span("look_up", attributes={**TOOL_START, "gen_ai.tool.call.arguments": ARGUMENTS})
                d = clock()
                tool.set_attributes({"gen_ai.tool.call.result": RESULT})
                tool.end()
                e = clock()
                if times is not None:
                    times += [b - a, c - b, d - c, e - d]
            root.set_attribute("arc_eval.output", "done")


def measured(run, runs: int) -> dict[str, float]:
    """Returns the figures of a number of runs, in microseconds."""
    for _ in range(20):
        run(None)
    events: list[int] = []
    wholes: list[int] = []
    for _ in range(runs):
        began = time.perf_counter_ns()
        run(events)
        wholes.append(time.perf_counter_ns() - began)
    events.sort()
    return {
        "event_median": statistics.median(events) / 1e3,
        "event_p99": events[int(len(events) * 0.99)] / 1e3,
        "run": statistics.median(wholes) / 1e3,
    }


def through_httpx(tracer, calls: int) -> float:
    """Returns what recording adds to one call through a real client, in microseconds."""
    import httpx

    answer = httpx.Response(200, content=ANSWER, headers={"content-type": "application/json"})
    client = httpx.Client(
        transport=httpx.MockTransport(lambda _: httpx.Response(200, content=answer.content, headers=answer.headers))
    )
    url = "https://api.openai.com/v1/chat/completions"
    headers = {"content-type": "application/json"}

    def loop() -> list[int]:
        times = []
        for _ in range(calls):
            began = time.perf_counter_ns()
            client.post(url, content=REQUEST, headers=headers)
            times.append(time.perf_counter_ns() - began)
        return times

    bare = statistics.median(loop())
    traced = tracer.trace_agent(loop)
    return (statistics.median(traced()) - bare) / 1e3


def main() -> None:
    who, scenario, runs = sys.argv[1], sys.argv[2], int(sys.argv[3])
    endpoint = os.environ.get("BENCH_ENDPOINT") or None
    program = Ours(endpoint) if who == "ours" else Theirs(endpoint)
    gc.collect()
    found = measured(program.run, runs)
    if isinstance(program, Ours):
        if scenario == "spool":
            found["httpx"] = through_httpx(program.tracer, 1_000)
        found["counts"] = program.tracer._transport.counts
    else:
        assert "agent_eval" not in sys.modules
    print(json.dumps(found), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
