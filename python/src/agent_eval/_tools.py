"""Tool calls as the transcript shows them: what the model asked for, joined with the result a later request carries.

The tools themselves are not watched here. A call lasts from the end of the answer that asked for it to the start of
the request that carries its result, so its duration includes what the agent did in between.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class ToolRequest:
    """A call the model asked for; the arguments as text, as the model wrote them."""

    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class ToolResult:
    """A result in a request."""

    call_id: str
    text: str
    is_error: bool = False


@dataclass(frozen=True)
class PendingCall:
    """A call that waits for its result."""

    call_id: str
    name: str
    arguments: str
    parent_id: str
    asked_ns: int
    sequence: int


class Transcript:
    """The calls of one trace that wait for a result. The caller holds the trace's lock."""

    def __init__(self) -> None:
        self._pending: dict[str, list[PendingCall]] = {}

    def asked(self, call: PendingCall) -> None:
        """Remembers a call."""
        self._pending.setdefault(call.call_id, []).append(call)

    def answered(self, entries: Iterable[str | ToolResult]) -> list[tuple[PendingCall, ToolResult]]:
        """Joins the results of a request with the calls that wait for them.

        ``entries`` are, in the order of the request, the ids of calls and the results. Requests repeat their history,
        and ids may come again within a run: only results after the last call of their id count.
        """
        results: dict[str, list[ToolResult]] = {}
        for entry in entries:
            if isinstance(entry, ToolResult):
                results.setdefault(entry.call_id, []).append(entry)
            else:
                results.pop(entry, None)
        joined = []
        for call_id, found in results.items():
            waiting = self._pending.get(call_id, [])
            for result in found[: len(waiting)]:
                joined.append((waiting.pop(0), result))
            if not waiting:
                self._pending.pop(call_id, None)
        return joined

    def unanswered(self, parent_id: str | None) -> list[PendingCall]:
        """Forgets and returns the calls still waiting, of one agent span or of all."""
        calls = [call for waiting in self._pending.values() for call in waiting]
        ended = [call for call in calls if parent_id is None or call.parent_id == parent_id]
        for call in ended:
            self._pending[call.call_id].remove(call)
        self._pending = {call_id: waiting for call_id, waiting in self._pending.items() if waiting}
        return ended
