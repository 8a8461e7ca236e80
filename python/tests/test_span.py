"""Values of the host become data without running any code of the host."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import json
import math
import uuid

import pytest

from agent_eval._otlp import encode_span
from agent_eval._span import MAX_TEXT, payload_text, plain


class Color(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Point:
    x: int
    _hidden: int = 0


class Hostile:
    """Everything one could call on it raises."""

    def __init__(self):
        self.kept = 1

    def _boom(self, *args):
        raise AssertionError("host code was run")

    __repr__ = __str__ = __len__ = __iter__ = __bool__ = __eq__ = __hash__ = __getattr__ = _boom

    @property
    def lazy(self):
        raise AssertionError("host code was run")


class LoudDict(dict):
    def items(self):
        raise AssertionError("host code was run")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (10**30, 10**30),
        (math.nan, "nan"),
        (math.inf, "inf"),
        (b"abc", "<3 bytes>"),
        ((1, [2]), [1, [2]]),
        ({1: "a", (2, 3): "b"}, {"1": "a", "<cut>": "b"}),
        (Color.RED, "red"),
        (datetime.date(2026, 1, 2), "2026-01-02"),
        (uuid.UUID(int=0), "00000000-0000-0000-0000-000000000000"),
        (Point(1), {"__type__": f"{__name__}.Point", "x": 1}),
        (LoudDict(a=1), {"a": 1}),
        (object(), "<object>"),
        (int, "<class int>"),
        (print, "<builtin_function_or_method>"),
    ],
)
def test_a_value_becomes_plain_data(value, expected):
    assert plain(value) == expected
    json.loads(payload_text([value]), parse_constant=lambda name: pytest.fail(name))


def test_no_method_of_a_host_object_is_called():
    assert plain([Hostile()]) == [{"__type__": f"{__name__}.Hostile", "kept": 1}]


def test_what_is_too_large_or_refers_to_itself_is_cut_and_says_so():
    assert plain("x" * (MAX_TEXT + 5)).endswith("…[5 characters cut]")
    loop: list = []
    loop.append(loop)
    assert "<cut>" in payload_text(loop)
    assert len(payload_text(["y" * 10_000] * 1_000)) < 600_000
    assert len(plain(list(range(100_000)))) < 30_000


def test_a_lone_surrogate_never_reaches_the_wire():
    span = {
        "trace_id": "0" * 32,
        "span_id": "0" * 16,
        "parent_id": None,
        "name": "\ud800",
        "kind": "internal",
        "start_ns": 1,
        "end_ns": None,
        "status": "unset",
        "status_message": "",
        "events": [],
        "resource": {},
        "attributes": {"text": "a\udfffb", "nested": [{"t": "\ud800"}], "big": 1 << 70, "odd": math.nan},
    }
    decoded = json.loads(encode_span(span).decode("utf-8"))
    assert decoded["name"] == "?"
    values = {item["key"]: item["value"] for item in decoded["attributes"]}
    assert values["text"] == {"stringValue": "a?b"}
    assert values["nested"] == {"stringValue": '[{"t": "?"}]'}
    assert values["big"] == {"stringValue": str(1 << 70)}
    assert values["odd"] == {"stringValue": "nan"}
    assert "endTimeUnixNano" not in decoded
