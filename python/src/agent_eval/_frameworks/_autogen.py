"""AutoGen: ``run_json`` of its tools, which knows the id of the model's request, and the agents of a team.

Tools of a server of the Model Context Protocol are called by their workbench. What is traced, an agent or a team, is
the run itself; the agents that a team lets speak are within it.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from . import _calls
from ._nodes import Framework, Node, begin, stand_for_run

FRAMEWORK = Framework("autogen", "autogen-agentchat")


def install(module: ModuleType) -> None:
    """Installs the hooks for one of the framework's modules."""
    _PARTS[module.__name__](module)


def _install_tools(module: ModuleType) -> None:
    _calls.wrap_method(module.BaseTool, "run_json", _calls.of_coroutine(_tool))
    stream = getattr(module, "BaseStreamTool", None)
    if stream is not None:
        _calls.wrap_method(stream, "run_json_stream", _calls.of_stream(_tool))


def _install_agents(module: ModuleType) -> None:
    for kind in vars(module).values():
        if isinstance(kind, type):
            _calls.wrap_method(kind, "on_messages_stream", _calls.of_stream(_agent, _answered))


def _install_teams(module: ModuleType) -> None:
    _calls.wrap_method(module.BaseGroupChat, "run_stream", _calls.of_stream(_team))


def _install_workbench(module: ModuleType) -> None:
    _calls.wrap_method(module.McpWorkbench, "call_tool", _calls.of_coroutine(_workbench_tool, _workbench_returned))


# What is hooked in which module, when that is imported.
_PARTS = {
    "autogen_agentchat.agents": _install_agents,
    "autogen_agentchat.teams": _install_teams,
    "autogen_core.tools": _install_tools,
    "autogen_ext.tools.mcp": _install_workbench,
}


def _tool(tool: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Node | None:
    return begin(
        "tool",
        tool.name,
        framework=FRAMEWORK,
        input=_calls.argument(args, kwargs, 0, "args"),
        call_id=_calls.argument(args, kwargs, 2, "call_id"),
        source=getattr(tool, "_func", None),
    )


def _workbench_tool(_workbench: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Node | None:
    return begin(
        "tool",
        _calls.argument(args, kwargs, 0, "name"),
        framework=FRAMEWORK,
        input=_calls.argument(args, kwargs, 1, "arguments"),
        call_id=_calls.argument(args, kwargs, 3, "call_id"),
    )


def _workbench_returned(node: Node, result: Any) -> None:
    text = result.to_text()
    node.end(text, text if result.is_error else None)


def _agent(agent: Any, _args: tuple[Any, ...], _kwargs: dict[str, Any]) -> Node | None:
    return stand_for_run(FRAMEWORK) or begin("agent", agent.name, framework=FRAMEWORK)


def _team(team: Any, _args: tuple[Any, ...], _kwargs: dict[str, Any]) -> Node | None:
    name = getattr(team, "name", None) or type(team).__name__
    return stand_for_run(FRAMEWORK, "workflow") or begin("workflow", name, framework=FRAMEWORK)


def _answered(node: Node, response: Any) -> None:
    message = getattr(response, "chat_message", None)
    node.end(message.to_text() if message is not None else None)
