"""The matrix as a section of RESULTS.md."""

from __future__ import annotations

import datetime
import os
import pathlib
import platform
import statistics
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matrix import DiskResult, Result

HERE = pathlib.Path(__file__).resolve().parent
RESULTS = HERE.parent / "RESULTS.md"
BEGIN, END = "<!-- crash-matrix: begin -->", "<!-- crash-matrix: end -->"


def write(results: list[Result], disk: DiskResult | None, repetitions: int) -> None:
    """Replaces our section of the results."""
    section = "\n".join([BEGIN, *head(repetitions), *table(results), *of_disk(disk), *broken(results, disk), END])
    text = RESULTS.read_text() if RESULTS.exists() else "# Measured\n\nEach section says with which command.\n"
    if BEGIN in text:
        before, _, rest = text.partition(BEGIN)
        text = before + section + rest.partition(END)[2]
    else:
        text = f"{text.rstrip()}\n\n{section}\n"
    RESULTS.write_text(text)


def head(repetitions: int) -> list[str]:
    """Says what was done, where and when."""
    git = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=HERE, check=False)
    today = datetime.datetime.now(datetime.timezone.utc)
    return [
        "## What is there of a run whose process ended",
        "",
        f"`REPETITIONS={repetitions} make crash-matrix`, {today:%Y-%m-%d}, commit {git.stdout.strip()}; {machine()}. "
        "Debug build of the server. Each repetition is a process of its own with the `openai` package that makes a "
        "model call and then ends as the row says; a run counts as captured when the API shows it once, with the right "
        "termination, the step it died in and the one before, its exit code and its model calls, and the ledger adds "
        "up. Visible: from the end of the process (for a server that was down or hanging: from its being back) until "
        "the API shows that; 0.00 where the run ended well before its process.",
        "",
    ]


def table(results: list[Result]) -> list[str]:
    """Returns the rows."""
    lines = [
        "| how it ends | repetitions | started | captured | shown as | visible, median | slowest |",
        "|---|---:|---:|---:|---|---:|---:|",
    ]
    for result in results:
        shown = "; ".join(f"{how} ({n})" if len(result.shown) > 1 else how for how, n in sorted(result.shown.items()))
        share = f"{result.captured}, {result.captured / result.started * 100:.4g} %"
        times = result.visible_seconds or [float("nan")]
        lines.append(
            f"| {result.row.title} | {result.repetitions} | {result.started} | {share} | {shown} "
            f"| {statistics.median(times):.2f} s | {max(times):.2f} s |"
        )
    started, captured = sum(r.started for r in results), sum(r.captured for r in results)
    return [*lines, f"| **all** | | **{started}** | **{captured}, {captured / started * 100:.4g} %** | | | |", ""]


def of_disk(disk: DiskResult | None) -> list[str]:
    """Says what became of the runs on full disks."""
    if disk is None:
        return ["- Disk full: SKIPPED, no small file system can be mounted here."]
    return [
        f"- Disk full, {disk.repetitions} times 256 KB: of {disk.started} runs {disk.captured} are there whole, "
        f"{disk.cut} without an end that had no room, and {disk.dropped} were dropped and counted: none is missing "
        "without being counted."
        if not disk.problems
        else f"- Disk full: {disk}",
    ]


def broken(results: list[Result], disk: DiskResult | None) -> list[str]:
    """Says what was not as it should be."""
    problems = [(result.row.title, problem) for result in results for problem in result.problems]
    problems += [("disk full", problem) for problem in (disk.problems if disk is not None else [])]
    return [f"- **Not kept:** {title}: {problem}." for title, problem in problems[:40]]


def machine() -> str:
    """Returns what it was measured on."""
    info = pathlib.Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    model = next((line.split(":")[1].strip() for line in lines if "model name" in line), platform.processor())
    system = f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    return f"{model}, {os.cpu_count()} cores, {system}, load {os.getloadavg()[0]:.1f}"
