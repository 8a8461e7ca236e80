"""OpenTelemetry's SDK where the host has set it up: spans of its instrumentors that belong to a run are taken in.

A span processor is added to the host's tracer providers; their exporters, ids and sampling stay as they are. A span is
taken in under its own span id, in the run's trace. Its parent there is what encloses it most closely: its parent in
OpenTelemetry or a step of ours, whichever began later. Our steps find their place below the host's spans by the same
rule, so that a model call which an instrumentor reports and we see being sent is one below the other, and counts once.
"""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import wrapt

from .. import _run
from .._guard import attempt
from .._run import Run, Step, belongs_to
from .._span import Event, Value

MAX_TAKEN = 20_000


class Taken:
    """A span of the host's that was taken in."""

    __slots__ = ("began_ns", "run", "step")

    def __init__(self, run: Run, began_ns: int, step: Step) -> None:
        self.run = run
        self.began_ns = began_ns  # by the clock of the run's trace
        self.step = step


class Taker:
    """A span processor, by its methods; OpenTelemetry's class is not imported for it."""

    def __init__(self) -> None:
        # By span id. Ended ones stay for children that come later; the oldest give way.
        self._taken: OrderedDict[int, Taken] = OrderedDict()
        self._lock = threading.Lock()

    def on_start(self, span: Any, parent_context: Any = None) -> None:  # noqa: ARG002 (the SDK's name)
        """Takes a span in, if it belongs to a run."""
        attempt(self._on_start, span)

    def on_end(self, span: Any) -> None:
        """Records the end of a span that was taken in."""
        attempt(self._on_end, span)

    def _on_ending(self, span: Any) -> None:
        """Part of the SDK's interface."""

    def shutdown(self) -> None:
        """Part of the SDK's interface; nothing is held back here."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002 (the SDK's name)
        """Part of the SDK's interface; nothing is held back here."""
        return True

    def enclosing(self, run: Run) -> tuple[int, str] | None:
        """Returns when the host's current span began and its id, if it was taken into the trace of ``run``."""
        if not self._taken:
            return None
        span = sys.modules["opentelemetry.trace"].get_current_span()
        taken = self._find(span.get_span_context())
        if taken is None or taken.run.trace is not run.trace:
            return None
        return taken.began_ns, taken.step.span_id

    def _find(self, context: Any) -> Taken | None:
        with self._lock:
            return self._taken.get(context.span_id) if context is not None and context.is_valid else None

    def _on_start(self, span: Any) -> None:
        context = span.get_span_context()
        above = self._find(span.parent)
        run = belongs_to() or (above.run if above is not None else None)
        if run is None or context.span_id in self._taken or not span.is_recording():
            return
        if above is not None and above.run.trace is not run.trace:
            above = None
        began_ns, parent_id = _run.innermost(run)
        if above is not None and above.began_ns >= began_ns:
            parent_id = above.step.span_id
        now = run.trace.now_ns()
        attributes = _attributes(span.attributes)
        attributes["arc_eval.sequence"] = run.trace.next_sequence()
        scope = span.instrumentation_scope
        if scope is not None:
            attributes["otel.scope.name"] = scope.name
            if scope.version:
                attributes["otel.scope.version"] = scope.version
        step = run.begin_step(
            span.name,
            "client" if span.kind.name == "CLIENT" else "internal",
            attributes,
            start_ns=span.start_time,
            parent_id=parent_id,
            span_id=format(context.span_id, "016x"),
        )
        with self._lock:
            self._taken[context.span_id] = Taken(run, now, step)
            if len(self._taken) > MAX_TAKEN:
                self._taken.popitem(last=False)

    def _on_end(self, span: Any) -> None:
        taken = self._find(span.get_span_context())
        if taken is None:
            return
        attributes = _attributes(span.attributes)
        events: list[Event] = [
            {"name": event.name, "time_ns": event.timestamp, "attributes": _attributes(event.attributes)}
            for event in span.events
        ]
        error = None
        if span.status.status_code.name == "ERROR":
            raised = next((event["attributes"].get("exception.type") for event in reversed(events)), None)
            error = (str(attributes.get("error.type") or raised or "error"), span.status.description or "")
        taken.step.end(attributes, error, events, end_ns=span.end_time, name=span.name)


def _attributes(found: Mapping[str, Any] | None) -> dict[str, Value]:
    """Returns attributes as they are; what of them is content, and what becomes of it, is the recorder's business."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in (found or {}).items()}


taker = Taker()
_Provider = Any
_marked = "_arc_eval_taker"


def install(module: ModuleType) -> None:
    """Adds our processor to the providers there are and those to come; ``module`` is ``opentelemetry.sdk.trace``."""
    _run.enclosing = taker.enclosing
    kind = module.TracerProvider
    if isinstance(kind.__dict__.get("__init__"), wrapt.FunctionWrapper):
        return
    wrapt.wrap_function_wrapper(kind, "__init__", _after_init)
    wrapt.wrap_function_wrapper(kind, "get_tracer", _before_get_tracer)
    trace_api = sys.modules.get("opentelemetry.trace")
    provider = getattr(trace_api, "_TRACER_PROVIDER", None)
    # Logfire and others put a stand-in before the SDK's provider.
    for candidate in (provider, getattr(provider, "provider", None)):
        if isinstance(candidate, kind):
            attempt(_join, candidate)


def _after_init(wrapped: Callable[..., Any], provider: _Provider, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    result = wrapped(*args, **kwargs)
    attempt(_join, provider)
    return result


def _before_get_tracer(
    wrapped: Callable[..., Any], provider: _Provider, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    attempt(_join, provider)
    return wrapped(*args, **kwargs)


def _join(provider: _Provider) -> None:
    """Adds our processor to a provider, once."""
    if _marked not in provider.__dict__:
        setattr(provider, _marked, True)
        provider.add_span_processor(taker)
