"""OpenAI Agents SDK: a tracing processor beside its own, and the runs of traced agents.

An agent of this SDK is not called: ``Runner`` runs it. So a traced agent stays itself and is remembered; a call of
``Runner`` with it is a run. Their exporter is neither started nor changed by this.
"""

from __future__ import annotations

import functools
import importlib
import sys
import weakref
from collections.abc import Callable
from types import ModuleType
from typing import Any

import wrapt

from .._guard import attempt
from .._run import Run, belongs_to, current, leave
from .._steps import Recorder
from .._wrap import _Call
from ._nodes import Framework, Node, Nodes, begin, stand_for_run

FRAMEWORK = Framework("openai-agents", "openai-agents")
_METHODS = ("run", "run_sync", "run_streamed")
_MAX_FRAMES = 24


def install(module: ModuleType) -> None:
    """Adds what the import of ``module`` makes possible: the processor, or the wrappers of ``Runner``."""
    if module.__name__ == "agents.run":
        for name in _METHODS:
            wrapt.wrap_function_wrapper(module.Runner, name, _runner_method)
        return
    # Every list of processors gets ours, those that the host sets later too; no provider is made for it.
    base: Any = importlib.import_module("agents.tracing.processor_interface").TracingProcessor
    processors_type: Any = importlib.import_module("agents.tracing.provider").SynchronousMultiTracingProcessor

    processor = _make_processor(base)

    def add(processors: Any) -> None:
        if processor not in processors._processors:
            processors.add_tracing_processor(processor)

    def and_add(wrapped: Callable[..., Any], instance: Any, args: Any, kwargs: Any) -> Any:
        result = wrapped(*args, **kwargs)
        attempt(add, instance)
        return result

    for name in ("__init__", "set_processors"):
        wrapt.wrap_function_wrapper(processors_type, name, and_add)
    provider = getattr(sys.modules.get("agents.tracing.setup"), "GLOBAL_TRACE_PROVIDER", None)
    if provider is not None:
        provider.register_processor(processor)


# Traced agents by their identity, with who records their runs; under ``None``: whoever records all.
_traced: dict[int | None, tuple[Any, Recorder, str]] = {}


def adopt(agent: Any, recorder: Recorder, name: str) -> bool:
    """Remembers a traced agent, or with ``Runner`` every agent; returns whether it is one."""
    if isinstance(agent, type):
        if agent.__name__ != "Runner":
            return False
        _traced[None] = (None, recorder, "")
        return True
    if any(hasattr(agent, name) for name in ("run", "run_sync")) or not hasattr(agent, "instructions"):
        return False
    key = id(agent)
    _traced[key] = (weakref.ref(agent, lambda _: _traced.pop(key, None)), recorder, name)
    return True


