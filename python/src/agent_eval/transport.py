"""The way of records out of this program.

:class:`Transport` is the seam: the tracer knows nothing else. What can take the records of a trace without a dictionary
for each offers :class:`Spans`, too. :class:`SpoolTransport` is the one in use: a record is in
the spool of this computer when ``send`` returns, so the death of the process cannot undo it. From there a local server
takes it, or ``arc-eval collect``, or, where an endpoint is given, a thread of this process that is no thread of Python.
"""

from __future__ import annotations

import atexit
import os
import sys
from _thread import RLock

from . import __version__, _core
from ._guard import attempt, note, warn_once
from ._span import Event, SpanDict, Value
from ._typing import Any, Callable, Literal, Mapping, Protocol

# What becomes of content: as it is, left out, or a hash in its place.
Capture = bool | Literal["hashed"]
# What redacts a text, or the names of built-in patterns.
Redact = Callable[[str], str] | list[str] | None

EXIT_SECONDS = 0.02


class Transport(Protocol):
    """Takes records of spans. No method may raise or wait for longer than it is told to."""

    @property
    def send(self) -> Callable[[SpanDict], object]:
        """Takes a record. MUST return at once; MAY drop it, and then counts it."""

    def flush(self, timeout: float) -> bool:
        """Waits until everything taken so far is delivered; returns whether it was."""

    def close(self, timeout: float) -> bool:
        """Flushes, then takes no more."""


class Spans(Protocol):
    """Takes the records of the spans of one trace and one tracer, by position: the short way for what happens often."""

    def start(
        self,
        span_id: str | None,
        parent_id: str | None,
        name: str,
        kind: str,
        start_ns: int,
        attributes: dict[str, Value],
        /,
    ) -> str:
        """Takes the record of a start; without an id the span gets one. Returns the id."""

    def end(
        self,
        span_id: str,
        end_ns: int,
        attributes: dict[str, Value],
        name: str | None = None,
        error: str | None = None,
        events: list[Event] | None = None,
        is_run: bool = False,
        revision: int = 1,
        /,
    ) -> object:
        """Takes the record of an end, with what is new; ``error`` is the message of what it failed with."""


def spans_of(transport: Transport, trace_id: str, resource: Mapping[str, str]) -> Spans:
    """Returns what takes the records of the spans of a trace: the transport's own, or the long way through ``send``."""
    make = getattr(transport, "spans", None)
    spans: Spans = _LongWay(transport, trace_id, resource) if make is None else make(trace_id, resource)
    return spans


class _LongWay:
    """The records of a trace's spans as they are handed to ``send``."""

    def __init__(self, transport: Transport, trace_id: str, resource: Mapping[str, str]) -> None:
        self._transport = transport
        self._trace_id = trace_id
        self._resource = resource

    def start(
        self,
        span_id: str | None,
        parent_id: str | None,
        name: str,
        kind: str,
        start_ns: int,
        attributes: dict[str, Value],
        /,
    ) -> str:
        span = self._span(span_id or _core.new_span_id(), {"arc_eval.revision": 0, **attributes})
        span |= {"parent_id": parent_id, "name": name, "kind": kind, "start_ns": start_ns}
        self._transport.send(span)
        return span["span_id"]

    def end(
        self,
        span_id: str,
        end_ns: int,
        attributes: dict[str, Value],
        name: str | None = None,
        error: str | None = None,
        events: list[Event] | None = None,
        is_run: bool = False,
        revision: int = 1,
        /,
    ) -> None:
        span = self._span(span_id, {"arc_eval.revision": revision, **attributes})
        span["end_ns"] = end_ns
        if is_run:
            span["parent_id"] = None
        if name is not None:
            span["name"] = name
        if error is not None:
            span |= {"status": "error", "status_message": error}
        if events is not None:
            span["events"] = events
        self._transport.send(span)

    def _span(self, span_id: str, attributes: dict[str, Value]) -> SpanDict:
        return {
            "trace_id": self._trace_id,
            "span_id": span_id,
            "attributes": attributes,
            "resource": self._resource,
        }


