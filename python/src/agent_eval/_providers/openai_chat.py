"""OpenAI Chat Completions, and everything compatible with it."""

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
_RENAMED = {
    "max_completion_tokens": "max_tokens",
    "stop": "stop_sequences",
    "n": "choice.count",
}
_LEFT_OUT = frozenset(
    (
        "messages",
        "model",
        "tools",
        "functions",
        "user",
        "metadata",
        "safety_identifier",
        "prompt_cache_key",
        "prediction",
    )
)


def speaks(path: str, body: dict[str, Any]) -> bool:
    """Returns whether a request to this path with this body is of the format."""
    return path.endswith("/chat/completions") and isinstance(body.get("messages"), list)


def request(body: dict[str, Any]) -> Request:
    """Returns what a request says."""
    out = Request(model=texts(body.get("model")), parameters=parameters(body, _RENAMED, _LEFT_OUT))
    stop = out.parameters.get("gen_ai.request.stop_sequences")
    if isinstance(stop, str):
        out.parameters["gen_ai.request.stop_sequences"] = [stop]
    for message in map(dicts, lists(body.get("messages"))):
        out.messages.append(_message(message))
        for call in map(dicts, lists(message.get("tool_calls"))):
            if isinstance(call.get("id"), str):
                out.transcript.append(call["id"])
        if message.get("role") == "tool" and isinstance(message.get("tool_call_id"), str):
            out.transcript.append(ToolResult(message["tool_call_id"], text_of(message.get("content"))))
    for tool in map(dicts, lists(body.get("tools"))):
        kind = texts(tool.get("type")) or "function"
        out.tools.append({"type": kind, **dicts(tool.get(kind))})
    out.tools.extend({"type": "function", **function} for function in map(dicts, lists(body.get("functions"))))
    return out


def answer(body: dict[str, Any]) -> Answer:
    """Returns what an answer says that is not a stream."""
    out = Answer(response_id=texts(body.get("id")), model=texts(body.get("model")), error=provider_error(body))
    for choice in map(dicts, lists(body.get("choices"))):
        message = dicts(choice.get("message"))
        shown = _message(message)
        finish = texts(choice.get("finish_reason"))
        if finish is not None:
            shown["finish_reason"] = finish
            out.finish_reasons.append(finish)
        out.messages.append(shown)
        for call in map(dicts, lists(message.get("tool_calls"))):
            called = _called(call)
            if isinstance(call.get("id"), str) and isinstance(called.get("name"), str):
                arguments = called.get("arguments", called.get("input"))
                out.tool_requests.append(ToolRequest(call["id"], called["name"], text_of(arguments)))
    usage = dicts(body.get("usage"))
    if usage:
        cached, written = dicts(usage.get("prompt_tokens_details")), dicts(usage.get("completion_tokens_details"))
        out.raw_usage = usage
        out.usage = counts(
            input=usage.get("prompt_tokens"),
            output=usage.get("completion_tokens"),
            cache_read=cached.get("cached_tokens"),
            reasoning=written.get("reasoning_tokens"),
            audio_input=cached.get("audio_tokens"),
            audio_output=written.get("audio_tokens"),
        )
    return out


def reassemble(events: Sequence[StreamEvent]) -> Reassembled:
    """Returns the answer a stream amounts to, as far as it got."""
    body: dict[str, Any] = {}
    choices: dict[int, dict[str, Any]] = {}
    complete, first = False, None
    for place, event in enumerate(events):
        data = event.data
        if event.name == "[DONE]":
            complete = True
        for key in ("id", "model", "usage", "error", "service_tier"):
            if data.get(key):
                body[key] = data[key]
        for chunk in map(dicts, lists(data.get("choices"))):
            index = chunk.get("index")
            choice = choices.setdefault(index if isinstance(index, int) else 0, {"message": {"role": "assistant"}})
            if _extend(choice["message"], dicts(chunk.get("delta"))) and first is None:
                first = place
            if chunk.get("finish_reason"):
                choice["finish_reason"] = chunk["finish_reason"]
    for choice in choices.values():
        calls = choice["message"].get("tool_calls")
        if isinstance(calls, dict):
            choice["message"]["tool_calls"] = [calls[index] for index in sorted(calls)]
    body["choices"] = [choices[index] for index in sorted(choices)]
    return Reassembled(body, complete, first)


def _extend(message: dict[str, Any], delta: dict[str, Any]) -> bool:
    """Adds a piece to a message; returns whether it carried content."""
    found = False
    for key in ("content", "refusal", "reasoning_content", "reasoning"):
        piece = delta.get(key)
        if isinstance(piece, str) and piece:
            message[key] = (message.get(key) or "") + piece
            found = True
    for piece in map(dicts, lists(delta.get("tool_calls"))):
        calls = message.setdefault("tool_calls", {})
        index = piece.get("index")
        call = calls.setdefault(index if isinstance(index, int) else len(calls), {"function": {"arguments": ""}})
        function = dicts(piece.get("function"))
        if piece.get("id"):
            call["id"] = piece["id"]
        if function.get("name"):
            call["function"]["name"] = function["name"]
        if isinstance(function.get("arguments"), str):
            call["function"]["arguments"] += function["arguments"]
        found = True
    return found


def _message(message: dict[str, Any]) -> dict[str, Any]:
    role = texts(message.get("role")) or "assistant"
    content = message.get("content")
    if role == "tool":
        response = content if isinstance(content, str) else text_of(content)
        parts: list[dict[str, Any]] = [
            {"type": "tool_call_response", "id": message.get("tool_call_id"), "response": response}
        ]
    else:
        parts = [
            {"type": "reasoning", "content": message[key]}
            for key in ("reasoning_content", "reasoning")
            if isinstance(message.get(key), str) and message[key]
        ]
        parts += text_parts(content) if isinstance(content, str) else [_part(dicts(part)) for part in lists(content)]
        if isinstance(message.get("refusal"), str):
            parts.append({"type": "refusal", "content": message["refusal"]})
        for call in map(dicts, lists(message.get("tool_calls"))):
            called = _called(call)
            arguments = called.get("arguments", called.get("input"))
            parts.append(tool_call_part(call.get("id"), called.get("name"), arguments))
    shown: dict[str, Any] = {"role": role, "parts": parts}
    if isinstance(message.get("name"), str):
        shown["name"] = message["name"]
    return shown


def _called(call: dict[str, Any]) -> dict[str, Any]:
    return dicts(call.get("function")) or dicts(call.get("custom"))


def _part(part: dict[str, Any]) -> dict[str, Any]:
    match part.get("type"):
        case "text":
            return {"type": "text", "content": part.get("text")}
        case "refusal":
            return {"type": "refusal", "content": part.get("refusal")}
        case "image_url":
            return media_part("image", dicts(part.get("image_url")).get("url"))
        case "input_audio":
            return media_part("audio", None, f"audio/{dicts(part.get('input_audio')).get('format')}")
        case "file":
            file = dicts(part.get("file"))
            return media_part("file", file.get("file_id") or file.get("file_data"))
        case _:
            return other_part(part)
