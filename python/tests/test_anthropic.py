"""The real `anthropic` package against the scripted server: the same promises as for `openai`."""

from __future__ import annotations

import asyncio
import inspect

import anthropic
import pytest

SCRIPT = """
[[reply]]
match = { contains = "balance", last_role = "user" }
text = "Let me look."
tool_calls = [{ name = "get_balance", arguments = { account = 7 } }, { name = "get_rate", arguments = {} }]
usage = { input = 1500, output = 30, cached = 1000, cache_write = 200 }

[[reply]]
match = { last_role = "tool" }
text = "You have 12 euros."
usage = { input = 1600, output = 9, cached = 1200 }
"""

OPTIONS = {"model": "claude-test-1", "max_tokens": 256}
FIRST = {
    "system": "Be brief.",
    "tools": [
        {
            "name": "get_balance",
            "description": "Asks the bank.",
            "input_schema": {"type": "object", "properties": {"account": {"type": "integer"}}},
        }
    ],
    "stop_sequences": ["END"],
    "messages": [{"role": "user", "content": "balance?"}],
    **OPTIONS,
}


@pytest.fixture
def url(scripted):
    return scripted(SCRIPT)


def follow_up(content):
    calls = [block for block in content if block.type == "tool_use"]
    results = [
        {"type": "tool_result", "tool_use_id": calls[0].id, "content": [{"type": "text", "text": "12 EUR"}]},
        {"type": "tool_result", "tool_use_id": calls[1].id, "content": "no such table", "is_error": True},
    ]
    plain = [block.model_dump(include={"type", "text", "id", "name", "input"}) for block in content]
    return {
        "messages": [*FIRST["messages"], {"role": "assistant", "content": plain}, {"role": "user", "content": results}],
        **OPTIONS,
    }


def plain(client):
    first = client.messages.create(**FIRST)
    return client.messages.create(**follow_up(first.content)).content[0].text


def helper(client):
    with client.messages.stream(**FIRST) as stream:
        first = stream.get_final_message()
    with client.messages.stream(**follow_up(first.content)) as stream:
        return "".join(stream.text_stream)


def events(client):
    with client.messages.stream(**FIRST) as stream:
        content = stream.get_final_message().content
    text = ""
    for event in client.messages.create(**follow_up(content), stream=True):
        if event.type == "content_block_delta":
            text += event.delta.text
    return text


def raw(client):
    first = client.messages.with_raw_response.create(**FIRST).parse()
    return client.messages.create(**follow_up(first.content)).content[0].text


async def plain_async(client):
    first = await client.messages.create(**FIRST)
    return (await client.messages.create(**follow_up(first.content))).content[0].text


async def helper_async(client):
    async with client.messages.stream(**FIRST) as stream:
        first = await stream.get_final_message()
    async with client.messages.stream(**follow_up(first.content)) as stream:
        return "".join([text async for text in stream.text_stream])


@pytest.mark.parametrize("way", [plain, helper, events, raw, plain_async, helper_async])
def test_messages_are_recorded_exactly(way, url, tracer, sink):
    if inspect.iscoroutinefunction(way):

        async def agent(question):
            async with anthropic.AsyncAnthropic(base_url=url, api_key="x") as client:
                return await way(client)

        text = asyncio.run(tracer.trace_agent(agent)("balance?"))
    else:

        def agent(question):
            with anthropic.Anthropic(base_url=url, api_key="x") as client:
                return way(client)

        text = tracer.trace_agent(agent)("balance?")
    assert text == "You have 12 euros."
    assert tracer.flush(60)
    first, second = sink.calls
    assert first["gen_ai.provider.name"] == "anthropic"
    assert (first["gen_ai.request.model"], first["gen_ai.request.max_tokens"]) == ("claude-test-1", 256)
    assert first["gen_ai.request.stop_sequences"] == ["END"]
    assert first.json("gen_ai.system_instructions") == [{"type": "text", "content": "Be brief."}]
    assert first.json("gen_ai.tool.definitions") == [
        {
            "type": "function",
            "name": "get_balance",
            "description": "Asks the bank.",
            "parameters": FIRST["tools"][0]["input_schema"],
        }
    ]
    assert first.tokens == {
        "input_tokens": 1500,
        "output_tokens": 30,
        "cache_read.input_tokens": 1000,
        "cache_creation.input_tokens": 200,
    }
    assert first.json("arc_eval.usage.raw")["input_tokens"] == 300
    assert second.tokens == {"input_tokens": 1600, "output_tokens": 9, "cache_read.input_tokens": 1200}
    assert first["gen_ai.response.finish_reasons"] == ["tool_use"]
    assert second["gen_ai.response.finish_reasons"] == ["end_turn"]
    parts = first.json("gen_ai.output.messages")[0]["parts"]
    assert parts[0] == {"type": "text", "content": "Let me look."}
    assert [(part["name"], part["arguments"]) for part in parts[1:]] == [
        ("get_balance", {"account": 7}),
        ("get_rate", {}),
    ]
    assert [message["role"] for message in second.json("gen_ai.input.messages")] == ["user", "assistant", "tool"]
    balance, rate = sink.tools
    assert balance.json("gen_ai.tool.call.arguments") == {"account": 7}
    assert balance["gen_ai.tool.call.result"] == "12 EUR"
    assert (balance.is_error, rate.is_error) == (False, True)
    assert (rate["gen_ai.tool.name"], rate["error.type"]) == ("get_rate", "tool_error")
    assert rate.status["message"] == "no such table"
    for tool in sink.tools:
        assert (tool.start, tool.end) == (first.end, second.start)


def test_a_stream_left_early_has_no_output_count(url, tracer, sink):
    @tracer.trace_agent
    def agent(question):
        with anthropic.Anthropic(base_url=url, api_key="x") as client, client.messages.stream(**FIRST) as stream:
            for event in stream:
                if event.type == "text":
                    return event.text
        return None

    assert agent("q")
    assert tracer.flush(60)
    (call,) = sink.calls
    assert call["arc_eval.stream_closed_early"] is True
    assert call.tokens["input_tokens"] == 1500
    assert "output_tokens" not in call.tokens
    assert call["gen_ai.response.time_to_first_chunk"] > 0


def test_an_overloaded_provider_is_an_error_of_each_attempt(scripted, tracer, sink):
    url = scripted('[[reply]]\nerror = "overloaded"\nretry_after_ms = 1')

    @tracer.trace_agent
    def agent(question):
        with anthropic.Anthropic(base_url=url, api_key="x", max_retries=1) as client:
            client.messages.create(**FIRST)

    with pytest.raises(anthropic.APIStatusError):
        agent("q")
    assert tracer.flush(60)
    assert [(call.is_error, call["error.type"]) for call in sink.calls] == [(True, "529"), (True, "529")]


def test_counting_tokens_is_no_model_call(scripted, tracer, sink):
    url = scripted('[[reply]]\ntext = "x"')

    @tracer.trace_agent
    def agent(question):
        with anthropic.Anthropic(base_url=url, api_key="x", max_retries=0) as client:
            client.messages.count_tokens(model="m", messages=FIRST["messages"])

    with pytest.raises(anthropic.NotFoundError):
        agent("q")
    assert tracer.flush(60)
    assert sink.calls == []
