"""Server-sent events out of the bytes of a whole stream, with the place in the stream where each one ended."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

from ._providers._facts import StreamEvent

_LINE_END = re.compile(r"\r\n|\n|\r")  # not `splitlines`: JSON may hold other line separators
_EVENT_END = re.compile(rb"\r\n\r\n|\n\n|\r\r")


@dataclass
class Stream:
    """The events in order, each with the place in the bytes where it ended."""

    events: list[tuple[StreamEvent, int]] = field(default_factory=list)
    broken: bool = False  # a whole event held something other than JSON


def parse(content: bytes) -> Stream:
    """Reads the events; one that broke off at the end of the stream is left out if its data is not JSON yet."""
    stream = Stream()
    start = 0
    for end in _EVENT_END.finditer(content):
        event = _event(content[start : end.start()])
        if isinstance(event, StreamEvent):
            stream.events.append((event, end.end()))
        stream.broken = stream.broken or event is False
        start = end.end()
    event = _event(content[start:])
    if isinstance(event, StreamEvent):
        stream.events.append((event, len(content)))
    return stream


def _event(block: bytes) -> StreamEvent | bool:
    """Returns an event, ``True`` when there is none (a comment), ``False`` when its data is not JSON."""
    name: str | None = None
    data: list[str] = []
    for line in _LINE_END.split(block.decode("utf-8", "replace")):
        key, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if key == "event":
            name = value
        elif key == "data":
            data.append(value)
    text = "\n".join(data)
    if text.startswith("[DONE]"):
        return StreamEvent("[DONE]", {})
    if not text and name is None:
        return True
    try:
        parsed = json.loads(text) if text else {}
    except ValueError:
        return False
    return StreamEvent(name, parsed) if isinstance(parsed, dict) else True
