"""LlamaIndex: agents, workflows and their tools, from its instrumentation."""

from __future__ import annotations

from .conftest import UMBRELLA, Lab, guide_code, version_of

FRAMEWORK = "llamaindex"

TREE = """\
agent Weather
  llm chat gpt-4o
  tool execute_tool get_weather
  llm chat gpt-4o"""

# Without it a stream reports no tokens.
USAGE = {"stream_options": {"include_usage": True}}


def with_usage(code: str) -> str:
    return code.replace('model="gpt-4o"', f'model="gpt-4o", additional_kwargs={USAGE}')


WORKFLOW = """
import asyncio
from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent
from llama_index.core.workflow import StartEvent, StopEvent, Workflow, step
from llama_index.llms.openai import OpenAI
from agent_eval.trace import ArcTracer

def get_weather(city: str) -> str:
    return f"rain in {city}"

forecaster = FunctionAgent(
    name="Forecaster", description="Knows the weather", tools=[get_weather],
    llm=OpenAI(model="gpt-4o"), streaming=False,
)

class Travel(Workflow):
    @step
    async def advise(self, ev: StartEvent) -> StopEvent:
        answer = await AgentWorkflow(agents=[forecaster], root_agent="Forecaster").run(user_msg=ev.question)
        return StopEvent(result=str(answer))

async def main():
    travel = ArcTracer("travel").trace_agent(Travel(timeout=30))
    print(await travel.run(question="Umbrella in Oslo?"))

asyncio.run(main())
"""


def test_the_guide_shows_the_run_it_promises(lab: Lab) -> None:
    done = lab.run(with_usage(guide_code("llamaindex")), UMBRELLA)
    assert (done.stdout, done.code) == ("Take an umbrella.\n", 0), done.stderr
    run = lab.recorded()
    assert run.framework == ("llama-index", version_of(FRAMEWORK, "llama-index-core"))
    assert run.tree() == TREE
    assert run.tokens == (2500, 24)
    assert run.run["output_preview"] == "Take an umbrella."
    (tool,) = run.tools
    assert (tool.tool["name"], tool.arguments, tool.result) == ("get_weather", {"city": "Oslo"}, "rain in Oslo")
    assert tool.tool["id"] == "call_1"
    assert tool.attributes["code.file.path"] == str(lab.folder / "main.py")


def test_a_tool_that_raises_is_an_error_at_the_tool(lab: Lab) -> None:
    code = guide_code("llamaindex").replace('return f"rain in {city}"', 'raise RuntimeError("the station is gone")')
    done = lab.run(code, UMBRELLA)
    assert (done.code, done.stdout) == (0, "Take an umbrella.\n"), done.stderr
    (tool,) = lab.recorded().tools
    assert tool.error == "the station is gone"


def test_an_error_of_the_model_fails_the_run_at_the_call(lab: Lab) -> None:
    script = '[[reply]]\nerror = "bad_request"\nerror_message = "context too long"\n'
    done = lab.guide("llamaindex", script)
    assert done.code == 1
    run = lab.recorded()
    assert (run.verdict, run.run["termination"]) == ("failed", "exception")
    (call,) = run.calls
    assert "context too long" in (call.error or "")
    assert run.path(call) == ["Weather"]


def test_a_workflow_shows_its_steps_and_the_agents_in_them(lab: Lab) -> None:
    done = lab.run(WORKFLOW, UMBRELLA)
    assert (done.stdout, done.code) == ("Take an umbrella.\n", 0), done.stderr
    run = lab.recorded()
    assert run.tokens == (2500, 24)
    assert run.run["output_preview"] == "Take an umbrella."
    assert (
        run.tree()
        == """\
agent Travel
  step advise
    agent AgentWorkflow
      step Forecaster
        llm chat gpt-4o
      tool execute_tool get_weather
      step Forecaster
        llm chat gpt-4o"""
    )
