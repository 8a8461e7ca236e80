"""Ends agents in every way there is, and compares what the API shows with what was started. Start at :func:`main`.

``rows.py`` says what is expected, ``agents.py`` has the agents, ``world.py`` the servers around them.
"""

from __future__ import annotations

import contextlib
import functools
import os
import pathlib
import re
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import report
from rows import DISK_RUNS, ROWS, Expected, Row
from world import PATIENCE, World, small_disk, within, world

# So many agents at once: more would measure the machine.
JOBS = int(os.environ.get("JOBS", "4"))
# `kill -9` has to show within this.
VISIBLE_SECONDS = 2.0


class Started(NamedTuple):
    """A run that was started, as the driver knows it."""

    row: Row
    expected: Expected
    tag: str


class Result(NamedTuple):
    """What became of the runs of one row."""

    row: Row
    repetitions: int
    started: int
    captured: int
    # How the runs ended as shown, with how often.
    shown: dict[str, int]
    # From the end of each process to the answer of the API that shows it so.
    visible_seconds: list[float]
    problems: list[str]


class Watch:
    """Looks at the API all the time, and notes when each run showed as it should."""

    def __init__(self, where: World) -> None:
        self.where = where
        self.runs: dict[str, dict[str, Any]] = {}
        self.first_seen: dict[str, float] = {}
        self.right_at: dict[str, float] = {}
        self._expected: dict[str, Started] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def expect(self, started: Iterable[Started]) -> None:
        """Adds runs to look for."""
        self._expected |= {one.tag: one for one in started}

    def has(self, tags: Iterable[str]) -> bool:
        """Returns whether runs are listed, however they are shown."""
        return all(tag in self.runs for tag in tags)

    def close(self) -> None:
        """Stops looking."""
        self._stopped.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._stopped.wait(0.05):
            with contextlib.suppress(Exception):  # the server is down, or stopped in the middle of an answer
                runs = self.where.runs()
                now = time.monotonic()
                for run in runs:
                    tag = tag_of(run)
                    self.runs[tag] = run
                    self.first_seen.setdefault(tag, now)
                    known = self._expected.get(tag)
                    if known is not None and not differences(known.expected, run):
                        self.right_at.setdefault(tag, now)


def tag_of(run: dict[str, Any]) -> str:
    """Returns the name the driver gave a run: its input, or the session of one whose program has none."""
    return str(run["input_preview"] if run["session"] is None else run["session"])


def differences(expected: Expected, run: dict[str, Any]) -> list[str]:
    """Returns what is not as it should be."""
    death = run["death"] or {}
    during = (death.get("during") or {}).get("kind")
    pairs = [
        ("is running", run["is_running"], False),
        ("ended as", run["termination"], expected.termination),
        ("during", during, expected.during),
        ("exit code", death.get("exit_code"), expected.exit_code),
        ("signal", death.get("signal") if expected.signal else None, expected.signal),
        ("model calls", run["llm_calls"], expected.model_calls),
        ("verdict", run["outcome"]["verdict"], expected.verdict),
    ]
    found = [f"{what}: {seen!r}, not {right!r}" for what, seen, right in pairs if seen != right]
    if expected.termination in ("killed", "exited") and death.get("after") != "chat gpt-4o":
        found.append(f"after: {death.get('after')!r}, not the model call before")
    if expected.error is not None and expected.error not in (run["error"] or ""):
        found.append(f"error: {run['error']!r}, not {expected.error!r}")
    return found


def shown_as(run: dict[str, Any]) -> str:
    """Says in a few words how a run ended, as the API shows it."""
    death = run["death"] or {}
    text = str(run["termination"]) if not run["is_running"] else "running"
    if death.get("exit_code") is not None:
        text += f"({death['exit_code']})"
    if death.get("signal") is not None:
        text += f" by signal {death['signal']}"
    if death.get("during"):
        kind = {"llm": "model call", "tool": "tool call"}.get(death["during"]["kind"], death["during"]["kind"])
        text += f" during {kind} {death['during']['name']}"
    elif run["error"] and run["termination"] == "exception":
        text += f", {run['error'].split(':')[0]}"
    return text


