"""Anthropic Messages."""

from __future__ import annotations

import json
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

PROVIDER = "anthropic"
_LEFT_OUT = frozenset(("messages", "model", "system", "tools", "metadata"))


def speaks(path: str, body: dict[str, Any]) -> bool:
    """Returns whether a request to this path with this body is of the format."""
    return path.endswith("/messages") and isinstance(body.get("messages"), list) and "max_tokens" in body


def request(body: dict[str, Any]) -> Request:
    """Returns what a request says."""
    out = Request(model=texts(body.get("model")), parameters=parameters(body, {}, _LEFT_OUT))
    system = body.get("system")
    out.system = text_parts(system) or [_part(part) for part in map(dicts, lists(system))]
    for message in map(dicts, lists(body.get("messages"))):
        out.messages.append(_message(message))
        for block in map(dicts, lists(message.get("content"))):
            if block.get("type") == "tool_use" and isinstance(block.get("id"), str):
                out.transcript.append(block["id"])
            if block.get("type") == "tool_result" and isinstance(block.get("tool_use_id"), str):
                failed = block.get("is_error") is True
                out.transcript.append(ToolResult(block["tool_use_id"], _result(block), failed))
    for tool in map(dicts, lists(body.get("tools"))):
        shown = {key: value for key, value in tool.items() if key not in ("input_schema", "type", "cache_control")}
        if "input_schema" in tool:
            shown["parameters"] = tool["input_schema"]
        kind = tool.get("type")
        out.tools.append({"type": "function" if kind in (None, "custom") else kind, **shown})
    return out


def answer(body: dict[str, Any]) -> Answer:
    """Returns what an answer says that is not a stream."""
    out = Answer(response_id=texts(body.get("id")), model=texts(body.get("model")), error=provider_error(body))
    blocks = [dicts(block) for block in lists(body.get("content"))]
    finish = texts(body.get("stop_reason"))
    if finish is not None:
        out.finish_reasons.append(finish)
    if blocks:
        message = _message({"role": "assistant", "content": blocks})
        out.messages.append({**message, "finish_reason": finish} if finish is not None else message)
    for block in blocks:
        if block.get("type") == "tool_use" and isinstance(block.get("id"), str) and isinstance(block.get("name"), str):
            out.tool_requests.append(ToolRequest(block["id"], block["name"], text_of(block.get("input"))))
    usage = dicts(body.get("usage"))
    if usage:
        out.raw_usage = usage
        out.usage = _usage(usage)
    return out


def reassemble(events: Sequence[StreamEvent]) -> Reassembled:
    """Returns the answer a stream amounts to, as far as it got."""
    body: dict[str, Any] = {}
    blocks: dict[int, dict[str, Any]] = {}
    written: dict[int, str] = {}
    complete, first, counted = False, None, False
    for place, event in enumerate(events):
        data = event.data
        kind = data.get("type", event.name)
        index = data["index"] if isinstance(data.get("index"), int) else 0
        if kind == "message_start":
            body = dict(dicts(data.get("message")))
        elif kind == "content_block_start":
            blocks[index] = dict(dicts(data.get("content_block")))
        elif kind == "content_block_delta":
            first = place if first is None else first
            _extend(blocks.setdefault(index, {}), written, index, dicts(data.get("delta")))
        elif kind == "message_delta":
            body.update({key: value for key, value in dicts(data.get("delta")).items() if value is not None})
            last = {key: value for key, value in dicts(data.get("usage")).items() if value is not None}
            body["usage"] = {**dicts(body.get("usage")), **last}
            counted = counted or "output_tokens" in last
        elif kind == "message_stop":
            complete = True
        elif kind == "error":
            body["error"] = dicts(data.get("error"))
    for index, text in written.items():
        blocks[index]["input"] = _json_or_text(text)
    if not counted:
        # The first event counts the output at its start, not what it came to.
        body["usage"] = {key: value for key, value in dicts(body.get("usage")).items() if key != "output_tokens"}
    body["content"] = [blocks[index] for index in sorted(blocks)]
    return Reassembled(body, complete, first)


def _extend(block: dict[str, Any], written: dict[int, str], index: int, delta: dict[str, Any]) -> None:
    """Adds a piece to a content block."""
    for key in ("text", "thinking"):
        if isinstance(delta.get(key), str):
            block.setdefault("type", key)
            block[key] = (block.get(key) or "") + delta[key]
    if isinstance(delta.get("partial_json"), str):
        written[index] = written.get(index, "") + delta["partial_json"]


def _usage(usage: dict[str, Any]) -> dict[str, int]:
    found = counts(
        input=usage.get("input_tokens"),
        output=usage.get("output_tokens"),
        cache_read=usage.get("cache_read_input_tokens"),
        cache_write=usage.get("cache_creation_input_tokens"),
        cache_write_1h=dicts(usage.get("cache_creation")).get("ephemeral_1h_input_tokens"),
        reasoning=dicts(usage.get("output_tokens_details")).get("thinking_tokens"),
    )
    if "input" in found:
        # Anthropic counts cached tokens beside the input; OpenTelemetry's input includes them.
        found["input"] += found.get("cache_read", 0) + found.get("cache_write", 0)
    return found


def _message(message: dict[str, Any]) -> dict[str, Any]:
    role = texts(message.get("role")) or "assistant"
    content = message.get("content")
    if isinstance(content, str):
        return {"role": role, "parts": text_parts(content)}
    parts = [_part(block) for block in map(dicts, lists(content))]
    only_results = bool(parts) and all(part["type"] == "tool_call_response" for part in parts)
    return {"role": "tool" if only_results else role, "parts": parts}


def _part(block: dict[str, Any]) -> dict[str, Any]:
    match block.get("type"):
        case "text":
            return {"type": "text", "content": block.get("text")}
        case "tool_use":
            return tool_call_part(block.get("id"), block.get("name"), block.get("input"))
        case "tool_result":
            return {"type": "tool_call_response", "id": block.get("tool_use_id"), "response": _result(block)}
        case "thinking":
            return {"type": "reasoning", "content": block.get("thinking")}
        case "image" | "document":
            source = dicts(block.get("source"))
            return media_part(str(block["type"]), source.get("url"), source.get("media_type"))
        case _:
            return other_part(block)


def _result(block: dict[str, Any]) -> str:
    content = block.get("content")
    return "" if content is None else text_of(content)


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text) if text else {}
    except ValueError:
        return text
