"""A run: one call of a traced agent, from its start to its end, and which run the current code belongs to.

A run started inside another one is a child of it in the same trace. Model calls and tool calls find their run through
:data:`current`, a context variable, so that threads and tasks keep apart what they do.
"""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar, Token
from typing import NamedTuple, Protocol

from ._framework import version_of_framework
from ._guard import attempt
from ._span import Event, SpanDict, Value, exception_event, exception_message, new_span_id, new_trace_id, type_name
from .transport import Transport

CANCELLATIONS = (KeyboardInterrupt, SystemExit, GeneratorExit)


class Settings(NamedTuple):
    """What a tracer says about every run of its agent."""

    domain: str | None = None
    framework: str | None = None
    agent: str | None = None
    version: str | None = None
    session: str | None = None
    user: str | None = None
    capture_content: bool = True
    resource: Mapping[str, str] = {}  # nobody writes to it


class Trace:
    """What the spans of one trace share: the id, the clock and the order."""

    def __init__(self, trace_id: str | None = None, sequence: int = 0) -> None:
        self.trace_id = trace_id or new_trace_id()
        self.lock = threading.RLock()
        self._sequence = itertools.count(sequence)
        # One reading of the wall clock, then the monotonic one: no duration is ever negative.
        self.offset_ns = time.time_ns() - time.perf_counter_ns()

    def now_ns(self) -> int:
        """Returns the time, in nanoseconds since 1970."""
        return self.offset_ns + time.perf_counter_ns()

    def next_sequence(self) -> int:
        """Returns the next place in the order of the trace's spans."""
        return next(self._sequence)


class OpenCall(Protocol):
    """A model call whose stream is not over."""

    def over(self, whole: bool, error: BaseException | None = None) -> None:
        """Records the call as it stands."""