def repeat(where: World, watch: Watch, row: Row, number: int, ready: threading.Event | None = None) -> None:
    """Starts and ends the agents of one repetition. What is left is to look at the API."""
    tag = f"{row.id}/{number}"
    started = [Started(row, expected, prefix + tag) for prefix, expected in row.runs.items()]
    watch.expect(started)
    agent = where.agent(row.id, tag, row.endpoint)
    try:
        assert agent.stdin is not None
        assert agent.stdout is not None
        if row.way == "kill-child":
            child = int(re.sub(rb"\D", b"", agent.stdout.readline()))
            within(PATIENCE, lambda: where.asked(f"wait child {tag}") or where.asked(f"wait {tag}"), "the child asks")
            os.kill(child, signal.SIGKILL)
        elif row.way != "alone":
            within(PATIENCE, lambda: where.asked(f"wait {tag}"), f"{tag} asks its model")
            if ready is not None:
                ready.wait(PATIENCE)
            if row.way == "cancel":
                agent.stdin.write(b"now\n")
                agent.stdin.flush()
            else:
                os.kill(program_of(agent, row), signal.SIGKILL)
        agent.communicate(timeout=PATIENCE)
    finally:
        if agent.poll() is None:
            agent.kill()
            agent.wait()
    ENDED[tag] = time.monotonic()


# When each process ended, by repetition.
ENDED: dict[str, float] = {}


def program_of(agent: subprocess.Popen[bytes], row: Row) -> int:
    """Returns the process of the agent's program: a child where `arc-eval run` started it."""
    if not row.id.startswith("run-"):
        return agent.pid
    path = pathlib.Path(f"/proc/{agent.pid}/task/{agent.pid}/children")
    tasks = pathlib.Path(f"/proc/{agent.pid}/task").iterdir() if not path.read_text().strip() else [path.parent]
    children = [child for task in tasks for child in (task / "children").read_text().split()]
    return int(children[0])


def run_rows(where: World, rows: list[Row], repetitions: int) -> list[Result]:
    """Runs rows in one world, a few agents at a time, and looks what became of each."""
    watch = Watch(where)
    since: dict[str, float] = {}
    all_rows = [(row, number) for number in range(repetitions) for row in rows]
    try:
        states = {row.server for row in rows}
        if states == {"up"}:
            where.start()
            with ThreadPoolExecutor(JOBS) as pool:
                list(pool.map(lambda one: repeat(where, watch, *one), all_rows))
        elif states == {"down"}:
            with ThreadPoolExecutor(JOBS) as pool:
                list(pool.map(lambda one: repeat(where, watch, *one), all_rows))
            where.start()
            since = dict.fromkeys(watch._expected, time.monotonic())
        elif states == {"hangs"}:
            where.start()
            where.signal(signal.SIGSTOP)
            with ThreadPoolExecutor(JOBS) as pool:
                list(pool.map(lambda one: repeat(where, watch, *one), all_rows))
            where.signal(signal.SIGCONT)
            since = dict.fromkeys(watch._expected, time.monotonic())
        else:
            restart_midway(where, watch, all_rows)
        return [judge(where, watch, row, rows, repetitions, since) for row in rows]
    finally:
        watch.close()


def restart_midway(where: World, watch: Watch, all_rows: list[tuple[Row, int]]) -> None:
    """Kills the server while the agents are in their model calls; half of them die before it is back."""
    where.start()
    size = 2 * JOBS
    for first in range(0, len(all_rows), size):
        some = all_rows[first : first + size]
        now, later = threading.Event(), threading.Event()
        with ThreadPoolExecutor(size) as pool:
            going = [
                pool.submit(repeat, where, watch, row, number, now if index % 2 else later)
                for index, (row, number) in enumerate(some)
            ]
            tags = [f"{row.id}/{number}" for row, number in some]
            within(PATIENCE, functools.partial(watch.has, tags), "the runs are visible while they run")
            where.kill()
            now.set()
            for one in going[1::2]:
                one.result()
            where.start()
            later.set()
            for one in going:
                one.result()


def judge(where: World, watch: Watch, row: Row, rows: list[Row], repetitions: int, since: dict[str, float]) -> Result:
    """Compares what is shown of a row's runs with what was started."""
    wanted = {
        f"{prefix}{row.id}/{number}": Started(row, expected, f"{prefix}{row.id}/{number}")
        for number in range(repetitions)
        for prefix, expected in row.runs.items()
    }
    problems: list[str] = []
    with contextlib.suppress(TimeoutError):
        within(10, lambda: all(tag in watch.right_at for tag in wanted), f"{row.id} is shown")
    listed = [run for run in where.runs() if tag_of(run).split("/")[0].split(" ")[-1] == row.id]
    by_tag: dict[str, list[dict[str, Any]]] = {}
    for run in listed:
        by_tag.setdefault(tag_of(run), []).append(run)
    captured, shown = 0, dict[str, int]()
    for tag, started in wanted.items():
        found = by_tag.pop(tag, [])
        if not found:
            problems.append(f"{tag}: not there")
            continue
        wrong = differences(started.expected, found[0])
        if len(found) > 1:
            wrong.append(f"there {len(found)} times")
        problems += [f"{tag}: {what}" for what in wrong]
        captured += not wrong
        shown[shown_as(found[0])] = shown.get(shown_as(found[0]), 0) + 1
    problems += [f"nobody started {tag}" for tag in by_tag]
    everything = repetitions * sum(len(one.runs) for one in rows)
    with contextlib.suppress(TimeoutError):  # the account follows the runs within a second or two
        within(5, lambda: where.ledger()["stored"] == everything, "the ledger")
    problems += of_ledger(where.ledger(), everything, 0)
    visible = []
    for tag in wanted:
        ended = ENDED.get(tag.split(" ")[-1])
        if tag in watch.right_at and ended is not None:
            visible.append(max(watch.right_at[tag] - max(ended, since.get(tag, 0)), 0))
    if row.server == "up" and visible and max(visible) > VISIBLE_SECONDS:
        problems.append(f"shown after {max(visible):.1f} s")
    return Result(row, repetitions, len(wanted), captured, shown, visible, problems)


