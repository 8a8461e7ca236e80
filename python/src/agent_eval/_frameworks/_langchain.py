"""LangChain and LangGraph: a callback handler that every run of theirs inherits, added through their configure hook.

Graphs and agents, the nodes of a graph and the other runnables become nodes here, tool calls with the provider's id.
The handler is inline: it is called in the context of the code it speaks of, so that a model call finds its node.
"""

from __future__ import annotations

import importlib
import sys
from contextvars import ContextVar
from types import ModuleType
from typing import Any

from .._guard import attempt
from .._run import belongs_to
from ._nodes import Framework, Node, Nodes, begin, stand_for_run

LANGCHAIN = Framework("langchain", "langchain", "langchain-core")
LANGGRAPH = Framework("langgraph", "langgraph")

# What is on the stack between a callback and the method that calls back.
_OURS_AND_CALLBACKS = ("agent_eval.", "langchain_core.callbacks.", "functools", "contextlib")


def install(module: ModuleType) -> None:
    """Adds the handler; ``module`` is ``langchain_core.tracers.context``."""
    base: Any = importlib.import_module("langchain_core.callbacks.base").BaseCallbackHandler

    recorder = _Recorder()
    methods = {name: _guarded(getattr(recorder, name)) for name in dir(recorder) if name.startswith("on_")}
    handler = type("ArcEvalHandler", (base,), {"run_inline": True, **methods})()
    module.register_configure_hook(ContextVar("arc_eval_langchain", default=handler), inheritable=True)


def _guarded(method: Any) -> Any:
    def guarded(_handler: Any, *args: Any, **kwargs: Any) -> None:
        attempt(method, *args, **kwargs)

    return guarded


