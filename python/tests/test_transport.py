"""Records leave in the background, whatever the server does; what does not arrive is counted and said once."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import textwrap
import threading
import time

import pytest

from agent_eval import transport as transport_module
from agent_eval._run import current
from agent_eval._span import new_span_id, new_trace_id
from agent_eval.trace import ArcTracer
from agent_eval.transport import HttpTransport


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
        "attributes": {"gen_ai.operation.name": "x", "arc_eval.revision": 1, "arc_eval.sequence": 0, **attributes},
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


def test_spans_arrive_in_batches(sink):
    transport = HttpTransport(sink.url)
    for number in range(2_000):
        transport.send(span(str(number)))
    assert transport.flush(10)
    assert sorted(int(s.name) for s in sink.received) == list(range(2_000))
    assert len(sink.requests) < 50
    assert (transport.counts.taken, transport.counts.delivered, transport.dropped) == (2_000, 2_000, 0)


def test_a_flush_with_nothing_to_send_starts_no_thread(sink):
    transport = HttpTransport(sink.url)
    assert transport.flush(1)
    assert transport._thread is None


def test_a_record_sent_by_a_finaliser_while_the_thread_starts_does_not_start_a_second_one(sink, monkeypatch):
    transport = HttpTransport(sink.url)
    started = []

    class Interrupted(threading.Thread):
        """A thread whose start is interrupted by the collection of a run that nobody ended."""

        def start(self) -> None:
            # The server under test starts threads, too.
            if self.name == "arc-eval":
                started.append(self)
                if len(started) < 3:
                    transport.send(span("by the finaliser"))
            super().start()

    monkeypatch.setattr(transport_module.threading, "Thread", Interrupted)
    transport.send(span("by the program"))
    assert transport.flush(60)
    assert [len(started), len(sink.received)] == [1, 2]


def test_a_server_that_is_down_is_said_once_and_costs_a_flush_nothing(closed_port, caplog):
    transport = HttpTransport(closed_port)
    began = time.monotonic()
    for _ in range(3):
        transport.send(span())
        assert not transport.flush(5)
    assert time.monotonic() - began < 2
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert closed_port in record.message
    assert "\n" not in record.message


def test_spans_wait_for_a_server_that_comes_back(sink):
    answers = [(503, b""), (429, b""), (200, b"{}")]
    sink.reply = lambda: answers.pop(0) if len(answers) > 1 else answers[0]
    transport = HttpTransport(sink.url)
    transport.send(span("late"))
    for _ in range(3):
        transport.flush(5)
    assert [s.name for s in sink.received] == ["late"]
    assert transport.counts.delivered == 1


def test_a_rejection_is_counted_and_said_once(sink, caplog):
    sink.reply = lambda: (401, b'{"title": "who are you?"}')
    transport = HttpTransport(sink.url)
    for _ in range(2):
        transport.send(span())
        assert not transport.flush(5)
    assert transport.counts.rejected == 2
    (record,) = caplog.records
    assert "HTTP 401" in record.message
    assert "who are you?" in record.message


def test_spans_a_server_rejects_one_by_one_are_counted(sink, caplog):
    sink.reply = lambda: (200, b'{"partialSuccess": {"rejectedSpans": "1", "errorMessage": "no trace id"}}')
    transport = HttpTransport(sink.url)
    transport.send(span())
    transport.send(span())
    transport.flush(5)
    assert (transport.counts.rejected, transport.counts.delivered) == (1, 1)
    assert "no trace id" in caplog.text


@pytest.mark.parametrize(("limit", "value"), [("MAX_QUEUED_SPANS", 10), ("MAX_QUEUED_BYTES", 50_000)])
def test_a_full_queue_drops_and_counts(limit, value, hanging_port, monkeypatch, caplog):
    monkeypatch.setattr(transport_module, limit, value)
    transport = HttpTransport(hanging_port)
    for _ in range(30):
        transport.send(span(text="x" * 5_000))
    counts = transport.counts
    assert counts.taken == 30
    assert counts.dropped > 15
    assert "dropped" in caplog.text


def test_one_span_that_cannot_be_encoded_does_not_take_the_others_with_it(sink):
    transport = HttpTransport(sink.url)
    transport.send(span("bad", value=object()))
    transport.send(span("good"))
    assert transport.flush(5)
    assert [s.name for s in sink.received] == ["good"]
    assert transport.dropped == 1


def test_after_shutdown_nothing_is_sent_and_the_agent_goes_on(sink):
    tracer = ArcTracer(endpoint=sink.url)
    agent = tracer.trace_agent(lambda q: q)
    assert agent(1) == 1
    assert tracer.shutdown()
    received = len(sink.received)
    assert agent(2) == 2
    assert tracer.flush(60)
    assert len(sink.received) == received


def test_a_forked_child_has_a_queue_and_a_thread_of_its_own(sink):
    tracer = ArcTracer(endpoint=sink.url)
    agent = tracer.trace_agent(lambda q: q)
    agent("parent before")
    child = os.fork()
    if child == 0:
        agent("child")
        os._exit(0 if tracer.flush(5) else 1)
    agent("parent after")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert tracer.flush(60)
    assert sorted(run.payload("arc_eval.input") for run in sink.runs) == ["child", "parent after", "parent before"]


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


@pytest.mark.parametrize(("port", "limit"), [("closed_port", 0.5), ("hanging_port", 1.5)])
def test_a_program_ends_soon_when_the_server_does_not_answer(port, limit, request):
    endpoint = request.getfixturevalue(port)
    done, _ = program(AGENT, ARC_EVAL_ENDPOINT=endpoint)
    assert done.returncode == 0
    assert time.monotonic() - float(done.stdout) < limit
    assert len(done.stderr.splitlines()) <= 1
    if port == "closed_port":
        assert endpoint in done.stderr


def test_what_is_queued_at_exit_is_delivered(sink):
    done, _ = program(AGENT, ARC_EVAL_ENDPOINT=sink.url)
    assert (done.returncode, done.stderr) == (0, "")
    assert sink.run["arc_eval.termination"] == "completed"


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_children_of_multiprocessing_deliver_what_they_recorded(method, sink, tmp_path):
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
    environment = {**os.environ, "ARC_EVAL_ENDPOINT": sink.url}
    done = subprocess.run([sys.executable, str(file)], capture_output=True, text=True, timeout=30, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(run.payload("arc_eval.input") for run in sink.runs) == [1, 2, 3]


def test_importing_starts_nothing_and_imports_no_client():
    done, _ = program(
        """
        import sys, threading
        opened = []
        sys.addaudithook(lambda event, _: opened.append(event) if event == "socket.__new__" else None)
        import agent_eval.trace
        tracer = agent_eval.trace.ArcTracer("finance")
        agent = tracer.trace_agent(lambda q: q)
        assert threading.active_count() == 1
        loaded = {"openai", "anthropic", "httpx", "httpx2", "requests"} & set(sys.modules)
        assert not loaded, loaded
        assert not opened
        """
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_parts_of_a_span_add_up(tracer, sink):
    def agent(question):
        step = current.get().begin_step(
            "search", "internal", {"gen_ai.operation.name": "execute_tool", "a": 1, "b": b"\0"}
        )
        step.end({"b": 2, "arc_eval.sequence": 7}, error=("gone", "it is gone"), name="search the web")
        step.end({"b": 3})

    tracer.trace_agent(agent)("q")
    assert tracer.flush(5)
    (tool,) = sink.tools
    assert (tool.name, tool["a"], tool["b"], tool["error.type"]) == ("search the web", 1, 2, "gone")
    assert (tool.is_error, tool.revision, tool.parent) == (True, 1, sink.run.id)
