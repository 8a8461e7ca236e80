"""Carries the run into what is started in it: threads, tasks of pools, and processes, forked or fresh.

Only the run is carried: the host's context variables are as they would be. Outside a run nothing changes. Workers of a
pool outlive the run that first needed them, so they belong to none; the tasks given to them belong to the run that
gave them. A thread belongs to its run while that lasts. A fresh process gets the run with what is pickled for it.
"""

from __future__ import annotations

import contextvars
import functools
import pickle
import sys
import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any

import wrapt

from ._guard import attempt
from ._run import Run, Step, current, inherited, leave, place, place_in

_KEY = "_arc_eval_run"
# Modules of pools: a thread or process that runs one of their functions is a worker.
_POOLS = ("concurrent.futures.thread", "concurrent.futures.process", "multiprocessing.pool")
_installed = False


def install() -> None:
    """Patches what is imported of the standard library's ways to start something, and the rest when it will be."""
    global _installed
    if _installed:
        return
    _installed = True
    _wrap(threading.Thread, "start", _start_thread)
    _wrap(threading.Thread, "_bootstrap_inner", _begin_thread)
    for name, patch in _PATCHES.items():
        module = sys.modules.get(name)
        if module is not None:
            attempt(patch, module)
        else:
            wrapt.register_post_import_hook(functools.partial(attempt, patch), name)


def _patch_pool(module: ModuleType) -> None:
    for name in ("apply_async", "_map_async", "imap", "imap_unordered"):
        _wrap(module.Pool, name, _give)


_PATCHES: dict[str, Callable[[Any], None]] = {
    "concurrent.futures.process": lambda module: _wrap(module.ProcessPoolExecutor, "submit", _give),
    "concurrent.futures.thread": lambda module: _wrap(module.ThreadPoolExecutor, "submit", _give),
    "multiprocessing.pool": _patch_pool,
    "multiprocessing.process": lambda module: _wrap(module.BaseProcess, "start", _start_process),
}


def _wrap(kind: type, name: str, wrapper: Callable[..., Any]) -> None:
    if not isinstance(kind.__dict__.get(name), wrapt.FunctionWrapper):
        wrapt.wrap_function_wrapper(kind, name, wrapper)


# Tasks of pools.


def _give(wrapped: Callable[..., Any], _pool: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    run = current.get()
    if run is None or not args or not callable(args[0]):
        return wrapped(*args, **kwargs)
    carried = attempt(Carried, run, place.get())
    if carried is None:
        return wrapped(*args, **kwargs)
    return wrapped(functools.partial(_in_run, carried, args[0]), *args[1:], **kwargs)


class Carried:
    """A run, and the place in it, on the way to a thread or a process."""

    __slots__ = ("place", "run", "span_id")

    def __init__(self, run: Run | None, where: Step | None) -> None:
        self.run = run
        self.place = where
        self.span_id = place_in(run) if run is not None else ""

    def __reduce__(self) -> Any:
        # Pickling it must never fail: without it the task would have arrived.
        return _arrived, (attempt(_packed, self),)


def _packed(carried: Carried) -> bytes:
    run = carried.run
    if run is None:
        raise ValueError("no run to carry")
    sequence = run.trace.next_sequence()
    return pickle.dumps((run.trace.trace_id, carried.span_id, sequence, run.settings, run.transport))


def _arrived(packed: bytes | None) -> Carried:
    return Carried(attempt(_unpacked, packed) if packed is not None else None, None)


def _unpacked(packed: bytes) -> Run:
    from . import _clients

    _clients.install()
    install()
    return Run.elsewhere(*pickle.loads(packed))  # noqa: S301 - packed by the parent process


def _in_run(carried: Carried, task: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    if carried.run is None:
        return task(*args, **kwargs)
    token, at = current.set(carried.run), place.set(carried.place)
    try:
        return task(*args, **kwargs)
    finally:
        attempt(place.reset, at)
        attempt(leave, token)


# Threads.


def _start_thread(wrapped: Callable[..., Any], thread: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    run = current.get()
    if run is not None:
        attempt(_prepare, thread, run)
    return wrapped(*args, **kwargs)


def _prepare(thread: Any, run: Run) -> None:
    if _is_worker(thread):
        return
    carried = Carried(run, place.get())
    if hasattr(thread, "_context"):  # from Python 3.14 on a thread runs in a context of its own
        if thread._context is None:
            copied = getattr(sys.flags, "thread_inherit_context", False)
            thread._context = contextvars.copy_context() if copied else contextvars.Context()
        thread._context.run(_inherit, carried)
    else:
        thread.__dict__[_KEY] = carried


def _begin_thread(wrapped: Callable[..., Any], thread: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    carried = thread.__dict__.pop(_KEY, None)
    if carried is not None:
        attempt(_inherit, carried)
    return wrapped(*args, **kwargs)


def _inherit(carried: Carried) -> None:
    current.set(carried.run)
    inherited.set(carried.run)
    place.set(carried.place)


def _is_worker(started: Any) -> bool:
    """Returns whether a thread or process serves a pool."""
    return getattr(getattr(started, "_target", None), "__module__", None) in _POOLS


# Processes.


class _OnArrival(Carried):
    """Makes the run the current one of a fresh process as soon as it is unpickled there."""

    __slots__ = ()

    def __reduce__(self) -> Any:
        return _settle_in, (attempt(_packed, self),)


def _settle_in(packed: bytes | None) -> None:
    current.set(_arrived(packed).run)


def _start_process(wrapped: Callable[..., Any], process: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    run = current.get()
    if run is None:
        return wrapped(*args, **kwargs)
    if _is_worker(process):
        token, at = current.set(None), place.set(None)  # what a forked worker finds
        try:
            return wrapped(*args, **kwargs)
        finally:
            attempt(place.reset, at)
            attempt(leave, token)
    process.__dict__[_KEY] = attempt(_OnArrival, run, place.get())
    try:
        return wrapped(*args, **kwargs)
    finally:
        process.__dict__.pop(_KEY, None)