class Run:
    """One agent span while it is open. Methods may be called from any thread, and more than once."""

    def __init__(self, settings: Settings, transport: Transport, name: str, parent: Run | None) -> None:
        self.settings = settings
        self.transport = transport
        self.parent = parent
        self.trace: Trace = parent.trace if parent is not None else Trace()
        self.span_id = new_span_id()
        self._parent_id = place_in(parent) if parent is not None else None
        self.owner: int | None = None  # identity of the instance, for classes whose methods call each other
        self.adoptable = False  # a block that waits for its agent's call
        self.held = False  # the block decides when the run ends
        self.ended = False
        self.open_calls: set[OpenCall] = set()
        self.call_ends: dict[str, int] = {}  # when the last model call was answered, by the place it was part of
        self._process = os.getpid()
        self._revision = 0
        self._told: dict[str, Value] = {}  # the attributes that are recorded
        self._end_told = False
        self._end_ns: int | None = None
        self._status = "unset"
        self._status_message = ""
        self._events: list[Event] = []
        self.start_ns = self.trace.now_ns()
        self._name = name
        self._attributes: dict[str, Value] = self._first_attributes()

    def _first_attributes(self) -> dict[str, Value]:
        settings = self.settings
        attributes: dict[str, Value] = {"gen_ai.operation.name": "invoke_agent"}
        optional = {
            "gen_ai.agent.name": settings.agent or self._name,
            "gen_ai.agent.version": settings.version,
            "gen_ai.conversation.id": settings.session,
            "user.id": settings.user,
            "arc_eval.domain": settings.domain,
            "arc_eval.framework": settings.framework,
            "arc_eval.framework.version": attempt(version_of_framework, settings.framework),
        }
        attributes.update({key: value for key, value in optional.items() if value is not None})
        attributes["arc_eval.sequence"] = self.trace.next_sequence()
        return attributes

    @classmethod
    def elsewhere(cls, trace_id: str, span_id: str, sequence: int, settings: Settings, transport: Transport) -> Run:
        """Returns a run of another process, to record what this one does for it. It is that process that ends it."""
        run = cls(settings, transport, "", None)
        run.trace = Trace(trace_id, sequence)
        run.span_id = span_id
        run._process = 0
        return run

    @property
    def trace_id(self) -> str:
        """The run's id, as the server shows it."""
        return self.trace.trace_id

    def announce(self) -> None:
        """Sends the record of the start, so that the run is visible while it runs."""
        self._send()

    def set(self, **attributes: Value | None) -> None:
        """Sets attributes, named with ``__`` for dots; ``None`` leaves them as they are."""
        with self.trace.lock:
            for key, value in attributes.items():
                if value is not None:
                    self._attributes[key.replace("__", ".")] = value

    def has(self, name: str) -> bool:
        """Returns whether an attribute is set."""
        return name in self._attributes

    def rename(self, name: str) -> None:
        """Gives the run the name of the agent that turned out to be called in it."""
        with self.trace.lock:
            self._name = name
            self._attributes["gen_ai.agent.name"] = name

    def completed(self) -> None:
        """Ends the run: it returned."""
        self._end("completed")

    def failed(self, error: BaseException) -> None:
        """Ends the run: an exception left it. Being cancelled, and leaving with an exit code, is told apart."""
        with self.trace.lock:
            if self.ended or "arc_eval.termination" in self._attributes:
                return
            with_content = self.settings.capture_content
            cancelled = isinstance(error, CANCELLATIONS) or type(error).__name__ in ("CancelledError", "Cancelled")
            self._attributes["error.type"] = type_name(type(error))
            self._events.append(exception_event(error, self.trace.now_ns(), with_content))
            # A stream that is open while its run fails is not read any further.
            for call in list(self.open_calls):
                call.over(whole=False)
            exit_code = _exit_code(error)
            if exit_code:
                self._attributes["arc_eval.exit.code"] = exit_code
            if exit_code or not cancelled:
                self._status = "error"
                self._status_message = exception_message(error) if with_content else ""
            self._end("exited" if exit_code else "cancelled" if cancelled else "exception")

    def abandoned(self) -> None:
        """Ends the run: whoever consumed its stream stopped before the end."""
        with self.trace.lock:
            if not self.ended and "arc_eval.termination" not in self._attributes:
                self._attributes["arc_eval.abandoned"] = True
                self._end("cancelled")

    def release(self) -> None:
        """Ends a held run: its block is over."""
        with self.trace.lock:
            self.held = self.adoptable = False
            termination = self._attributes.get("arc_eval.termination")
            self._end(str(termination) if termination is not None else "completed")

    def record_outcome(self, verdict: str, source: str, score: float | None, reason: str | None) -> None:
        """Says whether the run succeeded. The last one said stands; after the end it is sent as a new revision."""
        with self.trace.lock:
            for name in ("score", "reason"):
                self._attributes.pop(f"arc_eval.outcome.{name}", None)
            self.set(
                arc_eval__outcome__verdict=verdict,
                arc_eval__outcome__source=source,
                arc_eval__outcome__score=float(score) if score is not None else None,
                arc_eval__outcome__reason=reason,
            )
            if self.ended:
                self._send()

    def _end(self, termination: str) -> None:
        with self.trace.lock:
            if self.ended:
                return
            self._attributes["arc_eval.termination"] = termination
            if self.held:
                return
            self.ended = True
            self._end_ns = self.trace.now_ns()
            self._send()

    def send_step(
        self,
        name: str,
        kind: str,
        start_ns: int,
        end_ns: int,
        attributes: dict[str, Value],
        error: tuple[str, str] | None = None,
        events: list[Event] | None = None,
        parent_id: str | None = None,
        span_id: str | None = None,
    ) -> None:
        """Sends the record of an ended step below this run; an error is its class and its message."""
        if error is not None:
            attributes["error.type"] = error[0]
        with_content = self.settings.capture_content
        self.transport.send(
            {
                "trace_id": self.trace.trace_id,
                "span_id": span_id or new_span_id(),
                "parent_id": parent_id or self.span_id,
                "name": name,
                "kind": kind,
                "start_ns": start_ns,
                "end_ns": max(start_ns, end_ns),
                "status": "error" if error is not None else "unset",
                "status_message": error[1] if error is not None and with_content else "",
                "attributes": {**attributes, "arc_eval.revision": 1},
                "events": events or [],
                "resource": self.settings.resource,
            }
        )

    def begin_step(
        self,
        name: str,
        kind: str,
        attributes: dict[str, Value],
        *,
        start_ns: int | None = None,
        parent_id: str | None = None,
        span_id: str | None = None,
    ) -> Step:
        """Records that a step below this run starts; what is known then goes along. End it with :meth:`Step.end`."""
        return Step(self, name, kind, attributes, start_ns, parent_id, span_id)

    def _send(self) -> None:
        if self._process != os.getpid():
            return  # in a forked child the run is the parent's
        attributes, told = self._attributes, self._told
        span: SpanDict = {
            "trace_id": self.trace.trace_id,
            "span_id": self.span_id,
            "parent_id": self._parent_id,
            "name": self._name,
            "resource": self.settings.resource,
        }
        if not self._revision:
            span["kind"] = "internal"
            span["start_ns"] = self.start_ns
        elif self._end_told:
            told = {}  # what is said of a run that ended may be read without what was said before
        new: dict[str, Value] = {key: value for key, value in attributes.items() if told.get(key) is not value}
        new["arc_eval.revision"] = self._revision
        span["attributes"] = new
        self._told = attributes.copy()
        self._revision += 1
        if self._end_ns is not None and not self._end_told:
            self._end_told = True
            span["end_ns"] = self._end_ns
            span["events"] = self._events
            span["status"] = self._status
            span["status_message"] = self._status_message
        self.transport.send(span)


