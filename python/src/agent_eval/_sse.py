"""Server-sent events out of the bytes of a whole stream, with the place in the stream where each one ended."""

from __future__ import annotations

import json
import re

from ._providers._facts import StreamEvent

_LINE_END = re.compile(r"\r\n|\n|\r")  # not `splitlines`: JSON may hold other line separators
_EVENT_END = re.compile(rb"\r\n\r\n|\n\n|\r\r")


def parse(stream: bytes) -> list[tuple[StreamEvent, int]]:
    """Returns the events in order; one that broke off in the middle is left out if its data is no longer JSON."""
    events: list[tuple[StreamEvent, int]] = []
    start = 0
    for end in _EVENT_END.finditer(stream):
        _add(events, stream[start : end.start()], end.end())
        start = end.end()
    _add(events, stream[start:], len(stream))
    return events


def _add(events: list[tuple[StreamEvent, int]], block: bytes, end: int) -> None:
    name: str | None = None
    data: list[str] = []
    for line in _LINE_END.split(block.decode("utf-8", "replace")):
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            name = value
        elif field == "data":
            data.append(value)
    text = "\n".join(data)
    if text.startswith("[DONE]"):
        events.append((StreamEvent("[DONE]", {}), end))
        return
    try:
        parsed = json.loads(text) if text else {}
    except ValueError:
        return
    if isinstance(parsed, dict) and (parsed or name):
        events.append((StreamEvent(name, parsed), end))
