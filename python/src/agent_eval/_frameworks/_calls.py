"""Tool calls and agents seen by wrapping the one method of a framework that every one of them passes.

For frameworks without hooks of their own, or whose hooks do not say enough. The method is called as before; what is
recorded of it is a node, the place of what happens during the call.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import wrapt

from .._guard import attempt
from .._run import belongs_to, place
from .._span import tool_span_id
from ._nodes import Node

# Makes the node of a call from the instance and the arguments; ``None`` when there is nothing to record.
Begin = Callable[[Any, tuple[Any, ...], dict[str, Any]], Node | None]
# Ends a node with what the call returned.
End = Callable[[Node, Any], None]


def wrap_method(kind: Any, name: str, wrapper: Callable[..., Any]) -> None:
    """Wraps a method where its class defines it; once, and not at all where it is not there."""
    if name in vars(kind) and not isinstance(vars(kind)[name], wrapt.FunctionWrapper):
        wrapt.wrap_function_wrapper(kind, name, wrapper)


def returned(node: Node, result: Any) -> None:
    """Ends a node with its output."""
    node.end(result)


def of_function(begin: Begin, end: End = returned) -> Callable[..., Any]:
    """Returns the wrapper of a plain method."""

    def wrapper(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        node = attempt(begin, instance, args, kwargs)
        if node is None:
            return wrapped(*args, **kwargs)
        attempt(node.enter)
        try:
            result = wrapped(*args, **kwargs)
        except BaseException as error:
            attempt(node.end, None, error)
            raise
        attempt(end, node, result)
        return result

    return wrapper


def of_coroutine(begin: Begin, end: End = returned) -> Callable[..., Any]:
    """Returns the wrapper of an asynchronous method."""

    async def recorded(wrapped: Callable[..., Any], node: Node, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        attempt(node.enter)
        try:
            result = await wrapped(*args, **kwargs)
        except BaseException as error:
            attempt(node.end, None, error)
            raise
        attempt(end, node, result)
        return result

    async def later(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        node = attempt(begin, instance, args, kwargs)
        if node is None:
            return await wrapped(*args, **kwargs)
        return await recorded(wrapped, node, args, kwargs)

    def wrapper(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return later(wrapped, instance, args, kwargs)

    return wrapper


def of_stream(begin: Begin, end: End = returned) -> Callable[..., Any]:
    """Returns the wrapper of an asynchronous generator method; its output is the last item."""

    async def recorded(
        wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> AsyncIterator[Any]:
        node = attempt(begin, instance, args, kwargs)
        stream = wrapped(*args, **kwargs)
        item: Any = None
        try:
            while True:
                # The code that takes the items is not part of the node.
                if node is not None:
                    attempt(node.enter)
                try:
                    item = await stream.__anext__()
                except StopAsyncIteration:
                    break
                finally:
                    if node is not None:
                        attempt(node.leave)
                yield item
        except GeneratorExit:
            if node is not None:
                attempt(node.end)
            raise
        except BaseException as error:
            if node is not None:
                attempt(node.end, None, error)
            raise
        finally:
            await stream.aclose()
        if node is not None:
            attempt(end, node, item)

    def wrapper(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return recorded(wrapped, instance, args, kwargs)

    return wrapper


def argument(args: tuple[Any, ...], kwargs: dict[str, Any], place: int, name: str) -> Any:
    """Returns an argument, given by place or by name."""
    return args[place] if place < len(args) else kwargs.get(name)


def is_open(call_id: str | None) -> bool:
    """Returns whether what happens now is part of the tool call with this id: it is recorded already."""
    run, step = belongs_to(), place.get()
    if not call_id or run is None or step is None:
        return False
    return bool(step.span_id == tool_span_id(run.trace.trace_id, call_id))