def of_ledger(ledger: dict[str, int], started: int, dropped: int) -> list[str]:
    """Returns what the ledger says that is not so: every run is counted, once."""
    sums = ledger["stored"] + ledger["rejected"] + ledger["dropped"] + ledger["in_flight"]
    wrong = [] if sums == ledger["started"] else ["the ledger does not add up"]
    wanted = {"started": started, "stored": started - dropped, "dropped": dropped, "rejected": 0, "in_flight": 0}
    return wrong + [f"ledger: {name} {ledger[name]}, not {n}" for name, n in wanted.items() if ledger[name] != n]


class DiskResult(NamedTuple):
    """What became of the runs on disks that were too small for them."""

    repetitions: int
    started: int
    captured: int
    dropped: int
    cut: int
    problems: list[str]


def disk_full(repetitions: int) -> DiskResult | None:
    """Fills a disk with runs, again and again: what is not there is counted. Nothing where no disk can be made."""
    with world() as where, small_disk(where.home / "spool", "256k") as there:
        if not there:
            return None
        where.start()
        started, dropped, problems = 0, 0, list[str]()
        for number in range(repetitions):
            # Nobody makes room meanwhile.
            where.signal(signal.SIGSTOP)
            agent = where.agent("disk-full", f"disk-full/{number}")
            _, told = agent.communicate(timeout=PATIENCE)
            where.signal(signal.SIGCONT)
            started += DISK_RUNS
            if agent.returncode != 0:
                problems.append(f"disk-full/{number}: the agent failed: {told.decode()[-200:]}")

            def is_told(wanted: int = started) -> bool:
                ledger = where.ledger()
                return ledger["started"] == wanted and ledger["in_flight"] == 0

            try:
                within(20, is_told, "the ledger")
            except TimeoutError:
                problems.append(f"disk-full/{number}: {where.ledger()}, of {started} runs")
        ledger = where.ledger()
        dropped = ledger["dropped"]
        with contextlib.suppress(TimeoutError):
            within(10, lambda: len(where.runs()) == started - dropped, "the runs")
        runs = where.runs()
        tags = {tag_of(run) for run in runs}
        if len(tags) != len(runs) or len(runs) != started - dropped:
            problems.append(f"{len(runs)} runs are there, {len(tags)} different ones, not {started - dropped}")
        problems += of_ledger(ledger, started, dropped)
        if dropped == 0:
            problems.append("the disk was not full")
        whole = sum(run["termination"] == "completed" for run in runs)
        return DiskResult(repetitions, started, whole, dropped, len(runs) - whole, problems)


def main() -> None:
    """Runs the matrix, writes the table, and fails when a row is not as it should be."""
    repetitions = int(os.environ.get("REPETITIONS", "50"))
    wanted = set(sys.argv[1:])
    results = []
    began = time.monotonic()
    for row in ROWS:
        if wanted and row.id not in wanted:
            continue
        with world() as where:
            (result,) = run_rows(where, [row], repetitions)
        results.append(result)
        slow = statistics.median(result.visible_seconds) if result.visible_seconds else 0
        print(f"{row.id}: {result.captured} of {result.started}, {slow:.2f} s, {result.shown}", file=sys.stderr)
        for problem in result.problems[:10]:
            print(f"  {problem}", file=sys.stderr)
    disk = disk_full(repetitions) if not wanted or "disk-full" in wanted else None
    print(f"disk-full: {disk}", file=sys.stderr)
    print(f"{time.monotonic() - began:.0f} s in all", file=sys.stderr)
    if not wanted:
        report.write(results, disk, repetitions)
    sys.exit(1 if any(result.problems for result in results) or (disk is not None and disk.problems) else 0)


if __name__ == "__main__":
    main()
