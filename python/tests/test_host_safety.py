"""Every internal function is made to fail in turn: the host program must not notice."""

from __future__ import annotations

import asyncio
import concurrent.futures
import importlib
import inspect
import pkgutil
import threading

import aiohttp
import openai
import pytest
import requests

import agent_eval
import agent_eval._clients
from agent_eval import _guard
from agent_eval.trace import ArcTracer

SCRIPT = """
[[reply]]
match = { last_role = "user" }
tool_calls = [{ name = "look", arguments = { at = "it" } }]

[[reply]]
match = { last_role = "tool" }
text = "It is blue."
"""


def modules(package):
    found = [
        importlib.import_module(f"{package.__name__}.{each.name}") for each in pkgutil.iter_modules(package.__path__)
    ]
    # The native part fails through what calls it; the frameworks' hooks have tests of their own.
    return [module for module in found if module.__name__ not in ("agent_eval._core", "agent_eval._frameworks")]


MODULES = [*modules(agent_eval), *modules(agent_eval._clients)]

# The outermost layer: what stands between host and guard cannot itself be guarded. It is only hand-over code.
OUTERMOST = {
    "_guard.attempt",
    "_carry._in_run",
    "_clients._aiohttp._Buffer.popleft",
    "_clients._aiohttp._request_traced",
    "_clients._httpx._Tee.__del__",
    "_clients._httpx._Tee.__iter__",
    "_clients._httpx._Tee._self_over",
    "_clients._httpx._Tee.close",
    "_clients._httpx._send_traced",
    "_clients._seam.is_watched",
    "_clients._urllib3._send",
    "_results.TracedResult.__del__",
    "_results.TracedResult.__enter__",
    "_results.TracedResult.__iter__",
    "_results.TracedResult.__next__",
    "_results.TracedResult._self_going",
    "_steps.Steps.__init__",
    "_steps.Steps.step",
    "_steps.TracedAsyncGenerator.__aiter__",
    "_steps.TracedAsyncGenerator.__anext__",
    "_steps.TracedContext.__enter__",
    "_steps.TracedContext.__exit__",
    "_steps.TracedCoroutine.__await__",
    "_steps.TracedGenerator.__iter__",
    "_steps.TracedGenerator.__next__",
    "_steps._AsyncStep.__await__",
    "_steps._AsyncStep.__init__",
    "_steps._AsyncStep.__next__",
    "_steps._AsyncStep._self_go",
    "_steps._AsyncStep.send",
    "_steps._Awaiting.__init__",
    "_steps._Awaiting.__next__",
    "_steps._Items.__init__",
    "_steps._Resumable._self_go",
    "_steps._Resumable.close",
    "_steps._Resumable.send",
    "_steps._Resumable.throw",
    "_steps._Stepwise.__del__",
    "_steps._Stepwise.__init__",
    "_wrap.TracedObject.__getattr__",
    "_wrap._Call.__call__",
    "_wrap._Call.__init__",
    "_wrap._starts_later",
    "trace.ArcTracer.flush",
    "trace.ArcTracer.record_outcome",
    "trace.ArcTracer.run",
    "trace.ArcTracer.trace_agent",
    "trace.RunBlock.__enter__",
    "trace.RunBlock.__exit__",
    "trace.RunBlock.__init__",
}


def internal_functions():
    for module in MODULES:
        short = module.__name__.removeprefix("agent_eval.")
        for name, value in vars(module).items():
            if inspect.isfunction(value) and value.__module__ == module.__name__:
                yield f"{short}.{name}", module, name
            elif (
                inspect.isclass(value)
                and value.__module__ == module.__name__
                and "Protocol" not in str(value.__bases__)
            ):
                for method, function in vars(value).items():
                    if inspect.isfunction(function) and function.__code__.co_filename == module.__file__:
                        yield f"{short}.{name}.{method}", value, method


FUNCTIONS = {label: (owner, name) for label, owner, name in internal_functions()}


class Object:
    def __init__(self, client):
        self.client = client

    def invoke(self, question):
        return ask(self.client, question)


class BoomError(Exception):
    pass


def ask(client, question):
    asked = [{"role": "user", "content": question}]
    first = client.chat.completions.create(model="m", messages=asked).choices[0].message
    answer = {"role": "tool", "tool_call_id": first.tool_calls[0].id, "content": "seen"}
    asked += [first.model_dump(exclude_none=True), answer]
    chunks = client.chat.completions.create(model="m", messages=asked, stream=True)
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def stream(question):
    yield "a"
    yield "b"


