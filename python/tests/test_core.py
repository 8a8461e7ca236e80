"""The native part: its declared face is its real one, and the host does not notice when it fails."""

from __future__ import annotations

import importlib
import pathlib
import pkgutil
import subprocess
import sys

import pytest

import agent_eval
from agent_eval import _core, _guard, transport
from agent_eval.trace import ArcTracer

# Everywhere a function of the native part is called by name.
MODULES = [
    importlib.import_module(each.name)
    for each in pkgutil.walk_packages(agent_eval.__path__, "agent_eval.")
    if not each.name.startswith("agent_eval._frameworks.")
]
CALLED = [
    (module, name)
    for module in MODULES
    for name, value in sorted(vars(module).items())
    if getattr(value, "__module__", None) == "agent_eval._core" and not name.startswith("__")
]


def test_the_stub_says_what_the_native_part_offers():
    command = [sys.executable, "-m", "mypy.stubtest", "agent_eval._core"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=pathlib.Path(__file__).parent.parent)
    assert done.returncode == 0, done.stdout


def test_the_package_is_small_and_needs_one_library_at_most():
    folder = pathlib.Path(agent_eval.__file__).parent
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file() and file.suffix != ".pyc")
    assert size < 15_000_000
    project = (folder.parents[1] / "pyproject.toml").read_text()
    assert 'dependencies = ["wrapt>=1.16,<3"]' in project


def test_the_version_is_the_one_of_the_server():
    workspace = (pathlib.Path(agent_eval.__file__).parents[3] / "Cargo.toml").read_text()
    assert f'version = "{agent_eval.__version__}"' in workspace


def host(tracer):
    """A host program that uses all of the interface; returns what it observes."""
    seen = []

    @tracer.tool
    def look(at):
        return f"{at} is blue"

    def agent(question):
        with tracer.span("plan", depth=1) as block:
            block.set(note=["n"])
            block.result(question)
        seen.append(look("it"))
        if question == "fail":
            raise ValueError(question)
        return question

    traced = tracer.trace_agent(agent)
    seen.append(traced("q"))
    with tracer.run(task="t"):
        seen.append(traced("r"))
        tracer.record_outcome(True)
    seen.append(list(tracer.trace_agent(lambda: (item for item in (1, {"a": 2})))()))
    try:
        traced("fail")
    except ValueError as error:
        seen.append((str(error), error.__context__))
    tracer.flush(0)
    tracer.shutdown(0)
    return seen


EXPECTED = ["it is blue", "q", "it is blue", "r", [1, {"a": 2}], "it is blue", ("fail", None)]


def broken(*_args, **_options):
    raise RuntimeError("the native part is broken")


class BrokenRecorder:
    """A recorder of which nothing works."""

    def __init__(self, *_args, **_options):
        pass

    record = flush = close = counts = prepare = broken


def test_the_host_program_itself_is_as_expected(sink):
    before = _guard.failures
    assert host(ArcTracer()) == EXPECTED
    assert _guard.failures == before
    assert len(sink.runs) == 4
    assert len(sink.tools) == 3


@pytest.mark.parametrize(("module", "name"), CALLED, ids=lambda each: getattr(each, "__name__", each))
def test_the_host_does_not_notice_that_a_native_function_fails(module, name, monkeypatch):
    monkeypatch.setattr(module, name, broken)
    assert host(ArcTracer()) == EXPECTED


@pytest.mark.parametrize("recorder", [BrokenRecorder, broken])
def test_the_host_does_not_notice_that_the_recorder_fails(recorder, monkeypatch):
    monkeypatch.setattr(_core, "Recorder", recorder)
    assert host(ArcTracer()) == EXPECTED


def test_the_host_does_not_notice_that_the_end_of_the_process_cannot_be_told(monkeypatch):
    monkeypatch.setattr(_core, "end_process", broken)
    monkeypatch.setattr(_core, "after_fork", broken)
    transport._after_fork()
    _guard.attempt(transport._at_exit)
