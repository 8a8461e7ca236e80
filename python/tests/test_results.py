"""What a traced call returns and goes on afterwards: its run goes on with it, and the host sees what it would see."""

from __future__ import annotations

import asyncio
import collections.abc
import contextlib
import gc
import io

import pytest

from agent_eval._run import current


def in_run():
    return current.get() is not None


class Stream:
    """A stream with a class of its own, as client packages have."""

    def __init__(self, items="abc"):
        self._items = iter(items)
        self.where = []
        self.is_closed = False

    def __iter__(self):
        return self

    def __next__(self):
        self.where.append(in_run())
        return next(self._items)

    def close(self):
        self.is_closed = True


class Iterated:
    """Items that a generator goes through."""

    def __iter__(self):
        yield from "abc"


class AsyncStream:
    def __init__(self):
        self._items = iter("abc")
        self.where = []

    def __aiter__(self):
        return self

    async def __anext__(self):
        self.where.append(in_run())
        for item in self._items:
            return item
        raise StopAsyncIteration


class AsyncIterated:
    async def __aiter__(self):
        for item in "abc":
            yield item


class Block:
    """A context manager; `entered` is what it gives."""

    def __init__(self, entered=None, swallows=False):
        self.entered = entered
        self.swallows = swallows
        self.where = []

    def __enter__(self):
        self.where.append(in_run())
        return self.entered or self

    def __exit__(self, *raised):
        self.where.append(in_run())
        return self.swallows

    async def __aenter__(self):
        return self.__enter__()

    async def __aexit__(self, *raised):
        return self.__exit__(*raised)


class Later:
    def __await__(self):
        yield from asyncio.sleep(0).__await__()
        return in_run(), "abc"


def ended(sink):
    return [(run["arc_eval.termination"], run.get("arc_eval.output")) for run in sink.runs if run.end]


def test_a_stream_of_any_class_ends_the_run_with_its_last_item(tracer, sink):
    stream = Stream()
    traced = tracer.trace_agent(lambda q: stream)("q")
    assert isinstance(traced, Stream)
    assert iter(traced) is traced
    assert ended(sink) == []
    assert list(traced) == ["a", "b", "c"]
    assert stream.where == [True] * 4
    assert not in_run()
    assert ended(sink) == [("completed", "abc")]


def test_a_stream_that_is_closed_early_is_an_abandoned_run(tracer, sink):
    stream = Stream()
    traced = tracer.trace_agent(lambda q: stream)("q")
    assert next(traced) == "a"
    traced.close()
    assert stream.is_closed
    assert ended(sink) == [("cancelled", "a")]
    assert sink.run["arc_eval.abandoned"] is True


def test_a_stream_that_nobody_holds_any_more_is_an_abandoned_run(tracer, sink):
    for _ in tracer.trace_agent(lambda q: Stream())("q"):
        break
    gc.collect()
    assert ended(sink) == [("cancelled", "a")]


def test_a_stream_that_fails_fails_the_run(tracer, sink):
    def items():
        yield "a"
        raise KeyError("b")

    traced = tracer.trace_agent(lambda q: Stream(items()))("q")
    assert next(traced) == "a"
    with pytest.raises(KeyError):
        next(traced)
    assert ended(sink) == [("exception", "a")]


def test_what_can_only_be_gone_through_is_not_a_result_that_goes_on(tracer, sink):
    result = Iterated()
    assert tracer.trace_agent(lambda q: result)("q") is result
    assert [termination for termination, _ in ended(sink)] == ["completed"]


@pytest.mark.parametrize("kind", [AsyncStream, AsyncIterated])
def test_an_asynchronous_stream_ends_the_run_with_its_last_item(kind, tracer, sink):
    async def agent(question):
        return kind()

    async def main():
        for traced in (await tracer.trace_agent(agent)("q"), tracer.trace_agent(lambda q: kind())("q")):
            assert isinstance(traced, kind)
            assert [item async for item in traced] == ["a", "b", "c"]
            assert not in_run()

    asyncio.run(main())
    assert ended(sink) == [("completed", "abc")] * 2


