"""Traces agents: start here.

    from agent_eval.trace import ArcTracer

    tracer = ArcTracer("finance")
    agent = tracer.trace_agent(agent)

The traced agent behaves as before. Each call of it is one run: recorded with its input, its output or exception, the
model calls made through ``openai``, ``anthropic`` and other packages that use ``httpx``, and the tool calls they show.
"""

from __future__ import annotations

import os

from ._framework import framework_of
from ._guard import attempt, warn_once
from ._run import Run, Settings, belongs_to, current, last
from ._span import payload_text
from ._typing import TYPE_CHECKING, Any, Callable, Iterable, Mapping, TracebackType, TypeVar, overload
from .transport import Capture, NoTransport, Redact, Transport, program, shared_transport

if TYPE_CHECKING:
    from ._blocks import StepBlock

__all__ = ["ArcTracer", "trace_agent"]

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

SOURCES = ("human", "check", "host_declared", "judge")


class ArcTracer:
    """Records the runs of one agent.

    ``domain`` is what the agent is about (``"finance"``); ``"auto"`` leaves it to the server. ``agent`` defaults to
    the name of what is traced.

    With ``capture_content=False`` no prompt, answer, argument, result or error message is written anywhere; with
    ``"hashed"`` a hash stands for each. ``redact`` is a function that returns a text as it may be written, or a list of
    ``"email"``, ``"phone"``, ``"card"``, ``"key"``, ``"iban"``, ``"ip"``. ``sample`` is the share of the runs that is
    recorded; the others are counted. ``checks`` declares what has to be so in every run, see :meth:`check`. Records go
    into the spool of this computer, and from this process to
    ``endpoint`` (or ``ARC_EVAL_ENDPOINT``) if there is one.
    """

    def __init__(
        self,
        domain: str = "auto",
        *,
        project: str | None = None,
        agent: str | None = None,
        version: str | None = None,
        session: str | None = None,
        user: str | None = None,
        framework: str | None = None,
        endpoint: str | None = None,
        capture_content: Capture = True,
        redact: Redact = None,
        sample: float = 1.0,
        transport: Transport | None = None,
        checks: Iterable[Mapping[str, Any]] = (),
    ) -> None:
        self._settings = Settings(
            domain=None if domain == "auto" else domain,
            framework=framework,
            agent=agent,
            version=version,
            session=session,
            user=user,
            capture_content=bool(capture_content),
            resource=_resource(project),
            checks=list(checks),
        )
        address = (endpoint or os.environ.get("ARC_EVAL_ENDPOINT") or "").strip() or None
        shared = attempt(shared_transport, address, capture_content, redact, sample) if transport is None else transport
        self._transport: Transport = shared if shared is not None else NoTransport()

    def trace_agent(self, agent: T, *, methods: Iterable[str] = ()) -> T:
        """Returns a stand-in for ``agent`` whose calls are runs.

        ``agent`` is a function, a callable, an object with methods such as ``run``, ``invoke`` or ``kickoff``, or a
        class of such objects; ``methods`` names further ones. Also a decorator.
        """
        attempt(_watch)
        traced: T | None = attempt(self._wrapped, agent, frozenset(methods))
        return agent if traced is None else traced

    def run(
        self,
        *,
        task: str | None = None,
        trial: int | None = None,
        session: str | None = None,
        user: str | None = None,
        step_limit: int | None = None,
    ) -> RunBlock:
        """Returns a ``with`` block that is one run, a trial of a task.

        The first call of the traced agent in it is that run; later ones are its further turns. The block is the place
        to check the answer and to :meth:`record_outcome`.
        """
        return RunBlock(self, task, trial, session, user, step_limit)

    def check(self, id: str, kind: str, **keys: Any) -> None:
        """Declares what has to be so in every run from now on: ``tracer.check("told", "output", regex="R-")``.

        Kinds and keys are those of ``[[check]]`` in ``arc-eval.toml``, see the guide on checks; ``where`` may be
        written ``where_``. It is the server that evaluates them.
        """
        declared = {"id": id, "kind": kind, **{name.rstrip("_"): value for name, value in keys.items()}}
        self._settings.checks.append(declared)

    def state(self, value: Any) -> None:
        """Records the state of the world after what the run under way did, for checks of kind ``state``.

        The last one said stands.
        """
        attempt(self._state, value)

    def span(self, name: str | None = None, **attributes: Any) -> StepBlock:
        """Returns a ``with`` block that is one step of the run under way; also a decorator.

        Attributes are named with ``__`` for dots. The block takes further ones with ``set`` and what it came to with
        ``result``.
        """
        from ._blocks import StepBlock

        return StepBlock(name, "step", _dotted(attributes))

    @overload
    def tool(self, function: F, /) -> F: ...

    @overload
    def tool(
        self, name: str | None = ..., /, *, arguments: Any = ..., call_id: str | None = ..., **attributes: Any
    ) -> StepBlock: ...

    def tool(self, name: Any = None, /, *, call_id: str | None = None, **attributes: Any) -> Any:
        """Returns a ``with`` block that is one tool call; as a decorator, each call of the function is one.

        ``call_id`` is the id that the model gave the call: with it the call is known to be the same one that the
        conversation shows. The source file and line of a decorated function are recorded.
        """
        from ._blocks import StepBlock

        arguments = {"arguments": attributes.pop("arguments")} if "arguments" in attributes else {}
        if callable(name):
            return StepBlock(None, "execute_tool", {})(name)
        return StepBlock(name, "execute_tool", _dotted(attributes), call_id=call_id, **arguments)

    def record_outcome(
        self,
        success: bool | None,
        source: str = "host_declared",
        score: float | None = None,
        reason: str | None = None,
    ) -> None:
        """Says whether the run under way succeeded, or else the last one that ended here; ``None`` is "unknown".

        ``source`` is who says so: ``host_declared``, ``check`` (a program looked at the result), ``judge`` (a model
        did) or ``human``. Without this call the outcome of a run that returns is unknown.
        """
        attempt(self._record_outcome, success, source, score, reason)

    def flush(self, timeout: float = 5.0) -> bool:
        """Waits until everything recorded so far is delivered; returns whether it was."""
        return bool(attempt(self._transport.flush, timeout))

    def shutdown(self, timeout: float = 5.0) -> bool:
        """Delivers what is recorded; afterwards nothing more is sent to this tracer's server from this process."""
        return bool(attempt(self._transport.close, timeout))

    # What the wrappers call.

    def begin(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], owner: int | None) -> Run | None:
        """Starts a run; ``None`` when a method of a traced class calls another one of the same object."""
        within = belongs_to()
        if within is not None and owner is not None and within.owner == owner:
            return None
        if within is not None and within.adoptable and within.transport is self._transport:
            run, within.adoptable = within, False
            run.rename(self._settings.agent or name)
        else:
            run = Run(self._settings, self._transport, name, within)
        if owner is not None:
            run.owner = owner
        if self._settings.capture_content:
            run.put("arc_eval.input", attempt(_question, args, kwargs))
        run.announce()
        return run

    def returned(self, run: Run, output: Any) -> None:
        """Ends a run that returned."""
        run.completed(attempt(_answer, output) if self._settings.capture_content else None)
        if run.parent is None:
            last.set(run)

    def keep(self, run: Run, output: Any) -> None:
        """Takes what a run has put out."""
        if self._settings.capture_content:
            run.put("arc_eval.output", _answer(output))

    def _wrapped(self, agent: Any, methods: frozenset[str]) -> Any:
        from . import _frameworks
        from ._wrap import ENTRY_POINTS, wrap

        name = _name_of(agent)
        tracer = self
        framework = self._settings.framework or framework_of(agent)
        if framework != self._settings.framework:
            tracer = self._with(framework)
        if _frameworks.adopt(agent, tracer, self._settings.agent or name):
            return agent
        return wrap(agent, tracer, name, ENTRY_POINTS | methods)

    def _with(self, framework: str | None) -> ArcTracer:
        changed = object.__new__(ArcTracer)
        changed._settings = self._settings.with_framework(framework)
        changed._transport = self._transport
        return changed

    def _state(self, value: Any) -> None:
        run = current.get()
        if run is None:
            warn_once("no run for a state", "arc-eval: state outside a run, or in another thread or task: not recorded")
        elif self._settings.capture_content:
            run.put("arc_eval.state", payload_text(value))

    def _record_outcome(self, success: bool | None, source: str, score: float | None, reason: str | None) -> None:
        if source not in SOURCES:
            warn_once(f"source {source}", "arc-eval: outcome source %r is none of %s", source, ", ".join(SOURCES))
            source = "host_declared"
        run = current.get() or last.get()
        if run is None:
            warn_once("no run", "arc-eval: record_outcome outside a run, or in another thread or task: not recorded")
            return
        # An agent within an agent speaks of its own part, by its own tracer.
        mine = run
        while mine.parent is not None and mine.transport is not self._transport:
            mine = mine.parent
        verdict = "unknown" if success is None else "succeeded" if success else "failed"
        mine.record_outcome(verdict, source, score, reason)


