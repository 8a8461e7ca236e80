"""Records in the words of OTLP/JSON. Pure: no clock, no network."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping
from typing import Any

from . import __version__
from ._span import SpanDict, Value

_KINDS = {"internal": 1, "client": 3}
_STATUS = {"unset": 0, "error": 2}
_I64 = 1 << 63


def encode_span(span: SpanDict) -> bytes:
    """Returns one whole span as OTLP/JSON. Lone surrogates, which JSON readers reject, become question marks."""
    fields: dict[str, Any] = {
        "traceId": span["trace_id"],
        "spanId": span["span_id"],
        "name": span["name"],
        "kind": _KINDS.get(span["kind"], 1),
        "startTimeUnixNano": str(span["start_ns"]),
        "attributes": _attributes(span["attributes"]),
    }
    if span.get("parent_id") is not None:
        fields["parentSpanId"] = span["parent_id"]
    if span.get("end_ns") is not None:
        fields["endTimeUnixNano"] = str(span["end_ns"])
    if span.get("events"):
        fields["events"] = [
            {
                "name": event["name"],
                "timeUnixNano": str(event["time_ns"]),
                "attributes": _attributes(event["attributes"]),
            }
            for event in span["events"]
        ]
    if span.get("status", "unset") != "unset":
        fields["status"] = {"code": _STATUS[span["status"]], "message": span["status_message"]}
    return _bytes(fields)


def encode_request(groups: list[tuple[Mapping[str, str], list[bytes]]]) -> bytes:
    """Returns the body of one export request from encoded spans, grouped by resource."""
    scope = _bytes({"name": "arc-eval", "version": __version__})
    parts = [
        b'{"resource":{"attributes":%s},"scopeSpans":[{"scope":%s,"spans":[%s]}]}'
        % (_bytes(_attributes(resource)), scope, b",".join(spans))
        for resource, spans in groups
    ]
    return b'{"resourceSpans":[%s]}' % b",".join(parts)


def _attributes(attributes: Mapping[str, Value]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in attributes.items()]


def _value(value: Value) -> dict[str, Any]:
    if isinstance(value, str):
        return {"stringValue": value}
    if isinstance(value, bytes):
        return {"bytesValue": base64.b64encode(value).decode()}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)} if -_I64 <= value < _I64 else {"stringValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value} if math.isfinite(value) else {"stringValue": str(value)}
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return {"arrayValue": {"values": [{"stringValue": item} for item in value]}}
    return {"stringValue": json.dumps(value, ensure_ascii=False)}


def _bytes(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