def test_the_block_of_a_context_manager_is_in_the_run_and_ends_it(tracer, sink):
    block = Block()
    with tracer.trace_agent(lambda q: block)("q") as entered:
        assert isinstance(entered, Block)
        assert in_run()
        assert ended(sink) == []
    assert block.where == [True, True]
    assert not in_run()
    assert [termination for termination, _ in ended(sink)] == ["completed"]


def test_an_asynchronous_context_manager_gives_what_it_gives(tracer, sink):
    given = object()

    async def main():
        async with tracer.trace_agent(lambda q: Block(given))("q") as entered:
            assert entered is given
            assert in_run()

    asyncio.run(main())
    assert [termination for termination, _ in ended(sink)] == ["completed"]


def test_an_exception_in_the_block_ends_the_run_unless_it_is_swallowed(tracer, sink):
    with pytest.raises(KeyError), tracer.trace_agent(lambda q: Block())("q"):
        raise KeyError("k")
    with tracer.trace_agent(lambda q: Block(swallows=True))("q"):
        raise KeyError("k")
    assert sorted(termination for termination, _ in ended(sink)) == ["completed", "exception"]


@contextlib.contextmanager
def generated():
    yield in_run()


@contextlib.asynccontextmanager
async def generated_async():
    yield in_run()


def test_the_context_managers_of_generators_are_such_results_too(tracer, sink):
    with tracer.trace_agent(lambda q: generated())("q") as was_in_run:
        assert was_in_run

    async def main():
        async with tracer.trace_agent(lambda q: generated_async())("q") as was_in_run:
            assert was_in_run

    asyncio.run(main())
    assert [termination for termination, _ in ended(sink)] == ["completed"] * 2


def test_a_context_manager_that_is_never_entered_is_a_plain_result(tracer, sink):
    traced = tracer.trace_agent(lambda q: Block())("q")
    assert traced.entered is None
    del traced
    gc.collect()
    assert [termination for termination, _ in ended(sink)] == ["completed"]


def test_an_awaitable_of_any_class_ends_the_run_when_it_is_done(tracer, sink):
    async def main():
        traced = tracer.trace_agent(lambda q: Later())("q")
        assert ended(sink) == []
        return await traced, await asyncio.wait_for(tracer.trace_agent(lambda q: Later())("q"), 60)

    assert asyncio.run(main()) == ((True, "abc"), (True, "abc"))
    assert [termination for termination, _ in ended(sink)] == ["completed"] * 2


PROTOCOLS = [
    getattr(collections.abc, name)
    for name in ("Iterable", "Iterator", "Awaitable", "AsyncIterable", "AsyncIterator", "Sized", "Callable")
] + [contextlib.AbstractContextManager, contextlib.AbstractAsyncContextManager]


@pytest.mark.parametrize("kind", [Stream, AsyncStream, AsyncIterated, Block, Later])
def test_the_stand_in_can_do_what_the_result_can_and_no_more(kind, tracer):
    result, traced = kind(), tracer.trace_agent(lambda q: kind())("q")
    for protocol in PROTOCOLS:
        assert isinstance(traced, protocol) == isinstance(result, protocol), protocol
    assert bool(traced) == bool(result)
    assert traced.__class__ is kind
    with pytest.raises(AttributeError, match=f"'{kind.__name__}' object has no attribute 'nothing'"):
        _ = traced.nothing


@pytest.mark.parametrize(
    "result",
    [None, 1, "text", [1], {"a": 1}, (1,), io.StringIO("x"), iter([1]), map(str, [1]), memoryview(b"x"), object()],
)
def test_plain_results_come_back_as_they_are(result, tracer, sink):
    assert tracer.trace_agent(lambda q: result)("q") is result
    assert [termination for termination, _ in ended(sink)] == ["completed"]
