"""The way of records out of this process.

:class:`Transport` is the seam: the tracer knows nothing else. :class:`HttpTransport` is the one in use, OTLP/JSON
over HTTP from a background thread. It never blocks and never raises; what it cannot keep or deliver it counts.
"""

from __future__ import annotations

import atexit
import collections
import os
import sys
import threading
import time
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from ._guard import attempt, warn_once
from ._otlp import encode_request, encode_span
from ._sender import Reply, Sender
from ._span import SpanDict, Value

MAX_QUEUED_SPANS = 20_000
MAX_QUEUED_BYTES = 64 * 1024 * 1024
MAX_BATCH_SPANS = 512
MAX_BATCH_BYTES = 4 * 1024 * 1024
BATCH_WAIT_SECONDS = 0.1
FIRST_BACKOFF_SECONDS = 0.2
LAST_BACKOFF_SECONDS = 10.0
EXIT_SECONDS = 1.0


class Transport(Protocol):
    """Takes records of spans. No method may raise or wait for longer than it is told to."""

    def send(self, span: SpanDict) -> None:
        """Takes a record. MUST return at once; MAY drop it, and then counts it."""

    def flush(self, timeout: float) -> bool:
        """Waits until everything taken so far is delivered; returns whether it was."""

    def close(self, timeout: float) -> bool:
        """Flushes, then takes no more."""


@dataclass
class Counts:
    """What became of the records; ``taken`` is the sum of the others and of what is still queued."""

    taken: int = 0
    delivered: int = 0
    dropped: int = 0
    rejected: int = 0


class HttpTransport:
    """Delivers records to ``<endpoint>/v1/traces``. Its thread starts with the first record."""

    def __init__(self, endpoint: str, project: str | None = None) -> None:
        self.endpoint = endpoint.rstrip("/")
        self._sender = Sender(self.endpoint, project)
        self._reset()
        _open_transports.add(self)

    def _reset(self) -> None:
        """Takes the state of a fresh process; also in a forked child, where the thread does not exist."""
        # An RLock: `send` may be entered again, from a finaliser, in the middle of itself.
        self._changed = threading.Condition(threading.RLock())
        self._queue: collections.deque[tuple[SpanDict, int]] = collections.deque()
        self._queued_bytes = 0  # of the queue and of the batch under way
        self._queued_spans = 0
        self._thread: threading.Thread | None = None
        self._starting = False
        self._closed = False
        self._idle = False
        self._flushes = 0  # asked for so far
        self._flushing = 0  # being waited for
        self._failed_requests = 0
        self._sender.forget()
        self._open: dict[str, SpanDict] = {}  # spans whose end is still to come
        self.counts = Counts()

    @property
    def dropped(self) -> int:
        """How many records were given up: no room, closed, or not encodable."""
        return self.counts.dropped

    def send(self, span: SpanDict) -> None:
        """Takes a record, or counts it as dropped when there is no room."""
        with self._changed:
            span = self._whole(span)
            size = _span_size(span)
            self.counts.taken += 1
            full = self._queued_spans >= MAX_QUEUED_SPANS or self._queued_bytes + size > MAX_QUEUED_BYTES
            if full or self._closed:
                self.counts.dropped += 1
            else:
                self._queued_spans += 1
                self._queued_bytes += size
                self._queue.append((span, size))
                if self._idle:
                    self._changed.notify_all()
                attempt(self._start)
        if full:
            self._warn("full", "arc-eval: too much waits to be sent to %s; records are dropped", self.endpoint)

    def _whole(self, span: SpanDict) -> SpanDict:
        """Returns a part of a span with the parts before it."""
        known = self._open.pop(span["span_id"], None)
        if known is not None:
            attributes = {**known["attributes"], **span.get("attributes", {})}
            events = [*known.get("events", []), *span.get("events", [])]
            span = {**known, **span, "attributes": attributes, "events": events}
        if span.get("end_ns") is None and len(self._open) < MAX_QUEUED_SPANS:
            self._open[span["span_id"]] = span
        return span

    def flush(self, timeout: float) -> bool:
        """Waits until everything taken so far is delivered; returns at once when the server cannot be reached."""
        with self._changed:
            before = Counts(**vars(self.counts))
            if self._queued_spans == 0:
                return True
            attempt(self._start)
            target = before.taken
            failed = self._failed_requests
            self._flushes += 1
            self._flushing += 1
            self._changed.notify_all()
            try:
                self._changed.wait_for(lambda: self._settled() >= target or self._failed_requests > failed, timeout)
            finally:
                self._flushing -= 1
            return self._settled() >= target and self.counts.rejected == before.rejected

    def close(self, timeout: float) -> bool:
        """Flushes, then takes no more."""
        delivered = self.flush(timeout)
        with self._changed:
            self._closed = True
        return delivered

    def _settled(self) -> int:
        return self.counts.delivered + self.counts.rejected + self.counts.dropped

    def _start(self) -> None:
        # Starting a thread can run a finaliser that sends: it must not start a second one on the same connection.
        if self._starting or (self._thread is not None and self._thread.is_alive()):
            return
        self._starting = True
        try:
            self._thread = threading.Thread(target=self._work, name="arc-eval", daemon=True)
            self._thread.start()
            _flush_when_a_child_process_ends(self)
        finally:
            self._starting = False

    # The rest runs on the background thread.

    def _work(self) -> None:
        while True:
            batch = attempt(self._next_batch)
            if batch is None:
                return  # the next record starts another thread
            attempt(self._deliver, batch)
            with self._changed:
                self._queued_spans -= len(batch)
                self._queued_bytes -= sum(size for _, size in batch)
                self._changed.notify_all()

    def _next_batch(self) -> list[tuple[SpanDict, int]]:
        with self._changed:
            self._idle = True
            self._changed.wait_for(lambda: bool(self._queue))
            self._changed.wait_for(
                lambda: (
                    self._flushing > 0 or len(self._queue) >= MAX_BATCH_SPANS or self._queued_bytes >= MAX_BATCH_BYTES
                ),
                BATCH_WAIT_SECONDS,
            )
            self._idle = False
            batch = [self._queue.popleft()]
            size = batch[0][1]
            while self._queue and len(batch) < MAX_BATCH_SPANS and size + self._queue[0][1] <= MAX_BATCH_BYTES:
                batch.append(self._queue.popleft())
                size += batch[-1][1]
            return batch

    def _deliver(self, batch: list[tuple[SpanDict, int]]) -> None:
        """Sends a batch until it is answered for good."""
        encoded = [(span["resource"], text) for span, _ in batch if (text := attempt(encode_span, span)) is not None]
        with self._changed:
            self.counts.dropped += len(batch) - len(encoded)
        if not encoded:
            return
        body = encode_request(_grouped(encoded))
        backoff = FIRST_BACKOFF_SECONDS
        while True:
            flushes = self._flushes
            reply = self._sender.post(body)
            if reply.final:
                self._count(len(encoded), reply)
                return
            self._warn("unreachable", "arc-eval: runs are not delivered to %s: %s", self.endpoint, reply.problem)
            with self._changed:
                self._failed_requests += 1
                self._changed.notify_all()
                # Whoever asks for a flush is about to leave: try once more for them, at once.
                self._changed.wait_for(lambda seen=flushes: self._flushes != seen, backoff)  # type: ignore[misc]
            backoff = min(backoff * 2, LAST_BACKOFF_SECONDS)

    def _count(self, sent: int, reply: Reply) -> None:
        rejected = sent if reply.problem else min(reply.rejected, sent)
        with self._changed:
            self.counts.rejected += rejected
            self.counts.delivered += sent - rejected
        if rejected:
            why = reply.problem or reply.message or "no reason given"
            self._warn("rejected", "arc-eval: %s rejected %d of %d spans: %s", self.endpoint, rejected, sent, why)

    def _warn(self, key: str, message: str, *args: object) -> None:
        attempt(warn_once, f"{key} {self.endpoint}", message, *args)


