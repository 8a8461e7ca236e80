"""A record is in the spool when the call returns, whatever the server, the disk and the process do afterwards."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import textwrap
import time

import pytest

from agent_eval._run import current
from agent_eval._span import new_span_id, new_trace_id
from agent_eval.trace import ArcTracer
from agent_eval.transport import SpoolTransport, shared_transport


def span(name="s", **attributes):
    return {
        "trace_id": new_trace_id(),
        "span_id": new_span_id(),
        "parent_id": None,
        "name": name,
        "kind": "internal",
        "start_ns": 1,
        "end_ns": 2,
        "status": "unset",
        "status_message": "",
        "attributes": {"gen_ai.operation.name": "x", "arc_eval.sequence": 0, **attributes},
        "events": [],
        "resource": {"service.name": "t"},
    }


@pytest.fixture
def closed_port():
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{reserved.getsockname()[1]}"


@pytest.fixture
def hanging_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def test_two_thousand_records_are_in_the_spool(home, sink):
    transport = SpoolTransport()
    for number in range(2_000):
        transport.send(span(str(number)))
    assert transport.flush(0)
    assert sorted(int(s.name) for s in sink.received) == list(range(2_000))
    assert transport.counts["records_dropped"] == 0


def test_every_kind_of_value_of_an_attribute_arrives(home, sink):
    values = {
        "text": "é\n",
        "bytes": b"\xff\0",
        "yes": True,
        "int": -(2**63),
        "large": 2**70,
        "float": 0.1,
        "odd": float("inf"),
        "texts": ["a", "b"],
        "none": [],
        "objects": [{"a": 1}],
        "object": {"a": ["b"]},
        "long": "x" * 300,
    }
    SpoolTransport().send(span(**values))
    (received,) = sink.received
    assert {key: received[key] for key in values} == {
        **values,
        "large": str(2**70),
        "odd": "inf",
        "objects": '[{"a":1}]',
        "object": '{"a":["b"]}',
    }
    assert (received.start, received.end, received.parent, received.raw.kind) == (1, 2, None, 1)
    assert received.resource == {"service.name": "t", "process.pid": str(os.getpid())}


def test_the_parts_of_a_span_add_up(tracer, sink):
    def agent(question):
        known = {"gen_ai.operation.name": "execute_tool", "arc_eval.sequence": 1, "a": 1, "b": b"\0"}
        step = current.get().begin_step("search", "internal", known)
        step.end({"b": 2, "arc_eval.sequence": 7}, error=("gone", "it is gone"), name="search the web")
        step.end({"b": 3})

    tracer.trace_agent(agent)("q")
    (tool,) = sink.tools
    assert (tool.name, tool["a"], tool["b"], tool["error.type"]) == ("search the web", 1, 2, "gone")
    assert (tool.is_error, tool.parent) == (True, sink.run.id)


class _OnlySends:
    """What the tracer needs of a transport, and no more."""

    def __init__(self):
        self.send = SpoolTransport().send

    def flush(self, timeout):
        return True

    close = flush


def test_a_transport_needs_no_more_than_to_take_records_one_by_one(home, sink):
    def agent(question):
        known = {"gen_ai.operation.name": "step", "arc_eval.sequence": 1, "a": 1, "b": b"\0"}
        step = current.get().begin_step("search", "client", known)
        step.end({"a": 2}, error=("gone", "it is gone"), name="search the web")
        raise ValueError(question)

    for options in ({}, {"transport": _OnlySends()}):
        with pytest.raises(ValueError, match="q"):
            ArcTracer(agent="a", **options).trace_agent(agent)("q")
    short, long = ({s.name: s for s in sink.received if s.trace == run.trace} for run in sink.runs)
    assert short.keys() == long.keys() == {"agent", "search the web"}
    for name, span in short.items():
        same = long[name]
        assert (same.is_error, same.raw.kind, same.raw.status) == (span.is_error, span.raw.kind, span.raw.status)
        assert (same.parent is None) == (span.parent is None)
        assert same.attributes == span.attributes
        assert [event.name for event in same.raw.events] == [event.name for event in span.raw.events]


def test_a_record_that_is_none_does_not_take_the_others_with_it(home, sink):
    transport = SpoolTransport()
    for bad in ({}, span() | {"trace_id": "x"}, span() | {"attributes": {1: 2}}, span() | {"start_ns": -1}):
        transport.send(bad)
    transport.send(span("good"))
    assert [s.name for s in sink.received] == ["good"]
    assert transport.counts["records_dropped"] == 4


def test_a_spool_that_cannot_be_written_costs_the_host_nothing_and_is_told_once(home, capfd):
    home.write_text("a file, not a folder")
    tracer = ArcTracer()
    agent = tracer.trace_agent(lambda q: q)
    assert (agent("q"), agent("q")) == ("q", "q")
    assert not tracer.flush(0)
    assert shared_transport(None).counts["runs_dropped"] == 2
    told = f"arc-eval: runs are not recorded: cannot write to {home}/spool; see `arc-eval doctor`\n"
    assert capfd.readouterr().err == told


def test_a_full_spool_drops_and_counts_and_says_so_once(home, monkeypatch, capfd):
    monkeypatch.setenv("ARC_EVAL_SPOOL_LIMIT", "200000")
    transport = SpoolTransport()
    for _ in range(100):
        transport.send(span(text="x" * 10_000))
    counts = transport.counts
    assert 0 < counts["runs_dropped"] < counts["runs_started"] == 100
    assert not transport.flush(0)
    (told,) = capfd.readouterr().err.splitlines()
    assert "holds all that it may, 200000 bytes" in told


def test_an_empty_endpoint_is_none(home, monkeypatch, sink):
    monkeypatch.setenv("ARC_EVAL_ENDPOINT", "  ")
    tracer = ArcTracer()
    tracer.trace_agent(lambda q: q)("q")
    assert tracer.flush(0)


def test_only_a_share_of_the_runs_is_recorded_and_the_others_are_counted(home, sink):
    tracer = ArcTracer(sample=0.25)
    agent = tracer.trace_agent(lambda q: q)
    for number in range(400):
        agent(number)
    assert 50 < len(sink.runs) < 150
    assert all(run.end for run in sink.runs)
    assert tracer._transport.counts["runs_unsampled"] == 400 - len(sink.runs)


def test_after_shutdown_nothing_is_recorded_and_the_agent_goes_on(sink):
    tracer = ArcTracer()
    agent = tracer.trace_agent(lambda q: q)
    assert agent(1) == 1
    assert tracer.shutdown()
    assert agent(2) == 2
    assert [run.payload("arc_eval.input") for run in sink.runs] == [1]


def test_what_is_recorded_is_shipped_to_an_endpoint(endpoint, sink):
    tracer = ArcTracer("finance", project="clinic", endpoint=endpoint.url)
    tracer.trace_agent(lambda q: q)("q")
    assert tracer.flush(10)
    assert {span.trace for span in endpoint.received} == {endpoint.received[0].trace}
    assert endpoint.received[-1]["arc_eval.termination"] == "completed"
    assert endpoint.received[-1].resource["arc_eval.project"] == "clinic"
    assert endpoint.paths[0] == "/v1/traces"


@pytest.mark.parametrize("port", ["closed_port", "hanging_port"])
def test_a_flush_waits_no_longer_than_it_is_told_to(port, request):
    tracer = ArcTracer(endpoint=request.getfixturevalue(port))
    tracer.trace_agent(lambda q: q)("q")
    began = time.monotonic()
    assert not tracer.flush(0.3)
    assert time.monotonic() - began < 1
    assert tracer._transport.counts["records_written"] == 2


def test_a_forked_child_has_a_file_of_its_own(sink):
    tracer = ArcTracer()
    agent = tracer.trace_agent(lambda q: q)
    agent("parent before")
    child = os.fork()
    if child == 0:
        agent("child")
        os._exit(0)
    agent("parent after")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert sorted(run.payload("arc_eval.input") for run in sink.runs) == ["child", "parent after", "parent before"]
    pids = {run.payload("arc_eval.input"): run.resource["process.pid"] for run in sink.runs}
    own = str(os.getpid())
    assert pids == {"parent before": own, "parent after": own, "child": str(child)}


def program(text, **environment):
    """Runs a program; returns its result and how long it took from the line it prints to its end."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(text)],
        capture_output=True,
        text=True,
        timeout=30,
        env={**os.environ, **environment},
    )
    return done, time.monotonic() - began


