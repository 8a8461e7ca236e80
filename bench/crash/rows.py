"""The rows of the crash matrix: how each run ends, and what has to be seen of it. Add one here and its agent in
``agents.py``."""

from __future__ import annotations

from typing import NamedTuple


class Expected(NamedTuple):
    """What the API has to show of one run."""

    termination: str
    # During which step it died: its kind, or nothing.
    during: str | None = None
    exit_code: int | None = None
    signal: int | None = None
    error: str | None = None
    model_calls: int = 1
    verdict: str = "failed"


class Row(NamedTuple):
    """A way to end, and the runs that one repetition starts."""

    id: str
    title: str
    runs: dict[str, Expected]
    # What the driver does: nothing, or a way of ending it. See `matrix.py`.
    way: str = "alone"
    # The state of the server meanwhile.
    server: str = "up"
    # The records go to the server's address instead of being left in the spool for it.
    endpoint: bool = False


def one(row: str, title: str, expected: Expected, **rest: object) -> Row:
    """Returns a row of which each repetition is one run."""
    return Row(row, title, {"": expected}, **rest)  # type: ignore[arg-type]


IN_MODEL_CALL = Expected("killed", during="llm", model_calls=2)
IN_TOOL = Expected("killed", during="tool")
DONE = Expected("completed", verdict="unknown")

ROWS = [
    one("exception", "exception", Expected("exception", error="ValueError: the account is closed")),
    one("sys-exit", "`sys.exit(3)`", Expected("exited", exit_code=3)),
    one("os-exit", "`os._exit(4)` in a tool", Expected("exited", during="tool", exit_code=4)),
    one("sigterm", "SIGTERM in a tool", IN_TOOL),
    one("sigkill-model-call", "SIGKILL during a model call", IN_MODEL_CALL, way="kill"),
    one("sigkill-stream", "SIGKILL in the middle of a stream", IN_MODEL_CALL),
    one("sigsegv", "SIGSEGV in a tool", IN_TOOL),
    one("memory-error", "out of memory (rlimit): `MemoryError`", Expected("exception", error="MemoryError")),
    one("memory-abort", "out of memory (rlimit): native code aborts", IN_TOOL),
    one("recursion-error", "stack overflow: `RecursionError`", Expected("exception", error="RecursionError")),
    one("stack-overflow", "stack overflow in C", IN_TOOL),
    one("cancelled", "cancelled task", Expected("cancelled", model_calls=2, verdict="unknown"), way="cancel"),
    one("abandoned-generator", "abandoned generator", Expected("cancelled", verdict="unknown")),
    one("held-generator", "generator held to the end of the program", Expected("exited")),
    Row(
        "child-of-its-own",
        "forked child killed: a run of its own",
        {"child ": IN_MODEL_CALL, "parent ": DONE},
        way="kill-child",
    ),
    one(
        "child-in-run", "forked child killed: part of its parent's run", DONE._replace(model_calls=2), way="kill-child"
    ),
    one("server-down", "server down at start, SIGKILL", IN_MODEL_CALL, way="kill", server="down"),
    one(
        "server-down-endpoint",
        "the same, with its address as endpoint",
        IN_MODEL_CALL,
        way="kill",
        server="down",
        endpoint=True,
    ),
    one(
        "server-restarted", "server killed and restarted midway, SIGKILL", IN_MODEL_CALL, way="kill", server="restarted"
    ),
    one("server-hangs", "server hanging, run returns", DONE, server="hangs", endpoint=True),
    one("server-hangs-killed", "server hanging, SIGKILL", IN_MODEL_CALL, way="kill", server="hangs", endpoint=True),
    one("run-exit-0", "`arc-eval run`: exit 0", DONE),
    one("run-exit-3", "`arc-eval run`: `sys.exit(3)`", Expected("exited", exit_code=3)),
    one("run-exception", "`arc-eval run`: exception", Expected("exception", error="ValueError: the account is closed")),
    one("run-sigkill", "`arc-eval run`: `kill -9` during a model call", IN_MODEL_CALL._replace(signal=9), way="kill"),
]

# So many runs are tried on each disk that is too small for them.
DISK_RUNS = 300
