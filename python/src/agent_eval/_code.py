"""Where a Python function is defined: what a fix of a tool has to change."""

from __future__ import annotations

from typing import Any

from ._span import Value


def location(function: Any) -> dict[str, Value]:
    """Returns the attributes that tell a function's file, line and name; nothing for what is not written in Python."""
    found = function
    for _ in range(20):
        inner = getattr(found, "__wrapped__", None) or getattr(found, "func", None) or getattr(found, "__func__", None)
        if inner is None:
            break
        found = inner
    code = getattr(found, "__code__", None)
    file, line = getattr(code, "co_filename", None), getattr(code, "co_firstlineno", None)
    if not isinstance(file, str) or not isinstance(line, int):
        return {}
    name = getattr(found, "__qualname__", None) or getattr(code, "co_name", "")
    return {"code.file.path": file, "code.line.number": line, "code.function.name": str(name)}