class RunBlock:
    """A run that lasts as long as a ``with`` block; see :meth:`ArcTracer.run`. Also for ``async with``."""

    def __init__(
        self,
        tracer: ArcTracer,
        task: str | None,
        trial: int | None,
        session: str | None,
        user: str | None,
        step_limit: int | None,
    ) -> None:
        self._tracer = tracer
        self._facts: dict[str, Any] = {
            "arc_eval__task": task,
            "arc_eval__trial": trial,
            "gen_ai__conversation__id": session,
            "user__id": user,
            "arc_eval__step_limit": step_limit,
        }
        self._run: Run | None = None

    @property
    def trace_id(self) -> str | None:
        """The run's id, as the server shows it."""
        return self._run.trace_id if self._run is not None else None

    def record_outcome(
        self,
        success: bool | None,
        source: str = "host_declared",
        score: float | None = None,
        reason: str | None = None,
    ) -> None:
        """Says whether this run succeeded; see :meth:`ArcTracer.record_outcome`."""
        self._tracer.record_outcome(success, source, score, reason)

    def __enter__(self) -> RunBlock:
        attempt(self._enter)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        attempt(self._exit, error)

    async def __aenter__(self) -> RunBlock:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)

    def _enter(self) -> None:
        attempt(_watch)
        settings = self._tracer._settings
        run = Run(settings, self._tracer._transport, settings.agent or program(), belongs_to())
        run.held = run.adoptable = True
        run.set(**self._facts)
        self._token = current.set(run)
        self._run = run
        run.announce()

    def _exit(self, error: BaseException | None) -> None:
        if self._run is None:
            return
        current.reset(self._token)
        if error is not None:
            self._run.failed(error)
        self._run.release()
        last.set(self._run)


