"""One kept-alive HTTP connection that posts export requests, and what the answers mean."""

from __future__ import annotations

import json
import urllib.parse
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import http.client

REQUEST_TIMEOUT_SECONDS = 10.0


@dataclass
class Reply:
    """The answer to one request. Not ``final``: try again."""

    final: bool
    problem: str = ""
    rejected: int = 0
    message: str = ""


class Sender:
    """Posts to ``<endpoint>/v1/traces``. Not thread-safe."""

    def __init__(self, endpoint: str, project: str | None) -> None:
        url = urllib.parse.urlsplit(endpoint)
        self._tls = url.scheme == "https"
        self._host = url.hostname or "127.0.0.1"
        self._port = url.port
        self._path = url.path.rstrip("/") + "/v1/traces"
        self._headers = {"Content-Type": "application/json"}
        if project is not None:
            self._headers["x-arc-eval-project"] = project.encode("ascii", "replace").decode()
        self._connection: http.client.HTTPConnection | None = None

    def forget(self) -> None:
        """Drops the connection without closing it: in a forked child it is the parent's."""
        self._connection = None

    def post(self, body: bytes) -> Reply:
        """Sends one request; never raises."""
        reused = self._connection is not None
        reply = self._post(body)
        # A kept connection that breaks says only that the server closed it in the meantime.
        return self._post(body) if reused and self._connection is None else reply

    def _post(self, body: bytes) -> Reply:
        try:
            if self._connection is None:
                # Here, on the background thread: it takes longer to import than all of this package.
                import http.client

                kind = http.client.HTTPSConnection if self._tls else http.client.HTTPConnection
                self._connection = kind(self._host, self._port, timeout=REQUEST_TIMEOUT_SECONDS)
            self._connection.request("POST", self._path, body, self._headers)
            response = self._connection.getresponse()
            content = response.read()
        except Exception as error:
            if self._connection is not None:
                self._connection.close()
                self._connection = None
            return Reply(final=False, problem=f"{type(error).__name__}: {error}")
        if response.status < 300:
            return _accepted(content)
        retry = response.status in (408, 429) or response.status >= 500
        text = " ".join(content[:200].decode("utf-8", "replace").split())
        return Reply(final=not retry, problem=f"HTTP {response.status} {text}".rstrip())


def _accepted(content: bytes) -> Reply:
    try:
        partial = json.loads(content or b"{}").get("partialSuccess") or {}
        return Reply(True, "", int(partial.get("rejectedSpans") or 0), str(partial.get("errorMessage") or ""))
    except (ValueError, AttributeError, TypeError):
        return Reply(final=True)
