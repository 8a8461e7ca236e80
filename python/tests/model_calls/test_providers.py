"""Every package asks for the weather, runs the tool it is told to, and answers: the same facts are shown for each."""

from __future__ import annotations

import asyncio
import gc
import inspect
import json

import aiohttp
import anthropic
import boto3
import botocore.config
import cohere
import groq
import ollama
import openai
import pytest
import requests
import urllib3
from google import genai
from mistralai.client import Mistral

from .conftest import tokens

QUESTION = {"role": "user", "content": "weather?"}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOLS = [{"type": "function", "function": {"name": "get_weather", "description": "Looks.", "parameters": SCHEMA}}]


def told(message):
    """The conversation of Chat Completions once the tool has run."""
    result = {"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": "rain"}
    return [QUESTION, message, result]


def chat(create, dump=lambda message: message.model_dump(exclude_none=True), **options):
    first = dump(create(messages=[QUESTION], tools=TOOLS, temperature=0.5, **options).choices[0].message)
    return create(messages=told(first), **options).choices[0].message.content


def openai_plain(url):
    with openai.OpenAI(base_url=f"{url}/v1", api_key="secret") as client:
        return chat(client.chat.completions.create, model="m-1")


async def openai_async(url):
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="secret") as client:
        create = client.chat.completions.create
        first = await create(model="m-1", messages=[QUESTION], tools=TOOLS, temperature=0.5)
        messages = told(first.choices[0].message.model_dump(exclude_none=True))
        return (await create(model="m-1", messages=messages)).choices[0].message.content


def openai_raw(url):
    with openai.OpenAI(base_url=f"{url}/v1", api_key="secret") as client:
        raw = client.chat.completions.with_raw_response.create
        first = raw(model="m-1", messages=[QUESTION], tools=TOOLS, temperature=0.5).parse().choices[0].message
        messages = told(first.model_dump(exclude_none=True))
        with client.chat.completions.with_streaming_response.create(model="m-1", messages=messages) as response:
            return response.parse().choices[0].message.content


def openai_azure(url):
    with openai.AzureOpenAI(azure_endpoint=url, api_key="secret", api_version="2024-10-21") as client:
        return chat(client.chat.completions.create, model="m-1")


OPTIONS = {"model": "m-1", "stream": True, "stream_options": {"include_usage": True}}


def joined(chunks):
    """A stream of Chat Completions as the message it amounts to."""
    text, calls = "", {}
    for choice in (choice for chunk in chunks for choice in chunk.choices):
        text += choice.delta.content or ""
        for piece in choice.delta.tool_calls or []:
            call = calls.setdefault(piece.index, {"type": "function", "function": {"name": "", "arguments": ""}})
            call["id"] = piece.id or call["id"]
            call["function"]["name"] += piece.function.name or ""
            call["function"]["arguments"] += piece.function.arguments or ""
    return {"role": "assistant", "content": text or None, **({"tool_calls": list(calls.values())} if calls else {})}


def openai_stream(url):
    with openai.OpenAI(base_url=f"{url}/v1", api_key="secret") as client:
        create = client.chat.completions.create
        first = joined(create(messages=[QUESTION], tools=TOOLS, temperature=0.5, **OPTIONS))
        return joined(create(messages=told(first), **OPTIONS))["content"]


async def openai_stream_async(url):
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="secret") as client:
        create = client.chat.completions.create
        stream = await create(messages=[QUESTION], tools=TOOLS, temperature=0.5, **OPTIONS)
        first = joined([chunk async for chunk in stream])
        return joined([chunk async for chunk in await create(messages=told(first), **OPTIONS)])["content"]


def responses_asked(first=None):
    asked: dict = {"model": "m-1", "input": [QUESTION]}
    if first is None:
        return {**asked, "tools": [{"type": "function", "strict": False, **TOOLS[0]["function"]}], "temperature": 0.5}
    (call,) = [item for item in first.output if item.type == "function_call"]
    plain = {"type": "function_call", "call_id": call.call_id, "name": call.name, "arguments": call.arguments}
    return {
        **asked,
        "input": [QUESTION, plain, {"type": "function_call_output", "call_id": call.call_id, "output": "rain"}],
    }


def openai_responses(url):
    with openai.OpenAI(base_url=f"{url}/v1", api_key="secret") as client:
        first = client.responses.create(**responses_asked())
        return client.responses.create(**responses_asked(first)).output_text


