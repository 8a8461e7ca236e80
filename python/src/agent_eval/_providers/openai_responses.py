"""OpenAI Responses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._tools import ToolRequest, ToolResult
from ._facts import (
    Answer,
    Reassembled,
    Request,
    StreamEvent,
    counts,
    dicts,
    lists,
    media_part,
    other_part,
    parameters,
    provider_error,
    text_of,
    text_parts,
    texts,
    tool_call_part,
)

PROVIDER = "openai"
_RENAMED = {"max_output_tokens": "max_tokens"}
_LEFT_OUT = frozenset(
    ("input", "instructions", "model", "tools", "user", "metadata", "safety_identifier", "prompt_cache_key", "prompt")
)
_CALLS = {"function_call": "arguments", "custom_tool_call": "input"}
_RESULTS = ("function_call_output", "custom_tool_call_output")
_ENDS = ("response.completed", "response.incomplete", "response.failed")


def speaks(path: str, body: dict[str, Any]) -> bool:
    """Returns whether a request to this path with this body is of the format."""
    return path.endswith("/responses") and ("input" in body or "prompt" in body)


def request(body: dict[str, Any]) -> Request:
    """Returns what a request says."""
    out = Request(model=texts(body.get("model")), parameters=parameters(body, _RENAMED, _LEFT_OUT))
    out.system = text_parts(body.get("instructions"))
    given = body.get("input")
    if isinstance(given, str):
        out.messages.append({"role": "user", "parts": text_parts(given)})
    for item in map(dicts, lists(given)):
        out.messages.append(_item(item))
        call_id = item.get("call_id")
        if isinstance(call_id, str) and item.get("type") in _CALLS:
            out.transcript.append(call_id)
        if isinstance(call_id, str) and item.get("type") in _RESULTS:
            out.transcript.append(ToolResult(call_id, text_of(item.get("output"))))
    for tool in map(dicts, lists(body.get("tools"))):
        out.tools.append({"name": tool.get("type"), **tool})
    return out


def answer(body: dict[str, Any]) -> Answer:
    """Returns what an answer says that is not a stream."""
    out = Answer(response_id=texts(body.get("id")), model=texts(body.get("model")), error=provider_error(body))
    parts: list[dict[str, Any]] = []
    for item in map(dicts, lists(body.get("output"))):
        parts.extend(_item(item)["parts"])
        field = _CALLS.get(str(item.get("type")))
        if field and isinstance(item.get("call_id"), str) and isinstance(item.get("name"), str):
            out.tool_requests.append(ToolRequest(item["call_id"], item["name"], text_of(item.get(field))))
    finish = _finish(body, bool(out.tool_requests))
    if finish is not None:
        out.finish_reasons.append(finish)
    if parts:
        message: dict[str, Any] = {"role": "assistant", "parts": parts}
        out.messages.append({**message, "finish_reason": finish} if finish is not None else message)
    usage = dicts(body.get("usage"))
    if usage:
        out.raw_usage = usage
        out.usage = counts(
            input=usage.get("input_tokens"),
            output=usage.get("output_tokens"),
            cache_read=dicts(usage.get("input_tokens_details")).get("cached_tokens"),
            reasoning=dicts(usage.get("output_tokens_details")).get("reasoning_tokens"),
        )
    return out


def reassemble(events: Sequence[StreamEvent]) -> Reassembled:
    """Returns the answer a stream amounts to, as far as it got."""
    body: dict[str, Any] = {}
    items: dict[int, dict[str, Any]] = {}
    complete, first = False, None
    for place, event in enumerate(events):
        data = event.data
        kind = texts(data.get("type")) or event.name or ""
        if kind.endswith(".delta") and first is None:
            first = place
        if kind in _ENDS:
            body, complete = dicts(data.get("response")), True
        elif kind == "response.created":
            body = dict(dicts(data.get("response")))
        elif kind == "error":
            body["error"] = dicts(data.get("error")) or {"type": "error", **data}
        elif isinstance(data.get("output_index"), int):
            _extend(items, data["output_index"], kind, data)
    if not complete:
        # The status of a stream that broke off is not known.
        body = {key: value for key, value in body.items() if key not in ("status", "output", "usage")}
    if items and not body.get("output"):
        body = {**body, "output": [items[index] for index in sorted(items)]}
    return Reassembled(body, complete, first)


def _extend(items: dict[int, dict[str, Any]], index: int, kind: str, data: dict[str, Any]) -> None:
    """Adds a piece to the output item it belongs to."""
    if kind in ("response.output_item.added", "response.output_item.done"):
        items[index] = dict(dicts(data.get("item")))
        return
    item, delta = items.setdefault(index, {}), data.get("delta")
    if not isinstance(delta, str):
        return
    if kind == "response.output_text.delta":
        content = item["content"] = list(lists(item.get("content"))) or [{"type": "output_text", "text": ""}]
        content[-1] = {**dicts(content[-1]), "text": (dicts(content[-1]).get("text") or "") + delta}
    elif kind == "response.function_call_arguments.delta":
        item["arguments"] = (item.get("arguments") or "") + delta


def _finish(body: dict[str, Any], asks_for_tools: bool) -> str | None:
    status = body.get("status")
    if status == "completed":
        return "tool_calls" if asks_for_tools else "stop"
    if status == "incomplete":
        return texts(dicts(body.get("incomplete_details")).get("reason")) or "incomplete"
    return "error" if status == "failed" else None


def _item(item: dict[str, Any]) -> dict[str, Any]:
    """Returns an input or output item as a message."""
    kind = item.get("type")
    if kind in _CALLS:
        part = tool_call_part(item.get("call_id"), item.get("name"), item.get(_CALLS[str(kind)]))
        return {"role": "assistant", "parts": [part]}
    if kind in _RESULTS:
        part = {"type": "tool_call_response", "id": item.get("call_id"), "response": text_of(item.get("output"))}
        return {"role": "tool", "parts": [part]}
    if kind == "reasoning":
        shown = [*lists(item.get("summary")), *lists(item.get("content"))]
        return {
            "role": "assistant",
            "parts": [{"type": "reasoning", "content": dicts(part).get("text")} for part in shown],
        }
    if kind in (None, "message"):
        content = item.get("content")
        parts = text_parts(content) if isinstance(content, str) else [_part(dicts(part)) for part in lists(content)]
        return {"role": texts(item.get("role")) or "assistant", "parts": parts}
    return {"role": "assistant", "parts": [other_part(item)]}


def _part(part: dict[str, Any]) -> dict[str, Any]:
    match part.get("type"):
        case "input_text" | "output_text" | "text":
            return {"type": "text", "content": part.get("text")}
        case "refusal":
            return {"type": "refusal", "content": part.get("refusal")}
        case "input_image":
            return media_part("image", part.get("image_url") or part.get("file_id"))
        case "input_file":
            return media_part("file", part.get("file_url") or part.get("file_id") or part.get("file_data"))
        case _:
            return other_part(part)
