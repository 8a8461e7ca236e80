# ruff: noqa: E501 - the pieces of programs
"""A program prints the same with and without tracing, whatever it is made of: a property, over programs put together
at random from pieces that show as much of themselves as they can."""

from __future__ import annotations

import ast
import contextlib
import io
import random
import re
import sys
import textwrap
import traceback

import pytest

from agent_eval.trace import ArcTracer

# What an agent may be, each with the way in which it is called. `work` is what it does.
AGENTS = {
    "function": ("def agent(q, *more, depth=1, **rest):\n    return work(q)", "agent(q)"),
    "lambda": ("agent = lambda q: work(q)", "agent(q)"),
    "partial": ("def base(a, q):\n    return work(q)\nagent = functools.partial(base, 1)", "agent(q)"),
    "coroutine": (
        "async def agent(q):\n    await asyncio.sleep(0)\n    return work(q)",
        "asyncio.run(awaited(agent, q))",
    ),
    "generator": (
        "def agent(q):\n    got = yield work(q)\n    print('got', got)\n    return 'end'",
        "driven(agent(q))",
    ),
    "async generator": (
        "async def agent(q):\n    try:\n        got = yield work(q)\n        yield got\n    finally:\n        print('left')",
        "asyncio.run(driven_async(agent(q)))",
    ),
    "callable": ("class Agent:\n    def __call__(self, q):\n        return work(q)\nagent = Agent()", "agent(q)"),
    "object": (
        "class Agent:\n    size = 3\n    def __len__(self):\n        return self.size\n    def run(self, q):\n"
        "        self.size += 1\n        return work(q)\nagent = Agent()",
        "(agent.run(q), len(agent), agent.size, isinstance(agent, Agent))",
    ),
    "method": ("class Agent:\n    def ask(self, q):\n        return work(q)\nagent = Agent().ask", "agent(q)"),
    "class method": (
        "class Agent:\n    @classmethod\n    def run(cls, q):\n        return cls.__name__, work(q)\nagent = Agent",
        "agent.run(q)",
    ),
    "class": ("class Agent:\n    def run(self, q):\n        return work(q)\nagent = Agent", "agent().run(q)"),
    "context manager": (
        "@contextlib.contextmanager\ndef agent(q):\n    print('in')\n    try:\n        yield work(q)\n    finally:\n        print('out')",
        "entered(agent(q))",
    ),
    "stream": (
        "class Stream:\n    def __init__(self, q):\n        self.left = [work(q), 2]\n    def __iter__(self):\n        return self\n"
        "    def __next__(self):\n        if not self.left:\n            raise StopIteration\n        return self.left.pop()\n"
        "def agent(q):\n    return Stream(q)",
        "list(agent(q))",
    ),
}
# What agents do.
WORKS = {
    "answers": "return q.upper()",
    "fails": "raise LookupError(q)",
    "fails with a cause": "try:\n    {}[q]\nexcept KeyError as error:\n    raise ValueError('no') from error",
    "exits": "raise SystemExit(3)",
    "thread": "out = []\nt = threading.Thread(target=lambda: out.append(q * 2))\nt.start()\nt.join()\nreturn out",
    "pool": "with concurrent.futures.ThreadPoolExecutor(2) as pool:\n    return list(pool.map(str.title, [q, 'b c'])), pool.submit(len, q).result()",
    "failing pool": "with concurrent.futures.ThreadPoolExecutor(1) as pool:\n    return repr(pool.submit(int, q).exception())",
    "context": "VAR.set(q)\nout = []\nt = threading.Thread(target=lambda: out.append(VAR.get('unset')))\nt.start()\nt.join()\nreturn out",
    "looks at itself": "return [f.name for f in traceback.extract_stack() if f.filename == '<program>'][-1]",
}
FRAME = """
import asyncio, concurrent.futures, contextlib, contextvars, functools, inspect, threading, traceback
VAR = contextvars.ContextVar("VAR")

def work(q):
{work}

async def awaited(agent, q):
    coroutine = agent(q)
    print(asyncio.iscoroutine(coroutine), inspect.isawaitable(coroutine))
    return await coroutine

def driven(generator):
    print(inspect.isgenerator(generator), next(generator))
    try:
        generator.send("x")
    except StopIteration as end:
        return end.value

async def driven_async(generator):
    return [item async for item in generator]

def entered(manager):
    with manager as given:
        return given

{agent}
agent = trace(agent)
print(callable(agent), inspect.iscoroutinefunction(agent), inspect.isgeneratorfunction(agent), inspect.isclass(agent))
print(getattr(agent, "__name__", None), agent.__class__.__name__, agent.__doc__)
try:
    print(inspect.signature(agent))
except (TypeError, ValueError) as error:
    print(error)
for q in {questions}:
    try:
        print({call})
    except BaseException as error:
        print(type(error).__name__, error, repr(error.__cause__), error.__suppress_context__)
        print([frame.name for frame in traceback.extract_tb(error.__traceback__) if frame.filename == "<program>"])
"""


def printed(program, trace):
    out = io.StringIO()
    code = compile(ast.parse(program), "<program>", "exec")
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        try:
            exec(code, {"__name__": "program", "trace": trace})
        except BaseException:
            traceback.print_exc()
    return re.sub("0x[0-9a-f]+", "0x…", out.getvalue())


def program(agent, work, seed):
    choose = random.Random(seed)
    source, call = AGENTS[agent]
    questions = [choose.choice(["weather", "a b", "", "12", "ünï"]) for _ in range(choose.randint(1, 3))]
    body = textwrap.indent(WORKS[work], "    ")
    return FRAME.format(work=body, agent=source, call=call, questions=questions)


@pytest.mark.parametrize("work", WORKS)
@pytest.mark.parametrize("agent", AGENTS)
def test_a_program_prints_the_same_with_and_without_tracing(agent, work, sink):
    text = program(agent, work, f"{agent} {work}")
    tracer = ArcTracer(agent="agent")
    plain = printed(text, lambda it: it)
    assert "Traceback" not in plain
    assert printed(text, tracer.trace_agent) == plain
    assert printed(text, lambda it: tracer.trace_agent(tracer.trace_agent(it))) == plain
    assert len(sink.runs) > 0
    assert sys.exc_info() == (None, None, None)
