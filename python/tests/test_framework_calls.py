"""Wrapping the methods of frameworks: what is recorded, and that the framework does not notice, whatever fails here."""

from __future__ import annotations

import asyncio
import inspect

import pytest

from agent_eval._frameworks import _calls, _words
from agent_eval._frameworks._nodes import begin


def failing_begin(instance, args, kwargs):
    raise LookupError("the framework has changed")


def of_tool(instance, args, kwargs):
    return begin("tool", "look", input={"args": list(args)})


def no_end(node, result):
    raise LookupError("the framework has changed")


def tool_class(begins, ends=_calls.returned):
    class Tool:
        def now(self, what):
            if what == "nothing":
                raise KeyError(what)
            return [what]

        async def later(self, what):
            await asyncio.sleep(0)
            return self.now(what)

        async def stream(self, what):
            yield "first"
            await asyncio.sleep(0)
            yield self.now(what)

    _calls.wrap_method(Tool, "now", _calls.of_function(begins, ends))
    _calls.wrap_method(Tool, "later", _calls.of_coroutine(begins, ends))
    _calls.wrap_method(Tool, "stream", _calls.of_stream(begins, ends))
    return Tool


def in_run(tracer, action):
    return tracer.trace_agent(lambda: action())()


async def collected(stream):
    return [item async for item in stream]


def plain_tool_class(begins):
    """Only the function is wrapped, so that one call is one node."""

    class Tool:
        def now(self, what):
            return [what]

    _calls.wrap_method(Tool, "now", _calls.of_function(begins))
    return Tool


def test_a_wrapped_function_is_a_call_with_its_result(tracer, sink):
    assert in_run(tracer, lambda: plain_tool_class(of_tool)().now("it")) == ["it"]
    (tool,) = sink.tools
    assert (tool["gen_ai.tool.name"], tool.json("gen_ai.tool.call.result")) == ("look", ["it"])


def test_an_exception_passes_and_is_the_calls_error(tracer, sink):
    with pytest.raises(KeyError, match="nothing"):
        in_run(tracer, lambda: tool_class(of_tool)().now("nothing"))
    (tool,) = sink.tools
    assert (tool.is_error, tool["error.type"]) == (True, "KeyError")


def test_a_call_within_a_call_is_below_it(tracer, sink):
    in_run(tracer, lambda: asyncio.run(tool_class(of_tool)().later("it")))
    outer, inner = sink.tools
    assert inner.parent == outer.id


def test_a_stream_left_early_ends_its_call_and_closes_what_it_wraps(tracer, sink):
    closed = []

    class Tool:
        async def stream(self):
            try:
                yield 1
                yield 2
            finally:
                closed.append(True)

    _calls.wrap_method(Tool, "stream", _calls.of_stream(of_tool))

    async def agent():
        stream = Tool().stream()
        async for _ in stream:
            break
        await stream.aclose()

    in_run(tracer, lambda: asyncio.run(agent()))
    (tool,) = sink.tools
    assert closed == [True]
    assert tool.end >= tool.start > 0
    assert not tool.is_error


@pytest.mark.parametrize(("begins", "ends"), [(failing_begin, _calls.returned), (of_tool, no_end)])
def test_the_framework_does_not_notice_what_fails_here(tracer, sink, begins, ends):
    tool = tool_class(begins, ends)()
    assert in_run(tracer, lambda: tool.now("it")) == ["it"]
    assert in_run(tracer, lambda: asyncio.run(tool.later("it"))) == ["it"]
    assert in_run(tracer, lambda: asyncio.run(collected(tool.stream("it")))) == ["first", ["it"]]
    with pytest.raises(KeyError):
        in_run(tracer, lambda: asyncio.run(collected(tool.stream("nothing"))))


def test_outside_a_run_nothing_is_recorded(sink):
    assert tool_class(of_tool)().now("it") == ["it"]
    assert sink.spans == []


def test_a_method_is_wrapped_once_and_only_where_its_class_defines_it():
    class Base:
        def call(self):
            return 1

    class Derived(Base):
        pass

    wrapper = _calls.of_function(of_tool)
    for kind in (Base, Base, Derived):
        _calls.wrap_method(kind, "call", wrapper)
        _calls.wrap_method(kind, "missing", wrapper)
    assert "call" not in vars(Derived)
    assert inspect.isfunction(vars(Base)["call"].__wrapped__)
    assert not hasattr(Base, "missing")


def test_the_answer_of_what_no_framework_made_is_the_value():
    for value in ("text", 7, None, {"output": 1}, [1]):
        assert _words.answer(value) is value
        assert _words.piece(value) is value
    given = {"new_message": "not of the framework's class"}
    assert _words.asked(given) is given
