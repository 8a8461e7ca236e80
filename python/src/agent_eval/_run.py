"""A run: one call of a traced agent, from its start to its end, and which run the current code belongs to.

A run started inside another one is a child of it in the same trace. Model calls and tool calls find their run through
:data:`current`, a context variable, so that threads and tasks keep apart what they do.
"""

from __future__ import annotations

import itertools
import time
from _thread import RLock
from contextvars import ContextVar, Token
from time import perf_counter_ns

from ._core import process_id
from ._framework import version_of_framework
from ._guard import attempt, make_room
from ._span import Event, Value, exception_event, exception_message, new_span_id, new_trace_id, type_name
from ._typing import Any, Callable, Mapping, Protocol
from .transport import Transport, spans_of

CANCELLATIONS = (KeyboardInterrupt, SystemExit, GeneratorExit)


class Settings:
    """What a tracer says about every run of its agent. Nobody changes it."""

    __slots__ = (
        "_first",
        "agent",
        "capture_content",
        "checks",
        "domain",
        "framework",
        "resource",
        "session",
        "user",
        "version",
    )

    def __init__(
        self,
        domain: str | None = None,
        framework: str | None = None,
        agent: str | None = None,
        version: str | None = None,
        session: str | None = None,
        user: str | None = None,
        capture_content: bool = True,
        resource: Mapping[str, str] | None = None,
        checks: list[Mapping[str, Any]] | None = None,
    ) -> None:
        self.checks: list[Mapping[str, Any]] = [] if checks is None else checks  # shared by all tracers of an agent
        self.domain = domain
        self.framework = framework
        self.agent = agent
        self.version = version
        self.session = session
        self.user = user
        self.capture_content = capture_content
        self.resource: Mapping[str, str] = resource or {}
        self._first: dict[str, Value] | None = None

    def with_framework(self, framework: str | None) -> Settings:
        """Returns the same for an agent of a framework."""
        known = (self.agent, self.version, self.session, self.user, self.capture_content, self.resource, self.checks)
        return Settings(self.domain, framework, *known)

    def attributes(self, name: str) -> dict[str, Value]:
        """Returns what is said of every run, for the first record of one."""
        if self._first is None:
            optional = {
                "gen_ai.agent.version": self.version,
                "gen_ai.conversation.id": self.session,
                "user.id": self.user,
                "arc_eval.domain": self.domain,
                "arc_eval.framework": self.framework,
                "arc_eval.framework.version": attempt(version_of_framework, self.framework),
            }
            known = {key: value for key, value in optional.items() if value is not None}
            self._first = {"gen_ai.operation.name": "invoke_agent", **known}
        attributes = self._first.copy()
        attributes["gen_ai.agent.name"] = self.agent or name
        if self.checks:
            told = attempt(_as_json, self.checks)
            if told is not None:
                attributes["arc_eval.checks"] = told
        return attributes


def _as_json(value: Any) -> str:
    import json  # only programs that declare checks wait for it

    return json.dumps(value)


class Trace:
    """What the spans of one trace share: the id, the clock and the order."""

    def __init__(self, trace_id: str | None = None, sequence: int = 0) -> None:
        self.trace_id = trace_id or new_trace_id()
        self.lock = RLock()
        self._sequence = itertools.count(sequence)
        # One reading of the wall clock, then the monotonic one: no duration is ever negative.
        self.offset_ns = time.time_ns() - perf_counter_ns()

    def now_ns(self) -> int:
        """Returns the time, in nanoseconds since 1970."""
        return self.offset_ns + perf_counter_ns()

    def next_sequence(self) -> int:
        """Returns the next place in the order of the trace's spans."""
        return next(self._sequence)


class OpenCall(Protocol):
    """A model call whose stream is not over."""

    def over(self, whole: bool, error: BaseException | None = None) -> None:
        """Records the call as it stands."""


