"""smolagents: the call of a tool, whether the model asked for it by name or code that it wrote calls it.

``process_tool_calls`` of a ``ToolCallingAgent`` knows the ids of the model's requests, ``execute_tool_call`` runs one
of them with its checks; code calls the tools themselves. ``final_answer`` is how an agent ends, not a tool.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from types import ModuleType
from typing import Any

from .._guard import attempt
from . import _calls
from ._nodes import Framework, Node, begin

FRAMEWORK = Framework("smolagents", "smolagents")
FINAL_ANSWER = "final_answer"

# The requests of the model's last answer that were not carried out yet: name, arguments and id.
_asked: ContextVar[list[tuple[str, Any, str]] | None] = ContextVar("arc_eval_smolagents_asked", default=None)


def install(module: ModuleType) -> None:
    """Installs the hooks; ``module`` is ``smolagents.agents``."""
    _calls.wrap_method(module.Tool, "__call__", _calls.of_function(_tool))
    _calls.wrap_method(module.ToolCallingAgent, "process_tool_calls", _process)
    _calls.wrap_method(module.ToolCallingAgent, "execute_tool_call", _calls.of_function(_requested))
    _calls.wrap_method(module.MultiStepAgent, "__call__", _calls.of_function(_agent))


def _process(wrapped: Callable[..., Any], _agent: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    attempt(_remember, _calls.argument(args, kwargs, 0, "chat_message"))
    return wrapped(*args, **kwargs)


def _remember(message: Any) -> None:
    calls = getattr(message, "tool_calls", None) or []
    _asked.set([(call.function.name, call.function.arguments, call.id) for call in calls])


def _requested(agent: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Node | None:
    """Returns the node of a request of the model that is carried out."""
    name = _calls.argument(args, kwargs, 0, "tool_name")
    arguments = _calls.argument(args, kwargs, 1, "arguments")
    if name == FINAL_ANSWER:
        return None
    tool = agent.tools.get(name) or agent.managed_agents.get(name)
    return begin(
        "tool", name, framework=FRAMEWORK, input=arguments, call_id=_call_id(name, arguments), source=_function(tool)
    )


def _call_id(name: str, arguments: Any) -> str | None:
    asked = _asked.get() or []
    for request in asked:
        if request[0] == name and (request[1] or {}) == arguments:
            asked.remove(request)
            return request[2]
    return None


def _tool(tool: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Node | None:
    """Returns the node of a tool that is called, unless a request of the model is what calls it."""
    name = tool.name
    if name == FINAL_ANSWER or "sanitize_inputs_outputs" in kwargs:
        return None
    given: Any = dict(zip(tool.inputs, args, strict=False)) if len(args) <= len(tool.inputs) else {"args": list(args)}
    return begin("tool", name, framework=FRAMEWORK, input={**given, **kwargs}, source=_function(tool))


def _function(tool: Any) -> object:
    return getattr(tool, "forward", None)


def _agent(agent: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Node | None:
    """Returns the node of an agent that another one manages."""
    return begin("agent", agent.name, framework=FRAMEWORK, input=_calls.argument(args, kwargs, 0, "task"))
