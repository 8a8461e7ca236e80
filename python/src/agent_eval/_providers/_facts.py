"""What is known of a model call, and the pieces the wire formats share."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .._span import Value
from .._tools import ToolRequest, ToolResult


@dataclass
class Request:
    """What was sent to the model."""

    model: str | None = None
    messages: list[dict[str, Any]] = field(default_factory=list)
    system: list[dict[str, Any]] = field(default_factory=list)
    tools: list[dict[str, Any]] = field(default_factory=list)
    parameters: dict[str, Value] = field(default_factory=dict)
    # In order: the ids of earlier calls, and their results.
    transcript: list[str | ToolResult] = field(default_factory=list)


@dataclass
class Answer:
    """What the model answered. A token count that was not reported is absent."""

    response_id: str | None = None
    model: str | None = None
    finish_reasons: list[str] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    usage: dict[str, int] = field(default_factory=dict)
    raw_usage: dict[str, Any] | None = None
    tool_requests: list[ToolRequest] = field(default_factory=list)
    error: tuple[str, str] | None = None


@dataclass
class StreamEvent:
    """One server-sent event: its name, and its data if that was a JSON object."""

    name: str | None
    data: dict[str, Any]


@dataclass
class Reassembled:
    """A stream as one answer body; ``first_content`` is the event that carried the first token."""

    body: dict[str, Any]
    complete: bool
    first_content: int | None


def parameters(body: Mapping[str, Any], renamed: Mapping[str, str], left_out: frozenset[str]) -> dict[str, Value]:
    """Returns the request's settings as attributes: all fields but those that are content or identify someone."""
    out: dict[str, Value] = {}
    for key, value in body.items():
        if key in left_out or value is None:
            continue
        out[f"gen_ai.request.{renamed.get(key, key)}"] = value
    return out


def text_parts(content: Any) -> list[dict[str, Any]]:
    """Returns the parts of a content that is a text."""
    return [{"type": "text", "content": content}] if isinstance(content, str) else []


def tool_call_part(call_id: Any, name: Any, arguments: Any) -> dict[str, Any]:
    """Returns a call as a part; arguments that are no JSON stay the text the model wrote."""
    if isinstance(arguments, str):
        with contextlib.suppress(ValueError):
            arguments = json.loads(arguments)
    return {"type": "tool_call", "id": call_id, "name": name, "arguments": arguments}


def text_of(value: Any) -> str:
    """Returns a value as text: a text as it is, content parts joined when all are texts, else JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value and all(isinstance(dicts(part).get("text"), str) for part in value):
        return "\n".join(part["text"] for part in value)
    return json.dumps(value, ensure_ascii=False)


def media_part(modality: str, url: Any, mime_type: Any = None) -> dict[str, Any]:
    """Returns an image, sound or file as a part: where it is, never its bytes."""
    if isinstance(url, str) and not url.startswith("data:"):
        return {"type": "uri", "modality": modality, "uri": url}
    if isinstance(url, str) and mime_type is None:
        mime_type = url[5:].partition(";")[0] or None
    return {"type": "blob", "modality": modality, "mime_type": mime_type, "content": ""}


def other_part(part: Any) -> dict[str, Any]:
    """Returns a part of a kind not known here as it came, without binary data."""
    fields = dicts(part)
    kept = {key: value for key, value in fields.items() if key not in ("data", "file_data", "result")}
    return {"type": "unknown", **kept} if fields else {"type": "unknown", "value": part}


def counts(**found: Any) -> dict[str, int]:
    """Returns those counts that are whole numbers."""
    return {key: value for key, value in found.items() if isinstance(value, int) and not isinstance(value, bool)}


def dicts(value: Any) -> dict[str, Any]:
    """Returns the value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def lists(value: Any) -> list[Any]:
    """Returns the value if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def texts(value: Any) -> str | None:
    """Returns the value if it is a text."""
    return value if isinstance(value, str) else None


def provider_error(body: Mapping[str, Any]) -> tuple[str, str] | None:
    """Returns the class and message of an error body."""
    error = body.get("error")
    if isinstance(error, str):
        return ("error", error)
    if not isinstance(error, dict) or not error:
        return None
    kind = next((error[key] for key in ("type", "code") if isinstance(error.get(key), str)), "error")
    return (kind, texts(error.get("message")) or "")
