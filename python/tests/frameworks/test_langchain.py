"""LangChain and LangGraph: agents, graphs and their tools, from their own callbacks."""

from __future__ import annotations

from .conftest import UMBRELLA, Lab, guide_code, version_of

FRAMEWORK = "langchain"

BROKEN_TOOL = """
from langchain.agents import create_agent
from langchain_core.tools import tool
from agent_eval.trace import ArcTracer

@tool
def get_weather(city: str) -> str:
    "Returns the weather in a city."
    raise RuntimeError("the weather station is gone")

agent = ArcTracer("travel", agent="Weather").trace_agent(create_agent("openai:gpt-4o", [get_weather]))
agent.invoke({"messages": [("user", "weather in Oslo?")]})
"""

STREAMED = """
import asyncio
from langchain.agents import create_agent
from langchain.chat_models import init_chat_model
from langchain_core.tools import tool
from agent_eval.trace import ArcTracer

@tool
async def get_weather(city: str) -> str:
    "Returns the weather in a city."
    return f"rain in {city}"

model = init_chat_model("openai:gpt-4o", stream_usage=True)
agent = ArcTracer("travel", agent="Weather").trace_agent(create_agent(model, [get_weather]))

async def main():
    said = []
    async for token, _ in agent.astream({"messages": [("user", "weather in Oslo?")]}, stream_mode="messages"):
        if token.type == "AIMessageChunk":
            said.append(token.content)
    print("".join(said))

asyncio.run(main())
"""

TWO_AGENTS = """
import asyncio
from langchain.agents import create_agent
from langchain_core.tools import tool
from agent_eval.trace import trace_agent

@tool
def get_weather(city: str) -> str:
    "Returns the weather in a city."
    return f"rain in {city}"

forecaster = create_agent("openai:gpt-4o-mini", [get_weather], name="forecaster")

@tool
def ask_forecaster(question: str) -> str:
    "Asks the forecaster."
    return forecaster.invoke({"messages": [("user", question)]})["messages"][-1].content

@trace_agent
def travel(question):
    agent = create_agent("openai:gpt-4o", [ask_forecaster], name="travel")
    return agent.invoke({"messages": [("user", question)]})["messages"][-1].content

print(travel("umbrella in Oslo?"))
"""

TWO_AGENTS_SCRIPT = """
[[reply]]
match = { model = "gpt-4o", last_role = "user" }
tool_calls = [{ name = "ask_forecaster", arguments = { question = "weather in Oslo?" } }]
usage = { input = 10, output = 1 }

[[reply]]
match = { model = "gpt-4o-mini", last_role = "user" }
tool_calls = [{ name = "get_weather", arguments = { city = "Oslo" } }]
usage = { input = 20, output = 2 }

[[reply]]
match = { model = "gpt-4o-mini", last_role = "tool" }
text = "It rains."
usage = { input = 30, output = 3 }

[[reply]]
match = { model = "gpt-4o", last_role = "tool" }
text = "Take an umbrella."
usage = { input = 40, output = 4 }
"""


def test_the_langchain_guide_shows_the_run_it_promises(lab: Lab) -> None:
    done = lab.guide("langchain", UMBRELLA)
    assert (done.stdout, done.code) == ("Take an umbrella.\n", 0), done.stderr
    run = lab.recorded()
    assert run.framework == ("langchain", version_of(FRAMEWORK, "langchain"))
    assert run.run["agent"]["name"] == "Weather"
    assert run.run["output_preview"] == "Take an umbrella."
    assert run.tokens == (2500, 24)
    assert [call.kind for call in run.calls] == ["llm", "llm"], run.tree()
    (tool,) = run.tools
    assert (tool.tool["name"], tool.arguments, tool.result) == ("get_weather", {"city": "Oslo"}, "rain in Oslo")
    assert tool.tool["id"] == "call_1"
    assert tool.attributes["code.file.path"] == str(lab.folder / "main.py")
    assert tool.attributes["code.line.number"] == 7
    assert run.tree() == TREE.replace("plan", "model")


TREE = """\
agent LangGraph
  step plan
    llm chat gpt-4o
  step tools
    tool execute_tool get_weather
  step plan
    llm chat gpt-4o"""


