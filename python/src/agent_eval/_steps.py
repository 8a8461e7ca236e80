"""What a traced call returned and is not over yet: coroutines, generators, asynchronous generators.

Each stand-in hands every step on to what it stands for, with the run as the current one during that step only: the
code that consumes a stream is not part of the run. The run ends with the last step, or when it is left before it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import _AsyncGeneratorContextManager, _GeneratorContextManager
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import Any, Protocol

import wrapt

from ._frameworks import _words
from ._guard import attempt
from ._run import Run, current, last, leave
from ._span import MAX_TOTAL, plain

# The proxy without `__iter__`, where wrapt has one: a coroutine must not look as if it could be iterated.
_Proxy: Any = getattr(wrapt, "BaseObjectProxy", wrapt.ObjectProxy)


class Recorder(Protocol):
    """What wrappers need of a tracer."""

    def begin(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], owner: int | None) -> Run | None:
        """Starts a run; ``None`` when this call is none of its own."""

    def returned(self, run: Run, output: Any) -> None:
        """Ends a run that returned."""

    def keep(self, run: Run, output: Any) -> None:
        """Takes what a run has put out so far."""


class Steps:
    """The run of something that goes on in steps; the run is the current one during each of them, and only then."""

    def __init__(self, recorder: Recorder, begin: Callable[[], Run | None] | None, run: Run | None = None) -> None:
        self.recorder = recorder
        self.begin = begin
        self.run = run
        self.items = _Items()

    def step(self, action: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Takes one step; returns or raises what it does. A failure ends the run, whatever kind of step it was."""
        if self.begin is not None:
            begin, self.begin = self.begin, None
            self.run = attempt(begin)
        if self.run is None:
            return action(*args, **kwargs)
        token = attempt(current.set, self.run)
        try:
            return action(*args, **kwargs)
        except (StopIteration, StopAsyncIteration, GeneratorExit):
            raise
        except BaseException as error:
            attempt(self._failed, error)
            raise
        finally:
            attempt(leave, token)

    def item(self, value: Any) -> None:
        """Keeps an item of a stream for the run's output."""
        if self.run is not None and self.run.settings.capture_content:
            self.items.add(value)

    def returned(self, value: Any) -> None:
        """Ends the run: there are no more steps."""
        if self.run is not None and not self.run.ended:
            self.recorder.returned(self.run, self.items.joined() if self.items.found else value)

    def settled(self, value: Any) -> Any:
        """Ends the run with what a coroutine returned, unless that goes on: then its stand-in is returned."""
        if self.run is None or self.run.ended:
            return None
        stand_in = stand_in_of_result(value, Steps(self.recorder, None, self.run))
        if stand_in is None:
            self.returned(value)
        else:
            self.run = None  # it is the stand-in's from now on
        return stand_in

    def closed(self) -> None:
        """Ends the run of what was not carried through to its end; before the first step there is none."""
        self.begin = None
        if self.run is not None and not self.run.ended:
            if self.items.found:
                self.recorder.keep(self.run, self.items.joined())
            self.run.abandoned()

    def _failed(self, error: BaseException) -> None:
        if self.run is not None:
            if self.items.found:
                self.recorder.keep(self.run, self.items.joined())
            self.run.failed(error)


class _Items:
    """The items of a stream, up to a limit; kept as data at once, because the host may change them later."""

    def __init__(self) -> None:
        self.found: list[Any] = []
        self._room = MAX_TOTAL

    def add(self, value: Any) -> None:
        value = attempt(_words.piece, value)
        if value is _words.NOTHING:
            return
        if self._room > 0:
            item = value if isinstance(value, str) else plain(value)
            self._room -= len(item) if isinstance(item, str) else len(json.dumps(item))
            self.found.append(item if self._room >= 0 else "<cut>")

    def joined(self) -> Any:
        """Returns the items as one value: texts put together, else the list."""
        return "".join(self.found) if all(isinstance(item, str) for item in self.found) else self.found


def stand_in_of_result(result: Any, steps: Steps) -> Any:
    """Returns the stand-in of a result that goes on after the call, ``None`` for anything else."""
    from ._results import stand_in_of_object  # which stands on this module

    stand_in = stand_in_of(result, steps)
    return stand_in if stand_in is not None else stand_in_of_object(result, steps)


def stand_in_of(result: Any, steps: Steps) -> Any:
    """Returns the stand-in of a coroutine or generator, ``None`` for anything else."""
    if isinstance(result, CoroutineType):
        return TracedCoroutine(result, steps)
    if isinstance(result, GeneratorType):
        return TracedGenerator(result, steps)
    if isinstance(result, AsyncGeneratorType):
        return TracedAsyncGenerator(result, steps)
    if isinstance(result, _GeneratorContextManager):
        return TracedContext(result, steps)
    if isinstance(result, _AsyncGeneratorContextManager):
        return TracedAsyncContext(result, steps)
    return None


class _Stepwise(_Proxy):  # type: ignore[misc]
    """Something that goes on in steps and may be left at any of them."""

    def __init__(self, target: Any, steps: Steps) -> None:
        super().__init__(target)
        self._self_steps = steps

    def __repr__(self) -> str:
        return repr(self.__wrapped__)

    def __del__(self) -> None:
        attempt(self._self_steps.closed)


