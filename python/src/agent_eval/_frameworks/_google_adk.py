"""Google's ADK: the moments at which its plugins are called, before and after each tool and each agent.

They are taken where the framework calls its plugins, so that the host's list of plugins stays as it is, and what is
recorded is what comes out of them. The agent that a traced ``Runner`` starts with is the run itself.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from .._guard import attempt
from .._run import Run
from . import _calls
from ._nodes import Framework, Node, Nodes, begin, stand_for_run

FRAMEWORK = Framework("google-adk", "google-adk")
_open = Nodes()


def install(module: ModuleType) -> None:
    """Installs the hooks; ``module`` is ``google.adk.plugins.plugin_manager``."""
    kind = module.PluginManager
    for name, before, after in (
        ("run_before_tool_callback", _tool_begins, None),
        ("run_after_tool_callback", None, _tool_ends),
        ("run_on_tool_error_callback", None, _tool_fails),
        ("run_before_agent_callback", _agent_begins, None),
        ("run_after_agent_callback", None, _agent_ends),
        ("run_on_agent_error_callback", None, _agent_fails),
    ):
        _calls.wrap_method(kind, name, _around(before, after))


def _around(
    before: Callable[[dict[str, Any]], None] | None, after: Callable[[dict[str, Any], Any], None] | None
) -> Callable[..., Any]:
    """Returns the wrapper of a moment: what is done before the plugins are called, and after them with their word."""

    async def later(wrapped: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if before is not None:
            attempt(before, kwargs)
        answer = await wrapped(*args, **kwargs)
        if after is not None:
            attempt(after, kwargs, answer)
        return answer

    def wrapper(wrapped: Callable[..., Any], _manager: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return later(wrapped, args, kwargs)

    return wrapper


def _tool_key(given: dict[str, Any]) -> tuple[str, int]:
    return "tool", id(given["tool_context"])


def _tool_begins(given: dict[str, Any]) -> None:
    tool, context = given["tool"], given["tool_context"]
    node = begin(
        "tool",
        tool.name,
        framework=FRAMEWORK,
        within=_open.get(("agent", context.invocation_id, context.agent_name)),
        input=given["tool_args"],
        call_id=context.function_call_id,
        source=getattr(tool, "func", None),
    )
    if node is not None:
        node.enter()
        _open.add(_tool_key(given), node)


def _tool_ends(given: dict[str, Any], replaced: Any) -> None:
    node = _open.pop(_tool_key(given))
    if node is not None:
        node.end(replaced if replaced is not None else given["result"])


def _tool_fails(given: dict[str, Any], answer: Any) -> None:
    node = _open.pop(_tool_key(given))
    if node is not None:
        node.end(answer, given["error"])


def _agent_key(given: dict[str, Any]) -> tuple[str, str, str]:
    return "agent", given["callback_context"].invocation_id, given["agent"].name


def _agent_begins(given: dict[str, Any]) -> None:
    node = stand_for_run(FRAMEWORK)
    if node is not None:
        attempt(_conversation, node.run, given["callback_context"].session)
    else:
        parent = getattr(given["agent"], "parent_agent", None)
        within = _open.get((*_agent_key(given)[:2], parent.name)) if parent is not None else None
        node = begin("agent", given["agent"].name, framework=FRAMEWORK, within=within)
    if node is not None:
        node.enter()
        _open.add(_agent_key(given), node)


def _conversation(run: Run, session: Any) -> None:
    """Gives the run the framework's session and user, where the host has named none itself."""
    for name, value in (("gen_ai.conversation.id", session.id), ("user.id", session.user_id)):
        if not run.has(name):
            run.set(**{name: str(value)})


def _agent_ends(given: dict[str, Any], _answer: Any) -> None:
    node: Node | None = _open.pop(_agent_key(given))
    if node is not None:
        node.end()


def _agent_fails(given: dict[str, Any], _answer: Any) -> None:
    node = _open.pop(_agent_key(given))
    if node is not None:
        node.end(None, given["error"])