def test_the_langgraph_guide_shows_the_run_it_promises(lab: Lab) -> None:
    done = lab.guide("langgraph", UMBRELLA)
    assert (done.stdout, done.code) == ("Take an umbrella.\n", 0), done.stderr
    run = lab.recorded()
    assert run.framework == ("langgraph", version_of(FRAMEWORK, "langgraph"))
    assert run.tree() == TREE
    assert run.tokens == (2500, 24)
    (tool,) = run.tools
    assert (tool.tool["name"], tool.arguments, tool.result) == ("get_weather", {"city": "Oslo"}, "rain in Oslo")
    assert run.run["output_preview"] == "Take an umbrella."


def test_a_node_of_a_graph_that_raises_fails_the_run_at_that_node(lab: Lab) -> None:
    code = guide_code("langgraph").replace(
        'builder.add_edge("tools", "plan")',
        'builder.add_node("check", check)\nbuilder.add_edge("tools", "check")\nbuilder.add_edge("check", "plan")',
    )
    check = "def check(state):\n    raise ValueError('the forecast is empty')\n\n"
    done = lab.run(check + code, UMBRELLA)
    assert done.code == 1
    run = lab.recorded()
    assert run.framework == ("langgraph", version_of(FRAMEWORK, "langgraph"))
    assert (run.verdict, run.run["termination"]) == ("failed", "exception")
    (tool,) = run.tools
    assert (tool.result, tool.error) == ("rain in Oslo", None)
    assert len(run.calls) == 1
    failed = [span for span in run.spans if span.name == "check"]
    assert [span.error for span in failed] == ["the forecast is empty"]


def test_a_tool_that_raises_fails_the_run_at_the_tool(lab: Lab) -> None:
    done = lab.run(BROKEN_TOOL, UMBRELLA)
    assert done.code == 1
    assert "RuntimeError: the weather station is gone" in done.stderr
    run = lab.recorded()
    assert (run.verdict, run.run["termination"]) == ("failed", "exception")
    (tool,) = run.tools
    assert tool.error == "the weather station is gone"
    assert tool.tool.get("result") is None
    assert run.path(tool) == ["LangGraph", "tools"]
    assert len(run.calls) == 1
    assert run.calls[0].error is None


def test_an_asynchronous_stream_is_one_run_with_the_same_calls(lab: Lab) -> None:
    done = lab.run(STREAMED, UMBRELLA)
    assert (done.stdout, done.code) == ("Take an umbrella.\n", 0), done.stderr
    run = lab.recorded()
    assert run.tree() == TREE.replace("plan", "model")
    assert run.tokens == (2500, 24)
    assert run.run["output_preview"] == "Take an umbrella."
    assert [request["stream"] for request in lab.requests] == [True, True]


def test_an_agent_called_by_a_tool_is_an_agent_below_that_tool(lab: Lab) -> None:
    done = lab.run(TWO_AGENTS, TWO_AGENTS_SCRIPT)
    assert (done.stdout, done.code) == ("Take an umbrella.\n", 0), done.stderr
    run = lab.recorded()
    assert run.framework[0] == "langchain"
    assert run.tokens == (100, 10)
    assert (
        run.tree()
        == """\
agent travel
  agent travel
    step model
      llm chat gpt-4o
    step tools
      tool execute_tool ask_forecaster
        agent forecaster
          step model
            llm chat gpt-4o-mini
          step tools
            tool execute_tool get_weather
          step model
            llm chat gpt-4o-mini
    step model
      llm chat gpt-4o"""
    )


def test_a_model_that_answers_with_an_error_fails_the_run_at_the_call(lab: Lab) -> None:
    script = '[[reply]]\nerror = "bad_request"\nerror_message = "context too long"\n'
    done = lab.guide("langchain", script)
    assert done.code == 1
    run = lab.recorded()
    assert run.verdict == "failed"
    (call,) = run.calls
    assert "context too long" in (call.error or "")
    assert run.path(call) == ["LangGraph", "model"]


def test_callbacks_of_the_host_are_called_as_before(lab: Lab) -> None:
    code = guide_code("langchain").replace(
        'in Oslo?"}]})',
        'in Oslo?"}]}, {"callbacks": [Host()]})',
    )
    host = """
from langchain_core.callbacks import BaseCallbackHandler

class Host(BaseCallbackHandler):
    def on_tool_start(self, serialized, input_str, **kwargs):
        print("host saw", serialized["name"])
"""
    done = lab.run(host + code, UMBRELLA)
    assert (done.stdout, done.code) == ("host saw get_weather\nTake an umbrella.\n", 0), done.stderr
    assert lab.recorded().tree() == TREE.replace("plan", "model")