def openai_responses_stream(url):
    with openai.OpenAI(base_url=f"{url}/v1", api_key="secret") as client:
        first = list(client.responses.create(**responses_asked(), stream=True))[-1].response
        return list(client.responses.create(**responses_asked(first), stream=True))[-1].response.output_text


async def openai_responses_async(url):
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="secret") as client:
        async with client.responses.stream(**responses_asked()) as stream:
            first = await stream.get_final_response()
        return (await client.responses.create(**responses_asked(first))).output_text


def messages_asked(first=None):
    asked = {"model": "m-1", "max_tokens": 256, "messages": [QUESTION]}
    if first is None:
        tools = [{"name": "get_weather", "description": "Looks.", "input_schema": SCHEMA}]
        return {**asked, "tools": tools, "temperature": 0.5}
    (call,) = [block for block in first if block["type"] == "tool_use"]
    result = {"type": "tool_result", "tool_use_id": call["id"], "content": "rain"}
    content = [{"type": "tool_use", "id": call["id"], "name": call["name"], "input": call["input"]}]
    turns = [{"role": "assistant", "content": content}, {"role": "user", "content": [result]}]
    return {**asked, "messages": [QUESTION, *turns]}


def blocks(message):
    return [block.model_dump() for block in message.content]


def asked_by_package(first=None):
    asked = messages_asked(first)
    temperature = asked.pop("temperature", None)  # which the package itself no longer has
    return {**asked, "extra_body": {"temperature": temperature}} if temperature is not None else asked


def anthropic_plain(url):
    with anthropic.Anthropic(base_url=url, api_key="secret") as client:
        first = client.messages.create(**asked_by_package())
        return client.messages.create(**asked_by_package(blocks(first))).content[0].text


def anthropic_stream(url):
    with anthropic.Anthropic(base_url=url, api_key="secret") as client:
        with client.messages.stream(**asked_by_package()) as stream:
            first = stream.get_final_message()
        with client.messages.stream(**asked_by_package(blocks(first))) as stream:
            return "".join(stream.text_stream)


async def anthropic_async(url):
    async with anthropic.AsyncAnthropic(base_url=url, api_key="secret") as client:
        first = await client.messages.create(**asked_by_package())
        async with client.messages.stream(**asked_by_package(blocks(first))) as stream:
            return "".join([text async for text in stream.text_stream])


def gemini_asked(call=None):
    types = genai.types
    function = {"name": "get_weather", "description": "Looks.", "parameters_json_schema": SCHEMA}
    question = types.Content(role="user", parts=[types.Part(text="weather?")])
    if call is None:
        tools = [types.Tool(function_declarations=[function])]
        config = types.GenerateContentConfig(tools=tools, temperature=0.5)
        return {"model": "m-1", "contents": [question], "config": config}
    answer = types.Part.from_function_response(name=call.name, response={"result": "rain"})
    turns = [
        types.Content(role="model", parts=[types.Part(function_call=call)]),
        types.Content(role="user", parts=[answer]),
    ]
    return {"model": "m-1", "contents": [question, *turns]}


def gemini_client(url):
    return genai.Client(api_key="secret", http_options={"base_url": url})


def gemini_plain(url):
    client = gemini_client(url)
    ask = client.models.generate_content
    return ask(**gemini_asked(ask(**gemini_asked()).function_calls[0])).text


def gemini_stream(url):
    client = gemini_client(url)
    ask = client.models.generate_content_stream
    (first,) = [call for chunk in ask(**gemini_asked()) for call in chunk.function_calls or []]
    return "".join(chunk.text or "" for chunk in ask(**gemini_asked(first)))


async def gemini_async(url):
    client = gemini_client(url).aio
    first = await client.models.generate_content(**gemini_asked())
    stream = await client.models.generate_content_stream(**gemini_asked(first.function_calls[0]))
    text = "".join([chunk.text or "" async for chunk in stream])
    await client.aclose()
    return text


def bedrock(url):
    return boto3.client(
        "bedrock-runtime",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="secret",
        aws_secret_access_key="secret",
        config=botocore.config.Config(retries={"total_max_attempts": 1}),
    )


def converse_asked(call=None):
    question = {"role": "user", "content": [{"text": "weather?"}]}
    if call is None:
        spec = {"name": "get_weather", "description": "Looks.", "inputSchema": {"json": SCHEMA}}
        more = {"toolConfig": {"tools": [{"toolSpec": spec}]}, "inferenceConfig": {"temperature": 0.5}}
        return {"modelId": "m-1", "messages": [question], **more}
    result = {"toolResult": {"toolUseId": call["toolUseId"], "content": [{"text": "rain"}]}}
    turns = [{"role": "assistant", "content": [{"toolUse": call}]}, {"role": "user", "content": [result]}]
    return {"modelId": "m-1", "messages": [question, *turns]}


