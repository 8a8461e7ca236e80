"""Pydantic AI: ``call_tool`` of the toolset that an agent puts its toolsets into, which every tool call passes.

Whatever a tool is made of (a function, a server of the Model Context Protocol, a toolset of the host's own), it is
called there with the id of the model's request. Agents that a tool runs are agents within it.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from . import _calls
from ._nodes import Framework, Node, begin

FRAMEWORK = Framework("pydantic-ai", "pydantic-ai-slim")


def install(module: ModuleType) -> None:
    """Installs the hook; ``module`` is ``pydantic_ai.toolsets``."""
    _calls.wrap_method(module.CombinedToolset, "call_tool", _calls.of_coroutine(_tool))


def _tool(_toolset: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Node | None:
    name = _calls.argument(args, kwargs, 0, "name")
    call_id = getattr(_calls.argument(args, kwargs, 2, "ctx"), "tool_call_id", None)
    if _calls.is_open(call_id):
        return None  # a toolset within a toolset
    return begin(
        "tool",
        name,
        framework=FRAMEWORK,
        input=_calls.argument(args, kwargs, 1, "tool_args"),
        call_id=call_id,
        source=_function(_calls.argument(args, kwargs, 3, "tool")),
    )


def _function(tool: Any) -> object:
    """Returns the Python function of a tool, if it is one."""
    for _ in range(10):
        within = getattr(tool, "source_tool", None) or getattr(tool, "wrapped_tool", None)
        if within is None:
            break
        tool = within
    schema = getattr(getattr(tool, "call_func", None), "__self__", None)
    return getattr(schema, "function", None)
