"""One model call: the request as it was sent, the answer as it came, and the record of both.

Nothing is read into it here. The caller's thread collects the pieces of the answer as the host reads them; what they
say is decoded by the server.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ._encodings import decoded
from ._guard import attempt
from ._run import Run, place_in
from ._span import Value, exception_event, exception_message, type_name

MAX_BODY_BYTES = 32 * 1024 * 1024

_HEADERS = {
    "content-type": "arc_eval.http.response.content_type",
    "retry-after": "arc_eval.http.response.retry_after",
}

# Calls of this process whose answers are not over.
open_calls: set[ModelCall] = set()


def end_open_calls() -> None:
    """Records what is known of the calls whose streams nobody ended; for the end of the process."""
    for call in list(open_calls):
        attempt(call.over, whole=False)


def forget_open_calls() -> None:
    """Leaves the calls of the parent to the parent; for a forked child."""
    open_calls.clear()


class ModelCall:
    """One model call of a run while it is under way. Exactly one of the endings is recorded, the first."""

    def __init__(self, run: Run, url: str, method: str, request: bytes | None, extra: dict[str, Value]) -> None:
        self._run = run
        self._url = url
        self._method = method
        self._request = request
        self._extra = extra
        self._process = os.getpid()
        self._pieces: list[bytes] = []
        self._size = 0
        self._cut = False
        self._encoding = ""
        self._end: dict[str, Value] = {}
        self._ended = False

    def started(self) -> None:
        """Records that the call begins, with what is asked."""
        run = self._run
        attributes: dict[str, Value] = {
            "arc_eval.http.url": self._url,
            "arc_eval.http.method": self._method,
            "arc_eval.sequence": run.trace.next_sequence(),
            **self._extra,
        }
        if self._request is None or len(self._request) > MAX_BODY_BYTES:
            self._cut = True
        if self._request is not None:
            attributes["arc_eval.http.request.body"] = self._request[:MAX_BODY_BYTES]
        self._place = place_in(run)
        previous = run.call_ends.get(self._place)
        if previous is not None:
            attributes["arc_eval.previous_call_end_ns"] = previous
        self._request = None
        self._step = run.begin_step("model call", "client", attributes, parent_id=self._place)

    def failed(self, error: BaseException) -> None:
        """Records a call that an exception ended before the answer was there."""
        self._finish(False, error)

    def answered(self, status: int, headers: Mapping[str, str], content: bytes) -> None:
        """Records a call whose answer is there as a whole, its content encoding undone."""
        self._head(status, headers)
        self._take(content)
        self._finish(True, None)

    def opened(self, status: int, headers: Mapping[str, str], is_decoded: bool = False) -> None:
        """Expects the body, in pieces as they come over the wire, or with the content encoding undone."""
        self._head(status, headers)
        if not is_decoded:
            self._encoding = headers.get("content-encoding", "")
        with self._run.trace.lock:
            self._run.open_calls.add(self)
        open_calls.add(self)

    def _head(self, status: int, headers: Mapping[str, str]) -> None:
        self._end["arc_eval.http.status"] = status
        for name, attribute in _HEADERS.items():
            value = headers.get(name)
            if value:
                self._end[attribute] = value

    def chunk(self, data: bytes) -> None:
        """Takes a piece of the body."""
        if self._ended or not data:
            return
        if not self._size and not self._cut:
            self._end["arc_eval.http.first_chunk_ns"] = self._run.trace.now_ns()
        self._take(data)

    def over(self, whole: bool, error: BaseException | None = None) -> None:
        """Records a call whose answer is over: read to its end, left early, or broken off by an error."""
        self._finish(whole and error is None, error)

    def _take(self, data: bytes) -> None:
        room = MAX_BODY_BYTES - self._size
        if len(data) > room:
            data = data[:room]
            self._cut = True
        if data:
            self._size += len(data)
            self._pieces.append(bytes(data))

    def _finish(self, whole: bool, error: BaseException | None) -> None:
        run = self._run
        with run.trace.lock:
            first, self._ended = not self._ended, True
            run.open_calls.discard(self)
        open_calls.discard(self)
        if not first or self._process != os.getpid():
            return  # in a forked child the call is the parent's
        now = run.trace.now_ns()
        attributes = self._end
        if "arc_eval.http.status" in attributes:
            body = decoded(self._encoding, b"".join(self._pieces))
            if body is None:
                self._cut = True
            else:
                attributes["arc_eval.http.response.body"] = body[:MAX_BODY_BYTES]
                self._cut = self._cut or len(body) > MAX_BODY_BYTES
        attributes["arc_eval.http.whole"] = whole
        if self._cut:
            attributes["arc_eval.http.truncated"] = True
        self._pieces = []
        run.call_ends[self._place] = now
        problem: tuple[str, str] | None = None
        events: list[Any] = []
        if error is not None:
            problem = (type_name(type(error)), exception_message(error))
            events = [exception_event(error, now, bool(run.settings.capture_content))]
        self._step.end(attributes, problem, events, end_ns=now)
