"""Stand-ins that trace calls and are otherwise the thing they stand for.

Functions and objects are wrapped with ``wrapt``; classes keep their identity and get traced methods. What is wrapped
comes first, then the call itself; what a call returns that goes on afterwards is in :mod:`agent_eval._steps`.
"""

from __future__ import annotations

import copy
import functools
import importlib
import inspect
import sys
from collections.abc import Callable
from typing import Any

import wrapt

from . import _frameworks
from ._guard import attempt, warn_once
from ._run import Run, current, leave
from ._steps import Recorder, Steps, stand_in_of, stand_in_of_result

_NAMES = (
    "run arun run_sync run_async run_stream invoke ainvoke stream astream kickoff kickoff_async akickoff "
    "chat achat stream_chat astream_chat call acall execute aexecute query aquery predict apredict"
)
ENTRY_POINTS = frozenset(_NAMES.split())

# The proxy without `__iter__`, where wrapt has one: an object that cannot be iterated must not look as if it could.
_Proxy: Any = getattr(wrapt, "BaseObjectProxy", wrapt.ObjectProxy)
_Function: Any = wrapt.FunctionWrapper
_BoundFunction: Any = wrapt.BoundFunctionWrapper


def wrap(target: Any, recorder: Recorder, name: str, methods: frozenset[str]) -> Any:
    """Returns a stand-in for a function, an object or (the same, with traced methods) a class."""
    if isinstance(target, (TracedFunction, TracedObject)):
        return target
    if isinstance(target, type):
        return _with_traced_methods(target, recorder, name, methods)
    if inspect.isroutine(target) or isinstance(target, functools.partial):
        return TracedFunction(target, _Call(recorder, name))
    kind = type(target)
    if not callable(target) and not any(hasattr(kind, method) for method in methods):
        known = methods & frozenset(attempt(dir, target) or ())
        if not known:
            warn_once(
                f"nothing to trace {name}",
                "arc-eval: %s is not traced: not callable, and without any of the methods %s; name one with methods=",
                name,
                ", ".join(sorted(methods)),
            )
            return target
    make: Any = _object_type(kind)  # type: ignore[arg-type]
    return make(target, recorder, name, methods)


class _TracedMethod(_BoundFunction):  # type: ignore[misc]
    """A traced method of an object or class."""

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.__wrapped__.__reduce_ex__(protocol)


class TracedFunction(_Function):  # type: ignore[misc]
    """A function, method or other plain callable whose calls are runs."""

    __bound_function_wrapper__ = _TracedMethod

    def __repr__(self) -> str:
        return repr(self.__wrapped__)

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Pickles as the function would: by its name if it can be found there, else as what it stands for."""
        try:
            found: Any = importlib.import_module(self.__module__)
            for part in self.__qualname__.split("."):
                found = getattr(found, part)
            if found is self:
                return self.__qualname__
        except (ImportError, AttributeError):
            pass
        return _same, (self.__wrapped__,)

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: Any) -> Any:
        return self


class TracedObject(_Proxy):  # type: ignore[misc]
    """An object of which some methods, and the call if it has one, are runs."""

    def __init__(self, target: Any, recorder: Recorder, name: str, methods: frozenset[str]) -> None:
        super().__init__(target)
        self._self_recorder = recorder
        self._self_name = name
        self._self_methods = methods

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.__wrapped__, name)
        if name in self._self_methods and callable(value):
            traced = attempt(TracedFunction, value, _Call(self._self_recorder, self._self_name))
            return value if traced is None else traced
        return value

    def __repr__(self) -> str:
        return repr(self.__wrapped__)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.__wrapped__.__reduce_ex__(protocol)

    def __copy__(self) -> Any:
        return self._self_again(copy.copy(self.__wrapped__))

    def __deepcopy__(self, memo: Any) -> Any:
        return self._self_again(copy.deepcopy(self.__wrapped__, memo))

    def _self_again(self, target: Any) -> Any:
        return type(self)(target, self._self_recorder, self._self_name, self._self_methods)


def _object_call(self: Any) -> Any:
    """Returns the traced ``__call__`` of an object: looked at, it is of the kind that the object's is."""
    traced = attempt(TracedFunction, self.__wrapped__.__call__, _Call(self._self_recorder, self._self_name))
    return self.__wrapped__.__call__ if traced is None else traced


def _forward(name: str) -> Callable[..., Any]:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return getattr(self.__wrapped__, name)(*args, **kwargs)

    method.__name__ = name
    return method


_PROTOCOL_NAMES = (
    "__iter__ __next__ __await__ __aiter__ __anext__ __enter__ __exit__ __aenter__ __aexit__ "
    "__len__ __contains__ __getitem__ __setitem__ __delitem__ __reversed__"
)
_PROTOCOL_METHODS = frozenset(_PROTOCOL_NAMES.split())


