"""Coroutines and generators of traced agents behave as the untraced ones; the run follows them."""

from __future__ import annotations

import asyncio
import gc
import inspect
import warnings

import pytest

from agent_eval._run import current


def letters(question):
    received = []
    try:
        received.append((yield "a"))
        received.append((yield "b"))
    except ValueError:
        received.append("caught")
        yield "c"
    return received


async def letters_async(question):
    try:
        got = yield "a"
        yield got or "b"
    finally:
        await asyncio.sleep(0)


def test_a_generator_yields_receives_throws_and_returns_as_before(tracer, sink):
    plain, traced = letters("q"), tracer.trace_agent(letters)("q")
    assert inspect.isgenerator(traced)
    for generator in (plain, traced):
        assert iter(generator) is generator
        assert next(generator) == "a"
        assert generator.send("x") == "b"
        assert generator.throw(ValueError()) == "c"
        with pytest.raises(StopIteration) as end:
            next(generator)
        assert end.value.value == ["x", "caught"]
        with pytest.raises(StopIteration):
            next(generator)
    assert tracer.flush(60)
    assert sink.run.payload("arc_eval.output") == "abc"
    assert sink.run["arc_eval.termination"] == "completed"


def test_yield_from_passes_the_return_value_on(tracer):
    def outer():
        return (yield from tracer.trace_agent(letters)("q"))

    items = outer()
    assert [next(items), next(items)] == ["a", "b"]
    with pytest.raises(StopIteration) as end:
        next(items)
    assert end.value.value == [None, None]


def test_the_consumer_of_a_stream_is_outside_the_run(tracer):
    def agent():
        assert current.get() is not None
        yield 1
        assert current.get() is not None

    async def agent_async():
        assert current.get() is not None
        yield 1

    for _ in tracer.trace_agent(agent)():
        assert current.get() is None

    async def main():
        async for _ in tracer.trace_agent(agent_async)():
            assert current.get() is None

    asyncio.run(main())
    assert current.get() is None


def drop(generator):
    del generator
    gc.collect()


@pytest.mark.parametrize("leave", [lambda generator: generator.close(), drop])
def test_a_stream_left_early_is_an_abandoned_run(leave, tracer, sink):
    generator = tracer.trace_agent(letters)("q")
    assert next(generator) == "a"
    holder = [generator]
    del generator
    leave(holder.pop())
    assert tracer.flush(60)
    assert sink.run["arc_eval.termination"] == "cancelled"
    assert sink.run["arc_eval.abandoned"] is True
    assert sink.run.payload("arc_eval.output") == "a"
    assert not sink.run.is_error


@pytest.mark.parametrize("leave", [lambda generator: generator.close(), drop])
def test_a_stream_never_begun_is_no_run(leave, tracer, sink):
    leave(tracer.trace_agent(letters)("q"))
    tracer.trace_agent(lambda q: q)("other")
    assert tracer.flush(60)
    assert sink.run.payload("arc_eval.input") == "other"


def test_an_async_generator_behaves_as_before(tracer, sink):
    async def main():
        for generator in (letters_async("q"), tracer.trace_agent(letters_async)("q")):
            assert inspect.isasyncgen(generator)
            assert generator.__aiter__() is generator
            assert await generator.__anext__() == "a"
            assert await generator.asend("x") == "x"
            with pytest.raises(StopAsyncIteration):
                await generator.__anext__()
            await generator.aclose()
        items = [item async for item in tracer.trace_agent(letters_async)("q")]
        assert items == ["a", "b"]

    asyncio.run(main())
    assert tracer.flush(60)
    assert [run.payload("arc_eval.output") for run in sorted(sink.runs, key=lambda run: run.start)] == ["ax", "ab"]


def test_an_async_generator_closed_early_is_an_abandoned_run(tracer, sink):
    async def main():
        generator = tracer.trace_agent(letters_async)("q")
        async for _ in generator:
            break
        await generator.aclose()

    asyncio.run(main())
    assert tracer.flush(60)
    assert (sink.run["arc_eval.termination"], sink.run["arc_eval.abandoned"]) == ("cancelled", True)


def test_an_exception_thrown_into_an_async_generator_fails_the_run(tracer, sink):
    async def main():
        generator = tracer.trace_agent(letters_async)("q")
        await generator.__anext__()
        with pytest.raises(KeyError):
            await generator.athrow(KeyError("k"))

    asyncio.run(main())
    assert tracer.flush(60)
    assert sink.run["error.type"] == "KeyError"


def test_a_coroutine_is_a_coroutine_and_warns_once_when_never_awaited(tracer, sink):
    async def agent(question):
        return question

    coroutine = tracer.trace_agent(agent)("q")
    assert asyncio.iscoroutine(coroutine)
    assert inspect.iscoroutine(coroutine)
    assert inspect.isawaitable(coroutine)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        del coroutine
        gc.collect()
    assert [str(warning.message) for warning in caught] == [f"coroutine '{agent.__qualname__}' was never awaited"]
    assert asyncio.run(tracer.trace_agent(agent)("q")) == "q"
    assert tracer.flush(60)
    assert len(sink.runs) == 1


def test_wrong_arguments_raise_at_the_call_as_before(tracer):
    async def agent(question):
        return question

    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        tracer.trace_agent(agent)()


def test_tasks_started_in_an_agent_belong_to_its_run(tracer):
    seen = []

    async def helper():
        seen.append(current.get())

    async def agent(question):
        await asyncio.gather(
            helper(), asyncio.create_task(helper()), asyncio.to_thread(lambda: seen.append(current.get()))
        )

    asyncio.run(tracer.trace_agent(agent)("q"))
    assert len(seen) == 3
    assert len({run.trace_id for run in seen}) == 1


def test_a_coroutine_awaited_through_a_custom_awaitable_works(tracer):
    async def agent(question):
        await asyncio.sleep(0)
        return question

    traced = tracer.trace_agent(agent)

    class Custom:
        def __await__(self):
            return (yield from traced("q").__await__())

    async def main():
        return await Custom(), await asyncio.wait_for(traced("w"), 5), await asyncio.shield(traced("s"))

    assert asyncio.run(main()) == ("q", "w", "s")
