"""Results that go on after the call and are of any class: streams, context managers, awaitables. Their run goes on too.

The stand-in of such a result has the special methods that the result has, and ends the run where the result ends: with
its last item, its ``close``, the end of its block, or when nobody holds it any more. Results of the standard library's
classes are plain results, except for those in :mod:`agent_eval._steps`.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import AsyncIterator, Iterator
from types import AsyncGeneratorType, GeneratorType
from typing import Any

from ._guard import attempt
from ._steps import Steps, TracedAsyncContext, TracedAsyncGenerator, TracedContext, TracedGenerator, _AsyncStep

# What makes a result one that goes on; each with what has to be there as well.
_SIGNS = (
    ("__next__",),
    ("__anext__",),
    ("__aiter__",),
    ("__await__",),
    ("__enter__", "__exit__"),
    ("__aenter__", "__aexit__"),
)
_SPECIAL = frozenset(name for signs in _SIGNS for name in signs) | {"__iter__", "__len__", "__call__"}


def stand_in_of_object(result: Any, steps: Steps) -> Any:
    """Returns the stand-in of a result that goes on; ``None`` when the call is over with it."""
    kind = _stand_in_type(type(result))  # type: ignore[arg-type]
    return kind(result, steps) if kind is not None else None


@functools.lru_cache(maxsize=256)
def _stand_in_type(kind: type) -> Any:
    if kind.__module__.partition(".")[0] in sys.stdlib_module_names:
        return None
    has = functools.partial(_has, kind)
    if not any(all(has(name) for name in signs) for signs in _SIGNS):
        return None
    # The stand-in has what the result has: where a method is missing it must be missing here.
    missing = {name: None for name in _SPECIAL if not has(name)}
    return type("TracedResult", (TracedResult,), missing)


def _has(kind: type, name: str) -> bool:
    found = next((vars(base)[name] for base in kind.__mro__ if name in vars(base)), None)
    return found is not None


class TracedResult(TracedContext, TracedAsyncContext):
    """A result that goes on. To the host it is the result."""

    _self_is_begun = False

    def __iter__(self) -> Iterator[Any]:
        inner = iter(self.__wrapped__)
        return self if inner is self.__wrapped__ else _stream(inner, self)

    def __next__(self) -> Any:
        steps = self._self_going()
        try:
            item = steps.step(next, self.__wrapped__)
        except StopIteration:
            attempt(steps.returned, None)
            raise
        attempt(steps.item, item)
        return item

    def __aiter__(self) -> AsyncIterator[Any]:
        inner = self.__wrapped__.__aiter__()
        return self if inner is self.__wrapped__ else _stream(inner, self)

    def __anext__(self) -> Any:
        return _step(self.__wrapped__.__anext__(), self._self_going())

    def __await__(self) -> Any:
        awaited = _Awaited(self.__wrapped__.__await__(), self._self_going())
        awaited._self_holder = self
        return awaited

    def __enter__(self) -> Any:
        self._self_going()
        entered = super().__enter__()
        return self if entered is self.__wrapped__ else entered

    async def __aenter__(self) -> Any:
        self._self_going()
        entered = await super().__aenter__()
        return self if entered is self.__wrapped__ else entered

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.__wrapped__(*args, **kwargs)

    def __len__(self) -> int:
        return len(self.__wrapped__)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.__wrapped__, name)
        if name in ("close", "aclose"):
            ending: Any = attempt(_Ending, value, self._self_going())
            return value if ending is None else ending
        return value

    def __del__(self) -> None:
        attempt(self._self_let_go)

    def _self_let_go(self) -> None:
        # Never begun, it was a plain result: the run was over with the call.
        if self._self_is_begun:
            self._self_steps.closed()
        else:
            self._self_steps.returned(self.__wrapped__)

    def _self_going(self) -> Steps:
        self._self_is_begun = True
        steps: Steps = self._self_steps
        return steps


class _Ending:
    """A result's ``close``, which ends the run."""

    def __init__(self, wrapped: Any, steps: Steps) -> None:
        self.__wrapped__ = wrapped
        self._steps = steps

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            closed = self._steps.step(self.__wrapped__, *args, **kwargs)
        except BaseException:
            attempt(self._steps.closed)
            raise
        if hasattr(closed, "send"):
            return _AsyncStep(closed, self._steps, closes=True)
        attempt(self._steps.closed)
        return closed

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__wrapped__, name)


class _Awaited(_AsyncStep):
    """A result that is being awaited; what it gives ends the run."""

    def _self_go(self, action: Any, *args: Any) -> Any:
        steps = self._self_steps
        try:
            return steps.step(action, *args)
        except StopIteration as end:
            attempt(steps.returned, end.value)
            raise

    def send(self, value: Any) -> Any:
        # An iterator that is no generator takes nothing.
        send = getattr(self.__wrapped__, "send", None)
        return self._self_go(send, value) if send is not None else self._self_go(next, self.__wrapped__)


def _stream(inner: Any, holder: TracedResult) -> Any:
    """Returns the stand-in of what a result gives to be gone through; the result has to live as long."""
    steps = holder._self_going()
    stand_in: Any
    if isinstance(inner, GeneratorType):
        stand_in = TracedGenerator(inner, steps)
    elif isinstance(inner, AsyncGeneratorType):
        stand_in = TracedAsyncGenerator(inner, steps)
    else:
        kind = _stand_in_type(type(inner))  # type: ignore[arg-type]
        if kind is None:
            return inner
        stand_in = kind(inner, steps)
        stand_in._self_is_begun = True
    stand_in._self_holder = holder
    return stand_in


def _step(step: Any, steps: Steps) -> Any:
    return _AsyncStep(step, steps) if hasattr(step, "send") else step