async def stream_async(question):
    yield "a"
    yield "b"


async def answer_async(question):
    await asyncio.sleep(0)
    return question


class Stream:
    def __init__(self, items):
        self.items = iter(items)

    def __iter__(self):
        return self

    def __next__(self):
        return next(self.items)

    def __enter__(self):
        return self

    def __exit__(self, *raised):
        return None


def in_threads(question):
    found = []
    thread = threading.Thread(target=lambda: found.append(question))
    thread.start()
    thread.join()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        return found + list(pool.map(str.upper, found))


def by_other_libraries(url):
    body = {"model": "m", "messages": [{"role": "user", "content": "what colour?"}]}

    async def main():
        async with aiohttp.ClientSession() as session, session.post(url, json=body) as response:
            return (await response.json())["choices"][0]["finish_reason"]

    return requests.post(url, json=body).json()["choices"][0]["finish_reason"], asyncio.run(main())


def failing(question):
    raise BoomError("b")


def host(client, tracer):
    """A host program on the main paths; returns everything it can observe."""
    seen = []
    with tracer.run(task="t", trial=1):
        seen.append(tracer.trace_agent(Object(client)).invoke("what colour?"))
        tracer.record_outcome(True, source="check")
    seen.append(list(tracer.trace_agent(stream)("q")))
    opened = tracer.trace_agent(stream)("q")
    seen.append(next(opened))
    opened.close()

    async def main():
        seen.append(await tracer.trace_agent(answer_async)("q"))
        seen.append([item async for item in tracer.trace_agent(stream_async)("q")])
        async with openai.AsyncOpenAI(base_url=str(client.base_url), api_key="x") as other:
            traced = tracer.trace_agent(
                lambda q: other.chat.completions.create(model="m", messages=[{"role": "user", "content": q}])
            )
            seen.append((await traced("q")).choices[0].finish_reason)

    asyncio.run(main())
    seen.append(tracer.trace_agent(in_threads)("q"))
    seen.append(tracer.trace_agent(by_other_libraries)(f"{client.base_url}chat/completions"))
    seen.append(list(tracer.trace_agent(lambda q: Stream(q))("ab")))
    with tracer.trace_agent(lambda q: Stream(q))("c") as entered:
        seen.append(next(entered))
    try:
        tracer.trace_agent(failing)("q")
    except BoomError as error:
        seen.append((str(error), error.__cause__, error.__context__))
    tracer.flush(1)
    return seen


EXPECTED = ["It is blue.", ["a", "b"], "a", "q", ["a", "b"], "tool_calls", ["q", "Q"]]
EXPECTED += [("tool_calls", "tool_calls"), ["a", "b"], "c", ("b", None, None)]


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    import subprocess

    from conftest import binary

    file = tmp_path_factory.mktemp("script") / "script.toml"
    file.write_text(SCRIPT)
    command = [binary("scripted-llm", "SCRIPTED_LLM"), "--script", str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        url = server.stdout.readline().split()[-1]
        with openai.OpenAI(base_url=f"{url}/v1", api_key="x") as client:
            yield client
        server.terminate()


def test_the_host_program_itself_is_as_expected(client, sink):
    assert host(client, ArcTracer()) == EXPECTED
    assert len(sink.runs) == 11
    assert _guard.failures == 0


def test_the_outermost_layer_names_only_functions_there_are():
    assert set(FUNCTIONS) >= OUTERMOST


@pytest.mark.parametrize("label", sorted(set(FUNCTIONS) - OUTERMOST))
def test_the_host_does_not_notice_that_an_internal_function_fails(label, client, sink, monkeypatch):
    tracer = ArcTracer()
    owner, name = FUNCTIONS[label]

    def broken(*args, **kwargs):
        raise RuntimeError(f"{label} is broken")

    with monkeypatch.context() as patched:
        patched.setattr(owner, name, broken)
        assert host(client, tracer) == EXPECTED


def test_a_broken_logging_set_up_does_not_reach_the_host(client, sink, monkeypatch):
    def broken(*args, **kwargs):
        raise RuntimeError("no log")

    monkeypatch.setattr(_guard.logger(), "warning", broken)
    monkeypatch.setattr(_guard.logger(), "debug", broken)
    monkeypatch.setattr(ArcTracer, "begin", broken)
    assert host(client, ArcTracer()) == EXPECTED
