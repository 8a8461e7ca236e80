"""Values of the host become data without running any code of the host."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import json
import math
import pathlib
import uuid

import pytest

from agent_eval._span import MAX_TEXT, new_span_id, new_trace_id, payload_text, plain, tool_span_id


class Color(enum.Enum):
    RED = "red"


class Mixed(int, enum.Enum):
    ONE = 1


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


def test_a_lone_surrogate_never_reaches_the_spool(tracer, sink):
    tracer.trace_agent(lambda value: {"text": "a\udfffb", "nested": [{"t": "\ud800"}]})("\ud800")
    assert sink.run["arc_eval.input"] == "?"
    assert sink.run.json("arc_eval.output") == {"text": "a?b", "nested": [{"t": "?"}]}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({1, 2}, [1, 2]),
        (frozenset(), []),
        (decimal.Decimal("1.50"), "1.50"),
        (pathlib.PurePosixPath("/a/b"), "/a/b"),
        (datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc), "2026-01-02T03:04:05+00:00"),
        (datetime.time(1, 2), "01:02:00"),
        (1e300, 1e300),
        (0.1, 0.1),
        (-0.0, -0.0),
        (2**63, 2**63),
        (-(2**63), -(2**63)),
        (Mixed.ONE, 1),
        ({True: 1, None: 2, 1.5: 3}, {"true": 1, "null": 2, "1.5": 3}),
        (bytearray(3), "<3 bytes>"),
        (memoryview(b"12"), "<2 bytes>"),
        ('"\\\n\x01é😀', '"\\\n\x01é😀'),
        (Exception("no"), "<Exception>"),
    ],
)
def test_a_value_of_the_standard_library_becomes_what_it_says(value, expected):
    assert plain([value]) in ([expected], [{"__type__": "Exception"}])


def test_a_class_of_the_host_derived_from_the_standard_library_is_not_asked():
    class Zone(datetime.tzinfo):
        def utcoffset(self, _):
            raise AssertionError("host code was run")

    class Loud(datetime.date):
        def isoformat(self):
            raise AssertionError("host code was run")

    class Members(set):
        def __iter__(self):
            raise AssertionError("host code was run")

    class Meta(type):
        def __getattribute__(cls, name):
            raise AssertionError("host code was run")

    class Odd(metaclass=Meta):
        __class__ = property(lambda self: 1 / 0)

    zoned = datetime.datetime(2026, 1, 2, tzinfo=Zone())
    assert plain([zoned, Loud(2026, 1, 2), Members([1])]) == ["<datetime.datetime>", "2026-01-02", [1]]
    assert "Odd" in payload_text([Odd()])


def test_ids_are_random_and_a_tool_calls_id_follows_from_its_call():
    assert len({new_trace_id() for _ in range(1_000)} | {new_span_id() for _ in range(1_000)}) == 2_000
    trace = "0af7651916cd43dd8448eb211c80319c"
    assert tool_span_id(trace, "call_1") == tool_span_id(trace, "call_1") != tool_span_id(trace, "call_2")
    assert len(bytes.fromhex(tool_span_id(trace, "ü"))) == 8
    with pytest.raises(ValueError, match="32 hexadecimal digits"):
        tool_span_id("x", "call_1")
