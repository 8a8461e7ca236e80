"""A node: one agent, task, step or tool call of a framework, as its hook sees it begin and end.

Hooks come in pairs of calls, often in other threads or tasks than the code they speak of. A node knows the node it is
within by the framework's own ids (:class:`Nodes`), so that its place in the run does not depend on where a hook is
called. A node that is *entered* is the place to which model calls and nested runs made from there on belong; leaving
it, or its end, undoes that.
"""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any

from .._framework import version_of
from .._guard import attempt
from .._run import Run, Step, belongs_to, current, place, place_in
from .._span import (
    Event,
    Value,
    exception_event,
    exception_message,
    new_span_id,
    payload_text,
    tool_span_id,
    type_name,
)

# The words of OpenTelemetry; the server takes any other for a step.
OPERATIONS = {
    "agent": "invoke_agent",
    "retrieval": "retrieval",
    "step": "step",
    "tool": "execute_tool",
    "workflow": "invoke_workflow",
}
MAX_OPEN = 10_000


class Framework:
    """A framework by its id in the server's catalogue, and the packages whose version counts, the first there is."""

    def __init__(self, name: str, *packages: str) -> None:
        self.name = name
        self._packages = packages

    @property
    def version(self) -> str | None:
        """The installed version; ``None`` when it cannot be told."""
        return version_of(*self._packages)


class Node:
    """A step of a framework while it is under way; made by :func:`begin`."""

    __slots__ = ("__weakref__", "_is_tool", "_step", "kind", "run", "within")

    def __init__(self, run: Run, step: Step | None, within: Node | None, kind: str) -> None:
        self.run = run
        self.kind = kind
        self.within = within
        self._step = step  # without one the node is the run itself

    @property
    def is_over(self) -> bool:
        """Returns whether it has ended."""
        return self.run.ended if self._step is None else self._step.ended

    def enter(self) -> None:
        """Makes it the place of what follows in this context."""
        if current.get() is None:
            current.set(self.run)
        if self._step is not None:
            place.set(self._step)

    def leave(self) -> None:
        """Undoes :meth:`enter`, where it still stands in this context."""
        if self._step is not None and place.get() is self._step:
            place.set(self._step.within)

    def end(
        self,
        output: Any = None,
        error: BaseException | str | None = None,
        attributes: dict[str, Value] | None = None,
    ) -> None:
        """Ends it, with what it put out or what went wrong. Only the first call counts."""
        step = self._step
        if step is None:
            return  # the run's own end is seen where it was called
        self.leave()
        found: dict[str, Value] = dict(attributes or {})
        with_content = bool(self.run.settings.capture_content)
        if output is not None and with_content:
            name = "gen_ai.tool.call.result" if self.kind == "tool" else "arc_eval.output"
            found[name] = payload_text(output)
        if self.kind == "tool":
            found["arc_eval.revision"] = 2
        events: list[Event] = []
        problem: tuple[str, str] | None = None
        if isinstance(error, BaseException):
            problem = (type_name(type(error)), exception_message(error))
            events = [exception_event(error, self.run.trace.now_ns(), with_content)]
        elif error is not None:
            problem = ("tool_error" if self.kind == "tool" else "error", error)
        step.end(found, problem, events)


