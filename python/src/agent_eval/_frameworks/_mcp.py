"""The Model Context Protocol's Python client: ``call_tool`` of a session, one message ``tools/call`` to a server.

Where a framework made the call, the message is part of the framework's own tool call; the server counts both once.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from .._span import Value
from . import _calls
from ._nodes import Framework, Node, begin

FRAMEWORK = Framework("mcp", "mcp")
MAX_MESSAGE = 2_000


def install(module: ModuleType) -> None:
    """Installs the hook; ``module`` is ``mcp.client.session``."""
    _calls.wrap_method(module.ClientSession, "call_tool", _calls.of_coroutine(_tool, _returned))
    _calls.wrap_method(module.ClientSession, "initialize", _initialized)


async def _initialize(wrapped: Any, session: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    result = await wrapped(*args, **kwargs)
    server = getattr(result, "serverInfo", None)
    if server is not None and getattr(session, "server_info", None) is None:
        session._arc_eval_server = server  # version 1 of the client does not keep it
    return result


def _initialized(wrapped: Any, session: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return _initialize(wrapped, session, args, kwargs)


def _tool(session: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Node | None:
    attributes: dict[str, Value] = {"mcp.method.name": "tools/call"}
    server = getattr(session, "server_info", None) or getattr(session, "_arc_eval_server", None)
    if server is not None:
        attributes["mcp.server.name"] = str(server.name)
        attributes["mcp.server.version"] = str(server.version)
    name = _calls.argument(args, kwargs, 0, "name")
    arguments = _calls.argument(args, kwargs, 1, "arguments")
    return begin("tool", name, input=arguments if arguments is not None else {}, attributes=attributes)


def _returned(node: Node, result: Any) -> None:
    """Ends a call with what the server sent: its structured answer, else its texts. An error is one by its flag."""
    failed = getattr(result, "is_error", None) or getattr(result, "isError", None)
    texts = [part.text if hasattr(part, "text") else part for part in getattr(result, "content", None) or []]
    output: Any = texts[0] if len(texts) == 1 else texts
    error = None
    if failed:
        message = "\n".join(text for text in texts if isinstance(text, str))[:MAX_MESSAGE]
        error = message or "the server says that the call failed"
    node.end(output, error)
