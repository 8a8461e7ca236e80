"""A traced thing is, to its host, the thing itself."""

from __future__ import annotations

import asyncio
import collections.abc
import contextlib
import copy
import functools
import inspect
import pickle
import sys
import traceback

import pytest

from agent_eval.trace import ArcTracer, trace_agent

ANSWER = object()


def plain_function(question: str, *, depth: int = 1) -> object:
    """Answers."""
    return ANSWER


@trace_agent
def decorated(question: str) -> str:
    return question.upper()


class Agent:
    """An agent."""

    name = "Ada"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def run(self, question: str) -> object:
        self.asked.append(question)
        return ANSWER

    async def arun(self, question: str) -> object:
        await asyncio.sleep(0)
        return ANSWER

    def stream(self, question: str):
        yield "a"
        yield "b"

    def unrelated(self) -> str:
        return "untouched"


class CallableAgent(Agent):
    def __call__(self, question: str) -> object:
        return self.run(question)


class SlottedAgent:
    __slots__ = ("answer",)

    def __init__(self) -> None:
        self.answer = ANSWER

    def invoke(self, question: str) -> object:
        return self.answer


class IterableAgent(Agent):
    def __iter__(self):
        return iter([1, 2])


def calls_of(make):
    return lambda: make().run("q")


PROTOCOLS = [
    getattr(collections.abc, name)
    for name in ("Iterable", "Iterator", "Awaitable", "AsyncIterable", "Sized", "Container", "Reversible", "Hashable")
] + [contextlib.AbstractContextManager, contextlib.AbstractAsyncContextManager]

WAYS = {
    "function": lambda tracer: tracer.trace_agent(plain_function)("q"),
    "partial": lambda tracer: tracer.trace_agent(functools.partial(plain_function, depth=2))("q"),
    "lambda": lambda tracer: tracer.trace_agent(lambda q: ANSWER)("q"),
    "bound method": lambda tracer: tracer.trace_agent(Agent().run)("q"),
    "object with run": lambda tracer: tracer.trace_agent(Agent()).run("q"),
    "object with slots": lambda tracer: tracer.trace_agent(SlottedAgent()).invoke("q"),
    "callable object": lambda tracer: tracer.trace_agent(CallableAgent())("q"),
    "class": lambda tracer: tracer.trace_agent(type("Fresh", (Agent,), {}))().run("q"),
    "own method name": lambda tracer: tracer.trace_agent(SlottedAgent(), methods=["invoke"]).invoke("q"),
    "async method": lambda tracer: asyncio.run(tracer.trace_agent(Agent()).arun("q")),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_call_returns_the_very_object_and_is_one_completed_run(way, tracer, sink):
    assert WAYS[way](tracer) is ANSWER
    assert tracer.flush(60)
    assert sink.run["arc_eval.termination"] == "completed"
    assert sink.run.payload("arc_eval.input") == "q"
    assert sink.run["gen_ai.agent.name"] == "teller"
    assert sink.run.get("arc_eval.outcome.verdict") is None


def test_a_traced_function_keeps_its_signature_name_doc_and_kind(tracer):
    traced = tracer.trace_agent(plain_function)
    assert inspect.signature(traced) == inspect.signature(plain_function)
    assert (traced.__name__, traced.__doc__, traced.__module__) == ("plain_function", "Answers.", __name__)
    assert inspect.isfunction(traced)
    assert traced == plain_function
    assert hash(traced) == hash(plain_function)
    assert repr(traced) == repr(plain_function)


@pytest.mark.parametrize(
    ("function", "kind"),
    [
        (Agent.arun, inspect.iscoroutinefunction),
        (Agent.stream, inspect.isgeneratorfunction),
        (plain_function, inspect.isroutine),
    ],
)
def test_inspection_sees_the_same_kind_of_function(function, kind, tracer):
    assert kind(function)
    assert kind(tracer.trace_agent(function))


def test_a_traced_object_is_an_instance_of_its_class_and_shares_its_attributes(tracer):
    agent = Agent()
    traced = tracer.trace_agent(agent)
    assert isinstance(traced, Agent)
    assert traced.unrelated() == "untouched"
    traced.mood = "good"
    assert agent.mood == "good"
    del traced.mood
    assert not hasattr(agent, "mood")
    traced.run("q")
    assert agent.asked == ["q"]
    assert traced == agent
    assert repr(traced) == repr(agent)
    assert dir(traced) == dir(agent)
    with pytest.raises(AttributeError, match="'Agent' object has no attribute 'nothing'"):
        _ = traced.nothing


def test_a_traced_object_is_callable_or_iterable_exactly_if_the_object_is(tracer):
    for kind in (Agent, CallableAgent, SlottedAgent, IterableAgent):
        agent, traced = kind(), tracer.trace_agent(kind())
        assert callable(traced) == callable(agent)
        for protocol in PROTOCOLS:
            assert isinstance(traced, protocol) == isinstance(agent, protocol), (kind, protocol)
    assert list(tracer.trace_agent(IterableAgent())) == [1, 2]


def test_a_traced_class_is_the_same_class_with_one_run_per_outer_call(tracer, sink):
    class Layered(Agent):
        def run(self, question):
            return self.invoke(question)

        def invoke(self, question):
            return super().run(question)

    assert tracer.trace_agent(Layered) is Layered
    assert Layered().run("q") is ANSWER
    assert tracer.flush(60)
    assert len(sink.runs) == 1


def test_methods_can_be_decorated_in_their_class(sink):
    class Support:
        @trace_agent(domain="support")
        def answer(self, question):
            return self, question

    support = Support()
    assert support.answer("q") == (support, "q")
    tracer = ArcTracer()
    assert tracer.flush(60)
    assert sink.run["arc_eval.domain"] == "support"
    assert sink.run["gen_ai.agent.name"] == "answer"


def test_tracing_twice_is_tracing_once(tracer, sink):
    tracer.trace_agent(tracer.trace_agent(plain_function))("q")
    tracer.trace_agent(tracer.trace_agent(Agent())).run("q")
    assert tracer.flush(60)
    assert len(sink.runs) == 2


def test_pickling_and_copying_work_where_they_did(tracer):
    assert pickle.loads(pickle.dumps(decorated)) is decorated
    assert pickle.loads(pickle.dumps(tracer.trace_agent(plain_function))) is plain_function
    agent = tracer.trace_agent(Agent())
    agent.asked.append("x")
    assert pickle.loads(pickle.dumps(agent)).asked == ["x"]
    for copied in (copy.copy(agent), copy.deepcopy(agent)):
        assert isinstance(copied, Agent)
        assert copied.asked == ["x"]
        assert copied.run("q") is ANSWER


def test_what_cannot_be_traced_comes_back_as_it_was_with_one_warning(tracer, caplog):
    thing = object()
    assert tracer.trace_agent(thing) is thing
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "is not traced" in caplog.text


class Boom(Exception):
    pass


def failing(question):
    raise Boom("no such account")


async def failing_async(question):
    await asyncio.sleep(0)
    raise Boom("no such account")


def failing_stream(question):
    yield "one"
    raise Boom("no such account")


FAILURES = {
    "function": lambda tracer: tracer.trace_agent(failing)("q"),
    "coroutine": lambda tracer: asyncio.run(tracer.trace_agent(failing_async)("q")),
    "generator": lambda tracer: list(tracer.trace_agent(failing_stream)("q")),
}


@pytest.mark.parametrize("way", FAILURES)
def test_an_exception_passes_with_its_traceback_and_is_recorded(way, tracer, sink):
    with pytest.raises(Boom, match=r"^no such account$") as caught:
        FAILURES[way](tracer)
    assert traceback.extract_tb(caught.value.__traceback__)[-1].name.startswith("failing")
    assert caught.value.__context__ is None
    assert tracer.flush(60)
    run = sink.run
    assert run["arc_eval.termination"] == "exception"
    assert run.status == {"code": 2, "message": "no such account"}
    assert run["error.type"] == f"{__name__}.Boom"
    (event,) = run.events
    assert event["name"] == "exception"
    assert event["exception.type"] == f"{__name__}.Boom"
    assert event["exception.message"] == "no such account"
    assert event["exception.stacktrace"].endswith("Boom: no such account\n")
    assert "in failing" in event["exception.stacktrace"]
    assert "agent_eval" not in event["exception.stacktrace"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, asyncio.CancelledError, GeneratorExit])