@overload
def trace_agent(target: T, /, domain: str = ..., **options: Any) -> T: ...


@overload
def trace_agent(target: None = ..., /, domain: str = ..., **options: Any) -> Callable[[T], T]: ...


def trace_agent(target: Any = None, /, domain: str = "auto", **options: Any) -> Any:
    """Returns a stand-in for an agent whose calls are runs; see :meth:`ArcTracer.trace_agent`.

    Also a decorator, with or without arguments; ``options`` are those of :class:`ArcTracer`, and ``methods``.
    """
    methods = options.pop("methods", ())
    tracer = ArcTracer(domain, **options)
    if target is None:
        return lambda decorated: tracer.trace_agent(decorated, methods=methods)
    return tracer.trace_agent(target, methods=methods)


def _watch() -> None:
    """Watches what goes on in runs. Imported here, with the library that wraps: until an agent is traced nobody waits
    for it."""
    from . import _carry, _clients, _frameworks

    for part in (_clients, _carry, _frameworks):
        attempt(part.install)


def _dotted(attributes: dict[str, Any]) -> dict[str, Any]:
    return {name.replace("__", "."): value for name, value in attributes.items()}


def _question(args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    given = _input(args, kwargs)
    if type(given) is not str:
        from ._frameworks import _words

        given = _words.asked(given)
    return payload_text(given)


def _answer(output: Any) -> str:
    if type(output) is not str:
        from ._frameworks import _words

        output = _words.answer(output)
    return payload_text(output)


def _input(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if len(args) == 1 and not kwargs:
        return args[0]
    if not args:
        return kwargs
    return {"args": list(args), **kwargs} if "args" not in kwargs else {"args": list(args), "kwargs": kwargs}


def _name_of(agent: Any) -> str:
    """Returns what an agent is called: its ``name``, that of the agent it runs, that of the function or class."""
    if not isinstance(agent, type):
        for named in (agent, attempt(getattr, agent, "agent", None)):
            for attribute in ("name", "__name__"):
                name = attempt(getattr, named, attribute, None)
                if isinstance(name, str) and name:
                    return name
        agent = getattr(agent, "func", type(agent))
    return str(getattr(agent, "__name__", "agent"))


def _resource(project: str | None) -> dict[str, str]:
    resource = {
        "service.name": os.environ.get("OTEL_SERVICE_NAME") or program(),
        "telemetry.sdk.name": "arc-eval",
        "telemetry.sdk.language": "python",
    }
    if project is not None:
        resource["arc_eval.project"] = project
    return resource
