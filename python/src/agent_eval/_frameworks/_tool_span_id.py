"""The span id of a tool call, for where the package's Rust part is not built."""

from __future__ import annotations

from ._blake3 import blake3


def tool_span_id(trace_id: str, call_id: str) -> str:
    """Returns the span id of a tool call that the provider gave an id: whoever records it uses the same."""
    return blake3(b"arc-eval tool call" + bytes.fromhex(trace_id) + call_id.encode())[:8].hex()
