"""CrewAI: crews with their tasks, agents and tools, from its event bus."""

from __future__ import annotations

from .conftest import UMBRELLA, Lab, guide_code, version_of

FRAMEWORK = "crewai"

TREE = """\
agent crew
  step advise
    agent Forecaster
      llm chat gpt-4o
      tool execute_tool get_weather
      llm chat gpt-4o"""


def test_the_guide_shows_the_run_it_promises(lab: Lab) -> None:
    done = lab.guide("crewai", UMBRELLA)
    assert (done.stdout, done.code) == ("Take an umbrella.\n", 0), done.stderr
    run = lab.recorded()
    assert run.framework == ("crewai", version_of(FRAMEWORK, "crewai"))
    assert run.tree() == TREE
    assert run.tokens == (2500, 24)
    assert run.run["output_preview"] == "Take an umbrella."
    (tool,) = run.tools
    assert (tool.tool["name"], tool.arguments, tool.result) == ("get_weather", {"city": "Oslo"}, "rain in Oslo")
    assert tool.tool["id"] == "call_1"
    assert tool.attributes["code.file.path"] == str(lab.folder / "main.py")


def test_a_tool_that_raises_is_an_error_at_the_tool(lab: Lab) -> None:
    code = guide_code("crewai").replace('return f"rain in {city}"', 'raise RuntimeError("the station is gone")')
    done = lab.run(code, UMBRELLA)
    assert (done.code, done.stdout) == (0, "Take an umbrella.\n"), done.stderr
    (tool,) = lab.recorded().tools
    assert "the station is gone" in (tool.error or "")


def test_an_error_of_the_model_fails_the_run_at_the_call(lab: Lab) -> None:
    script = '[[reply]]\nerror = "bad_request"\nerror_message = "context too long"\n'
    done = lab.guide("crewai", script)
    assert done.code == 1
    run = lab.recorded()
    assert (run.verdict, run.run["termination"]) == ("failed", "exception")
    assert "context too long" in (run.calls[0].error or "")
    assert run.path(run.calls[0]) == ["crew", "advise", "Forecaster"]
    assert len(run.calls) == len(lab.requests)


def test_an_asynchronous_kickoff_is_one_run_with_the_same_calls(lab: Lab) -> None:
    code = guide_code("crewai").replace("print(crew.kickoff())", "import asyncio\nprint(asyncio.run(crew.akickoff()))")
    done = lab.run(code, UMBRELLA)
    assert (done.stdout, done.code) == ("Take an umbrella.\n", 0), done.stderr
    run = lab.recorded()
    assert run.tree() == TREE
    assert run.tokens == (2500, 24)
