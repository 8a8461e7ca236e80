"""BLAKE3 of one short text, for where the package's Rust part is not built."""

from __future__ import annotations

import struct

_IV = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
_ORDER = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
_MIXES = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15)), ((0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))
MAX_BYTES = 1024


def blake3(data: bytes) -> bytes:
    """Returns the hash of at most :data:`MAX_BYTES` bytes, one chunk."""
    blocks = [data[at : at + 64] for at in range(0, len(data), 64)] or [b""]
    value = list(_IV)
    for number, block in enumerate(blocks):
        flags = (1 if number == 0 else 0) | (2 | 8 if number == len(blocks) - 1 else 0)
        words = list(struct.unpack("<16I", block.ljust(64, b"\0")))
        value = _compress(value, words, len(block), flags)
    return struct.pack("<8I", *value)


def _compress(value: list[int], words: list[int], length: int, flags: int) -> list[int]:
    state = [*value, *_IV[:4], 0, 0, length, flags]
    for turn in range(7):
        at = 0
        for half in _MIXES:
            for a, b, c, d in half:
                _mix(state, a, b, c, d, words[at], words[at + 1])
                at += 2
        if turn < 6:
            words = [words[place] for place in _ORDER]
    return [state[place] ^ state[place + 8] for place in range(8)]


def _mix(state: list[int], a: int, b: int, c: int, d: int, first: int, second: int) -> None:
    for word, right_d, right_b in ((first, 16, 12), (second, 8, 7)):
        state[a] = (state[a] + state[b] + word) & 0xFFFFFFFF
        state[d] = _rotated(state[d] ^ state[a], right_d)
        state[c] = (state[c] + state[d]) & 0xFFFFFFFF
        state[b] = _rotated(state[b] ^ state[c], right_b)


def _rotated(value: int, by: int) -> int:
    return (value >> by | value << (32 - by)) & 0xFFFFFFFF
