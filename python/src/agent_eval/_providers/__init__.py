"""What providers' requests and answers say, in OpenTelemetry's words. Pure: JSON in, facts out.

One file per wire format, each with the same four functions in the same order: ``speaks``, ``request``, ``answer``
and ``reassemble``. To add one, write such a file and add it to :data:`WIRES`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from . import anthropic_messages, openai_chat, openai_responses
from ._facts import Answer, Reassembled, Request, StreamEvent


class Wire(Protocol):
    """A wire format. No function changes what it is given; unknown or missing fields are left out, never guessed."""

    PROVIDER: str

    def speaks(self, path: str, body: dict[str, Any]) -> bool:
        """Returns whether a request to this path with this body is of the format."""

    def request(self, body: dict[str, Any]) -> Request:
        """Returns what a request says."""

    def answer(self, body: dict[str, Any]) -> Answer:
        """Returns what an answer says that is not a stream."""

    def reassemble(self, events: Sequence[StreamEvent]) -> Reassembled:
        """Returns the answer a stream amounts to, as far as it got."""


WIRES: tuple[Wire, ...] = (openai_chat, openai_responses, anthropic_messages)


def recognise(path: str, body: dict[str, Any]) -> Wire | None:
    """Returns the wire format of a request, if it is one of a model call."""
    return next((wire for wire in WIRES if wire.speaks(path, body)), None)