AGENT = """
    import time
    from agent_eval.trace import trace_agent
    agent = trace_agent(lambda q: q)
    assert agent("q") == "q"
    print(time.monotonic())
"""


@pytest.mark.parametrize("port", ["closed_port", "hanging_port"])
def test_a_program_ends_soon_when_the_server_does_not_answer(port, request, sink):
    done, _ = program(AGENT, ARC_EVAL_ENDPOINT=request.getfixturevalue(port))
    assert done.returncode == 0
    assert time.monotonic() - float(done.stdout) < 0.5
    assert len(done.stderr.splitlines()) <= 1
    assert sink.run["arc_eval.termination"] == "completed"


ENDS = {
    "raise SystemExit(3)": 3,
    "import os; os._exit(4)": 4,
    "import os, signal; os.kill(os.getpid(), signal.SIGKILL)": -9,
    "import os; os.abort()": -6,
    "raise RuntimeError": 1,
}


@pytest.mark.parametrize("end", ENDS)
def test_a_process_that_ends_in_the_middle_of_a_run_leaves_the_run_and_what_it_did(end, sink):
    text = f"""
from agent_eval.trace import trace_agent
from agent_eval._run import current

@trace_agent
def agent(question):
    facts = {{"gen_ai.operation.name": "execute_tool", "arc_eval.sequence": 1}}
    current.get().begin_step("look", "internal", facts).end()
    {end}

agent("q")
"""
    done, _ = program(text)
    assert done.returncode == ENDS[end]
    assert sink.run["arc_eval.input"] == "q"
    assert sink.run.end
    assert sink.run["arc_eval.termination"] in ("killed", "exited", "cancelled", "exception")
    if "_exit" in end:
        assert (sink.run["arc_eval.termination"], sink.run["arc_eval.exit.code"]) == ("exited", 4)
    if "SIGKILL" in end:
        assert (sink.run["arc_eval.termination"], sink.run["arc_eval.last_step"]) == ("killed", "look")
    (tool,) = sink.tools
    assert tool.end


