"""OpenTelemetry of the host's own: its spans are part of the run, and nothing of its own changes."""

from __future__ import annotations

import pytest

from .conftest import guide_code

FRAMEWORK = "otel"
ENABLED = {"OTEL_SDK_DISABLED": "false"}

SCRIPT = """
[[reply]]
match = { contains = "weather", last_role = "user" }
text = "Take an umbrella."
usage = { input = 1200, output = 18, cached = 1024 }
"""

HOST = """
import openai
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
OpenAIInstrumentor().instrument()
"""

AGENT = """
tracer = trace.get_tracer("weather.app", "3.1")

def weather(question, stream=False):
    with tracer.start_as_current_span("plan", attributes={"step": 1}):
        messages = [{"role": "user", "content": question}]
        with tracer.start_as_current_span("execute_tool lookup") as span:
            span.set_attributes({
                "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "lookup",
                "gen_ai.tool.call.arguments": '{"city": "Oslo"}', "gen_ai.tool.call.result": "rain",
            })
        client = openai.OpenAI(max_retries=0)
        if stream:
            options = {"include_usage": True}
            chunks = client.chat.completions.create(
                model="gpt-4o", messages=messages, stream=True, stream_options=options
            )
            return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        return client.chat.completions.create(model="gpt-4o", messages=messages).choices[0].message.content
"""

TRACED = """
from agent_eval.trace import ArcTracer
arc = ArcTracer("travel"{options})
"""

AFTERWARDS = """
assert trace.get_tracer_provider() is provider
spans = exporter.get_finished_spans()
assert [span.name for span in spans] == ["execute_tool lookup", "ChatCompletion", "plan"], spans
assert len({span.context.trace_id for span in spans}) == 1
assert spans[-1].parent is None and {span.parent.span_id for span in spans[:-1]} == {spans[-1].context.span_id}
assert spans[1].attributes["llm.token_count.prompt"] == 1200
print(format(spans[-1].context.span_id, "016x"))
"""

ASK = """
print(arc.trace_agent(weather)("What is the weather in Oslo?"))
"""


@pytest.mark.parametrize("order", ["before", "after"])
def test_spans_of_the_host_are_part_of_the_run_and_stay_its_own(lab, order):
    set_up = [HOST, TRACED.format(options="")]
    if order == "after":
        # Tracing starts, then the program sets up OpenTelemetry.
        set_up = [TRACED.format(options=""), "arc.trace_agent(print)", HOST]
    done = lab.run("\n".join([*set_up, AGENT, ASK, AFTERWARDS]), SCRIPT, **ENABLED)
    assert done.code == 0, done.stderr
    answer, plan_id = done.stdout.split("\n")[:2]
    assert answer == "Take an umbrella."
    run = lab.recorded()
    assert (run.run["llm_calls"], run.tokens, run.run["tool_calls"]) == (1, (1200, 18), 1)
    plan = run.by_id[plan_id]
    assert plan.name == "plan"
    assert [span.name for span in run.spans if span.parent_id == plan.id] == ["execute_tool lookup", "ChatCompletion"]
    inner = run.calls[-1]
    assert run.path(inner) == ["weather", "plan", "ChatCompletion"]
    (tool,) = run.tools
    assert (tool.arguments, tool.result) == ({"city": "Oslo"}, "rain")


def test_a_stream_that_an_instrumentor_reports_counts_once(lab):
    code = "\n".join(
        [HOST, TRACED.format(options=""), AGENT, ASK.replace('Oslo?")', 'Oslo?", stream=True)'), AFTERWARDS]
    )
    done = lab.run(code, SCRIPT, **ENABLED)
    assert (done.stdout.split("\n")[0], done.code) == ("Take an umbrella.", 0), done.stderr
    run = lab.recorded()
    assert (run.run["llm_calls"], run.tokens) == (1, (1200, 18))


def test_an_error_in_a_span_of_the_host_is_one_in_the_run(lab):
    done = lab.run(
        "\n".join([HOST, TRACED.format(options=""), AGENT, ASK]), '[[reply]]\nerror = "unauthorized"\n', **ENABLED
    )
    assert done.code == 1
    run = lab.recorded()
    assert (run.verdict, run.run["termination"], run.run["llm_calls"]) == ("failed", "exception", 1)
    plan = next(span for span in run.spans if span.name == "plan")
    assert "401" in plan.error


def test_without_content_only_numbers_and_names_of_the_hosts_spans_are_taken(lab):
    code = "\n".join([HOST, TRACED.format(options=", capture_content=False"), AGENT, ASK, AFTERWARDS])
    done = lab.run(code, SCRIPT, **ENABLED)
    assert done.code == 0, done.stderr
    run = lab.recorded()
    assert (run.run["llm_calls"], run.tokens, run.run["tool_calls"]) == (1, (1200, 18), 1)
    text = str([span.raw for span in run.spans])
    assert "umbrella" not in text
    assert "Oslo" not in text
    assert "lookup" in text


def test_what_happens_outside_a_run_is_not_taken(lab):
    code = "\n".join([HOST, TRACED.format(options=""), AGENT, ASK, 'print(weather("weather?"))'])
    done = lab.run(code, SCRIPT, **ENABLED)
    assert done.code == 0, done.stderr
    assert lab.recorded().run["llm_calls"] == 1


def test_logfire_stays_as_it_is_and_its_spans_are_part_of_the_run(lab):
    code = """
import logfire, openai
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

exporter = InMemorySpanExporter()
logfire.configure(
    send_to_logfire=False, console=False, additional_span_processors=[SimpleSpanProcessor(exporter)]
)
logfire.instrument_openai()

def weather(question):
    with logfire.span("plan"):
        messages = [{"role": "user", "content": question}]
        return openai.OpenAI().chat.completions.create(model="gpt-4o", messages=messages).choices[0].message.content

from agent_eval.trace import ArcTracer
print(ArcTracer("travel").trace_agent(weather)("What is the weather in Oslo?"))
names = [span.name for span in exporter.get_finished_spans() if span.attributes.get("logfire.span_type") == "span"]
assert names == ["Chat Completion with {request_data[model]!r}", "plan"], names
"""
    done = lab.run(code, SCRIPT, **ENABLED)
    assert (done.stdout, done.code) == ("Take an umbrella.\n", 0), done.stderr
    run = lab.recorded()
    assert (run.run["llm_calls"], run.tokens) == (1, (1200, 18))
    assert run.path(run.calls[-1])[:2] == ["weather", "plan"]


def test_the_guide_is_a_trace_from_an_exporter_and_a_run_of_the_tracer(lab):
    exported, traced = guide_code("otel").split("from agent_eval.trace")
    done = lab.run(exported, SCRIPT, **ENABLED, OTEL_EXPORTER_OTLP_ENDPOINT=lab.server)
    assert (done.stdout, done.code) == ("Take an umbrella.\n", 0), done.stderr
    without_exporter = exported.replace("provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))", "")
    done = lab.run(f"{without_exporter}from agent_eval.trace{traced}", SCRIPT, **ENABLED)
    assert (done.stdout, done.code) == ("Take an umbrella.\n" * 2, 0), done.stderr
    plain, run = lab.runs(2)
    assert (plain.run["llm_calls"], plain.tokens) == (1, (1200, 18)), plain.tree()
    assert (run.run["llm_calls"], run.tokens) == (1, (1200, 18)), run.tree()
    assert run.run["agent"] == {"name": "weather", "version": "1.0"}
    assert [span.name for span in run.spans][:3] == ["weather", "plan", "ChatCompletion"]
