"""``aiohttp``: one request of a session, with its redirects as one.

The answer is seen where the library's reader takes a piece out of its buffer for the host; content encodings are
undone before. Used by ``google-genai``, ``litellm`` and agents that speak HTTP themselves.
"""

from __future__ import annotations

import json
import weakref
from collections import deque
from collections.abc import Callable
from types import ModuleType
from typing import Any

import wrapt

from .._guard import attempt
from .._model_call import ModelCall
from . import _seam


def patch(module: ModuleType) -> None:
    """Patches the library; once."""
    kind = module.ClientSession
    if not isinstance(kind.__dict__.get("_request"), wrapt.FunctionWrapper):
        wrapt.wrap_function_wrapper(kind, "_request", _request)


def _request(wrapped: Callable[..., Any], session: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if not _seam.is_watched():
        return wrapped(*args, **kwargs)
    return _request_traced(wrapped, session, args, kwargs)


async def _request_traced(
    wrapped: Callable[..., Any], session: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    call = attempt(_begin, session, *args, **kwargs)
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
    attempt(_respond, call, response)
    return response


def _begin(session: Any, method: str, str_or_url: Any, **kwargs: Any) -> ModelCall | None:
    data = kwargs.get("data")
    if data is None and kwargs.get("json") is not None:
        serialize = getattr(session, "_json_serialize", json.dumps)
        data = serialize(kwargs["json"])
    url = str(session._build_url(str_or_url))
    return _seam.begin(method, url, dict(kwargs.get("headers") or {}), data)


def _respond(call: ModelCall, response: Any) -> None:
    content = response.content
    call.opened(response.status, response.headers, is_decoded=True)
    if content.at_eof():
        call.over(True)
        return
    kind, weak = type(response), weakref.ref(response)

    def leave(name: str) -> Callable[[], Any]:
        def method() -> Any:
            attempt(_leave, call, content)
            return getattr(kind, name)(weak())

        return method

    content._buffer = _Buffer(content._buffer, call, lambda: content.is_eof())
    content.on_eof(lambda: attempt(call.over, True) if not content._buffer else None)
    response.close = leave("close")
    response.release = leave("release")
    weakref.finalize(response, attempt, call.over, False).atexit = False


def _leave(call: ModelCall, content: Any) -> None:
    """Ends a call whose answer the host lets go of, or that broke off."""
    if content._buffer and content._buffer_offset:
        call.chunk(content._buffer[0][: content._buffer_offset])  # a piece that is read in part
    error = content.exception()
    call.over(content.at_eof(), error if isinstance(error, BaseException) else None)


class _Buffer(deque):  # type: ignore[type-arg]
    """The pieces a reader holds for the host; shows each one as it is taken."""

    def __init__(self, pieces: deque[bytes], call: ModelCall, is_last: Callable[[], bool]) -> None:
        super().__init__(pieces)
        self._call = call
        self._is_last = is_last

    def popleft(self) -> bytes:
        piece: bytes = super().popleft()
        attempt(self._call.chunk, piece)
        if not self and self._is_last():
            attempt(self._call.over, True)
        return piece
