"""CrewAI: what is emitted on its event bus, looked at where it is emitted.

The bus calls its handlers in other threads and later; a node has to begin in the context of the code it speaks of. So
the bus is watched as it takes an event, with the ids it gave: crews, flows and their methods, tasks, agents and tool
calls. A tool event does not say which call of the model it is: the code that emits it knows.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import wrapt

from .._guard import attempt
from .._run import belongs_to
from ._nodes import Framework, Node, Nodes, begin, stand_for_run

FRAMEWORK = Framework("crewai", "crewai")
_MAX_FRAMES = 12
# An agent is carried out by a flow of the framework's own.
_OWN_FLOWS = ("AgentExecutor",)


def install(module: ModuleType) -> None:
    """Watches the bus; ``module`` is ``crewai.events.event_bus``."""
    recorder = _Recorder()

    def emit(wrapped: Callable[..., Any], _bus: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        result = wrapped(*args, **kwargs)
        attempt(recorder.emitted, *args, **kwargs)
        return result

    wrapt.wrap_function_wrapper(module.CrewAIEventsBus, "emit", emit)


class _Recorder:
    """What the events tell, by their ids."""

    def __init__(self) -> None:
        self._nodes = Nodes()
        self._inner = Nodes()  # events that begin no node of their own, by the node around them

    def emitted(self, source: Any, event: Any) -> None:
        """Begins or ends what an event speaks of."""
        kind = str(event.type)
        if kind.endswith("_started"):
            self._started(kind.removesuffix("_started"), source, event)
        elif kind.endswith(("_completed", "_finished", "_failed", "_error")):
            self._ended(event)

    def _started(self, kind: str, source: Any, event: Any) -> None:
        within = self._nodes.get(event.parent_event_id) or self._inner.get(event.parent_event_id)
        if belongs_to() is None and within is None:
            return
        node = self._begin(kind, source, event, within)
        if node is not None:
            self._nodes.add(event.event_id, node)
        elif within is not None:
            self._inner.add(event.event_id, within)
        node = node or within
        if node is not None and not node.is_over:
            node.enter()

    def _begin(self, kind: str, source: Any, event: Any, within: Node | None) -> Node | None:
        if kind in ("crew_kickoff", "flow"):
            if kind == "flow" and type(source).__name__ in _OWN_FLOWS:
                return None
            node = stand_for_run(FRAMEWORK) if within is None else None
            name = getattr(event, "crew_name", None) or getattr(event, "flow_name", None) or kind
            return node or begin("workflow", str(name), framework=FRAMEWORK, within=within, input=event.inputs)
        if kind == "method_execution" and type(source).__name__ not in _OWN_FLOWS:
            return begin("step", str(event.method_name), framework=FRAMEWORK, within=within)
        if kind == "task":
            name = getattr(event.task, "name", None) or getattr(event.task, "description", None) or "task"
            return begin("step", str(name)[:120], framework=FRAMEWORK, within=within)
        if kind == "agent_execution":
            return begin("agent", str(event.agent.role), framework=FRAMEWORK, within=within, input=event.task_prompt)
        if kind == "lite_agent_execution":
            node = stand_for_run(FRAMEWORK) if within is None else None
            role = str(event.agent_info.get("role") or "agent")
            return node or begin("agent", role, framework=FRAMEWORK, within=within, input=event.messages)
        if kind == "tool_usage":
            call_id, tool = _calling(sys._getframe(1))
            return begin(
                "tool",
                str(event.tool_name),
                framework=FRAMEWORK,
                within=within,
                input=event.tool_args,
                call_id=call_id,
                source=getattr(tool, "func", None) or getattr(type(tool), "_run", None),
            )
        return None

    def _ended(self, event: Any) -> None:
        self._inner.pop(event.started_event_id)
        node = self._nodes.pop(event.started_event_id)
        if node is None:
            return
        error = getattr(event, "error", None)
        failure = getattr(event, "failure", None)
        if error is None and failure is not None:
            error = str(getattr(failure, "message", None) or "the tool failed")
        output = getattr(event, "output", None)
        if output is None:
            output = getattr(event, "result", None)
        output = None if error is not None else getattr(output, "raw", output)
        node.end(output, error if error is None or isinstance(error, BaseException) else str(error))


def _calling(frame: Any) -> tuple[str | None, Any]:
    """Returns the provider's id of the call that is carried out, and the tool."""
    for _ in range(_MAX_FRAMES):
        if frame is None:
            break
        found = frame.f_locals if str(frame.f_globals.get("__name__", "")).startswith("crewai.") else {}
        if isinstance(found.get("call_id"), str) and "func_name" in found:
            # For calls without an id, it makes one up of the address of an object.
            call_id = found["call_id"]
            made_up = call_id == f"call_{id(found.get('tool_call'))}"
            return (None if made_up else call_id), found.get("original_tool")
        frame = frame.f_back
    return None, None
