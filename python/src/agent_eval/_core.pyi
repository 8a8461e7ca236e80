"""What the native part offers. Checked against it by `stubtest`, in the tests."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, final

__all__ = [
    "Recorder",
    "Spans",
    "after_fork",
    "end_process",
    "json_text",
    "new_span_id",
    "new_trace_id",
    "now_ns",
    "payload_text",
    "process_id",
    "read_spool",
    "tool_span_id",
]

@final
class Recorder:
    """Takes records of spans."""

    def __new__(
        cls,
        spool: str,
        *,
        version: str,
        program: str = "",
        endpoint: str | None = None,
        api_key: str | None = None,
        limit_bytes: int | None = None,
        capture_content: bool | Literal["hashed"] | None = None,
        redact: Callable[[str], str] | Sequence[str] | None = None,
        sample: float = 1.0,
        on_error: Callable[[Exception], object] | None = None,
    ) -> Recorder:
        """Makes a recorder. Opens nothing yet."""

    def record(self, span: Any) -> bool:
        """Takes the record of a span, or of a part of one; returns whether it is in the spool.

        What is no record is told to ``on_error``, and counted; nothing of it is written.
        """

    def spans(self, trace_id: str, resource: Mapping[str, str]) -> Spans:
        """Returns what takes the records of the spans of one trace and one tracer; ``resource`` says whose they are."""

    def prepare(self) -> bool:
        """Opens the spool now, so that the first record costs no more than the others."""

    def flush(self, timeout: float) -> bool:
        """Waits until what is recorded is delivered, where this process delivers it; returns whether it is."""

    def close(self, timeout: float) -> bool:
        """Flushes, then takes no more."""

    def counts(self) -> dict[str, int]:
        """Returns what became of this process's records so far."""

@final
class Spans:
    """Takes the records of the spans of one trace and one tracer. Errors are told as those of ``record`` are."""

    def start(
        self,
        span_id: str | None,
        parent_id: str | None,
        name: str,
        kind: str,
        start_ns: int,
        attributes: dict[str, Any],
        /,
    ) -> str:
        """Records that a span starts; without an id it gets one. A span without a parent is a run. Returns the id."""

    def end(
        self,
        span_id: str,
        end_ns: int,
        attributes: dict[str, Any],
        name: str | None = None,
        error: str | None = None,
        events: list[Any] | None = None,
        is_run: bool = False,
        revision: int = 1,
        /,
    ) -> bool:
        """Records that a span ended, with what is new; ``error`` is the message of what it failed with.

        Returns whether that is in the spool.
        """

def after_fork() -> None:
    """Gives a forked child files of its own. To be called in it first thing."""

def end_process(exit_code: int | None = None, timeout: float = 0.0) -> None:
    """Says in every spool that this process ends, with its exit code where that is known.

    Then what is shipped from here gets up to ``timeout`` seconds to leave; the rest stays in the spool.
    """

def json_text(value: object) -> str:
    """Returns a value of the host as JSON, cut to the limits. Runs no code of the host."""

def new_span_id() -> str:
    """Returns a new span id: 8 random bytes in hexadecimal."""

def new_trace_id() -> str:
    """Returns a new trace id: 16 random bytes in hexadecimal."""

def now_ns() -> int:
    """Returns the time, in nanoseconds since 1970."""

def payload_text(value: object) -> str:
    """Returns a value of the host as text, cut to the limits: a text as it is, anything else as JSON."""

def process_id() -> int:
    """Returns the id of this process."""

def read_spool(spool: str) -> list[bytes]:
    """Returns everything that is in a spool as OTLP protobuf requests. Takes nothing out of it."""

def tool_span_id(trace_id: str, call_id: str) -> str:
    """Returns the span id of a tool call that the provider gave an id: whoever records it uses the same."""