def bedrock_converse(url):
    client = bedrock(url)
    first = client.converse(**converse_asked())["output"]["message"]["content"][0]["toolUse"]
    return client.converse(**converse_asked(first))["output"]["message"]["content"][0]["text"]


def bedrock_converse_stream(url):
    client = bedrock(url)
    call, arguments = {}, ""
    for event in client.converse_stream(**converse_asked())["stream"]:
        call.update(event.get("contentBlockStart", {}).get("start", {}).get("toolUse", {}))
        arguments += event.get("contentBlockDelta", {}).get("delta", {}).get("toolUse", {}).get("input", "")
    stream = client.converse_stream(**converse_asked({**call, "input": json.loads(arguments)}))["stream"]
    return "".join(event.get("contentBlockDelta", {}).get("delta", {}).get("text", "") for event in stream)


def invoked(asked):
    model = asked.pop("model")
    return {"modelId": model, "body": json.dumps({"anthropic_version": "bedrock-2023-05-31", **asked})}


def bedrock_invoke(url):
    client = bedrock(url)
    first = json.loads(client.invoke_model(**invoked(messages_asked()))["body"].read())["content"]
    return json.loads(client.invoke_model(**invoked(messages_asked(first)))["body"].read())["content"][0]["text"]


def bedrock_invoke_stream(url):
    client = bedrock(url)
    first = json.loads(client.invoke_model(**invoked(messages_asked()))["body"].read())["content"]
    stream = client.invoke_model_with_response_stream(**invoked(messages_asked(first)))["body"]
    events = [json.loads(event["chunk"]["bytes"]) for event in stream]
    return "".join(event["delta"].get("text", "") for event in events if event["type"] == "content_block_delta")


def mistral(url):
    with Mistral(api_key="secret", server_url=url) as client:
        return chat(client.chat.complete, lambda m: m.model_dump(exclude_none=True, by_alias=True), model="m-1")


def groq_plain(url):
    with groq.Groq(api_key="secret", base_url=url) as client:
        return chat(client.chat.completions.create, model="m-1")


def cohere_plain(url):
    client = cohere.ClientV2(api_key="secret", base_url=url)
    first = client.chat(model="m-1", messages=[QUESTION], tools=TOOLS, temperature=0.5).message
    return client.chat(model="m-1", messages=told(first.model_dump(exclude_none=True))).message.content[0].text


def cohere_stream(url):
    client = cohere.ClientV2(api_key="secret", base_url=url)
    first = client.chat(model="m-1", messages=[QUESTION], tools=TOOLS, temperature=0.5).message
    events = client.chat_stream(model="m-1", messages=told(first.model_dump(exclude_none=True)))
    return "".join(event.delta.message.content.text for event in events if event.type == "content-delta")


def ollama_told(message):
    return [QUESTION, message, {"role": "tool", "tool_name": "get_weather", "content": "rain"}]


def ollama_plain(url):
    client = ollama.Client(host=url)
    first = client.chat(model="m-1", messages=[QUESTION], tools=TOOLS, options={"temperature": 0.5}).message
    return client.chat(model="m-1", messages=ollama_told(first)).message.content


def ollama_stream(url):
    client = ollama.Client(host=url)
    first = list(client.chat(model="m-1", messages=[QUESTION], tools=TOOLS, options={"temperature": 0.5}, stream=True))
    (message,) = [chunk.message for chunk in first if chunk.message.tool_calls]
    return "".join(
        chunk.message.content for chunk in client.chat(model="m-1", messages=ollama_told(message), stream=True)
    )


def body(messages, **more):
    return {"model": "m-1", "messages": messages, **more}


def with_requests(url):
    def post(asked, **options):
        return requests.post(f"{url}/v1/chat/completions?key=secret", json=asked, **options)

    first = post(body([QUESTION], tools=TOOLS, temperature=0.5)).json()["choices"][0]["message"]
    text = ""
    for line in post(body(told(first), stream=True, stream_options={"include_usage": True}), stream=True).iter_lines():
        if line.startswith(b"data: {"):
            text += "".join(choice["delta"].get("content") or "" for choice in json.loads(line[6:])["choices"])
    return text


def with_urllib3(url):
    def post(asked):
        return urllib3.request("POST", f"{url}/v1/chat/completions", json=asked).json()["choices"][0]["message"]

    return post(body(told(post(body([QUESTION], tools=TOOLS, temperature=0.5)))))["content"]