class Run:
    """One agent span while it is open. Methods may be called from any thread, and more than once."""

    # What is true of every run until something else is said of it.
    owner: int | None = None  # identity of the instance, for classes whose methods call each other
    adoptable = False  # a block that waits for its agent's call
    held = False  # the block decides when the run ends
    ended = False
    _revision = 0
    _termination: str | None = None
    _end_ns: int | None = None
    _end_told = False
    _error: str | None = None  # the message of what it failed with
    _events: list[Event] | None = None

    def __init__(self, settings: Settings, transport: Transport, name: str, parent: Run | None) -> None:
        self.settings = settings
        self.transport = transport
        self.parent = parent
        self.trace: Trace = parent.trace if parent is not None else Trace()
        self.spans = spans_of(transport, self.trace.trace_id, settings.resource)
        self.span_id = new_span_id()
        self._parent_id = place_in(parent) if parent is not None else None
        self.open_calls: set[OpenCall] = set()
        self.call_ends: dict[str, int] = {}  # when the last model call was answered, by the place it was part of
        self._process = process_id()
        self._name = name
        self._told: dict[str, Value] = {}  # the attributes that are recorded
        self._new = settings.attributes(name)
        self._new["arc_eval.sequence"] = self.trace.next_sequence()
        self.start_ns = self.trace.now_ns()

    @classmethod
    def elsewhere(cls, trace_id: str, span_id: str, sequence: int, settings: Settings, transport: Transport) -> Run:
        """Returns a run of another process, to record what this one does for it. It is that process that ends it."""
        run = cls(settings, transport, "", None)
        run.trace = Trace(trace_id, sequence)
        run.spans = spans_of(transport, trace_id, settings.resource)
        run.span_id = span_id
        run._process = 0
        return run

    @property
    def trace_id(self) -> str:
        """The run's id, as the server shows it."""
        return self.trace.trace_id

    def announce(self) -> None:
        """Sends the record of the start, so that the run is visible while it runs."""
        with self.trace.lock:
            self._send()

    def set(self, **attributes: Value | None) -> None:
        """Sets attributes, named with ``__`` for dots; ``None`` leaves them as they are."""
        with self.trace.lock:
            for key, value in attributes.items():
                if value is not None:
                    self._new[key.replace("__", ".")] = value

    def put(self, name: str, value: Value | None) -> None:
        """Sets one attribute; ``None`` leaves it as it is."""
        if value is not None:
            with self.trace.lock:
                self._new[name] = value

    def has(self, name: str) -> bool:
        """Returns whether an attribute is set."""
        return name in self._new or name in self._told

    def rename(self, name: str) -> None:
        """Gives the run the name of the agent that turned out to be called in it."""
        with self.trace.lock:
            self._name = name
            self._new["gen_ai.agent.name"] = name

    def completed(self, output: str | None = None) -> None:
        """Ends the run: it returned."""
        with self.trace.lock:
            if output is not None:
                self._new["arc_eval.output"] = output
            self._end("completed")

    def failed(self, error: BaseException) -> None:
        """Ends the run: an exception left it. Being cancelled, and leaving with an exit code, is told apart."""
        make_room(error)
        with self.trace.lock:
            if self.ended or self._termination is not None:
                return
            with_content = self.settings.capture_content
            cancelled = isinstance(error, CANCELLATIONS) or type(error).__name__ in ("CancelledError", "Cancelled")
            self._new["error.type"] = type_name(type(error))
            self._events = [exception_event(error, self.trace.now_ns(), with_content)]
            # A stream that is open while its run fails is not read any further.
            for call in list(self.open_calls):
                call.over(whole=False)
            exit_code = _exit_code(error)
            if exit_code:
                self._new["arc_eval.exit.code"] = exit_code
            if exit_code or not cancelled:
                self._error = exception_message(error) if with_content else ""
            self._end("exited" if exit_code else "cancelled" if cancelled else "exception")

    def abandoned(self) -> None:
        """Ends the run: whoever consumed its stream stopped before the end."""
        with self.trace.lock:
            if not self.ended and self._termination is None:
                self._new["arc_eval.abandoned"] = True
                self._end("cancelled")

    def release(self) -> None:
        """Ends a held run: its block is over."""
        with self.trace.lock:
            self.held = self.adoptable = False
            self._end(self._termination or "completed")

    def record_outcome(self, verdict: str, source: str, score: float | None, reason: str | None) -> None:
        """Says whether the run succeeded. The last one said stands; after the end it is sent as a new revision."""
        with self.trace.lock:
            for name in ("score", "reason"):
                self._new.pop(f"arc_eval.outcome.{name}", None)
                self._told.pop(f"arc_eval.outcome.{name}", None)
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
            self._new["arc_eval.termination"] = self._termination = termination
            if self.held:
                return
            self.ended = True
            self._end_ns = self.trace.now_ns()
            self._send()

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
        step = _bare(Step)
        step.run = self
        step.ended = False
        within = place.get()
        step.within = within if within is None else _open_place()  # for the places of what follows
        if parent_id is None:
            parent_id = self.span_id if within is None and enclosing is None else place_in(self)
        if start_ns is None:
            start_ns = self.trace.offset_ns + perf_counter_ns()
        step.start_ns = start_ns
        step.span_id = self.spans.start(span_id, parent_id, name, kind, start_ns, attributes)
        return step

    def _send(self) -> None:
        if self._process != process_id():
            return  # in a forked child the run is the parent's
        new, self._new = self._new, {}
        revision = self._revision
        self._revision = revision + 1
        if not revision:
            self.spans.start(self.span_id, self._parent_id, self._name, "internal", self.start_ns, new)
        elif self._end_ns is not None and not self._end_told:
            self._end_told = True
            is_root = self._parent_id is None
            self.spans.end(self.span_id, self._end_ns, new, self._name, self._error, self._events, is_root, revision)
        else:
            # What is said of a run that ended may be read without what was said before.
            attributes = {**self._told, **new} if self._end_told else new.copy()
            attributes["arc_eval.revision"] = revision
            self.transport.send(
                {
                    "trace_id": self.trace.trace_id,
                    "span_id": self.span_id,
                    "parent_id": self._parent_id,
                    "name": self._name,
                    "attributes": attributes,
                    "resource": self.settings.resource,
                }
            )
        self._told.update(new)


_bare = object.__new__  # one call less than a constructor


class Step:
    """A step below a run while it is under way; see :meth:`Run.begin_step`. Its start is recorded; every further record
    adds what is new."""

    __slots__ = ("ended", "run", "span_id", "start_ns", "within")

    run: Run
    within: Step | None
    span_id: str
    start_ns: int
    ended: bool

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
        if end_ns is None:
            end_ns = run.trace.offset_ns + perf_counter_ns()
        elif end_ns < self.start_ns:
            end_ns = self.start_ns
        if attributes is None:
            attributes = {}
        message = None
        if error is not None:
            attributes["error.type"] = error[0]
            message = error[1] if run.settings.capture_content else ""
        run.spans.end(self.span_id, end_ns, attributes, name, message, events)


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