@functools.lru_cache(maxsize=256)
def _object_type(kind: type) -> type[TracedObject]:
    """Returns the stand-in's type for objects of a type: callable, iterable, sized and so on if they are."""
    methods: dict[str, Any] = {}
    for name in _PROTOCOL_METHODS:
        if _method_of(kind, name) is None:
            methods[name] = None  # the proxy may have it: this says that the object has not
        elif not hasattr(_Proxy, name):
            methods[name] = _forward(name)
    if _method_of(kind, "__call__") is not None:
        methods["__call__"] = property(_object_call)
    return type("TracedObject", (TracedObject,), methods)


def _with_traced_methods(kind: type, recorder: Recorder, name: str, methods: frozenset[str]) -> type:
    names = [method for method in dir(kind) if method in methods]
    if _method_of(kind, "__call__") is not None:
        names.append("__call__")
    for method in names:
        found = inspect.getattr_static(kind, method)
        if inspect.isfunction(found) or isinstance(found, (classmethod, staticmethod)):
            setattr(kind, method, TracedFunction(found, _Call(recorder, name, by_instance=True)))
    if not names:
        warn_once(f"nothing to trace {name}", "arc-eval: class %s is not traced: it has no method to trace", name)
    return kind


def _method_of(kind: type, name: str) -> Any:
    """Returns what instances of a type have under a special name; its metaclass does not count."""
    return next((vars(base)[name] for base in kind.__mro__ if name in vars(base)), None)


def _same(value: Any) -> Any:
    return value


class _Call:
    """What happens when a traced thing is called."""

    def __init__(self, recorder: Recorder, name: str, by_instance: bool = False) -> None:
        self.recorder = recorder
        self.name = name
        self.by_instance = by_instance

    def __call__(self, wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        owner = id(instance) if self.by_instance and instance is not None else None
        if _starts_later(wrapped):
            # Nothing of the host runs before the first step: neither does the run.
            begin = functools.partial(self.recorder.begin, self.name, args, kwargs, owner)
            result = wrapped(*args, **kwargs)
            stand_in = attempt(stand_in_of, result, Steps(self.recorder, begin))
            return result if stand_in is None else stand_in
        run = attempt(self.recorder.begin, self.name, args, kwargs, owner)
        if run is None:
            return wrapped(*args, **kwargs)
        token = current.set(run)
        try:
            result = wrapped(*args, **kwargs)
        except BaseException as error:
            attempt(run.failed, error)
            raise
        finally:
            try:
                current.reset(token)
            except ValueError:  # the host went on in another context
                attempt(leave, token)
        stand_in = attempt(self._settle, run, result)
        return result if stand_in is None else stand_in

    def _settle(self, run: Run, result: Any) -> Any:
        """Ends the run, now or when what was returned is over; returns its stand-in if there is one."""
        if type(result) in _OVER:
            self.recorder.returned(run, result)
            return None
        future = result if _is_future(result) else _frameworks.end_of(result)
        if future is not None:
            future.add_done_callback(functools.partial(attempt, _future_done, self.recorder, run))
            return None
        stand_in = stand_in_of_result(result, Steps(self.recorder, None, run))
        if stand_in is None:
            self.recorder.returned(run, result)
        return stand_in


# Results of these classes do not go on after the call; of others it has to be found out.
_OVER = frozenset({str, bytes, int, float, bool, list, tuple, dict, type(None)})

_LATER = inspect.CO_COROUTINE | inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR | inspect.CO_ITERABLE_COROUTINE


def _starts_later(wrapped: Any) -> bool:
    """Returns whether calling it runs nothing yet: coroutine and generator functions."""
    while isinstance(wrapped, functools.partial):
        wrapped = wrapped.func
    code = getattr(wrapped, "__code__", None)
    if code is None:
        code = getattr(_method_of(type(wrapped), "__call__"), "__code__", None)
    flags = getattr(code, "co_flags", 0)
    return isinstance(flags, int) and bool(flags & _LATER)


def _is_future(result: object) -> bool:
    """Returns whether it is a future; those who made one have imported its module."""
    modules = [sys.modules.get(name) for name in ("asyncio", "concurrent.futures")]
    return any(module is not None and isinstance(result, module.Future) for module in modules)


def _future_done(recorder: Recorder, run: Run, future: Any) -> None:
    from concurrent.futures import CancelledError

    if future.cancelled():
        run.failed(CancelledError())
    elif future.exception() is not None:
        run.failed(future.exception())
    else:
        recorder.returned(run, future.result())
