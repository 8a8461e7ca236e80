"""What the libraries' seams share: from a request to the call it makes, and one call for one request.

A client may send through another one (``httpx`` over ``aiohttp``, say): the outermost of them records.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any
from urllib.parse import urlsplit

from .._encodings import decoded
from .._endpoints import is_model_call
from .._model_call import ModelCall
from .._run import belongs_to, current
from .._span import Value

# Whether the code that runs now sends a request that is recorded already.
sending: ContextVar[bool] = ContextVar("arc_eval_sending", default=False)


def is_watched() -> bool:
    """Returns whether requests made now are looked at: in a run, and not below a recorded one."""
    return current.get() is not None and not sending.get()


def begin(method: str, url: str, headers: Mapping[str, Any], body: Any) -> ModelCall | None:
    """Starts the call a request makes, if it is a model call of a run. ``body`` is what can be read without harm."""
    run = belongs_to()
    if run is None:
        return None
    parts = urlsplit(url)
    content = _content(headers, body)
    if not is_model_call(method, parts, content):
        return None
    host = parts.hostname or ""
    extra: dict[str, Value] = {"server.address": host}
    shown = f"[{host}]" if ":" in host else host
    if parts.port is not None:
        extra["server.port"] = parts.port
        shown += f":{parts.port}"
    resent = _resend_count(headers)
    if resent:
        extra["http.request.resend_count"] = resent
    call = ModelCall(run, f"{parts.scheme}://{shown}{parts.path}", method.upper(), content, extra)
    call.started()
    return call


def _content(headers: Mapping[str, Any], body: Any) -> bytes | None:
    """Returns the body of a request, ``None`` if it is no JSON or cannot be read without taking it from the host."""
    if isinstance(body, str):
        body = body.encode("utf-8", "replace")
    if not isinstance(body, (bytes, bytearray)):
        return None
    content = decoded(_header(headers, "content-encoding"), bytes(body))
    if content is None or not content[:64].lstrip().startswith(b"{"):
        return None
    return content


def _resend_count(headers: Mapping[str, Any]) -> int | None:
    """Returns how often a request was sent before, where the client says it."""
    stainless = _header(headers, "x-stainless-retry-count")
    if stainless.isdecimal():
        return int(stainless)
    for field in _header(headers, "amz-sdk-request").split(";"):
        name, _, number = field.strip().partition("=")
        if name == "attempt" and number.isdecimal():
            return int(number) - 1
    return None


def _header(headers: Mapping[str, Any], name: str) -> str:
    """Returns a header; a plain dictionary may spell its name in any case, and some clients keep bytes."""
    value = headers.get(name)
    if value is None and isinstance(headers, dict):
        value = next((held for key, held in headers.items() if _text(key).lower() == name), None)
    return _text(value) if value is not None else ""


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
