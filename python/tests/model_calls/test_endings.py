"""How a call ends: with an error, after a retry, in the middle of its answer, after its run, or never."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time

import aiohttp
import anthropic
import boto3
import botocore.config
import httpx
import openai
import pytest
import requests

from agent_eval.trace import ArcTracer

from .conftest import tokens

ENDLESS = "one two three four five six seven eight nine ten"


def asked(text, **more):
    return {"model": "m", "messages": [{"role": "user", "content": text}], **more}


def with_openai(url, text, retries=0, **more):
    with openai.OpenAI(base_url=f"{url}/v1", api_key="x", max_retries=retries) as client:
        answer = client.chat.completions.create(**asked(text, **more))
        return list(answer) if more.get("stream") else answer


async def with_openai_async(url, text, retries=0, **more):
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="x", max_retries=retries) as client:
        answer = await client.chat.completions.create(**asked(text, **more))
        return [chunk async for chunk in answer] if more.get("stream") else answer


def with_anthropic(url, text, retries=0):
    with anthropic.Anthropic(base_url=url, api_key="x", max_retries=retries) as client:
        return client.messages.create(max_tokens=9, **asked(text))


def with_bedrock(url, text, retries=0):
    config = botocore.config.Config(retries={"total_max_attempts": retries + 1, "mode": "standard"})
    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "us-east-1"}
    client = boto3.client("bedrock-runtime", endpoint_url=url, config=config, **keys)
    return client.converse(modelId="m", messages=[{"role": "user", "content": [{"text": text}]}])


def with_requests(url, text, **more):
    with requests.post(f"{url}/v1/chat/completions", json=asked(text, **more), stream=True) as response:
        return [line for line in response.iter_lines() if line]


async def with_aiohttp(url, text, **more):
    target = f"{url}/v1/chat/completions"
    async with aiohttp.ClientSession() as session, session.post(target, json=asked(text, **more)) as response:
        return [line async for line in response.content]


def in_loop(way):
    return lambda *args, **more: asyncio.run(way(*args, **more))


CLIENTS = {
    "httpx": with_openai,
    "httpx async": in_loop(with_openai_async),
    "urllib3": with_requests,
    "aiohttp": in_loop(with_aiohttp),
}


@pytest.mark.parametrize("way", [with_openai, with_anthropic, with_bedrock])
def test_an_error_of_the_provider_is_the_call_s_and_reaches_the_host(way, models, server):
    run = server.trace(lambda q: way(models, q), "to the limit")
    assert isinstance(server.result, Exception)
    assert "slow down" in str(server.result)
    assert run.call["status"] == {"code": "error", "kind": "429", "message": "slow down"}
    assert run.call["attributes"]["http.response.status_code"] == 429
    assert tokens(run.call) == {}
    assert run.run["termination"] == "exception"


@pytest.mark.parametrize("way", [with_openai, in_loop(with_openai_async), with_bedrock])
def test_every_try_is_a_call_and_says_how_often_it_was_tried_before(way, models, server):
    run = server.trace(lambda q: way(models, q, retries=1), "twice")
    assert not isinstance(server.result, Exception)
    assert [call["status"]["code"] for call in run.calls] == ["error", "unset"]
    assert [call["attributes"].get("http.request.resend_count") for call in run.calls] == [None, 1]
    assert run.run["termination"] == "completed"


@pytest.mark.parametrize("name", CLIENTS)
def test_a_connection_that_breaks_is_an_error_of_the_call_and_the_host_s(name, models, server):
    def agent(question):
        return CLIENTS[name](models, question, stream=True)

    outcomes = []
    for each in (agent, None):
        try:
            outcome = each("cut") if each is not None else server.trace(agent, "cut") and server.result
        except Exception as error:
            outcome = error
        outcomes.append(outcome)
    assert [type(outcome) for outcome in outcomes] == [type(outcomes[0])] * 2
    run = server.run(server.last)
    assert run.call["status"]["code"] == "error"
    (message,) = run.call["messages_out"]
    assert ENDLESS.startswith(message["parts"][0]["text"])
    assert message["parts"][0]["text"]


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_that_is_broken_is_read_as_far_as_it_goes(stream, models, server):
    run = server.trace(lambda q: with_openai(models, q, stream=stream), "malformed")
    assert isinstance(server.result, Exception)
    assert run.call["attributes"]["arc_eval.stream_closed_early"] is True
    assert ENDLESS.startswith(run.call["messages_out"][0]["parts"][0]["text"])


def test_an_error_in_the_middle_of_a_stream_is_the_call_s(models, server):
    run = server.trace(lambda q: with_openai(models, q, stream=True), "broken off")
    assert isinstance(server.result, openai.APIError)
    assert run.call["status"]["code"] == "error"


@pytest.mark.parametrize("way", [with_openai, with_bedrock])
def test_a_server_that_is_not_there_is_an_error_of_the_call(way, server):
    run = server.trace(lambda q: way("http://127.0.0.1:9", q), "q")
    assert isinstance(server.result, Exception)
    assert (run.call["status"]["code"], run.call["model"]["request"]) == ("error", "m")
    assert "http.response.status_code" not in run.call["attributes"]


def read_a_little(name, url):
    """Reads the start of a slow stream, and leaves it."""
    more = {"stream": True, "stream_options": {"include_usage": True}}
    if name == "httpx":
        with openai.OpenAI(base_url=f"{url}/v1", api_key="x") as client:
            stream = client.chat.completions.create(**asked("slowly", **more))
            first = [next(stream), next(stream)][1].choices[0].delta.content
            stream.close()
            return first
    if name == "urllib3":
        response = requests.post(f"{url}/v1/chat/completions", json=asked("slowly", **more), stream=True)
        lines = response.iter_lines()
        chunks = [line for line in (next(lines) for _ in range(4)) if line]
        return json.loads(chunks[1][6:])["choices"][0]["delta"]["content"]

    async def main():
        target = f"{url}/v1/chat/completions"
        async with aiohttp.ClientSession() as session, session.post(target, json=asked("slowly", **more)) as response:
            chunks = [line for line in [await response.content.readline() for _ in range(4)] if line.strip()]
            return json.loads(chunks[1][6:])["choices"][0]["delta"]["content"]

    return asyncio.run(main())


@pytest.mark.parametrize("name", ["httpx", "urllib3", "aiohttp"])
def test_a_stream_left_early_is_recorded_as_far_as_it_got(name, models, server):
    run = server.trace(lambda q: read_a_little(name, models), "q")
    assert server.result
    assert run.call["attributes"]["arc_eval.stream_closed_early"] is True
    assert tokens(run.call) == {}
    assert "finish_reason" not in run.call
    text = run.call["messages_out"][0]["parts"][0]["text"]
    assert text.startswith(server.result)
    assert len(text) < len(ENDLESS)
    assert run.call["status"]["code"] == "unset"


def test_a_stream_is_handed_on_as_it_comes(models, server):
    def agent(question):
        times = []
        with openai.OpenAI(base_url=f"{models}/v1", api_key="x") as client:
            for _ in client.chat.completions.create(**asked("slowly", stream=True)):
                times.append(time.monotonic())
        return times[-1] - times[0]

    server.trace(agent, "q")
    assert server.result > 0.1


def test_a_stream_that_outlives_its_run_is_still_recorded(models, server):
    with openai.OpenAI(base_url=f"{models}/v1", api_key="x") as client:
        tracer = ArcTracer(endpoint=server.url)
        with tracer.run() as block:
            stream = tracer.trace_agent(lambda q: client.chat.completions.create(**asked(q, stream=True)))("slowly")
            assert isinstance(stream, openai.Stream)
        text = "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
    assert text == ENDLESS
    assert tracer.flush(60)
    assert server.run(block.trace_id).call["messages_out"][0]["parts"][0]["text"] == ENDLESS


def test_a_stream_nobody_ends_is_recorded_at_the_end_of_the_process(models, server):
    program = f"""