class _Resumable(_Stepwise):
    """What coroutines and generators share."""

    def send(self, value: Any) -> Any:
        return self._self_go(self.__wrapped__.send, value)

    def throw(self, *error: Any) -> Any:
        return self._self_go(self.__wrapped__.throw, *error)

    def close(self) -> None:
        if self._self_steps.begin is not None:  # closing what never began begins no run
            self._self_steps.begin = None
        try:
            self._self_steps.step(self.__wrapped__.close)
        finally:
            attempt(self._self_steps.closed)

    def _self_go(self, action: Callable[..., Any], *args: Any) -> Any:
        try:
            item = self._self_steps.step(action, *args)
        except StopIteration as end:
            if self._self_is_stream:
                attempt(self._self_steps.returned, end.value)
                raise
            stand_in = attempt(self._self_steps.settled, end.value)
            if stand_in is None:
                raise
            raise StopIteration(stand_in) from None
        if self._self_is_stream:
            attempt(self._self_steps.item, item)
        return item

    _self_is_stream = False


class TracedCoroutine(_Resumable):
    """A coroutine that is the rest of a run."""

    __iter__: Any = None  # which a proxy of an old `wrapt` has

    def __await__(self) -> Iterator[Any]:
        return _Awaiting(self)


class _Awaiting:
    """What ``await`` goes on with, as ``coroutine_wrapper`` is for a coroutine."""

    def __init__(self, coroutine: TracedCoroutine) -> None:
        self.send = coroutine.send
        self.throw = coroutine.throw
        self.close = coroutine.close

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return self.send(None)


class TracedGenerator(_Resumable):
    """A generator whose items are a run's output."""

    _self_is_stream = True

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return self.send(None)


class TracedAsyncGenerator(_Stepwise):
    """An asynchronous generator whose items are a run's output."""

    __iter__: Any = None  # which a proxy of an old `wrapt` has

    def __aiter__(self) -> Any:
        return self

    def __anext__(self) -> Any:
        return _AsyncStep(self.__wrapped__.__anext__(), self._self_steps)

    def asend(self, value: Any) -> Any:
        return _AsyncStep(self.__wrapped__.asend(value), self._self_steps)

    def athrow(self, *error: Any) -> Any:
        return _AsyncStep(self.__wrapped__.athrow(*error), self._self_steps)

    def aclose(self) -> Any:
        self._self_steps.begin = None  # closing what never began begins no run
        return _AsyncStep(self.__wrapped__.aclose(), self._self_steps, closes=True)


class _AsyncStep(_Proxy):  # type: ignore[misc]
    """One step of an asynchronous generator, which itself goes on in steps of the event loop."""

    def __init__(self, target: Any, steps: Steps, closes: bool = False) -> None:
        super().__init__(target)
        self._self_steps = steps
        self._self_closes = closes

    def __await__(self) -> Iterator[Any]:
        return self

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return self.send(None)

    def send(self, value: Any) -> Any:
        return self._self_go(self.__wrapped__.send, value)

    def throw(self, *error: Any) -> Any:
        return self._self_go(self.__wrapped__.throw, *error)

    def close(self) -> None:
        self.__wrapped__.close()

    def _self_go(self, action: Callable[..., Any], *args: Any) -> Any:
        steps = self._self_steps
        try:
            return steps.step(action, *args)
        except StopAsyncIteration:
            attempt(steps.returned, None)
            raise
        except StopIteration as end:
            if self._self_closes:
                attempt(steps.closed)
            else:
                attempt(steps.item, end.value)
            raise


class _Context(_Stepwise):
    """A ``with`` block that is a run: what happens in it belongs to the run, which ends with it."""

    __iter__: Any = None  # which a proxy of an old `wrapt` has

    def __init__(self, target: Any, steps: Steps) -> None:
        super().__init__(target, steps)
        self._self_token: Any = None

    def _self_entered(self) -> None:
        steps = self._self_steps
        if steps.begin is not None:
            begin, steps.begin = steps.begin, None
            steps.run = begin()
        if steps.run is not None:
            self._self_token = current.set(steps.run)

    def _self_left(self, error: BaseException | None) -> None:
        leave(self._self_token)
        run = self._self_steps.run
        if run is not None and error is not None:
            run.failed(error)
        elif run is not None:
            run.completed()
            if run.parent is None:
                last.set(run)


class TracedContext(_Context):
    """The block of a ``contextlib.contextmanager``."""

    def __enter__(self) -> Any:
        attempt(self._self_entered)
        try:
            return self.__wrapped__.__enter__()
        except BaseException as error:
            attempt(self._self_left, error)
            raise

    def __exit__(self, *raised: Any) -> Any:
        try:
            handled = self.__wrapped__.__exit__(*raised)
        except BaseException as error:
            attempt(self._self_left, error)
            raise
        attempt(self._self_left, None if handled else raised[1])
        return handled


class TracedAsyncContext(_Context):
    """The block of a ``contextlib.asynccontextmanager``."""

    async def __aenter__(self) -> Any:
        attempt(self._self_entered)
        try:
            return await self.__wrapped__.__aenter__()
        except BaseException as error:
            attempt(self._self_left, error)
            raise

    async def __aexit__(self, *raised: Any) -> Any:
        try:
            handled = await self.__wrapped__.__aexit__(*raised)
        except BaseException as error:
            attempt(self._self_left, error)
            raise
        attempt(self._self_left, None if handled else raised[1])
        return handled
