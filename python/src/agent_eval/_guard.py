"""The boundary between the host program and this package: what fails inside stays inside.

Every entry from host code goes through :func:`attempt`. A failure costs the recording, never the host's call; the
first one is logged in one line, all of them are counted.
"""

from __future__ import annotations

from _thread import RLock

from ._typing import TYPE_CHECKING, Any, Callable, TypeVar

if TYPE_CHECKING:
    import logging

T = TypeVar("T")

#: Room to record that memory ran out; the system gives it only once it is written to, which nobody does.
_reserve = [bytearray(256 << 10)]

_said: set[str] = set()
_said_lock = RLock()
failures = 0


def attempt(action: Callable[..., T], *args: Any, **kwargs: Any) -> T | None:
    """Returns what ``action`` returns, or ``None`` when it raised."""
    try:
        return action(*args, **kwargs)
    except Exception as error:
        note(error)
        return None


def make_room(error: BaseException) -> None:
    """Gives back what was held for the case that a program dies because it gets no more memory."""
    if isinstance(error, MemoryError):
        _reserve.clear()


def logger() -> logging.Logger:
    """Returns the package's logger. Most programs never need it: its module is imported here."""
    import logging

    return logging.getLogger("agent_eval")


def warn_once(key: str, message: str, *args: object) -> None:
    """Logs a warning the first time ``key`` is met in this process."""
    with _said_lock:
        if key in _said:
            return
        _said.add(key)
    logger().warning(message, *args)


def note(error: Exception) -> None:
    """Counts an internal failure, and says so once."""
    global failures
    failures += 1
    # The logging set-up is the host's: even that may raise.
    try:
        warn_once(
            "internal",
            "arc-eval: an internal error (%s) keeps a part of this run from being recorded; the program goes on",
            type(error).__name__,
        )
        logger().debug("arc-eval: internal error", exc_info=error)
    except Exception:
        return