class Step:
    """A step below a run while it is under way. Its start is recorded; every further record adds what is new."""

    __slots__ = ("ended", "run", "span_id", "start_ns", "within")

    def __init__(
        self,
        run: Run,
        name: str,
        kind: str,
        attributes: dict[str, Value],
        start_ns: int | None = None,
        parent_id: str | None = None,
        span_id: str | None = None,
    ) -> None:
        trace = run.trace
        self.run = run
        self.span_id = span_id or new_span_id()
        within = place.get()
        self.within = within if within is None else _open_place()  # for the places of what follows
        self.ended = False
        self.start_ns = trace.offset_ns + time.perf_counter_ns() if start_ns is None else start_ns
        attributes.setdefault("arc_eval.revision", 0)
        run.transport.send(
            {
                "trace_id": trace.trace_id,
                "span_id": self.span_id,
                "parent_id": parent_id or (run.span_id if within is None and enclosing is None else place_in(run)),
                "name": name,
                "kind": kind,
                "start_ns": self.start_ns,
                "attributes": attributes,
                "resource": run.settings.resource,
            }
        )

    def end(
        self,
        attributes: dict[str, Value] | None = None,
        error: tuple[str, str] | None = None,
        events: list[Event] | None = None,
        end_ns: int | None = None,
        name: str | None = None,
    ) -> None:
        """Records the end with what is new: attributes (the last value of a name counts), an error's class and
        message, a better name. Only the first call counts."""
        if self.ended:
            return
        self.ended = True
        run = self.run
        attributes = attributes if attributes is not None else {}
        attributes.setdefault("arc_eval.revision", 1)
        span: SpanDict = {
            "trace_id": run.trace.trace_id,
            "span_id": self.span_id,
            "end_ns": max(self.start_ns, run.trace.now_ns() if end_ns is None else end_ns),
            "attributes": attributes,
            "resource": run.settings.resource,
        }
        if name is not None:
            span["name"] = name
        if error is not None:
            attributes["error.type"] = error[0]
            span["status"] = "error"
            span["status_message"] = error[1] if run.settings.capture_content else ""
        if events:
            span["events"] = events
        run.transport.send(span)


def _exit_code(error: BaseException) -> int:
    """Returns the exit code that ``sys.exit`` asked for, as the system will tell it; 0 for other errors."""
    if not isinstance(error, SystemExit) or error.code is None:
        return 0
    # What is no number is printed, and stands for 1.
    return error.code & 0xFF if isinstance(error.code, int) else 1


current: ContextVar[Run | None] = ContextVar("arc_eval_run", default=None)
last: ContextVar[Run | None] = ContextVar("arc_eval_last_run", default=None)
# The step of a run that what happens now is part of: an agent, a task or a tool call that a framework's hook told of.
place: ContextVar[Step | None] = ContextVar("arc_eval_place", default=None)
# In a thread that a run started: that run. Once it has ended, what the thread goes on doing belongs to no run.
inherited: ContextVar[Run | None] = ContextVar("arc_eval_inherited_run", default=None)


def belongs_to() -> Run | None:
    """Returns the run that what happens now belongs to."""
    run = current.get()
    return None if run is not None and run.ended and inherited.get() is run else run


def place_in(run: Run) -> str:
    """Returns the id of the span that what happens now is part of: the innermost step of the run that is a place and
    has not ended, else the run itself."""
    began_ns, span_id = innermost(run)
    host = enclosing(run) if enclosing is not None else None
    return host[1] if host is not None and host[0] >= began_ns else span_id


# What the host's own spans say, where they are taken in: when its current span began, and its id in the run's trace.
enclosing: Callable[[Run], tuple[int, str] | None] | None = None


def innermost(run: Run) -> tuple[int, str]:
    """Returns when our own innermost step of the run that is a place began, and its id; the run's without one."""
    step = place.get()
    while step is not None and (step.ended or step.run is not run):
        step = step.within
    return (step.start_ns, step.span_id) if step is not None else (run.start_ns, run.span_id)


def _open_place() -> Step | None:
    """Returns the innermost step that is a place and has not ended, of whatever run."""
    step = place.get()
    while step is not None and step.ended:
        step = step.within
    return step


def leave(token: Token[Run | None] | None) -> None:
    """Undoes ``current.set``."""
    if token is None:
        return
    try:
        current.reset(token)
    except ValueError:  # the host went on in another context
        current.set(token.old_value if isinstance(token.old_value, Run) else None)
