"""What a run starts belongs to it: threads, tasks of pools, processes forked and fresh. Nothing else does."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import multiprocessing
import multiprocessing.forkserver
import multiprocessing.pool
import os
import threading
import warnings

import pytest

from agent_eval._run import belongs_to, current
from agent_eval.trace import ArcTracer, trace_agent

pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


def note(name="step"):
    """Records a step of the run this is part of, as a model call would be; returns the run's id."""
    run = belongs_to()
    if run is None:
        return None
    said = {"gen_ai.operation.name": "step", "arc_eval.sequence": run.trace.next_sequence()}
    run.begin_step(name, "internal", said).end()
    return run.trace_id


def in_thread(work):
    found = []
    thread = threading.Thread(target=lambda: found.append(work()))
    thread.start()
    thread.join()
    return found[0]


async def in_executor(work):
    return await asyncio.get_running_loop().run_in_executor(None, work)


WAYS = {
    "thread": in_thread,
    "thread in a thread": lambda work: in_thread(lambda: in_thread(work)),
    "asyncio.to_thread": lambda work: asyncio.run(asyncio.to_thread(work)),
    "run_in_executor": lambda work: asyncio.run(in_executor(work)),
    "executor in a task": lambda work: asyncio.run(asyncio.wait_for(in_executor(work), 60)),
}


@pytest.mark.parametrize("way", WAYS)
def test_what_a_run_starts_in_this_process_belongs_to_it(way, tracer, sink):
    assert WAYS[way](note) is None
    seen = tracer.trace_agent(lambda q: WAYS[way](note))("q")
    assert seen == sink.run.trace
    assert [step.parent for step in sink.of_kind("step")] == [sink.run.id]
    assert WAYS[way](note) is None


@pytest.mark.parametrize("give", ["submit", "map"])
def test_the_task_of_a_pool_belongs_to_the_run_that_gave_it_and_its_worker_to_none(give, tracer, sink):
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        work = (lambda: pool.submit(note).result()) if give == "submit" else (lambda: next(pool.map(note, ["step"])))
        traced = tracer.trace_agent(lambda q: work())
        assert work() is None
        runs = [traced("q"), traced("q")]
        assert work() is None
    assert runs == [run.trace for run in sorted(sink.runs, key=lambda run: run.start)]
    assert len(set(runs)) == 2


def test_a_pool_made_in_a_run_does_not_keep_it(tracer, sink):
    pools = []

    def agent(question):
        pools.append(concurrent.futures.ThreadPoolExecutor(1))
        return pools[0].submit(note).result()

    assert tracer.trace_agent(agent)("q") == sink.run.trace
    assert pools[0].submit(note).result() is None
    pools[0].shutdown()


def test_a_thread_that_outlives_its_run_no_longer_belongs_to_it(tracer):
    go_on, seen = threading.Event(), []

    def background():
        seen.append(note())
        ready.set()
        go_on.wait()
        seen.append(note())

    ready = threading.Event()

    def agent(question):
        thread = threading.Thread(target=background)
        thread.start()
        ready.wait()
        return thread

    thread = tracer.trace_agent(agent)("q")
    go_on.set()
    thread.join()
    assert seen[0] is not None
    assert seen[1] is None


def test_concurrent_runs_in_threads_are_kept_apart(tracer, sink):
    def agent(number):
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            return set(pool.map(lambda _: note(), range(5)))

    traced = tracer.trace_agent(agent)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(traced, range(8)))
    assert all(len(ids) == 1 for ids in seen)
    assert {ids.pop() for ids in seen} == {run.trace for run in sink.runs}
    assert len(sink.of_kind("step")) == 40


def test_only_the_run_is_carried(tracer):
    mine = contextvars.ContextVar("mine", default="default")

    def agent(question):
        mine.set("set")
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            return in_thread(mine.get), pool.submit(mine.get).result()

    assert tracer.trace_agent(agent)("q") == agent("q")


def test_a_failing_task_fails_as_before(tracer):
    def fail(number):
        raise KeyError(number)

    def agent(question):
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            future = pool.submit(fail, 7)
            with pytest.raises(KeyError, match="7"):
                future.result()
            with pytest.raises(TypeError, match="missing 1 required positional argument"):
                pool.submit()
            return type(future)

    assert tracer.trace_agent(agent)("q") is concurrent.futures.Future


@pytest.fixture
def _fresh_fork_server():
    """The server that forks children keeps the environment it was started in, another test's."""
    yield
    multiprocessing.forkserver._forkserver._stop()


METHODS = [method for method in ("fork", "spawn", "forkserver") if method in multiprocessing.get_all_start_methods()]


def in_process(context):
    process = context.Process(target=note)
    process.start()
    process.join()
    return process.exitcode


def in_process_pool(context):
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        return list(pool.map(note, ["step"]))


def in_multiprocessing_pool(context):
    with context.Pool(1) as pool:
        return [pool.apply(note), *pool.map(note, ["step"]), *pool.imap(note, ["step"])]


@pytest.mark.usefixtures("_fresh_fork_server")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("way", "steps"), [(in_process, 1), (in_process_pool, 1), (in_multiprocessing_pool, 3)])
def test_what_a_child_process_does_for_a_run_belongs_to_it(way, steps, method, tracer, sink):
    context = multiprocessing.get_context(method)
    result = tracer.trace_agent(lambda q: way(context))("q")
    run = sink.run
    assert result in (0, [run.trace] * steps)
    assert [(step.parent, step.trace) for step in sink.of_kind("step")] == [(run.id, run.trace)] * steps
    assert run["arc_eval.termination"] == "completed"


@pytest.mark.usefixtures("_fresh_fork_server")
@pytest.mark.parametrize("method", METHODS)
def test_a_child_process_outside_a_run_belongs_to_none(method, tracer, sink):
    tracer.trace_agent(lambda q: q)("q")
    assert in_process(multiprocessing.get_context(method)) == 0
    assert sink.of_kind("step") == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_leaves_the_end_of_the_run_to_its_parent(tracer, sink):
    def agent(question):
        child = os.fork()
        if child == 0:
            note()
            raise SystemExit(3)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    def outer():
        try:
            return tracer.trace_agent(agent)("q")
        except SystemExit as end:
            os._exit(end.code)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert outer() == 3
    assert sink.run["arc_eval.termination"] == "completed"
    assert [step.parent for step in sink.of_kind("step")] == [sink.run.id]


def traced_child(question):
    return trace_agent(lambda q: note(), agent="child")(question)


@pytest.mark.usefixtures("_fresh_fork_server")
@pytest.mark.parametrize("method", METHODS)
def test_an_agent_in_a_child_process_is_a_child_in_the_same_trace(method, sink):
    context = multiprocessing.get_context(method)
    tracer = ArcTracer(agent="parent")

    def agent(question):
        with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
            return pool.submit(traced_child, "w").result()

    trace = tracer.trace_agent(agent)("q")
    parent, child = sorted(sink.runs, key=lambda run: run["gen_ai.agent.name"], reverse=True)
    assert (child["gen_ai.agent.name"], child.parent, child.trace) == ("child", parent.id, trace)
    assert [step.parent for step in sink.of_kind("step")] == [child.id]


def test_nothing_is_left_behind(tracer):
    tracer.trace_agent(lambda q: in_thread(note))("q")
    assert current.get() is None
