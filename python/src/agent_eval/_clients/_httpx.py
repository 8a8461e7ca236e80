"""``httpx`` and ``httpx2``: ``send`` of their clients, which every request passes with its redirects as one.

Used by ``openai``, ``anthropic``, ``google-genai``, ``mistralai``, ``groq``, ``cohere``, ``ollama``, ``litellm`` …
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from types import ModuleType
from typing import Any

import wrapt

from .._guard import attempt
from .._model_call import ModelCall
from . import _seam

_Proxy: Any = wrapt.ObjectProxy


def patch(module: ModuleType) -> None:
    """Patches one library; once, whatever names it has."""
    for kind, wrapper in ((module.Client, _send), (module.AsyncClient, _send_async)):
        if not isinstance(kind.__dict__.get("send"), wrapt.FunctionWrapper):
            wrapt.wrap_function_wrapper(kind, "send", wrapper)


def _send(wrapped: Callable[..., Any], _client: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if not _seam.is_watched():
        return wrapped(*args, **kwargs)
    call = attempt(_begin, args, kwargs)
    if call is None:
        return wrapped(*args, **kwargs)
    token = _seam.sending.set(True)
    try:
        response = wrapped(*args, **kwargs)
    except BaseException as error:
        attempt(call.failed, error)
        raise
    finally:
        _seam.sending.reset(token)
    attempt(_respond, call, response, kwargs)
    return response


def _send_async(wrapped: Callable[..., Any], _client: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if not _seam.is_watched():
        return wrapped(*args, **kwargs)
    return _send_traced(wrapped, args, kwargs)


async def _send_traced(wrapped: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    call = attempt(_begin, args, kwargs)
    if call is None:
        return await wrapped(*args, **kwargs)
    token = _seam.sending.set(True)
    try:
        response = await wrapped(*args, **kwargs)
    except BaseException as error:
        attempt(call.failed, error)
        raise
    finally:
        _seam.sending.reset(token)
    attempt(_respond, call, response, kwargs)
    return response


def _begin(args: tuple[Any, ...], kwargs: dict[str, Any]) -> ModelCall | None:
    request = args[0] if args else kwargs.get("request")
    if request is None:
        return None
    try:
        content = request.content
    except Exception:  # a streamed request body: reading it would take it from the host
        content = None
    return _seam.begin(request.method, str(request.url), request.headers, content)


def _respond(call: ModelCall, response: Any, kwargs: dict[str, Any]) -> None:
    """Records the answer, or sees to it that it is recorded once the host has read it."""
    if kwargs.get("stream") and not response.is_stream_consumed:
        call.opened(response.status_code, response.headers)
        response.stream = _Tee(response.stream, call)
    else:
        call.answered(response.status_code, response.headers, response.content)


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
            self._self_over(False, error)
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
            self._self_over(False, error)
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
        attempt(self._self_call.over, whole, error)