async def with_aiohttp(url):
    async with aiohttp.ClientSession(base_url=url) as session:

        async def post(asked):
            async with session.post("/v1/chat/completions", json=asked) as response:
                return (await response.json())["choices"][0]["message"]

        return (await post(body(told(await post(body([QUESTION], tools=TOOLS, temperature=0.5))))))["content"]


WITH_CACHE = {"input": 1200, "output": 18, "cache_read": 1024}
PLAIN = {"input": 1200, "output": 18}
# How a package is used, what its provider reports of the first call, and whether the last answer is a stream.
WAYS = {
    openai_plain: (WITH_CACHE, False),
    openai_async: (WITH_CACHE, False),
    openai_raw: (WITH_CACHE, False),
    openai_azure: (WITH_CACHE, False),
    openai_stream: (WITH_CACHE, True),
    openai_stream_async: (WITH_CACHE, True),
    openai_responses: (WITH_CACHE, False),
    openai_responses_stream: (WITH_CACHE, True),
    openai_responses_async: (WITH_CACHE, False),
    anthropic_plain: (WITH_CACHE, False),
    anthropic_stream: (WITH_CACHE, True),
    anthropic_async: (WITH_CACHE, True),
    gemini_plain: (WITH_CACHE, False),
    gemini_stream: (WITH_CACHE, True),
    gemini_async: (WITH_CACHE, True),
    bedrock_converse: (WITH_CACHE, False),
    bedrock_converse_stream: (WITH_CACHE, True),
    bedrock_invoke: (WITH_CACHE, False),
    bedrock_invoke_stream: (WITH_CACHE, True),
    mistral: (WITH_CACHE, False),
    groq_plain: (WITH_CACHE, False),
    cohere_plain: (PLAIN, False),
    cohere_stream: (PLAIN, True),
    ollama_plain: (PLAIN, False),
    ollama_stream: (PLAIN, True),
    with_requests: (WITH_CACHE, True),
    with_urllib3: (WITH_CACHE, False),
    with_aiohttp: (WITH_CACHE, False),
}


# Of the packages themselves; some have no way to close their clients.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_call_is_shown_as_it_was_made(way, models, server):
    reported, is_stream = WAYS[way]
    agent = (lambda q: asyncio.run(way(models))) if inspect.iscoroutinefunction(way) else (lambda q: way(models))
    run = server.trace(agent, "weather?")
    assert server.result == "Take an umbrella."
    first, second = run.calls
    assert [call["model"]["request"] for call in run.calls] == ["m-1", "m-1"]
    assert [call["status"]["code"] for call in run.calls] == ["unset", "unset"]
    assert tokens(first) == reported
    assert tokens(second) == {"input": 1300, "output": 16}
    # Gemini stops, whatever for.
    assert first["finish_reason"] == ("stop" if "gemini" in way.__name__ else "tool_call")
    assert second["finish_reason"] == "stop"
    assert first["messages_in"] == [{"role": "user", "parts": [{"type": "text", "text": "weather?"}]}]
    (asked,) = [part for message in first["messages_out"] for part in message["parts"]]
    assert (asked["name"], asked["arguments"]) == ("get_weather", {"json": {"city": "Oslo"}})
    (tool,) = first["tools_offered"]
    assert (tool["name"], tool.get("description", "Looks.")) == ("get_weather", "Looks.")
    assert first["parameters"]["temperature"] == 0.5
    (said,) = [part for message in second["messages_out"] for part in message["parts"]]
    assert said == {"type": "text", "text": "Take an umbrella."}
    assert ("time_to_first_token_ns" in second) == is_stream
    (tool,) = run.tools
    assert (tool["tool"]["name"], tool["tool"]["arguments"]) == ("get_weather", {"json": {"city": "Oslo"}})
    assert tool["tool"]["result"] in ({"text": "rain"}, {"json": {"result": "rain"}})
    assert (tool["start"], tool["end"]) == (first["end"], second["start"])
    assert "secret" not in json.dumps(run.spans)
    gc.collect()


def test_embeddings_are_calls_without_a_conversation(models, server):
    def agent(question):
        with openai.OpenAI(base_url=f"{models}/v1", api_key="x") as client:
            return len(client.embeddings.create(model="e-1", input=[question, "two"]).data)

    run = server.trace(agent, "one")
    assert server.result == 2
    assert (run.call["kind"], run.call["model"]["request"]) == ("embedding", "e-1")
    assert tokens(run.call) == {"input": 7}
