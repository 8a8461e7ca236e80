"""The agents of the crash matrix: ``python agents.py ROW TAG``. Each looks something up, then ends in its own way.

They are programs as people write them: the `openai` package, a traced function, nothing that helps the recording.
What is to be seen of each is said in ``rows.py``.
"""

from __future__ import annotations

import asyncio
import ctypes
import functools
import gc
import os
import pathlib
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import openai

try:
    from agent_eval.trace import ArcTracer
except ImportError:  # the rows of `arc-eval run` know nothing of us
    ArcTracer = None  # type: ignore[assignment,misc]

ROW, TAG = sys.argv[1:3]


@functools.cache
def client() -> openai.OpenAI:
    return openai.OpenAI(max_retries=0, timeout=120)


def ask(text: str) -> str:
    """One model call. The scripted server answers; to "wait" it answers never, to "stream" word by word."""
    messages = [{"role": "user", "content": f"{text} {TAG}"}]
    answer = client().chat.completions.create(model="gpt-4o", messages=messages)  # type: ignore[arg-type]
    return answer.choices[0].message.content or ""


def announce(what: str) -> None:
    """Tells the driver, past all buffers."""
    os.write(1, f"{what}\n".encode())


def killed_here(number: int) -> None:
    os.kill(os.getpid(), number)
    time.sleep(60)  # a signal takes its moment


# The agents. Each is called as one run, and makes one whole model call first.


def exception(_: str) -> None:
    raise ValueError("the account is closed")


def sys_exit(_: str) -> None:
    sys.exit(3)


def os_exit(_: str) -> None:
    with TRACER.tool("transfer"):
        os._exit(4)


def sigterm(_: str) -> None:
    with TRACER.tool("transfer"):
        killed_here(signal.SIGTERM)


def model_call(_: str) -> str:
    return ask("wait")


def stream(_: str) -> None:
    messages = [{"role": "user", "content": f"stream {TAG}"}]
    chunks = client().chat.completions.create(model="gpt-4o", messages=messages, stream=True)  # type: ignore[call-overload]
    for number, _chunk in enumerate(chunks):
        if number == 2:
            killed_here(signal.SIGKILL)


def sigsegv(_: str) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with TRACER.tool("transfer"):
        ctypes.string_at(0)


def memory_error(_: str) -> None:
    """Fills all memory it may have with what stays alive as long as the exception."""
    used = int(pathlib.Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (64 << 20), used + (64 << 20)))
    kept, size = [], 16 << 20
    while True:
        try:
            kept.append(bytearray(size))
        except MemoryError:
            if size <= 64:
                raise
            size //= 2


def memory_abort(_: str) -> None:
    """What native code does that gets no memory."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    with TRACER.tool("transfer"):
        resource.setrlimit(resource.RLIMIT_AS, (1 << 20, 1 << 20))
        if not libc.malloc(ctypes.c_size_t(1 << 30)):
            libc.abort()


def recursion_error(_: str) -> int:
    return recursion_error(_)


def stack_overflow(_: str) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.setrecursionlimit(10**9)

    def deeper(_: int) -> int:
        return max([1], key=deeper)

    with TRACER.tool("transfer"):
        deeper(1)


async def cancelled(_: str) -> str:
    async with openai.AsyncOpenAI(max_retries=0, timeout=120) as models:
        messages = [{"role": "user", "content": f"wait {TAG}"}]
        answer = await models.chat.completions.create(model="gpt-4o", messages=messages)  # type: ignore[arg-type]
        return answer.choices[0].message.content or ""


def words(_: str) -> Iterator[str]:
    yield from ("one", "two", "three")


def child_in_the_run(_: str) -> str:
    """A forked child makes a model call for the run and is killed in it; the parent goes on."""
    child = os.fork()
    if child == 0:
        ask("wait child")
        os._exit(0)
    announce(f"child {child}")
    os.waitpid(child, 0)
    return "without the child"


def fine(_: str) -> str:
    return "done"


AGENTS = {
    "exception": exception,
    "sys-exit": sys_exit,
    "os-exit": os_exit,
    "sigterm": sigterm,
    "sigkill-model-call": model_call,
    "sigkill-stream": stream,
    "sigsegv": sigsegv,
    "memory-error": memory_error,
    "memory-abort": memory_abort,
    "recursion-error": recursion_error,
    "stack-overflow": stack_overflow,
    "child-in-run": child_in_the_run,
    "server-down": model_call,
    "server-down-endpoint": model_call,
    "server-restarted": model_call,
    "server-hangs": fine,
    "server-hangs-killed": model_call,
}


def traced(agent: Callable[[str], Any]) -> Callable[[str], Any]:
    """Returns the agent, traced, with a model call before."""

    def whole(question: str) -> Any:
        ask("plan")
        return agent(question)

    whole.__name__ = "agent"
    return TRACER.trace_agent(whole)


def main() -> None:
    if ROW == "cancelled":
        asyncio.run(cancel())
    elif ROW == "abandoned-generator":
        for _ in stream_of_words():
            break
        gc.collect()
    elif ROW == "held-generator":
        held = stream_of_words()
        next(held)
        # As by a thread that goes on while the program ends: nothing lets go of it.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(held))
    elif ROW == "child-of-its-own":
        child = os.fork()
        if child == 0:
            traced(model_call)(f"child {TAG}")
            os._exit(0)
        announce(f"child {child}")
        os.waitpid(child, 0)
        traced(fine)(f"parent {TAG}")
    elif ROW == "disk-full":
        fill_the_disk()
    else:
        traced(AGENTS[ROW])(TAG)
    announce(f"end {time.monotonic()}")


def stream_of_words() -> Any:
    def agent(question: str) -> Iterator[str]:
        ask("plan")
        yield from words(question)

    return TRACER.trace_agent(agent)(TAG)


async def cancel() -> None:
    async def agent(question: str) -> str:
        await asyncio.to_thread(ask, "plan")
        return await cancelled(question)

    task = asyncio.ensure_future(TRACER.trace_agent(agent)(TAG))
    announce("waits for the word")
    await asyncio.to_thread(sys.stdin.readline)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        announce("cancelled")


def fill_the_disk() -> None:
    agent = TRACER.trace_agent(lambda question: question * 100)
    for number in range(300):
        agent(f"{TAG}-{number}")


def untraced() -> None:
    """The programs of ``arc-eval run``: nothing of them says that they are traced."""
    ask("plan")
    if ROW == "run-exit-3":
        sys.exit(3)
    elif ROW == "run-exception":
        raise ValueError("the account is closed")
    elif ROW == "run-sigkill":
        ask("wait")


if __name__ == "__main__":
    if ROW.startswith("run-"):
        untraced()
    else:
        TRACER = ArcTracer("finance", agent=ROW)
        main()
