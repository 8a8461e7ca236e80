"""LlamaIndex: a span handler at the root of its instrumentation, beside those of the host.

Workflows, agents, steps a user wrote, retrievers and query engines become nodes. A tool call is told of twice: by
the agent's step ``call_tool``, which knows the provider's call id, and by the tool itself, which knows its function.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

from .._guard import attempt
from .._run import belongs_to
from ._nodes import Framework, Node, Nodes, begin, stand_for_run

FRAMEWORK = Framework("llama-index", "llama-index-core")
# The agents' own steps, which are the same for every agent.
_OWN_STEPS = ("BaseWorkflowAgent.", "AgentWorkflow.")


def install(module: ModuleType) -> None:
    """Adds the handler; ``module`` is ``llama_index_instrumentation``."""
    base: Any = importlib.import_module("llama_index_instrumentation.span_handlers").BaseSpanHandler
    recorder = _Recorder()

    def guarded(method: Callable[..., None]) -> Callable[..., None]:
        return lambda _self, *args, **kwargs: attempt(method, *args, **kwargs)

    def nothing(_self: Any, *_args: Any, **_kwargs: Any) -> None:
        return None

    methods = {
        "__module__": __name__,
        "new_span": nothing,
        "prepare_to_exit_span": nothing,
        "prepare_to_drop_span": nothing,
        "span_enter": guarded(recorder.entered),
        "span_exit": guarded(recorder.exited),
        "span_drop": guarded(recorder.dropped),
    }
    module.get_dispatcher("root").add_span_handler(type("ArcEvalSpanHandler", (base,), methods)())


def end_of(handler: Any) -> Any:
    """Returns the future that is done when a started workflow is."""
    return handler._result_task


class _Recorder:
    """What the spans tell, by their ids."""

    def __init__(self) -> None:
        self._nodes = Nodes()
        self._inner = Nodes()  # spans that are no node of their own, by the node around them
        self._call_ids = _Ids()

    def entered(
        self, id_: str, bound_args: Any, instance: Any = None, parent_id: str | None = None, **_kwargs: Any
    ) -> None:
        """Begins the node of a span."""
        within = self._nodes.get(parent_id) or self._inner.get(parent_id)
        if belongs_to() is None and within is None:
            return
        title = id_[:-37] if len(id_) > 37 else id_  # without the random part
        node = self._begin(title, id_, parent_id, bound_args.arguments, instance, within)
        if node is not None:
            self._nodes.add(id_, node)
        elif within is not None:
            self._inner.add(id_, within)
        node = node or within
        if node is not None and not node.is_over:
            node.enter()

    def _begin(
        self, title: str, id_: str, parent_id: str | None, given: dict[str, Any], instance: Any, within: Node | None
    ) -> Node | None:
        if instance is None:
            return self._step(title, id_, given, within)
        kinds = {kind.__name__ for kind in type(instance).__mro__}
        name = str(getattr(instance, "name", None) or type(instance).__name__)
        if title.endswith(".run") and "Workflow" in kinds:
            kind = "agent" if kinds & {"BaseWorkflowAgent", "AgentWorkflow"} else "workflow"
            node = stand_for_run(FRAMEWORK, kind) if within is None else None
            return node or begin(kind, name, framework=FRAMEWORK, within=within, input=_asked(given))
        if "BaseTool" in kinds and title.endswith((".call", ".acall")):
            return self._tool(parent_id, given, instance, within)
        if "BaseRetriever" in kinds and title.endswith("retrieve"):
            query = next(iter(given.values()), None)
            text = query if isinstance(query, str) else getattr(query, "query_str", None)
            run = belongs_to()
            shown = text is not None and run is not None and bool(run.settings.capture_content)
            attributes: dict[str, Any] = {"gen_ai.retrieval.query.text": text} if shown else {}
            return begin(
                "retrieval", type(instance).__name__, framework=FRAMEWORK, within=within, attributes=attributes
            )
        if "BaseQueryEngine" in kinds and title.endswith("query"):
            return begin("step", type(instance).__name__, framework=FRAMEWORK, within=within)
        return None

    def _step(self, title: str, id_: str, given: dict[str, Any], within: Node | None) -> Node | None:
        event = given.get("ev")
        if event is None:
            return None
        call_id = getattr(event, "tool_id", None)
        if isinstance(call_id, str) and title.endswith(".call_tool"):
            self._call_ids.add(id_, call_id)
        if title.startswith(_OWN_STEPS):
            agent = getattr(event, "current_agent_name", None)
            is_turn = title == "AgentWorkflow.run_agent_step" and isinstance(agent, str)
            return begin("step", agent, framework=FRAMEWORK, within=within) if is_turn and agent else None
        return begin("step", title.rpartition(".")[2], framework=FRAMEWORK, within=within)

    def _tool(self, parent_id: str | None, given: dict[str, Any], tool: Any, within: Node | None) -> Node | None:
        if within is not None and within.kind == "tool":
            return None  # `acall` that calls `call`
        arguments = dict(given.get("kwargs") or {})
        arguments = {key: value for key, value in arguments.items() if key != getattr(tool, "ctx_param_name", None)}
        positional = given.get("args") or ()
        return begin(
            "tool",
            str(tool.metadata.name),
            framework=FRAMEWORK,
            within=within,
            input={**arguments, "args": list(positional)} if positional else arguments,
            call_id=self._call_ids.get(parent_id),
            source=getattr(tool, "_real_fn", None) or getattr(tool, "_fn", None) or getattr(tool, "_async_fn", None),
        )

    def exited(self, id_: str, result: Any = None, **_kwargs: Any) -> None:
        """Ends it with what it returned."""
        node = self._ended(id_)
        if node is None:
            return
        if node.kind == "tool":
            content = getattr(result, "content", result)
            node.end(content, str(content) if getattr(result, "is_error", False) else None)
        else:
            node.end(_answer(result))

    def dropped(self, id_: str, err: BaseException | None = None, **_kwargs: Any) -> None:
        """Ends it with the exception that left it."""
        node = self._ended(id_)
        if node is not None:
            node.end(None, err)

    def _ended(self, id_: str) -> Node | None:
        self._inner.pop(id_)
        self._call_ids.pop(id_)
        return self._nodes.pop(id_)


class _Ids:
    """The provider's ids of tool calls by the step that carries them out."""

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}

    def add(self, span: str, call_id: str) -> None:
        if len(self._ids) < 10_000:
            self._ids[span] = call_id

    def get(self, span: str | None) -> str | None:
        return self._ids.get(span) if span is not None else None

    def pop(self, span: str) -> None:
        self._ids.pop(span, None)


def _asked(given: dict[str, Any]) -> Any:
    event = given.get("start_event")
    message = getattr(event, "user_msg", None)
    if message is None:
        return getattr(event, "_data", None) or None
    return getattr(message, "content", message)


def _answer(result: Any) -> Any:
    response = getattr(result, "response", result)
    return getattr(response, "content", response)
