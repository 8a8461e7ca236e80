"""`with tracer.run(…)`: one run, with its task, its turns and its outcome."""

from __future__ import annotations

import asyncio

import pytest

from agent_eval.trace import ArcTracer


def test_the_first_call_in_a_block_is_the_run_and_later_ones_are_its_turns(tracer, sink):
    agent = tracer.trace_agent(lambda q: q.upper())
    with tracer.run(task="t-1", trial=2, session="s", user="u", step_limit=5) as block:
        assert agent("one") == "ONE"
        assert agent("two") == "TWO"
        tracer.record_outcome(True, source="check", score=0.5, reason="as expected")
    assert tracer.flush(60)
    run, turn = sink.runs
    assert run.trace == block.trace_id
    assert (run["arc_eval.task"], run["arc_eval.trial"], run["arc_eval.step_limit"]) == ("t-1", 2, 5)
    assert (run["gen_ai.conversation.id"], run["user.id"]) == ("s", "u")
    assert (run.payload("arc_eval.input"), run.payload("arc_eval.output")) == ("one", "ONE")
    assert run["arc_eval.outcome.verdict"] == "succeeded"
    assert run["arc_eval.outcome.source"] == "check"
    assert (run["arc_eval.outcome.score"], run["arc_eval.outcome.reason"]) == (0.5, "as expected")
    assert (turn.parent, turn.payload("arc_eval.input")) == (run.id, "two")
    assert turn.get("arc_eval.outcome.verdict") is None


def test_an_exception_caught_in_the_block_is_still_how_the_run_ended(tracer, sink):
    def agent(question):
        raise ValueError("no")

    with tracer.run(task="t"), pytest.raises(ValueError, match="no"):
        tracer.trace_agent(agent)("q")
    assert tracer.flush(60)
    assert sink.run["arc_eval.termination"] == "exception"
    assert sink.run.status["message"] == "no"


def test_an_exception_leaves_the_block_and_ends_the_run(tracer, sink):
    with pytest.raises(ValueError, match="no"), tracer.run(task="t"):
        raise ValueError("no")
    assert tracer.flush(60)
    assert (sink.run["arc_eval.task"], sink.run["arc_eval.termination"]) == ("t", "exception")


def test_a_block_works_around_async_agents(tracer, sink):
    async def agent(question):
        await asyncio.sleep(0)
        return question

    async def main():
        async with tracer.run(task="t"):
            assert await tracer.trace_agent(agent)("q") == "q"
            tracer.record_outcome(False)

    asyncio.run(main())
    assert tracer.flush(60)
    assert sink.run["arc_eval.outcome.verdict"] == "failed"
    assert sink.run["arc_eval.outcome.source"] == "host_declared"


def test_an_outcome_may_be_said_right_after_the_call(tracer, sink):
    tracer.trace_agent(lambda q: q)("q")
    tracer.record_outcome(True)
    tracer.record_outcome(False, source="human")
    assert tracer.flush(60)
    assert (sink.run["arc_eval.outcome.verdict"], sink.run["arc_eval.outcome.source"]) == ("failed", "human")


def test_without_a_run_an_outcome_is_a_warning(tracer, caplog):
    tracer.record_outcome(True)
    assert "record_outcome outside a run" in caplog.text


def test_an_unknown_source_is_the_weakest_claim_that_fits(tracer, sink, caplog):
    tracer.trace_agent(lambda q: tracer.record_outcome(True, source="oracle"))("q")
    assert tracer.flush(60)
    assert sink.run["arc_eval.outcome.source"] == "host_declared"
    assert "'oracle'" in caplog.text


def test_a_run_is_visible_from_its_start(tracer, sink):
    def agent(question):
        (started,) = sink.received
        assert (started.name, started.end, started["arc_eval.input"]) == ("agent", 0, "q")
        return question

    tracer.trace_agent(agent)("q")
    assert tracer.flush(60)
    assert sink.run.end > sink.run.start


def test_what_the_tracer_says_is_on_the_run(sink):
    tracer = ArcTracer(
        "health",
        project="clinic",
        agent="Ada",
        version="2.1",
        session="s",
        user="u",
        framework="crewai",
    )
    tracer.trace_agent(lambda: None)()
    assert tracer.flush(60)
    assert sink.run.resource["arc_eval.project"] == "clinic"
    said = {
        name: sink.run.get(name)
        for name in (
            "gen_ai.agent.name",
            "gen_ai.agent.version",
            "gen_ai.conversation.id",
            "user.id",
            "arc_eval.domain",
            "arc_eval.framework",
        )
    }
    assert list(said.values()) == ["Ada", "2.1", "s", "u", "health", "crewai"]


def test_domain_and_framework_are_left_to_the_server_unless_known(sink):
    tracer = ArcTracer()
    tracer.trace_agent(lambda: None)()
    assert tracer.flush(60)
    assert sink.run.get("arc_eval.domain") is None
    assert sink.run.get("arc_eval.framework") is None


def test_the_class_of_the_traced_object_is_proof_of_its_framework(tracer, sink):
    kind = type("Crew", (), {"__module__": "crewai.crew", "kickoff": lambda self: "done"})
    lookalike = type("Crew", (), {"__module__": "crewai_tools.crew", "kickoff": lambda self: "done"})
    for each in (kind, lookalike):
        tracer.trace_agent(each()).kickoff()
    assert tracer.flush(60)
    assert [run.get("arc_eval.framework") for run in sorted(sink.runs, key=lambda run: run.start)] == ["crewai", None]