def _grouped(encoded: list[tuple[Mapping[str, str], bytes]]) -> list[tuple[Mapping[str, str], list[bytes]]]:
    groups: dict[int, tuple[Mapping[str, str], list[bytes]]] = {}
    for resource, span in encoded:
        groups.setdefault(id(resource), (resource, []))[1].append(span)
    return list(groups.values())


def _span_size(span: SpanDict) -> int:
    """Returns roughly how many bytes a record holds."""
    groups = [span["attributes"], *(event["attributes"] for event in span.get("events", []))]
    return 512 + sum(_value_size(value, 0) for attributes in groups for value in attributes.values())


def _value_size(value: Value, depth: int) -> int:
    if isinstance(value, (str, bytes)):
        return len(value)
    if depth > 8:
        return 64
    if isinstance(value, list):
        return 8 + sum(_value_size(item, depth + 1) for item in value)
    if isinstance(value, dict):
        return 16 + sum(_value_size(item, depth + 1) for item in value.values())
    return 16


# One transport per address, shared by every tracer of the process.

_open_transports: weakref.WeakSet[HttpTransport] = weakref.WeakSet()
_shared: dict[tuple[str, str | None], HttpTransport] = {}
_shared_lock = threading.RLock()


def shared_transport(endpoint: str, project: str | None) -> HttpTransport:
    """Returns the process's transport to an address."""
    with _shared_lock:
        if not _shared:
            atexit.register(_flush_all)
            if hasattr(os, "register_at_fork"):
                os.register_at_fork(after_in_child=_restart_all)
        key = (endpoint, project)
        if key not in _shared:
            _shared[key] = HttpTransport(endpoint, project)
        return _shared[key]


def _flush_all() -> None:
    """Gives what is queued at exit a bounded time to leave, all transports together."""
    deadline = time.monotonic() + EXIT_SECONDS
    for transport in list(_open_transports):
        attempt(transport.flush, max(deadline - time.monotonic(), 0.0))


def _restart_all() -> None:
    global _shared_lock
    _shared_lock = threading.RLock()
    for transport in list(_open_transports):
        attempt(transport._reset)


def _flush_when_a_child_process_ends(transport: HttpTransport) -> None:
    """Children of :mod:`multiprocessing` end without running ``atexit``; they run these finalisers instead."""
    process = sys.modules.get("multiprocessing.process")
    if process is None or process.parent_process() is None:
        return
    from multiprocessing import util

    util.Finalize(None, transport.flush, args=(EXIT_SECONDS,), exitpriority=10)