class SpoolTransport:
    """Appends records to the spool of this computer. Opens nothing before the first one."""

    def __init__(
        self,
        endpoint: str | None = None,
        capture_content: Capture = True,
        redact: Redact = None,
        sample: float = 1.0,
    ) -> None:
        self._options = (endpoint, capture_content, redact, sample)
        self._recorder = _core.Recorder(
            os.path.join(home(), "spool"),
            version=__version__,
            program=program(),
            endpoint=endpoint.rstrip("/") if endpoint else None,
            api_key=os.environ.get("ARC_EVAL_API_KEY") or None,
            limit_bytes=_limit(),
            capture_content=capture_content,
            redact=redact,
            sample=sample,
            on_error=note,
        )
        # The native methods themselves: what they cannot take they note, and count as dropped.
        self.send: Callable[[SpanDict], object] = self._recorder.record
        self.spans: Callable[[str, Mapping[str, str]], Spans] = self._recorder.spans

    def __reduce__(self) -> Any:
        # A child process of the host gets the run it works for: what it records goes the same way.
        return shared_transport, self._options

    def flush(self, timeout: float) -> bool:
        """Waits until what is recorded is delivered; at once where it is left to a local server. Returns whether."""
        return bool(attempt(self._recorder.flush, timeout))

    def close(self, timeout: float) -> bool:
        """Flushes, then takes no more."""
        return bool(attempt(self._recorder.close, timeout))

    @property
    def counts(self) -> dict[str, int]:
        """What became of this process's records so far."""
        return self._recorder.counts()


class NoTransport:
    """Takes nothing; for a tracer that cannot record, whose host goes on."""

    def send(self, span: SpanDict) -> None:
        """Drops the record."""

    def flush(self, timeout: float) -> bool:  # noqa: ARG002
        """Nothing is delivered."""
        return False

    def close(self, timeout: float) -> bool:  # noqa: ARG002
        """Nothing is delivered."""
        return False


def home() -> str:
    """Returns the folder of arc-eval's data, as the server finds it, too."""
    chosen = os.environ.get("ARC_EVAL_HOME", "").strip()
    if chosen:
        return chosen
    data = os.environ.get("XDG_DATA_HOME", "").strip()
    return os.path.join(data if os.path.isabs(data) else os.path.expanduser("~/.local/share"), "arc-eval")


def program() -> str:
    """Returns the name of the running program."""
    return os.path.splitext(os.path.basename(sys.argv[0] if sys.argv else ""))[0] or "python"


def _limit() -> int | None:
    text = os.environ.get("ARC_EVAL_SPOOL_LIMIT", "").strip()
    if text and not text.isdecimal():
        warn_once("limit", "arc-eval: ARC_EVAL_SPOOL_LIMIT is %r, not a number of bytes; the default holds", text)
        return None
    return int(text) if text else None


# One transport for each way of recording, shared by every tracer of the process.

_shared: dict[Any, SpoolTransport] = {}
_shared_lock = RLock()
_watching = False


def shared_transport(
    endpoint: str | None, capture_content: Capture = True, redact: Redact = None, sample: float = 1.0
) -> SpoolTransport:
    """Returns the process's transport for these options."""
    patterns = tuple(redact) if isinstance(redact, (list, tuple)) else redact
    key = (os.environ.get("ARC_EVAL_HOME"), endpoint, capture_content, patterns, sample)
    with _shared_lock:
        _watch_the_process()
        if key not in _shared:
            _shared[key] = SpoolTransport(endpoint, capture_content, redact, sample)
        return _shared[key]


def _watch_the_process() -> None:
    """Learns of forks and of the end of the process."""
    global _watching
    if _watching:
        return
    _watching = True
    atexit.register(attempt, _at_exit)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_after_fork)
    original = os._exit

    def _exit(status: int) -> Any:
        try:
            _core.end_process(status, EXIT_SECONDS)
        finally:
            original(status)

    _exit.__doc__ = original.__doc__
    os._exit = _exit


def _after_fork() -> None:
    global _shared_lock
    _shared_lock = RLock()
    attempt(_core.after_fork)


def _at_exit() -> None:
    error = getattr(sys, "last_value", None)
    # Of an exit that was asked for the code is not known here.
    _core.end_process(1 if isinstance(error, Exception) else None, EXIT_SECONDS)