def _runner_method(wrapped: Callable[..., Any], _cls: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    agent = args[0] if args else kwargs.get("starting_agent")
    found = _traced.get(id(agent)) or _traced.get(None)
    if found is None:
        return wrapped(*args, **kwargs)
    _, recorder, name = found
    name = name or str(getattr(agent, "name", "agent"))
    given = args[1] if len(args) > 1 else kwargs.get("input")
    call = functools.partial(_without(wrapped), args, kwargs)
    if wrapped.__name__ == "run_streamed":
        return _streamed(wrapped, args, kwargs, recorder, name, given)
    if wrapped.__name__ == "run":
        call = functools.partial(_later(wrapped), args, kwargs)
    return _Call(_Given(recorder, given), name)(call, None, (), {})


def _without(wrapped: Callable[..., Any]) -> Callable[..., Any]:
    def call(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return wrapped(*args, **kwargs)

    return call


def _later(wrapped: Callable[..., Any]) -> Callable[..., Any]:
    async def call(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return await wrapped(*args, **kwargs)

    return call


class _Given:
    """A recorder for which the input of a run is what the agent is asked, not the agent."""

    def __init__(self, recorder: Recorder, given: Any) -> None:
        self._given = given
        self._recorder = recorder
        self.returned = recorder.returned
        self.keep = recorder.keep

    def begin(self, name: str, _args: tuple[Any, ...], _kwargs: dict[str, Any], owner: int | None) -> Run | None:
        return self._recorder.begin(name, (self._given,), {}, owner)


def _streamed(wrapped: Callable[..., Any], args: Any, kwargs: Any, recorder: Recorder, name: str, given: Any) -> Any:
    """Runs in the background: the run is over when the task that does it is."""
    run = attempt(recorder.begin, name, (given,), {}, None)
    if run is None:
        return wrapped(*args, **kwargs)
    token = attempt(current.set, run)
    try:
        result = wrapped(*args, **kwargs)
    except BaseException as error:
        attempt(run.failed, error)
        raise
    finally:
        attempt(leave, token)
    attempt(_end_with, result, recorder, run)
    return result


def _end_with(result: Any, recorder: Recorder, run: Run) -> None:
    def over(task: Any) -> None:
        error = None if task.cancelled() else task.exception()
        error = error or getattr(result, "_stored_exception", None)
        if task.cancelled():
            run.abandoned()
        elif error is not None:
            run.failed(error)
        else:
            recorder.returned(run, result)

    result.run_loop_task.add_done_callback(functools.partial(attempt, over))


def _make_processor(base: Any) -> Any:
    recorder = _Recorder()

    def guarded(method: Callable[..., None]) -> Callable[..., None]:
        return lambda _self, *args: attempt(method, *args)

    nothing = guarded(lambda *_args: None)
    methods = {
        "on_trace_start": nothing,
        "on_trace_end": nothing,
        "on_span_start": guarded(recorder.started),
        "on_span_end": guarded(recorder.ended),
        "shutdown": nothing,
        "force_flush": nothing,
    }
    return type("ArcEvalProcessor", (base,), methods)()


class _Recorder:
    """What the spans tell, by their ids."""

    def __init__(self) -> None:
        self._nodes = Nodes()
        self._inner = Nodes()  # spans that are no node of their own, by the node around them

    def started(self, span: Any) -> None:
        """Begins the node of a span."""
        within = self._nodes.get(span.parent_id) or self._inner.get(span.parent_id)
        if belongs_to() is None and within is None:
            return
        node = self._begin(span.span_data, within)
        if node is not None:
            self._nodes.add(span.span_id, node)
        elif within is not None:
            self._inner.add(span.span_id, within)
        node = node or within
        if node is not None and not node.is_over:
            node.enter()

    def _begin(self, data: Any, within: Node | None) -> Node | None:
        if data.type == "agent":
            node = stand_for_run(FRAMEWORK) if within is None else None
            return node or begin("agent", str(data.name), framework=FRAMEWORK, within=within)
        if data.type == "function":
            return _tool(data, within)
        if data.type == "handoff":
            return begin("step", f"handoff from {data.from_agent}", framework=FRAMEWORK, within=within)
        if data.type == "guardrail":
            return begin("step", f"guardrail {data.name}", framework=FRAMEWORK, within=within)
        if data.type == "custom":
            return begin("step", str(data.name), framework=FRAMEWORK, within=within)
        return None

    def ended(self, span: Any) -> None:
        """Ends it."""
        self._inner.pop(span.span_id)
        node = self._nodes.pop(span.span_id)
        if node is None:
            return
        data = span.span_data
        if data.type == "handoff":
            node.end(data.to_agent, _error(span))
        elif data.type == "guardrail":
            node.end({"triggered": data.triggered}, _error(span))
        elif data.type == "function":
            error = _error(span)
            node.end(data.output, error)
        else:
            node.end(None, _error(span))


def _tool(data: Any, within: Node | None) -> Node | None:
    """Begins a tool call. The span does not say which call of the model it is: the code that makes the span knows."""
    call, tool, shown = _calling(sys._getframe(1))
    return begin(
        "tool",
        str(data.name),
        framework=FRAMEWORK,
        within=within,
        input=getattr(call, "arguments", None) if shown else None,
        call_id=getattr(call, "call_id", None),
        source=_function_of(tool),
    )


def _calling(frame: Any) -> tuple[Any, Any, bool]:
    for _ in range(_MAX_FRAMES):
        if frame is None:
            break
        if str(frame.f_globals.get("__name__", "")).startswith("agents.run_internal."):
            found = frame.f_locals
            if "tool_call" in found:
                config = getattr(found.get("self"), "config", None) or found.get("config")
                shown = bool(getattr(config, "trace_include_sensitive_data", True))
                return found["tool_call"], found.get("func_tool"), shown
        frame = frame.f_back
    return None, None, False


def _function_of(tool: Any) -> Any:
    """Returns the function a tool was made of; it is deep in closures of the SDK."""
    seen: list[Any] = [getattr(tool, "on_invoke_tool", None)]
    for _ in range(32):
        if not seen:
            break
        one = seen.pop(0)
        module = str(getattr(one, "__module__", "") or "")
        if one is None:
            continue
        if hasattr(one, "__code__") and not module.startswith("agents."):
            return one
        cells = [cell.cell_contents for cell in getattr(one, "__closure__", None) or () if _is_filled(cell)]
        held = list(vars(one).values()) if hasattr(one, "__dict__") and not isinstance(one, type) else []
        seen.extend(item for item in [*held, *cells] if callable(item) and not isinstance(item, type))
    return None


def _is_filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False


def _error(span: Any) -> str | None:
    error = span.error
    if not error:
        return None
    data = error.get("data") or {}
    said = data.get("error")
    return str(said) if said else str(error.get("message") or "error")
