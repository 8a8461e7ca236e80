"""The real `openai` package against the scripted server: what it gets is unchanged, what it did is recorded exactly."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys

import httpx
import openai
import pytest

SCRIPT = """
[[reply]]
match = { contains = "weather", last_role = "user" }
tool_calls = [{ name = "get_weather", arguments = { city = "Oslo" } }, { name = "get_time", arguments = "{broken" }]
usage = { input = 1200, output = 18, cached = 1024 }

[[reply]]
match = { last_role = "tool" }
text = "Take an umbrella."
usage = { input = 1300, output = 16, cached = 1152, reasoning = 12 }
"""

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Looks out of the window.",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        },
    }
]
FLAT_TOOLS = [{"type": "function", "strict": False, **TOOLS[0]["function"]}]


@pytest.fixture
def url(scripted):
    return scripted(SCRIPT) + "/v1"


@pytest.fixture
def client(url):
    with openai.OpenAI(base_url=url, api_key="secret", max_retries=2) as client:
        yield client


def in_async_client(url, work):
    async def main():
        async with openai.AsyncOpenAI(base_url=url, api_key="secret", max_retries=2) as client:
            return await work(client)

    return main()


def follow_up(message):
    results = ["rain", [{"type": "text", "text": "12"}, {"type": "text", "text": "00"}]]
    return [
        {"role": "user", "content": "weather?"},
        message,
        *(
            {"role": "tool", "tool_call_id": call["id"], "content": result}
            for call, result in zip(message["tool_calls"], results, strict=True)
        ),
    ]


def chat(client):
    asked = [{"role": "user", "content": "weather?"}]
    first = client.chat.completions.create(
        model="gpt-4o", messages=asked, tools=TOOLS, temperature=0.5, max_completion_tokens=99, stop="END"
    )
    message = first.choices[0].message.model_dump(exclude_none=True)
    return client.chat.completions.create(model="gpt-4o", messages=follow_up(message)).choices[0].message.content


def chat_stream(client):
    options = {"model": "gpt-4o", "stream": True, "stream_options": {"include_usage": True}}
    calls: dict[int, dict] = {}
    with client.chat.completions.create(
        messages=[{"role": "user", "content": "weather?"}],
        tools=TOOLS,
        temperature=0.5,
        max_completion_tokens=99,
        stop="END",
        **options,
    ) as stream:
        for chunk in stream:
            for piece in chunk.choices[0].delta.tool_calls or [] if chunk.choices else []:
                call = calls.setdefault(
                    piece.index, {"id": piece.id, "type": "function", "function": {"arguments": ""}}
                )
                if piece.function.name:
                    call["function"]["name"] = piece.function.name
                call["function"]["arguments"] += piece.function.arguments or ""
    message = {"role": "assistant", "tool_calls": [calls[index] for index in sorted(calls)]}
    chunks = client.chat.completions.create(messages=follow_up(message), **options)
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def chat_raw(client):
    raw = client.chat.completions.with_raw_response.create(
        model="gpt-4o",
        messages=[{"role": "user", "content": "weather?"}],
        tools=TOOLS,
        temperature=0.5,
        max_completion_tokens=99,
        stop="END",
    )
    assert raw.status_code == 200
    message = raw.parse().choices[0].message.model_dump(exclude_none=True)
    with client.chat.completions.with_streaming_response.create(model="gpt-4o", messages=follow_up(message)) as raw:
        return raw.parse().choices[0].message.content


def chat_helper(client):
    with client.chat.completions.stream(
        model="gpt-4o",
        messages=[{"role": "user", "content": "weather?"}],
        tools=TOOLS,
        temperature=0.5,
        max_completion_tokens=99,
        stop="END",
        stream_options={"include_usage": True},
    ) as stream:
        message = stream.get_final_completion().choices[0].message.to_dict(mode="json")
    message = {
        "role": "assistant",
        "tool_calls": [{k: v for k, v in c.items() if k != "index"} for c in message["tool_calls"]],
    }
    with client.chat.completions.stream(
        model="gpt-4o", messages=follow_up(message), stream_options={"include_usage": True}
    ) as stream:
        return stream.get_final_completion().choices[0].message.content


async def chat_async(client):
    first = await client.chat.completions.create(
        model="gpt-4o",
        messages=[{"role": "user", "content": "weather?"}],
        tools=TOOLS,
        temperature=0.5,
        max_completion_tokens=99,
        stop="END",
    )
    message = first.choices[0].message.model_dump(exclude_none=True)
    text = ""
    stream = await client.chat.completions.create(
        model="gpt-4o", messages=follow_up(message), stream=True, stream_options={"include_usage": True}
    )
    async for chunk in stream:
        text += chunk.choices[0].delta.content or "" if chunk.choices else ""
    return text


CHATS = {
    "plain": lambda url, client: chat(client),
    "stream": lambda url, client: chat_stream(client),
    "raw": lambda url, client: chat_raw(client),
    "helper": lambda url, client: chat_helper(client),
    "async": lambda url, client: in_async_client(url, chat_async),
}


def call_traced(tracer, way, url, client):
    """Calls the agent; async ones in an event loop of their own."""
    if way == "async":
        return asyncio.run(tracer.trace_agent(lambda q: CHATS[way](url, client))("weather?"))
    return tracer.trace_agent(lambda q: CHATS[way](url, client))("weather?")


@pytest.mark.parametrize("way", CHATS)
def test_chat_completions_are_recorded_exactly(way, url, client, tracer, sink):
    assert call_traced(tracer, way, url, client) == "Take an umbrella."
    assert tracer.flush(60)
    first, second = sink.calls
    assert first["gen_ai.provider.name"] == "openai"
    assert (first["gen_ai.request.model"], first["gen_ai.response.model"]) == ("gpt-4o", "gpt-4o")
    assert first["gen_ai.request.temperature"] == 0.5
    assert first["gen_ai.request.max_tokens"] == 99
    assert first["gen_ai.request.stop_sequences"] == ["END"]
    assert first["gen_ai.response.finish_reasons"] == ["tool_calls"]
    assert first["gen_ai.response.id"] != second["gen_ai.response.id"]
    assert first.tokens == {"input_tokens": 1200, "output_tokens": 18, "cache_read.input_tokens": 1024}
    assert second.tokens == {
        "input_tokens": 1300,
        "output_tokens": 16,
        "cache_read.input_tokens": 1152,
        "reasoning.output_tokens": 12,
    }
    (definition,) = first.json("gen_ai.tool.definitions")
    assert definition == {"type": "function", **TOOLS[0]["function"]}
    assert first.json("gen_ai.input.messages") == [{"role": "user", "parts": [{"type": "text", "content": "weather?"}]}]
    (message,) = first.json("gen_ai.output.messages")
    assert [(part["name"], part["arguments"]) for part in message["parts"]] == [
        ("get_weather", {"city": "Oslo"}),
        ("get_time", "{broken"),
    ]
    assert [m["role"] for m in second.json("gen_ai.input.messages")] == ["user", "assistant", "tool", "tool"]
    assert second.json("gen_ai.output.messages") == [
        {"role": "assistant", "parts": [{"type": "text", "content": "Take an umbrella."}], "finish_reason": "stop"}
    ]
    run = sink.run
    assert [call.parent for call in sink.calls] == [run.id, run.id]
    assert run.payload("arc_eval.output") == "Take an umbrella."
    weather, clock = sink.tools
    assert (weather["gen_ai.tool.name"], clock["gen_ai.tool.name"]) == ("get_weather", "get_time")
    assert weather.json("gen_ai.tool.call.arguments") == {"city": "Oslo"}
    assert clock["gen_ai.tool.call.arguments"] == "{broken"
    assert (weather["gen_ai.tool.call.result"], clock["gen_ai.tool.call.result"]) == ("rain", "12\n00")
    assert weather["gen_ai.tool.call.id"] != clock["gen_ai.tool.call.id"]
    for tool in sink.tools:
        assert (tool.start, tool.end, tool.parent) == (first.end, second.start, run.id)
        assert tool["arc_eval.derived"] is True
        assert not tool.is_error
    secrets = json.dumps([span.raw for span in sink.received])
    assert "secret" not in secrets


def test_only_streams_have_a_time_to_the_first_token(url, client, tracer, sink):
    call_traced(tracer, "stream", url, client)
    call_traced(tracer, "plain", url, client)
    assert tracer.flush(60)
    times = [call.get("gen_ai.response.time_to_first_chunk") for call in sorted(sink.calls, key=lambda c: c.start)]
    assert all(0 < time < 5 for time in times[:2])
    assert times[2:] == [None, None]


def responses(client):
    asked = [{"role": "user", "content": "weather?"}]
    first = client.responses.create(
        model="gpt-5", instructions="Be brief.", input=asked, tools=FLAT_TOOLS, max_output_tokens=99
    )
    return client.responses.create(model="gpt-5", input=answered(asked, first)).output_text


def answered(asked, response):
    calls = [item for item in response.output if item.type == "function_call"]
    outputs = [
        {"type": "function_call_output", "call_id": call.call_id, "output": result}
        for call, result in zip(calls, ["rain", "12:00"], strict=True)
    ]
    plain = [
        {"type": "function_call", "call_id": call.call_id, "name": call.name, "arguments": call.arguments}
        for call in calls
    ]
    return [*asked, *plain, *outputs]


def responses_stream(client):
    asked = [{"role": "user", "content": "weather?"}]
    options = {"model": "gpt-5", "stream": True}
    events = list(
        client.responses.create(
            instructions="Be brief.", input=asked, tools=FLAT_TOOLS, max_output_tokens=99, **options
        )
    )
    text = ""
    for event in client.responses.create(input=answered(asked, events[-1].response), **options):
        text += event.delta if event.type == "response.output_text.delta" else ""
    return text


async def responses_async(client):
    asked = [{"role": "user", "content": "weather?"}]
    async with client.responses.stream(
        model="gpt-5", instructions="Be brief.", input=asked, tools=FLAT_TOOLS, max_output_tokens=99
    ) as stream:
        first = await stream.get_final_response()
    return (await client.responses.create(model="gpt-5", input=answered(asked, first))).output_text


@pytest.mark.parametrize("way", ["plain", "stream", "async"])
def test_responses_are_recorded_exactly(way, url, client, tracer, sink):
    if way == "async":
        text = asyncio.run(tracer.trace_agent(lambda q: in_async_client(url, responses_async))("q"))
    else:
        text = tracer.trace_agent(lambda q: (responses if way == "plain" else responses_stream)(client))("q")
    assert text == "Take an umbrella."
    assert tracer.flush(60)
    first, second = sink.calls
    assert first.json("gen_ai.system_instructions") == [{"type": "text", "content": "Be brief."}]
    assert first["gen_ai.request.max_tokens"] == 99
    assert first.json("gen_ai.tool.definitions")[0]["name"] == "get_weather"
    assert first["gen_ai.response.finish_reasons"] == ["tool_calls"]
    assert second["gen_ai.response.finish_reasons"] == ["stop"]
    assert first.tokens == {"input_tokens": 1200, "output_tokens": 18, "cache_read.input_tokens": 1024}
    assert second.tokens["reasoning.output_tokens"] == 12
    assert [part["type"] for part in first.json("gen_ai.output.messages")[0]["parts"]] == ["tool_call", "tool_call"]
    assert second.json("gen_ai.output.messages")[0]["parts"][-1] == {"type": "text", "content": "Take an umbrella."}
    assert [(t["gen_ai.tool.name"], t["gen_ai.tool.call.result"]) for t in sink.tools] == [
        ("get_weather", "rain"),
        ("get_time", "12:00"),
    ]


def test_calls_without_a_result_have_an_unknown_one(client, tracer, sink):
    @tracer.trace_agent
    def agent(question):
        client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": question}], tools=TOOLS)
        raise LookupError("the tool is gone")

    with pytest.raises(LookupError):
        agent("weather?")
    assert tracer.flush(60)
    assert [tool["gen_ai.tool.name"] for tool in sink.tools] == ["get_weather", "get_time"]
    for tool in sink.tools:
        assert tool.get("gen_ai.tool.call.result") is None
        assert tool.end == sink.run.end


def test_a_stream_left_early_is_recorded_as_far_as_it_got(client, tracer, sink):
    @tracer.trace_agent
    def agent(question):
        messages = [{"role": "tool", "tool_call_id": "x", "content": "rain"}]
        stream = client.chat.completions.create(
            model="gpt-4o", messages=messages, stream=True, stream_options={"include_usage": True}
        )
        for chunk in stream:
            if chunk.choices and chunk.choices[0].delta.content:
                stream.close()
                return chunk.choices[0].delta.content
        return None

    start = agent("q")
    assert start
    assert tracer.flush(60)
    (call,) = sink.calls
    assert call["arc_eval.stream_closed_early"] is True
    assert call.tokens == {}
    assert call.get("gen_ai.response.finish_reasons") is None
    assert call.json("gen_ai.output.messages")[0]["parts"][0]["content"].startswith(start)


def test_calls_outside_a_run_are_not_recorded(client, tracer, sink):
    tracer.trace_agent(lambda q: q)("q")
    client.chat.completions.create(model="m", messages=[{"role": "user", "content": "weather?"}])
    client.models.list()
    assert tracer.flush(60)
    assert sink.calls == []


def test_without_content_capture_only_facts_leave_the_process(client, sink):
    from agent_eval.trace import ArcTracer

    tracer = ArcTracer(endpoint=sink.url, capture_content=False)

    @tracer.trace_agent
    def agent(question):
        chat(client)
        raise LookupError(f"about {question}")

    with pytest.raises(LookupError):
        agent("weather?")
    assert tracer.flush(60)
    sent = json.dumps([span.raw for span in sink.received])
    for content in ("weather?", "Oslo", "umbrella", "rain"):
        assert content not in sent
    assert sink.calls[0].tokens["input_tokens"] == 1200
    assert sink.tools[0]["gen_ai.tool.name"] == "get_weather"
    assert sink.run["error.type"] == "LookupError"


def test_clients_on_the_older_http_library_are_seen_too(url, tracer, sink):
    @tracer.trace_agent
    def agent(question):
        with httpx.Client() as client:
            body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "weather?"}]}
            with client.stream("POST", f"{url}/chat/completions", json=body) as response:
                return json.loads(response.read())["choices"][0]["finish_reason"]

    assert agent("q") == "tool_calls"
    assert tracer.flush(60)
    assert sink.calls[0].tokens["input_tokens"] == 1200


def test_a_stream_that_outlives_its_run_is_still_recorded(client, tracer, sink):
    messages = [{"role": "tool", "tool_call_id": "x", "content": "rain"}]
    agent = tracer.trace_agent(lambda q: client.chat.completions.create(model="m", messages=messages, stream=True))
    stream = agent("q")
    assert isinstance(stream, openai.Stream)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices) == "Take an umbrella."
    assert tracer.flush(60)
    (call,) = sink.calls
    assert (call.parent, call.trace) == (sink.run.id, sink.run.trace)
    assert call.json("gen_ai.output.messages")[0]["parts"][0]["content"] == "Take an umbrella."


def test_a_stream_nobody_ends_is_recorded_at_the_end_of_the_process(url, sink):
    program = """
import sys
from openai import OpenAI
from agent_eval.trace import trace_agent

def agent(question):
    messages = [{"role": "tool", "tool_call_id": "x", "content": "rain"}]
    stream = client.chat.completions.create(model="m", messages=messages, stream=True)
    next(stream)
    return stream

client = OpenAI(base_url=sys.argv[1], api_key="x")
kept = trace_agent(agent)("q")
"""
    environment = {**os.environ, "ARC_EVAL_ENDPOINT": sink.url}
    subprocess.run([sys.executable, "-c", program, url], env=environment, check=True)
    (call,) = sink.calls
    assert call["arc_eval.stream_closed_early"] is True