class _Recorder:
    """What the callbacks tell, by the ids of LangChain's runs."""

    def __init__(self) -> None:
        self._nodes = Nodes()
        # Runs that are no node of their own, by the node around them: what is within them is within that.
        self._inner = Nodes()

    def on_chain_start(
        self,
        serialized: Any,
        inputs: Any,
        *,
        run_id: Any,
        parent_run_id: Any = None,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
        name: str | None = None,
        **_kwargs: Any,
    ) -> None:
        """Begins a graph, a node of a graph, or a chain."""
        within = self._around(parent_run_id)
        if belongs_to() is None and within is None:
            return
        metadata = metadata or {}
        title = name or str((serialized or {}).get("name") or "chain")
        graph = _caller("langgraph.pregel", ("stream", "astream"))
        if graph is None and (within is not None and _is_inner(title, tags or [], metadata)):
            self._inner.add(run_id, within)
            return
        framework = LANGGRAPH if graph is not None else LANGCHAIN
        if graph is not None and str(metadata.get("ls_integration", "")).startswith("langchain"):
            framework = LANGCHAIN
        node = stand_for_run(framework, "agent") if within is None else None
        if node is None:
            kind = "agent" if graph is not None else "workflow" if within is None else "step"
            title = str(metadata.get("lc_agent_name") or title) if graph is not None else title
            # The state holds the whole conversation: it is kept once per agent, not once per node.
            given = inputs if kind != "step" else None
            node = begin(kind, title, framework=framework, within=within, input=given)
        if self._nodes.add(run_id, node) is not None and node is not None:
            node.enter()

    def on_chain_end(self, outputs: Any, *, run_id: Any, **_kwargs: Any) -> None:
        """Ends it."""
        node = self._ended(run_id)
        if node is not None:
            node.end(outputs)

    def on_chain_error(self, error: BaseException, *, run_id: Any, **_kwargs: Any) -> None:
        """Ends it with an error; a graph that stops to ask a person has none."""
        node = self._ended(run_id)
        if node is not None:
            node.end(None, None if _is_control_flow(error) else error)

    def on_tool_start(
        self,
        serialized: Any,
        input_str: str,
        *,
        run_id: Any,
        parent_run_id: Any = None,
        inputs: dict[str, Any] | None = None,
        tool_call_id: str | None = None,
        name: str | None = None,
        **_kwargs: Any,
    ) -> None:
        """Begins a tool call."""
        tool = _caller("langchain_core.tools", ("run", "arun"))
        source = getattr(tool, "func", None) or getattr(tool, "coroutine", None) or getattr(type(tool), "_run", None)
        node = begin(
            "tool",
            str((serialized or {}).get("name") or name or "tool"),
            framework=LANGCHAIN,
            within=self._around(parent_run_id),
            input=inputs if inputs is not None else input_str,
            call_id=tool_call_id,
            source=source,
        )
        if self._nodes.add(run_id, node) is not None and node is not None:
            node.enter()

    def on_tool_end(self, output: Any, *, run_id: Any, **_kwargs: Any) -> None:
        """Ends it with what the model is told."""
        node = self._ended(run_id)
        if node is None:
            return
        failed = getattr(output, "status", None) == "error"
        said = getattr(output, "content", output) if type(output).__module__.startswith("langchain") else output
        node.end(said, (said if isinstance(said, str) else "the tool failed") if failed else None)

    def on_tool_error(self, error: BaseException, *, run_id: Any, **_kwargs: Any) -> None:
        """Ends it with the exception the tool raised."""
        node = self._ended(run_id)
        if node is not None:
            node.end(None, None if _is_control_flow(error) else error)

    def on_retriever_start(
        self, serialized: Any, query: str, *, run_id: Any, parent_run_id: Any = None, **kwargs: Any
    ) -> None:
        """Begins a retrieval."""
        name = str(kwargs.get("name") or (serialized or {}).get("name") or "retriever")
        attributes: dict[str, Any] | None = None
        run = belongs_to()
        if run is not None and run.settings.capture_content:
            attributes = {"gen_ai.retrieval.query.text": query}
        node = begin("retrieval", name, framework=LANGCHAIN, within=self._around(parent_run_id), attributes=attributes)
        if self._nodes.add(run_id, node) is not None and node is not None:
            node.enter()

    def on_retriever_end(self, documents: Any, *, run_id: Any, **_kwargs: Any) -> None:
        """Ends it with the documents."""
        node = self._ended(run_id)
        if node is not None:
            node.end(documents)

    on_retriever_error = on_chain_error

    def on_chat_model_start(
        self, _serialized: Any, _messages: Any, *, parent_run_id: Any = None, **_kwargs: Any
    ) -> None:
        """Sees to it that the request belongs to its node, whatever context it is made in."""
        node = self._around(parent_run_id)
        if node is not None and not node.is_over:
            node.enter()

    on_llm_start = on_chat_model_start

    def _around(self, run_id: Any) -> Node | None:
        """Returns the node that what a run starts is within."""
        return self._nodes.get(run_id) or self._inner.get(run_id)

    def _ended(self, run_id: Any) -> Node | None:
        """Forgets a run; returns its node if it has one of its own."""
        self._inner.pop(run_id)
        return self._nodes.pop(run_id)


def _is_inner(title: str, tags: list[str], metadata: dict[str, Any]) -> bool:
    """Returns whether a chain is plumbing: hidden by the framework, or a runnable that a graph's node is made of."""
    if "langsmith:hidden" in tags:
        return True
    inside = metadata.get("langgraph_node")
    if inside is None:
        return False
    return not (title == inside and any(tag.startswith("graph:step:") for tag in tags))


def _is_control_flow(error: BaseException) -> bool:
    return any(kind.__name__ == "GraphBubbleUp" for kind in type(error).__mro__)


def _caller(module: str, names: tuple[str, ...]) -> Any:
    """Returns the object whose method called back, ``None`` if it is none of that module."""
    frame = sys._getframe(1)
    while str(frame.f_globals.get("__name__", "")).startswith(_OURS_AND_CALLBACKS):
        if frame.f_back is None:
            return None
        frame = frame.f_back
    is_it = frame.f_code.co_name in names and str(frame.f_globals.get("__name__", "")).startswith(module)
    return frame.f_locals.get("self") if is_it else None
