"""Undoes the content encoding of a recorded body, also of one that broke off. The host's bytes stay as they are."""

from __future__ import annotations

import importlib
import zlib
from typing import Any


def decoded(encoding: str, raw: bytes) -> bytes | None:
    """Returns the content, as far as it goes; ``None`` when the encoding is not known here."""
    content: bytes | None = raw
    for name in reversed([part.strip().lower() for part in encoding.split(",")]):
        if content is None or name in ("", "identity"):
            continue
        content = _one(name, content)
    return content


def _one(name: str, raw: bytes) -> bytes | None:
    try:
        if name in ("gzip", "x-gzip"):
            return _gzip(raw)
        if name == "deflate":
            return _deflate(raw)
        if name == "br":
            return bytes(_first("brotli", "brotlicffi").Decompressor().process(raw))
        if name == "zstd":
            module = _first("compression.zstd", "backports.zstd", "zstandard", "pyzstd")
            make = getattr(module, "ZstdDecompressor", None)
            decompressor = make().decompressobj() if module.__name__ == "zstandard" else make()  # type: ignore[misc]
            return bytes(decompressor.decompress(raw))
    except Exception:
        return None
    return None


def _gzip(raw: bytes) -> bytes:
    out = b""
    while raw:  # a body may be several members in a row
        stream = zlib.decompressobj(16 + zlib.MAX_WBITS)
        out += stream.decompress(raw)
        raw = stream.unused_data
    return out


def _deflate(raw: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(raw)
    except zlib.error:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(raw)


def _first(*names: str) -> Any:
    """Returns the first of some modules that there is: the host's library needed one of them too."""
    for name in names:
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise ImportError(names[0])