def test_os_exit_behaves_as_before():
    done, _ = program(AGENT + "    import os\n    os._exit('x')\n")
    assert done.returncode == 1
    assert "TypeError" in done.stderr


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_children_of_multiprocessing_record_what_they_did(method, sink, tmp_path):
    file = tmp_path / "parent.py"
    file.write_text(
        textwrap.dedent(
            f"""
            import multiprocessing
            from agent_eval.trace import trace_agent

            @trace_agent
            def agent(question):
                return question

            if __name__ == "__main__":
                with multiprocessing.get_context({method!r}).Pool(2) as pool:
                    assert pool.map(agent, [1, 2, 3]) == [1, 2, 3]
                    pool.close()
                    pool.join()
            """
        )
    )
    done = subprocess.run([sys.executable, str(file)], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(run.payload("arc_eval.input") for run in sink.runs) == [1, 2, 3]


def test_importing_starts_nothing_and_imports_no_client():
    done, _ = program(
        """
        import os, sys, threading
        opened = []
        sys.addaudithook(lambda event, _: opened.append(event) if event == "socket.__new__" else None)
        import agent_eval.trace
        tracer = agent_eval.trace.ArcTracer("finance")
        agent = tracer.trace_agent(lambda q: q)
        assert threading.active_count() == 1
        assert len(os.listdir("/proc/self/task")) == 1
        loaded = {"openai", "anthropic", "httpx", "httpx2", "requests"} & set(sys.modules)
        assert not loaded, loaded
        assert not opened
        assert not os.path.exists(os.environ["ARC_EVAL_HOME"])
        """
    )
    assert (done.returncode, done.stderr) == (0, "")
