"""``urllib3``, and so ``requests`` and ``botocore``: one attempt of one request, with each retry as a call of its own.

The answer is seen where the library takes raw bytes from the connection; attributes of that one response stand before
the methods of its class. They hold no reference to it, so that it goes when the host lets go of it.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable
from types import ModuleType
from typing import Any

import wrapt

from .._guard import attempt
from .._model_call import ModelCall
from . import _seam

_NAMES = ("conn", "method", "url", "body", "headers")


def patch(module: ModuleType) -> None:
    """Patches the library; once. In version 1 one request is seen as a whole, its retries within."""
    kind = module.connectionpool.HTTPConnectionPool
    name = "_make_request" if module.__version__.partition(".")[0] != "1" else "urlopen"
    if not isinstance(kind.__dict__.get(name), wrapt.FunctionWrapper):
        wrapt.wrap_function_wrapper(kind, name, _make_request if name == "_make_request" else _urlopen)


def _make_request(wrapped: Callable[..., Any], pool: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return _send(wrapped, pool, args, kwargs, _NAMES)


def _urlopen(wrapped: Callable[..., Any], pool: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return _send(wrapped, pool, args, kwargs, _NAMES[1:])


def _send(
    wrapped: Callable[..., Any], pool: Any, args: tuple[Any, ...], kwargs: dict[str, Any], names: tuple[str, ...]
) -> Any:
    if not _seam.is_watched():
        return wrapped(*args, **kwargs)
    call = attempt(_begin, pool, {**dict(zip(names, args, strict=False)), **kwargs})
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
    attempt(_respond, call, response)
    return response


def _begin(pool: Any, given: dict[str, Any]) -> ModelCall | None:
    target = given["url"]
    host = f"[{pool.host}]" if ":" in pool.host else pool.host
    port = f":{pool.port}" if pool.port not in (None, 80, 443) else ""
    url = target if "://" in target else f"{pool.scheme}://{host}{port}{target}"
    headers = given.get("headers")
    return _seam.begin(given["method"], url, headers if headers is not None else pool.headers, given.get("body"))


def _respond(call: ModelCall, response: Any) -> None:
    body = getattr(response, "_body", None)
    if isinstance(body, bytes):  # read already, decoded
        call.answered(response.status, response.headers, body)
        return
    call.opened(response.status, response.headers)
    kind, weak = type(response), weakref.ref(response)
    before = sys.exc_info()[1]  # what the host is handling while it asks
    expected, seen, is_measuring = response.length_remaining, 0, False

    def is_read() -> bool:
        original = getattr(weak(), "_original_response", None)
        return original is not None and original.isclosed() and (expected is None or seen >= expected)

    def take(name: str) -> Callable[..., Any]:
        def method(*args: Any, **kwargs: Any) -> Any:
            nonlocal seen
            data = getattr(kind, name)(weak(), *args, **kwargs)
            if data:
                seen += len(data)
                attempt(call.chunk, data)
            return data

        return method

    def release_conn() -> Any:
        # The library calls this at the end of the body, and after an error, which is in flight then.
        error = sys.exc_info()[1]
        broken = error is not None and error is not before
        attempt(call.over, not broken and is_read(), error if broken and _is_own(error) else None)
        return kind.release_conn(weak())

    def close() -> Any:
        if not is_measuring:
            attempt(call.over, is_read())
        return kind.close(weak())

    def update_chunk_length() -> Any:
        # A body that ends too early is closed in here before that is said.
        nonlocal is_measuring
        is_measuring = True
        try:
            return kind._update_chunk_length(weak())
        except BaseException as error:
            attempt(call.over, False, error)
            raise
        finally:
            is_measuring = False

    response._fp_read, response._handle_chunk = take("_fp_read"), take("_handle_chunk")
    response._update_chunk_length = update_chunk_length
    response.release_conn, response.close = release_conn, close
    weakref.finalize(response, attempt, call.over, False).atexit = False


def _is_own(error: BaseException | None) -> bool:
    """Returns whether an error is the library's; else the host left the stream, or has troubles of its own."""
    return type(error).__module__.startswith("urllib3")