import sys
from openai import OpenAI
from agent_eval.trace import ArcTracer

def agent(question):
    stream = client.chat.completions.create(model="m", stream=True, messages=[{{"role": "user", "content": question}}])
    next(stream), next(stream)
    kept.append(stream)

kept = []
client = OpenAI(base_url="{models}/v1", api_key="x")
tracer = ArcTracer()
with tracer.run() as block:
    tracer.trace_agent(agent)("slowly")
print(block.trace_id)
"""
    environment = {**os.environ, "ARC_EVAL_ENDPOINT": server.url}
    done = subprocess.run([sys.executable, "-c", program], env=environment, check=True, capture_output=True, text=True)
    run = server.run(done.stdout.strip())
    assert run.call["attributes"]["arc_eval.stream_closed_early"] is True
    assert ENDLESS.startswith(run.call["messages_out"][0]["parts"][0]["text"])


def test_without_content_only_facts_leave_the_process(models, server):
    def agent(question):
        tools = [{"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}]
        with openai.OpenAI(base_url=f"{models}/v1", api_key="x") as client:
            message = client.chat.completions.create(**asked(question, tools=tools)).choices[0].message
            messages = [message.model_dump(exclude_none=True)]
            messages.append({"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "rain"})
            client.chat.completions.create(model="m", messages=messages)
        raise LookupError(f"about {question}")

    run = server.trace(agent, "the weather in private", capture_content=False)
    shown = json.dumps([run.run, run.spans])
    for content in ("private", "Oslo", "umbrella", "rain"):
        assert content not in shown
    assert [tokens(call)["input"] for call in run.calls] == [1200, 1300]
    assert run.tools[0]["tool"]["name"] == "get_weather"
    assert run.spans[0]["status"]["kind"] == "LookupError"


def test_requests_that_ask_no_model_are_no_calls(models, server):
    def agent(question):
        with openai.OpenAI(base_url=f"{models}/v1", api_key="x") as client:
            client.models.list()
        client = anthropic.Anthropic(base_url=models, api_key="x", max_retries=0)
        with client, contextlib.suppress(anthropic.NotFoundError):
            client.messages.count_tokens(model="m", messages=[{"role": "user", "content": "q"}])
        requests.post(f"{models}/survey/responses", json={"answers": []})
        requests.post(f"{models}/api/messages", json={"messages": ["a mail"]})
        requests.post(f"{models}/v1/messages", data={"max_tokens": "a form"})

    assert server.trace(agent, "q").calls == []


def test_calls_outside_a_run_are_not_recorded(models, sink, tracer):
    tracer.trace_agent(lambda q: q)("q")
    with_openai(models, "slowly")
    assert [span for span in sink.received if "arc_eval.http.url" in span.attributes] == []


def test_a_client_over_another_one_is_one_call(models, server):
    class Through(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request):
            async with (
                aiohttp.ClientSession() as session,
                session.post(
                    str(request.url), data=request.content, headers={"content-type": "application/json"}
                ) as response,
            ):
                return httpx.Response(response.status, content=await response.read())

    async def agent(question):
        async with httpx.AsyncClient(transport=Through()) as client:
            return (await client.post(f"{models}/v1/chat/completions", json=asked(question))).json()

    tracer = ArcTracer(endpoint=server.url)
    with tracer.run() as block:
        asyncio.run(tracer.trace_agent(agent)("slowly"))
    assert tracer.flush(60)
    assert tokens(server.run(block.trace_id).call) == {"input": 5, "output": 10}
