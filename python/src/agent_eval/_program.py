"""A whole program as part of a run that ``arc-eval run`` began: traced from its first line, without a change.

The run is the launcher's: it knows how the program ended, whatever became of it. Here everything the program does is
made part of that run, under one step for the process, which also keeps the exception that ended it.
"""

from __future__ import annotations

import atexit
import os
import sys
from types import TracebackType

from . import _carry, _clients, _frameworks
from ._guard import attempt
from ._run import Run, Step, current, inherited, place
from ._span import exception_event, exception_message, type_name
from .trace import ArcTracer


def begin() -> None:
    """Makes this process part of the run that the environment names; called once, before the program itself."""
    trace_id, _, span_id = os.environ.get("ARC_EVAL_RUN", "").partition("-")
    if len(trace_id) != 32 or len(span_id) != 16:
        return
    tracer = ArcTracer(project=os.environ.get("ARC_EVAL_PROJECT"))
    run = Run.elsewhere(trace_id, span_id, 1, tracer._settings, tracer._transport)
    for part in (_clients, _frameworks, _carry):
        attempt(part.install)
    step = run.begin_step(_command(), "internal", {"gen_ai.operation.name": "step", "process.pid": os.getpid()})
    current.set(run)
    inherited.set(run)
    place.set(step)
    # Registered after the transport's, so it runs before it.
    atexit.register(attempt, step.end)
    _watch_exceptions(step)


def _watch_exceptions(step: Step) -> None:
    before = sys.excepthook

    def ended_by(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        attempt(_failed, step, error)
        before(kind, error, trace)

    sys.excepthook = ended_by


def _failed(step: Step, error: BaseException) -> None:
    if isinstance(error, KeyboardInterrupt):
        return step.end()
    with_content = step.run.settings.capture_content
    message = exception_message(error) if with_content else ""
    event = exception_event(error, step.run.trace.now_ns(), with_content)
    return step.end(error=(type_name(type(error)), message), events=[event])


def _command() -> str:
    """Returns the command line without the folders of its parts."""
    return " ".join(os.path.basename(part) or part for part in sys.orig_argv[:8])
