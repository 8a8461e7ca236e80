"""The record of one step, as it is handed to the transport, and the text of the host's values in it.

A record is plain data. Values of the host are turned into JSON here, at once, because the host may change them
later; no method of a host object is called for it (no ``repr``, no ``str``), because that could run anything.
"""

from __future__ import annotations

import os

from ._core import json_text, new_span_id, new_trace_id, payload_text, tool_span_id
from ._typing import Any, Mapping, TracebackType, TypedDict

__all__ = ["new_span_id", "new_trace_id", "payload_text", "tool_span_id"]

# A value of an attribute. Objects and lists of objects are sent as JSON text.
Value = str | bytes | bool | int | float | list[Any] | dict[str, Any]

MAX_TEXT = 64 * 1024
MAX_TOTAL = 512 * 1024
MAX_STACK = 16 * 1024


class Event(TypedDict):
    """Something that happened at a moment during a step."""

    name: str
    time_ns: int
    attributes: dict[str, Value]


class _Ids(TypedDict):
    trace_id: str
    span_id: str
    resource: Mapping[str, str]


class SpanDict(_Ids, total=False):
    """One step of a run, or a part of what is known of it: the parts of one span add up.

    Later values win, attributes and events are added, the last value of an attribute counts. The first part carries
    name, kind and ``start_ns`` and is sent before the step begins; the one with ``end_ns`` ends it.
    """

    parent_id: str | None
    name: str
    kind: str  # "internal" | "client"
    start_ns: int
    end_ns: int | None
    status: str  # "unset" | "error"
    status_message: str
    attributes: dict[str, Value]
    events: list[Event]


def plain(value: object) -> Any:
    """Returns a value of the host as JSON data, cut to the limits above. Runs no code of the host."""
    import json

    return json.loads(json_text(value))


def type_name(kind: type) -> str:
    """Returns a type's name with its module, without it for built-in ones."""
    if kind.__module__ in ("builtins", "__main__"):
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


def exception_event(error: BaseException, time_ns: int, with_content: bool) -> Event:
    """Returns the event OpenTelemetry prescribes for an exception; messages are content and can be left out."""
    import traceback

    attributes: dict[str, Value] = {"exception.type": type_name(type(error))}
    trace = _without_own_frames(error.__traceback__)
    if with_content:
        attributes["exception.message"] = exception_message(error)
        lines = traceback.format_exception(type(error), error, trace)
    else:
        lines = traceback.format_tb(trace)
    attributes["exception.stacktrace"] = "".join(lines)[-MAX_STACK:]
    return {"name": "exception", "time_ns": time_ns, "attributes": attributes}


def exception_message(error: BaseException) -> str:
    """Returns the message of an exception, empty when it has none or cannot say it."""
    try:
        return str(error)[:MAX_TEXT]
    except Exception:
        return ""


_OWN_FOLDERS = (os.path.dirname(__file__) + os.sep, os.sep + "wrapt" + os.sep)


def _without_own_frames(trace: TracebackType | None) -> TracebackType | None:
    """Skips the frames of the wrapper between the caller and the agent."""
    start = trace
    while start is not None and any(folder in start.tb_frame.f_code.co_filename for folder in _OWN_FOLDERS):
        start = start.tb_next
    return start if start is not None else trace
