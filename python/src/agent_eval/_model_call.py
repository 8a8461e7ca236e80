"""One model call: what was asked, what was answered, and its record.

The caller's thread only collects the pieces of a stream with their times; they are parsed when the stream is over.
"""

from __future__ import annotations

import bisect
import itertools
import json
from collections.abc import Callable
from typing import Any

from . import _sse
from ._guard import attempt
from ._providers import Wire
from ._providers._facts import Answer
from ._run import Run
from ._span import Event, Value, exception_event, exception_message, type_name
from ._tools import PendingCall

MAX_BODY_BYTES = 32 * 1024 * 1024

_USAGE = {
    "input": "gen_ai.usage.input_tokens",
    "output": "gen_ai.usage.output_tokens",
    "cache_read": "gen_ai.usage.cache_read.input_tokens",
    "cache_write": "gen_ai.usage.cache_creation.input_tokens",
    "cache_write_1h": "gen_ai.usage.cache_creation.ephemeral_1h_input_tokens",
    "reasoning": "gen_ai.usage.reasoning.output_tokens",
    "audio_input": "gen_ai.usage.audio.input_tokens",
    "audio_output": "gen_ai.usage.audio.output_tokens",
}

# Turns the bytes of a body, as they came, into text: undoes the content encoding.
Decode = Callable[[bytes], bytes]


# Calls of this process whose streams are not over.
open_calls: set[ModelCall] = set()


def end_open_calls() -> None:
    """Records what is known of the calls whose streams nobody ended; for the end of the process."""
    for call in list(open_calls):
        attempt(call.streamed, whole=False)


class ModelCall:
    """One model call of a run while it is under way. Exactly one of the endings is recorded, the first."""

    def __init__(self, run: Run, wire: Wire, body: dict[str, Any], extra: dict[str, Value]) -> None:
        self._run = run
        self._wire = wire
        self._request = wire.request(body)
        self._extra = extra
        self._sequence = 0
        self._start_ns = run.trace.now_ns()
        self._chunks: list[tuple[int, bytes]] = []
        self._size = 0
        self._cut = False
        self._ended = False
        self._status: int | None = None
        self._decode: Decode | None = None

    def started(self) -> None:
        """Records the tool calls whose results the request carries, and takes its place in the order."""
        run, trace = self._run, self._run.trace
        with trace.lock:
            for call, result in trace.transcript.answered(self._request.transcript):
                run.send_tool(call, result, self._start_ns)
            self._sequence = trace.next_sequence()

    def failed(self, error: BaseException) -> None:
        """Records a call that an exception ended before the answer was there."""
        if self._end():
            now = self._run.trace.now_ns()
            event = exception_event(error, now, self._run.settings.capture_content)
            self._send(now, Answer(), (type_name(type(error)), exception_message(error)), [event])

    def answered(self, status: int, content: bytes) -> None:
        """Records a call whose answer is there as a whole."""
        if self._end():
            self._status = status
            self._record(content, self._run.trace.now_ns(), None)

    def opened(self, status: int, decode: Decode | None) -> None:
        """Expects the body in pieces; ``decode`` undoes its content encoding, if it has one."""
        self._status = status
        self._decode = decode
        with self._run.trace.lock:
            self._run.open_calls.add(self)
        open_calls.add(self)

    def chunk(self, data: bytes) -> None:
        """Takes a piece of a streamed body."""
        if self._size + len(data) > MAX_BODY_BYTES:
            self._cut = True
            return
        self._size += len(data)
        self._chunks.append((self._run.trace.now_ns(), data))

    def streamed(self, whole: bool, error: BaseException | None = None) -> None:
        """Records a call whose stream is over: read to its end, left early, or broken off by an error."""
        if not self._end():
            return
        decode = self._decode
        now = self._run.trace.now_ns()
        raw = b"".join(data for _, data in self._chunks)
        content = decode(raw) if decode is not None else raw
        # Places in a decoded body say nothing about the times of the pieces.
        self._record(content, now, error, timed=decode is None, whole=whole or error is not None)

    def _end(self) -> bool:
        with self._run.trace.lock:
            first, self._ended = not self._ended, True
            self._run.open_calls.discard(self)
        open_calls.discard(self)
        return first

    def _record(
        self, content: bytes, now: int, error: BaseException | None, timed: bool = False, whole: bool = True
    ) -> None:
        events = [exception_event(error, now, self._run.settings.capture_content)] if error is not None else []
        problem = (type_name(type(error)), exception_message(error)) if error is not None else None
        try:
            body = json.loads(content)
            answer = self._wire.answer(body if isinstance(body, dict) else {})
        except ValueError:
            stream = _sse.parse(content)
            found = self._wire.reassemble([event for event, _ in stream.events])
            answer = self._wire.answer(found.body)
            if found.first_content is not None:
                seconds = self._seconds_to(stream.events[found.first_content][1] if timed else 0)
                self._extra["gen_ai.response.time_to_first_chunk"] = seconds
            early = not whole and not found.complete
            if early:
                self._extra["arc_eval.stream_closed_early"] = True
            if problem is None and (stream.broken or (content and not stream.events and not early)):
                problem = ("invalid_response", "the answer is neither JSON nor a stream of JSON events")
        problem = problem or answer.error
        if (self._status or 0) >= 400:
            message = (problem or ("", ""))[1] or content[:500].decode("utf-8", "replace")
            problem = (str(self._status), message)
        self._send(now, answer, problem, events)

    def _seconds_to(self, place: int) -> float:
        """Returns how long after the request the byte at a place of the stream came."""
        ends = list(itertools.accumulate(len(data) for _, data in self._chunks))
        at = self._chunks[min(bisect.bisect_left(ends, place), len(ends) - 1)][0]
        return (at - self._start_ns) / 1e9

    def _send(self, now: int, answer: Answer, error: tuple[str, str] | None, events: list[Event]) -> None:
        run, trace = self._run, self._run.trace
        model = self._request.model
        name = f"chat {model}" if model else "chat"
        run.send_step(name, "client", self._start_ns, now, self._attributes(answer), error, events)
        with trace.lock:
            for asked in answer.tool_requests:
                call = PendingCall(asked.call_id, asked.name, asked.arguments, run.span_id, now, trace.next_sequence())
                trace.transcript.asked(call)

    def _attributes(self, answer: Answer) -> dict[str, Value]:
        request = self._request
        found: dict[str, Value | None] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": self._wire.PROVIDER,
            "gen_ai.request.model": request.model,
            "gen_ai.response.id": answer.response_id,
            "gen_ai.response.model": answer.model,
            "gen_ai.response.finish_reasons": answer.finish_reasons or None,
            "http.response.status_code": self._status,
            "arc_eval.sequence": self._sequence,
            "arc_eval.body_cut": True if self._cut else None,
            "arc_eval.usage.raw": answer.raw_usage,
        }
        found.update({_USAGE[key]: count for key, count in answer.usage.items()})
        found.update(self._extra)
        if self._run.settings.capture_content:
            found["gen_ai.input.messages"] = request.messages
            found["gen_ai.output.messages"] = answer.messages or None
            found["gen_ai.system_instructions"] = request.system or None
        # Definitions and settings are the program's own text, not the user's content.
        found["gen_ai.tool.definitions"] = request.tools or None
        return {**request.parameters, **{key: value for key, value in found.items() if value is not None}}
