"""The seam at which model calls are seen: ``send`` of the clients of ``httpx`` and ``httpx2``.

Every SDK built on them passes here, with its retries as separate calls. Nothing is imported for it: a library is
patched when the host imports it. Outside a run a patched ``send`` only looks at a context variable.
"""

from __future__ import annotations

import atexit
import functools
import json
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from types import ModuleType
from typing import Any

import wrapt

from ._guard import attempt
from ._model_call import ModelCall, end_open_calls
from ._providers import recognise
from ._run import current
from ._span import Value

LIBRARIES = ("httpx", "httpx2")
_Proxy: Any = wrapt.ObjectProxy
_installed = False


def install() -> None:
    """Patches the libraries that are imported, and the others when they will be."""
    global _installed
    if _installed:
        return
    _installed = True
    atexit.register(end_open_calls)  # runs before the transport's, which was registered earlier
    for name in LIBRARIES:
        module = sys.modules.get(name)
        if module is not None:
            patch(module)
        else:
            wrapt.register_post_import_hook(functools.partial(attempt, patch), name)


def patch(module: ModuleType) -> None:
    """Patches one library; once, whatever names it has."""
    for kind, wrapper in ((module.Client, _send), (module.AsyncClient, _send_async)):
        if not isinstance(kind.__dict__.get("send"), wrapt.FunctionWrapper):
            wrapt.wrap_function_wrapper(kind, "send", wrapper)


def _send(wrapped: Callable[..., Any], _client: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if current.get() is None:
        return wrapped(*args, **kwargs)
    call = attempt(_begin, args, kwargs)
    if call is None:
        return wrapped(*args, **kwargs)
    try:
        response = wrapped(*args, **kwargs)
    except BaseException as error:
        attempt(call.failed, error)
        raise
    attempt(_respond, call, response, kwargs)
    return response


def _send_async(wrapped: Callable[..., Any], _client: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if current.get() is None:
        return wrapped(*args, **kwargs)
    return _send_traced(wrapped, args, kwargs)


async def _send_traced(wrapped: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    call = attempt(_begin, args, kwargs)
    if call is None:
        return await wrapped(*args, **kwargs)
    try:
        response = await wrapped(*args, **kwargs)
    except BaseException as error:
        attempt(call.failed, error)
        raise
    attempt(_respond, call, response, kwargs)
    return response


def _begin(args: tuple[Any, ...], kwargs: dict[str, Any]) -> ModelCall | None:
    """Returns the call a request makes, if it is a model call of a run."""
    run = current.get()
    request = args[0] if args else kwargs.get("request")
    if run is None or request is None or request.method != "POST":
        return None
    if "json" not in request.headers.get("content-type", ""):
        return None
    path = request.url.path
    try:
        content = request.content
    except Exception:  # a streamed request body: reading it would take it from the host
        return None
    if not any(path.endswith(end) for end in ("/chat/completions", "/responses", "/messages")):
        return None
    body = json.loads(content)
    wire = recognise(path, body) if isinstance(body, dict) else None
    if wire is None:
        return None
    extra: dict[str, Value] = {"server.address": request.url.host}
    if request.url.port is not None:
        extra["server.port"] = request.url.port
    retry = request.headers.get("x-stainless-retry-count", "")
    if retry.isdecimal() and int(retry):
        extra["http.request.resend_count"] = int(retry)
    call = ModelCall(run, wire, body, extra)
    call.started()
    return call


def _respond(call: ModelCall, response: Any, kwargs: dict[str, Any]) -> None:
    """Records the answer, or sees to it that it is recorded once the host has read it."""
    if kwargs.get("stream") and not response.is_stream_consumed:
        encoding = response.headers.get("content-encoding", "identity")
        decode = None if encoding == "identity" else functools.partial(_decode, type(response), encoding)
        call.opened(response.status_code, decode)
        response.stream = _Tee(response.stream, call)
    else:
        call.answered(response.status_code, response.content)


def _decode(response_type: Any, encoding: str, raw: bytes) -> bytes:
    """Undoes a content encoding the way the library itself does."""
    content: bytes = response_type(200, headers={"content-encoding": encoding}, content=raw).content
    return content


class _Tee(_Proxy):  # type: ignore[misc]
    """A response body that shows what passes through it. To the library it is the body it stands for."""

    def __init__(self, body: Any, call: ModelCall) -> None:
        super().__init__(body)
        self._self_call = call

    def __iter__(self) -> Iterator[bytes]:
        pieces = iter(self.__wrapped__)
        try:
            for piece in pieces:
                attempt(self._self_call.chunk, piece)
                yield piece
        except GeneratorExit:
            raise
        except BaseException as error:
            self._self_over(True, error)
            raise
        finally:
            # As `yield from` would: a body that is a generator is closed with this one.
            close = getattr(pieces, "close", None)
            if close is not None:
                close()
        self._self_over(True)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        pieces = self.__wrapped__.__aiter__()
        try:
            async for piece in pieces:
                attempt(self._self_call.chunk, piece)
                yield piece
        except GeneratorExit:
            raise
        except BaseException as error:
            self._self_over(True, error)
            raise
        finally:
            aclose = getattr(pieces, "aclose", None)
            if aclose is not None:
                await aclose()
        self._self_over(True)

    def close(self) -> None:
        try:
            self.__wrapped__.close()
        finally:
            self._self_over(False)

    async def aclose(self) -> None:
        try:
            await self.__wrapped__.aclose()
        finally:
            self._self_over(False)

    def __del__(self) -> None:
        attempt(self._self_over, False)

    def _self_over(self, whole: bool, error: BaseException | None = None) -> None:
        attempt(self._self_call.streamed, whole, error)
