"""Steps and tool calls that the program itself names."""

from __future__ import annotations

import asyncio
import inspect

import pytest

from agent_eval import _guard
from agent_eval._span import tool_span_id
from agent_eval.trace import ArcTracer


def in_run(tracer, action):
    return tracer.trace_agent(lambda: action())()


def test_a_block_is_a_step_of_the_run(tracer, sink):
    def agent():
        with tracer.span("plan", depth=2, arc_eval__note="n") as outer:
            outer.set(score=0.5, notes=["a"])
            with tracer.span("inner") as inner:
                inner.result({"found": 1})

    in_run(tracer, agent)
    plan, inner = (span for span in sink.spans if span.kind == "step")
    assert (plan.name, plan["depth"], plan["arc_eval.note"], plan["score"], plan["notes"]) == (
        "plan",
        2,
        "n",
        0.5,
        '["a"]',
    )
    assert (plan.parent, inner.parent) == (sink.run.id, plan.id)
    assert inner.json("arc_eval.output") == {"found": 1}
    assert not plan.is_error


def test_a_decorated_function_is_a_tool_with_its_place_in_the_source(tracer, sink):
    @tracer.tool
    def search(query, *, limit=3):
        return [query] * limit

    assert in_run(tracer, lambda: search("x", limit=2)) == ["x", "x"]
    (tool,) = sink.tools
    assert (tool.name, tool["gen_ai.tool.name"]) == ("execute_tool search", "search")
    assert tool.json("gen_ai.tool.call.arguments") == {"query": "x", "limit": 2}
    assert tool.json("gen_ai.tool.call.result") == ["x", "x"]
    assert tool["code.file.path"] == __file__
    assert tool["code.line.number"] == inspect.getsourcelines(search)[1]
    assert tool["code.function.name"].endswith("search")
    assert search.__name__ == "search"
    assert str(inspect.signature(search)) == "(query, *, limit=3)"


def test_an_asynchronous_tool_lasts_until_it_has_returned(tracer, sink):
    @tracer.tool("wait")
    async def tool(seconds):
        await asyncio.sleep(seconds)
        return "done"

    async def agent():
        return await tool(0.01)

    assert asyncio.run(tracer.trace_agent(agent)()) == "done"
    (span,) = sink.tools
    assert span.end - span.start >= 9_000_000
    assert span["gen_ai.tool.call.result"] == "done"


def test_a_tool_that_raises_raises_and_is_recorded(tracer, sink):
    @tracer.tool()
    def fails():
        raise KeyError("gone")

    with pytest.raises(KeyError, match="gone"):
        in_run(tracer, fails)
    (tool,) = sink.tools
    assert (tool.is_error, tool["error.type"], tool.events[0]["exception.type"]) == (True, "KeyError", "KeyError")


def test_a_tool_with_the_providers_call_id_is_the_call_that_the_conversation_shows(tracer, sink):
    def agent():
        with tracer.tool("look", arguments={"at": "it"}, call_id="call_7") as tool:
            tool.result("blue")

    in_run(tracer, agent)
    (tool,) = sink.tools
    assert tool.id == tool_span_id(sink.run.trace, "call_7")
    assert tool["gen_ai.tool.call.id"] == "call_7"
    assert tool.json("gen_ai.tool.call.arguments") == {"at": "it"}


def test_outside_a_run_the_program_goes_on_and_nothing_is_recorded(tracer, sink):
    @tracer.tool
    def tool():
        return 1

    with tracer.span("alone") as block:
        block.set(a=1)
        assert tool() == 1
    assert sink.spans == []


SECRETS = ("ann@example.org", "Oslo 4711", "no such thing", "step note")


def record(tracer):
    @tracer.tool
    def look(at):
        raise LookupError(SECRETS[2])

    def agent(question):
        with tracer.span("plan") as block:
            block.set(note=SECRETS[3])
        try:
            look({"city": SECRETS[1]})
        except LookupError:
            return {"said": question}

    tracer.trace_agent(agent)(f"mail {SECRETS[0]}")


@pytest.mark.parametrize("capture", [False, "hashed"])
def test_no_content_is_written_when_it_is_not_to_be(capture, sink):
    record(ArcTracer(capture_content=capture))
    written = b"".join(file.read_bytes() for file in (sink.home / "spool").iterdir())
    for secret in SECRETS:
        assert secret.encode() not in written
    if capture == "hashed":
        assert sink.run["arc_eval.input"].startswith("blake3:")
        assert sink.tools[0].json("gen_ai.tool.call.arguments")["at"]["city"].startswith("blake3:")
    assert sink.tools[0]["error.type"] == "LookupError"


def test_what_a_pattern_finds_is_redacted_and_the_rest_stays(sink):
    record(ArcTracer(redact=["email"]))
    assert sink.run["arc_eval.input"] == "mail <email>"
    assert sink.run.json("arc_eval.output") == {"said": "mail <email>"}
    assert sink.tools[0].json("gen_ai.tool.call.arguments") == {"at": {"city": SECRETS[1]}}


def test_a_function_of_the_host_redacts_and_its_failure_lets_nothing_out(sink):
    record(ArcTracer(redact=lambda text: text.replace("Oslo", "<city>")))
    assert sink.tools[0].json("gen_ai.tool.call.arguments") == {"at": {"city": "<city> 4711"}}

    def broken(text):
        raise RuntimeError(text)

    record(ArcTracer(redact=broken))
    assert (
        sink.runs[-1]["arc_eval.input"] == "<redaction failed>"
        or sink.runs[0]["arc_eval.input"] == "<redaction failed>"
    )


def test_an_option_that_is_none_records_nothing_rather_than_everything(sink):
    before = _guard.failures
    for options in ({"redact": ["shoe size"]}, {"capture_content": "some"}, {"sample": 7}):
        record(ArcTracer(**options))
    assert sink.spans == []
    assert _guard.failures == before + 3