def begin(
    kind: str,
    name: str,
    *,
    framework: Framework | None = None,
    within: Node | None = None,
    input: Any = None,
    call_id: str | None = None,
    source: object = None,
    attributes: dict[str, Value] | None = None,
) -> Node | None:
    """Records that a node begins; ``None`` outside a run.

    ``kind`` is one of :data:`OPERATIONS`. ``within`` is the node it is part of, where the framework says; otherwise it
    is part of the current place. ``call_id`` is the provider's id of a tool call: a call that other hooks or the
    server see as well is one span by it. ``source`` is the function of a tool, to record where it is written.
    """
    run = belongs_to()
    if run is None and within is not None and not within.run.ended:
        run = within.run
    if run is None:
        return None
    if within is not None and within.run is not run:
        within = None  # a run of its own was started in between
    found: dict[str, Value] = {"gen_ai.operation.name": OPERATIONS[kind], **(attributes or {})}
    if framework is not None and _is_outermost(run, within, framework):
        found["arc_eval.framework"] = framework.name
        if framework.version is not None:
            found["arc_eval.framework.version"] = framework.version
    found["arc_eval.sequence"] = run.trace.next_sequence()
    span_id = None
    title = name
    if kind == "agent":
        found["gen_ai.agent.name"] = name
    if kind == "tool":
        title = f"execute_tool {name}"
        found["gen_ai.tool.name"] = name
        found["arc_eval.revision"] = 1
        if call_id:
            found["gen_ai.tool.call.id"] = call_id
            span_id = attempt(tool_span_id, run.trace.trace_id, call_id)
        found.update(attempt(where, source) or {})
    if input is not None and run.settings.capture_content:
        found["gen_ai.tool.call.arguments" if kind == "tool" else "arc_eval.input"] = payload_text(input)
    parent = within._step if within is not None else None
    # Told by the framework, a node within the run itself is not within the current place.
    parent_id = parent.span_id if parent is not None else run.span_id if within is not None else None
    step = run.begin_step(title, "internal", found, parent_id=parent_id, span_id=span_id or new_span_id())
    if parent is not None:
        step.within = parent
    elif within is not None:
        step.within = None
    return Node(run, step, within, kind)


# Runs that a node stands for: the framework's outermost object is what was traced.
_stood_for: weakref.WeakSet[Run] = weakref.WeakSet()
_declared: weakref.WeakKeyDictionary[Run, set[str]] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def stand_for_run(framework: Framework, kind: str = "agent") -> Node | None:
    """Returns the node of the run itself, when what is traced is the framework's own object and nothing of it is
    known yet; ``None`` otherwise. Without it the run and its outermost node would be the same thing twice."""
    run = belongs_to()
    if run is None or run.settings.framework != framework.name or place_in(run) != run.span_id:
        return None
    with _lock:
        if run in _stood_for:
            return None
        _stood_for.add(run)
    return Node(run, None, None, kind)


def _is_outermost(run: Run, within: Node | None, framework: Framework) -> bool:
    """Returns whether the framework is still to be named in this run."""
    if within is not None and within._step is not None:
        return False
    with _lock:
        named = _declared.setdefault(run, set())
        first = framework.name not in named
        named.add(framework.name)
    return first


class Nodes:
    """The open nodes of a framework by its own ids; bounded, for hooks whose ends never come."""

    def __init__(self) -> None:
        self._open: OrderedDict[Hashable, Node] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, key: Hashable, node: Node | None) -> Node | None:
        """Remembers a node."""
        if node is not None:
            with self._lock:
                self._open[key] = node
                if len(self._open) > MAX_OPEN:
                    self._open.popitem(last=False)
        return node

    def get(self, key: Hashable) -> Node | None:
        """Returns an open node."""
        return self._open.get(key) if key is not None else None

    def pop(self, key: Hashable) -> Node | None:
        """Forgets and returns a node, at its end."""
        with self._lock:
            return self._open.pop(key, None)


def where(function: object) -> dict[str, Value]:
    """Returns where a Python function is written; nothing for anything else."""
    seen = 0
    while seen < 10 and (inner := getattr(function, "__wrapped__", None) or getattr(function, "func", None)):
        function, seen = inner, seen + 1
    function = getattr(function, "__func__", function)
    code = getattr(function, "__code__", None)
    if code is None or not isinstance(getattr(code, "co_filename", None), str):
        return {}
    qualified = getattr(function, "__qualname__", code.co_name)
    return {
        "code.file.path": code.co_filename,
        "code.line.number": code.co_firstlineno,
        "code.function.name": f"{getattr(function, '__module__', '')}.{qualified}",
    }