def test_being_stopped_is_cancelled_not_failed(error, tracer, sink):
    @tracer.trace_agent
    def agent(question):
        raise error()

    with pytest.raises(error):
        agent("q")
    assert tracer.flush(60)
    assert sink.run["arc_eval.termination"] == "cancelled"
    assert sink.run["error.type"].endswith(error.__name__)
    assert not sink.run.is_error


@pytest.mark.parametrize(("asked", "code"), [(3, 3), (-1, 255), ("no money", 1)])
def test_leaving_with_an_exit_code_is_told_with_the_code(asked, code, tracer, sink):
    with pytest.raises(SystemExit):
        tracer.trace_agent(lambda _: sys.exit(asked))("q")
    assert (sink.run["arc_eval.termination"], sink.run["arc_eval.exit.code"]) == ("exited", code)
    assert sink.run.is_error


def test_a_cancelled_task_is_a_cancelled_run(tracer, sink):
    async def agent(question):
        await asyncio.Event().wait()

    async def main():
        task = asyncio.create_task(tracer.trace_agent(agent)("q"))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert tracer.flush(60)
    assert sink.run["arc_eval.termination"] == "cancelled"


def test_an_agent_within_an_agent_is_a_child_in_the_same_trace(sink):
    outer, inner = (ArcTracer(agent=name) for name in ("outer", "inner"))
    helper = inner.trace_agent(lambda q: q + "!")
    assert outer.trace_agent(lambda q: helper(q))("q") == "q!"
    assert outer.flush()
    first, second = sink.runs
    assert [first["gen_ai.agent.name"], second["gen_ai.agent.name"]] == ["outer", "inner"]
    assert (second.trace, second.parent, first.parent) == (first.trace, first.id, None)


def test_runs_in_concurrent_tasks_are_kept_apart(tracer, sink):
    async def agent(number):
        await asyncio.sleep(0)
        tracer.record_outcome(number % 2 == 0)
        return number

    async def main():
        traced = tracer.trace_agent(agent)
        return await asyncio.gather(*(traced(number) for number in range(10)))

    assert asyncio.run(main()) == list(range(10))
    assert tracer.flush(60)
    assert len({run.trace for run in sink.runs}) == 10
    for run in sink.runs:
        expected = "succeeded" if run.payload("arc_eval.input") % 2 == 0 else "failed"
        assert run["arc_eval.outcome.verdict"] == expected


def test_a_future_ends_the_run_when_it_is_done(tracer, sink):
    async def work():
        await asyncio.sleep(0)
        return ANSWER

    async def main():
        future = asyncio.ensure_future(work())
        assert tracer.trace_agent(lambda q: future)("q") is future
        return await future

    assert asyncio.run(main()) is ANSWER
    assert tracer.flush(60)
    assert sink.run["arc_eval.termination"] == "completed"
