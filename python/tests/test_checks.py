"""Checks declared in code, and the state they look at."""

from __future__ import annotations

import json
import pathlib
import re

from agent_eval.trace import ArcTracer


def test_checks_are_recorded_with_every_run_that_starts_afterwards(home, sink):
    told = {"id": "told", "kind": "output", "regex": "R-[0-9]+"}
    tracer = ArcTracer("shop", agent="teller", checks=[told])
    agent = tracer.trace_agent(lambda question: "R-7")
    agent("one")
    tracer.check("booked", "state", on="state", where_=[{"at": "/status", "equals": "refunded"}])
    agent("two")
    assert tracer.flush(60)
    first, second = (json.loads(run["arc_eval.checks"]) for run in sink.runs)
    assert first == [told]
    assert second == [
        told,
        {"id": "booked", "kind": "state", "on": "state", "where": [{"at": "/status", "equals": "refunded"}]},
    ]


def test_without_checks_nothing_is_said_of_them(tracer, sink):
    tracer.trace_agent(lambda question: question)("q")
    assert tracer.flush(60)
    assert sink.run.get("arc_eval.checks") is None


def test_a_check_that_is_no_json_does_not_disturb_the_run(home, sink):
    tracer = ArcTracer("shop", agent="teller", checks=[{"id": "odd", "kind": object()}])
    assert tracer.trace_agent(lambda question: "fine")("q") == "fine"
    assert tracer.flush(60)
    assert sink.run.get("arc_eval.checks") is None


def test_the_last_state_of_a_run_is_recorded_as_content(home, sink):
    tracer = ArcTracer("shop", agent="teller")

    def agent(question):
        tracer.state({"status": "open"})
        tracer.state({"status": "refunded"})
        return "done"

    tracer.trace_agent(agent)("q")
    assert tracer.flush(60)
    assert json.loads(sink.run["arc_eval.state"]) == {"status": "refunded"}


def test_the_python_of_the_guide_runs(home, sink):
    guide = pathlib.Path(__file__).parents[2] / "docs" / "guides" / "checks.md"
    (code,) = re.findall(r"```python\n(.*?)```", guide.read_text(encoding="utf-8"), re.S)
    names: dict[str, object] = {}
    exec(compile(code, str(guide), "exec"), names)
    assert names["tracer"].flush(60)
    run = sink.run
    assert [check["id"] for check in json.loads(run["arc_eval.checks"])] == ["told", "booked"]
    assert json.loads(run["arc_eval.state"]) == {"order": "A-1", "status": "refunded"}
