"""Which requests are calls of a model: by the path of the URL, and where that is not enough by fields of the body.

What a request or an answer says is not read here: the exchange is recorded as it is, and decoded by the server.
"""

from __future__ import annotations

import re
from urllib.parse import SplitResult

# The end of a path, and the fields of which the body has to have one, where other services use such paths too.
_ENDS: dict[str, tuple[bytes, ...]] = {
    "/api/chat": (b'"messages"',),
    "/api/embed": (b'"model"',),
    "/api/embeddings": (b'"model"',),
    "/api/generate": (b'"model"',),
    "/chat": (b'"message"', b'"messages"'),  # Cohere's, see `_COHERE`
    "/completions": (b'"prompt"',),
    "/conversations": (b'"inputs"',),
    "/embed": (b'"texts"', b'"inputs"', b'"images"'),
    "/embeddings": (b'"input"', b'"inputs"'),
    "/fim/completions": (b'"prompt"',),
    "/messages": (b'"max_tokens"',),
    "/rerank": (b'"documents"',),
    "/responses": (b'"input"', b'"prompt"', b'"conversation"', b'"previous_response_id"'),
}
_COHERE = frozenset(("/chat", "/embed", "/rerank"))
# Methods of Gemini and Vertex AI, after the model's name.
_VERBS = frozenset(
    ["generateContent", "streamGenerateContent", "embedContent", "batchEmbedContents", "rawPredict", "streamRawPredict"]
)
_BEDROCK = re.compile(r"/model/[^/]+/(converse|converse-stream|invoke|invoke-with-response-stream)$")
_CONVERSATION = re.compile(r"/v1/conversations/[^/]+$")


def is_model_call(method: str, url: SplitResult, body: bytes | None) -> bool:
    """Returns whether a request asks a model; ``body`` is ``None`` when it is no JSON or cannot be looked at."""
    if method.upper() != "POST":
        return False
    path = url.path.rstrip("/")
    last = path[path.rfind("/") :]
    if path.rpartition(":")[2] in _VERBS or path.endswith("/chat/completions") or _BEDROCK.search(path):
        return True
    if body is None:
        return False
    if _CONVERSATION.search(path):
        return _has(body, (b'"inputs"',))
    for end in (path[path.rfind("/", 0, len(path) - len(last)) :], last):
        fields = _ENDS.get(end)
        if fields is not None:
            return _has(body, fields) and (end not in _COHERE or _is_cohere(url, path, body))
    return False


def _has(body: bytes, fields: tuple[bytes, ...]) -> bool:
    return any(field in body for field in fields)


def _is_cohere(url: SplitResult, path: str, body: bytes) -> bool:
    """Returns whether a path that many services have is Cohere's: its host, or its version and a model."""
    versioned = path.startswith(("/v1/", "/v2/")) and b'"model"' in body
    return "cohere" in (url.hostname or "") or versioned
