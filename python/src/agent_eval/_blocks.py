"""Steps that the program itself names: `tracer.span()` and `tracer.tool()`, as `with` blocks and as decorators."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextvars import Token
from types import TracebackType
from typing import Any, TypeVar

from ._code import location
from ._guard import attempt, warn_once
from ._run import Step, belongs_to, place, place_in
from ._span import Value, exception_event, exception_message, payload_text, tool_span_id, type_name

F = TypeVar("F", bound=Callable[..., Any])

# The value of an argument that was not given.
_NOTHING: Any = object()


class StepBlock:
    """A step of the run under way, as long as its block; as a decorator, each call of the function is one.

    Outside a run nothing is recorded.
    """

    def __init__(
        self,
        name: str | None,
        operation: str,
        facts: dict[str, Any],
        arguments: Any = _NOTHING,
        call_id: str | None = None,
    ) -> None:
        self._name = name
        self._operation = operation
        self._facts = facts
        self._arguments = arguments
        self._call_id = call_id
        self._step: Step | None = None
        self._token: Token[Step | None] | None = None
        self._new: dict[str, Value] = {}

    def set(self, **attributes: Any) -> None:
        """Adds attributes, named with ``__`` for dots."""
        attempt(self._set, attributes)

    def result(self, value: Any) -> None:
        """Says what the step came to."""
        attempt(self._result, value)

    def __enter__(self) -> StepBlock:
        attempt(self._enter)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        attempt(self._exit, error)

    async def __aenter__(self) -> StepBlock:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)

    def __call__(self, function: F) -> F:
        traced: F | None = attempt(self._decorated, function)
        return function if traced is None else traced

    def _decorated(self, function: Any) -> Any:
        import inspect

        again = functools.partial(self._for_call, function, attempt(inspect.signature, function), location(function))
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def call_async(*args: Any, **kwargs: Any) -> Any:
                block = attempt(again, args, kwargs)
                if block is None:
                    return await function(*args, **kwargs)
                with block:
                    value = await function(*args, **kwargs)
                    block.result(value)
                    return value

            return call_async

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            block = attempt(again, args, kwargs)
            if block is None:
                return function(*args, **kwargs)
            with block:
                value = function(*args, **kwargs)
                block.result(value)
                return value

        return call

    def _for_call(
        self, function: Any, signature: Any, where: dict[str, Value], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> StepBlock | None:
        """Returns the block of one call of the decorated function."""
        if belongs_to() is None:
            return None
        name = self._name or getattr(function, "__name__", None) or "step"
        bound = attempt(signature.bind, *args, **kwargs) if signature is not None else None
        arguments = dict(bound.arguments) if bound is not None else {"args": list(args), **kwargs}
        arguments.pop("self", None)
        return StepBlock(name, self._operation, {**self._facts, **where}, arguments, self._call_id)

    def _enter(self) -> None:
        run = belongs_to()
        if run is None:
            warn_once("no run for a step", "arc-eval: a step outside a run is not recorded: trace what it is part of")
            return
        name = self._name or "step"
        attributes: dict[str, Value] = {
            "gen_ai.operation.name": self._operation,
            "arc_eval.sequence": run.trace.next_sequence(),
            "arc_eval.recorded_by": "host",
        }
        is_tool = self._operation == "execute_tool"
        if is_tool:
            attributes["gen_ai.tool.name"] = name
        span_id = None
        if self._call_id is not None:
            attributes["gen_ai.tool.call.id"] = self._call_id
            span_id = tool_span_id(run.trace.trace_id, self._call_id)
        if self._arguments is not _NOTHING and run.settings.capture_content:
            attributes["gen_ai.tool.call.arguments" if is_tool else "arc_eval.input"] = payload_text(self._arguments)
        attributes.update(self._facts)
        title = f"execute_tool {name}" if is_tool else name
        self._step = run.begin_step(title, "internal", attributes, parent_id=place_in(run), span_id=span_id)
        self._token = place.set(self._step)

    def _exit(self, error: BaseException | None) -> None:
        step, token = self._step, self._token
        self._step = self._token = None
        if token is not None:
            attempt(place.reset, token)
        if step is None:
            return
        if error is None or isinstance(error, GeneratorExit):
            step.end(self._new)
            return
        with_content = step.run.settings.capture_content
        problem = (type_name(type(error)), exception_message(error) if with_content else "")
        event = exception_event(error, step.run.trace.now_ns(), with_content)
        step.end(self._new, error=problem, events=[event])

    def _set(self, attributes: dict[str, Any]) -> None:
        for name, value in attributes.items():
            key = name.replace("__", ".")
            self._new[key] = value if isinstance(value, (bool, int, float)) else payload_text(value)

    def _result(self, value: Any) -> None:
        step = self._step
        if step is not None and step.run.settings.capture_content:
            is_tool = self._operation == "execute_tool"
            self._new["gen_ai.tool.call.result" if is_tool else "arc_eval.output"] = payload_text(value)
