"""The record of one step, as it is handed to the transport, and the text of the host's values in it.

A record is plain data. Values of the host are turned into JSON here, at once, because the host may change them
later; no method of a host object is called for it (no ``repr``, no ``str``), because that could run anything.
"""

from __future__ import annotations

import datetime
import decimal
import enum
import json
import os
import pathlib
import traceback
import uuid
from collections.abc import Mapping
from types import TracebackType
from typing import Any, TypedDict

# A value of an attribute. Objects and lists of objects are sent as JSON text.
Value = str | bytes | bool | int | float | list[Any] | dict[str, Any]

MAX_TEXT = 64 * 1024
MAX_TOTAL = 512 * 1024
MAX_NODES = 20_000
MAX_DEPTH = 12
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


def new_trace_id() -> str:
    """Returns 16 random bytes in hexadecimal; not from :mod:`random`, which hosts seed."""
    return os.urandom(16).hex()


def new_span_id() -> str:
    """Returns 8 random bytes in hexadecimal."""
    return os.urandom(8).hex()


def payload_text(value: object) -> str:
    """Returns a value of the host as text, cut to the limits above: a text as it is, anything else as JSON."""
    data = plain(value)
    return data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)


def plain(value: object) -> Any:
    """Returns a value of the host as JSON data, cut to the limits above. Runs no code of the host."""
    return _Plain().convert(value, 0)


def type_name(kind: type) -> str:
    """Returns a type's name with its module, without it for built-in ones."""
    if kind.__module__ in ("builtins", "__main__"):
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


def exception_event(error: BaseException, time_ns: int, with_content: bool) -> Event:
    """Returns the event OpenTelemetry prescribes for an exception; messages are content and can be left out."""
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


class _Plain:
    """One conversion, with what is left of its limits."""

    def __init__(self) -> None:
        self.text_left = MAX_TOTAL
        self.nodes_left = MAX_NODES

    def convert(self, value: object, depth: int) -> Any:
        self.nodes_left -= 1
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, enum.Enum):
            return self.convert(value._value_, depth + 1)
        if isinstance(value, int):
            return int(value)
        if isinstance(value, float):
            return float(value) if value - value == 0 else float.__repr__(value)
        if isinstance(value, (bytes, bytearray, memoryview)):
            return f"<{len(value)} bytes>"
        if isinstance(value, (datetime.date, datetime.time)):
            return value.isoformat()
        if isinstance(value, (uuid.UUID, pathlib.PurePath, decimal.Decimal)):
            return self._text(str(value))
        if isinstance(value, type):
            return f"<class {type_name(value)}>"
        if depth >= MAX_DEPTH or self.nodes_left <= 0 or self.text_left <= 0:
            return "<cut>"
        return self._compound(value, depth)

    def _compound(self, value: object, depth: int) -> Any:
        if isinstance(value, dict):
            return self._fields(dict.items(value), depth)
        if isinstance(value, list):
            return self._items(list.__iter__(value), depth)
        if isinstance(value, tuple):
            return self._items(tuple.__iter__(value), depth)
        if isinstance(value, (set, frozenset)):
            return self._items(iter(value), depth)
        # Neither properties nor `__getattr__` are asked: the fields as they are stored.
        name = type_name(type(value))
        try:
            fields = object.__getattribute__(value, "__dict__")
        except AttributeError:
            return f"<{name}>"
        if callable(value) or not isinstance(fields, dict):
            return f"<{name}>"
        public = ((key, item) for key, item in dict.items(fields) if isinstance(key, str) and not key.startswith("_"))
        return {"__type__": name, **self._fields(public, depth)}

    def _fields(self, items: Any, depth: int) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        for key, item in items:
            if self.nodes_left <= 0 or self.text_left <= 0:
                fields["…"] = "<cut>"
                break
            name = self._text(key) if isinstance(key, str) else str(self.convert(key, MAX_DEPTH))
            fields[name] = self.convert(item, depth + 1)
        return fields

    def _items(self, items: Any, depth: int) -> list[Any]:
        out: list[Any] = []
        for item in items:
            if self.nodes_left <= 0 or self.text_left <= 0:
                out.append("<cut>")
                break
            out.append(self.convert(item, depth + 1))
        return out

    def _text(self, text: str) -> str:
        text = str.__str__(text)
        room = min(MAX_TEXT, max(self.text_left, 0))
        self.text_left -= len(text)
        if len(text) <= room:
            return text
        return f"{text[:room]}…[{len(text) - room} characters cut]"
