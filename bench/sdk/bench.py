"""Measures what recording costs, and writes its section of RESULTS.md. Start at :func:`main`."""

from __future__ import annotations

import contextlib
import datetime
import http.server
import json
import os
import pathlib
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Iterator

HERE = pathlib.Path(__file__).resolve().parent
RESULTS = HERE.parent / "RESULTS.md"
BEGIN, END = "<!-- bench-sdk: begin -->", "<!-- bench-sdk: end -->"
REPEATS = int(os.environ.get("BENCH_REPEATS", "5"))
# Fewer spans than a BatchSpanProcessor queues: what it drops would cost it nothing.
RUNS = int(os.environ.get("BENCH_RUNS", "270"))
BACK_TO_BACK = 2_000

# What we promise.
EVENT_MEDIAN_US, EVENT_P99_US, RUN_US, SHARE_OF_THEIRS = 5, 50, 150, 1 / 3
IMPORT_MS, EXIT_MS, SIZE_MB = 25, 50, 15


@contextlib.contextmanager
def server() -> Iterator[str]:
    """An OTLP server that takes everything, in a process of its own."""
    code = f"import sys; sys.path.insert(0, {str(HERE)!r}); import bench; bench.serve()"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.terminate()


def serve() -> None:
    """Runs that server."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    threading.Thread(target=server.serve_forever).start()


@contextlib.contextmanager
def port(listens: bool) -> Iterator[str]:
    """An address where nobody answers: nobody is there, or somebody who says nothing."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        if listens:
            held.listen(128)
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


@contextlib.contextmanager
def small_disk(home: pathlib.Path) -> Iterator[bool]:
    """A file system of 256 KB; says whether there can be one."""
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(home)], capture_output=True, check=False
    )
    try:
        yield made.returncode == 0
    finally:
        if made.returncode == 0:
            subprocess.run(["umount", "-l", str(home)], check=False)


def python(arguments: list[str], home: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs Python with a spool of its own."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("ARC_EVAL_")}
    clean |= {"ARC_EVAL_HOME": home, **environment}
    return subprocess.run([sys.executable, *arguments], env=clean, capture_output=True, text=True, check=False)


def costs() -> dict[str, dict[str, dict[str, float]]]:
    """Returns the figures of every scenario."""
    found = {}
    with server() as up, port(False) as down, port(True) as hanging:
        for scenario, endpoint in {"spool": "", "up": up, "down": down, "hanging": hanging, "disk full": ""}.items():
            # In turns: what else runs on the machine hits both.
            pairs = [(cost("ours", scenario, endpoint), cost("theirs", scenario, endpoint)) for _ in range(REPEATS)]
            ours = [mine for mine, _ in pairs if mine is not None]
            if not ours:
                print(f"SKIPPED: {scenario}: no small file system can be mounted here", file=sys.stderr)
                continue
            found[scenario] = {
                "ours": medians(ours),
                "theirs": medians([other for _, other in pairs if other is not None]),
                "counts": ours[-1]["counts"],
            }
            print(scenario, json.dumps(found[scenario]), file=sys.stderr)
    return found


def medians(repeats: list[dict[str, float]]) -> dict[str, float]:
    """Returns the median of each figure."""
    return {name: statistics.median(one[name] for one in repeats) for name in repeats[0] if name != "counts"}


def cost(who: str, scenario: str, endpoint: str) -> dict[str, float] | None:
    """Measures one scenario once."""
    with tempfile.TemporaryDirectory() as home, contextlib.ExitStack() as stack:
        if scenario == "disk full" and not stack.enter_context(small_disk(pathlib.Path(home))):
            return None
        done = python([str(HERE / "work.py"), who, scenario, str(RUNS)], home, BENCH_ENDPOINT=endpoint)
        if done.returncode != 0:
            raise SystemExit(f"{who}, {scenario}: {done.stderr}")
        return json.loads(done.stdout)


def import_ms(module: str) -> tuple[float, float]:
    """Returns how long an import takes in a fresh interpreter, and how much of the processor: medians of 15."""
    now = "[time.perf_counter(), time.process_time()]"
    code = f"import time; t = {now}; import {module}; print(*((b - a) * 1000 for a, b in zip(t, {now})))"
    with tempfile.TemporaryDirectory() as home:
        taken = [[float(each) for each in python(["-c", code], home).stdout.split()] for _ in range(15)]
    return statistics.median(one[0] for one in taken), statistics.median(one[1] for one in taken)


OURS = """
    from agent_eval.trace import trace_agent
    assert trace_agent(lambda q: q)("q") == "q"
"""
THEIRS = """
    import logging, os
    logging.disable()
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    provider = TracerProvider()
    if "ARC_EVAL_ENDPOINT" in os.environ:
        exporter = OTLPSpanExporter(os.environ["ARC_EVAL_ENDPOINT"] + "/v1/traces")
        provider.add_span_processor(BatchSpanProcessor(exporter))
    provider.get_tracer("t").start_span("s").end()
"""


def exit_ms(program: str, endpoint: str, repeats: int) -> tuple[float, float]:
    """Returns how much later a program ends, counted from its last line, than the same with no server to be told, and
    than a program that does nothing."""

    def once(code: str, address: str) -> float:
        code = textwrap.dedent(code) + "\nimport time; print(time.monotonic(), flush=True)"
        with tempfile.TemporaryDirectory() as home:
            done = python(["-c", code], home, **({"ARC_EVAL_ENDPOINT": address} if address else {}))
            return (time.monotonic() - float(done.stdout.splitlines()[-1])) * 1000

    # Taken in turns: what else runs on the machine hits all.
    ended = [(once(program, endpoint), once(program, ""), once("", "")) for _ in range(repeats)]
    than_untold = statistics.median(told - untold for told, untold, _ in ended)
    than_empty = statistics.median(told - empty for told, _, empty in ended)
    return max(than_untold, 0), max(than_empty, 0)


def lost_runs() -> tuple[int, int]:
    """Returns how many of the runs back to back we and they lose."""
    ours = f"""
    import os
    from agent_eval import _core
    from agent_eval.trace import trace_agent
    agent = trace_agent(lambda q: q)
    for number in range({BACK_TO_BACK}):
        agent(str(number))
    """
    read = """
    import os
    from agent_eval import _core
    from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as service
    found = set()
    for request in _core.read_spool(os.path.join(os.environ["ARC_EVAL_HOME"], "spool")):
        for group in service.ExportTraceServiceRequest.FromString(request).resource_spans:
            found |= {s.trace_id for part in group.scope_spans for s in part.spans if s.end_time_unix_nano}
    print(len(found))
    """
    theirs = f"""
    import logging, os
    logging.disable()
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
    from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
    found = 0
    class Counting(SpanExporter):
        def export(self, spans):
            global found
            encode_spans(spans).SerializeToString()
            found += len(spans)
            return SpanExportResult.SUCCESS
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(Counting()))
    tracer = provider.get_tracer("t")
    for number in range({BACK_TO_BACK}):
        with tracer.start_as_current_span("run"):
            for _ in range(6):
                tracer.start_span("step").end()
    provider.shutdown()
    print(found)
    """
    with tempfile.TemporaryDirectory() as home:
        written = python(["-c", textwrap.dedent(ours)], home)
        if written.returncode != 0:
            raise SystemExit(written.stderr)
        kept = int(python(["-c", textwrap.dedent(read)], home).stdout)
        other = int(python(["-c", textwrap.dedent(theirs)], home).stdout)
    return BACK_TO_BACK - kept, BACK_TO_BACK * 7 - other


def size_mb() -> float:
    """Returns the installed size of the package and what it needs, without the server."""
    import agent_eval
    import wrapt

    roots = [pathlib.Path(module.__file__).parent for module in (agent_eval, wrapt)]
    files = [file for root in roots for file in root.rglob("*") if file.is_file() and "__pycache__" not in file.parts]
    return sum(file.stat().st_size for file in files) / 1e6


def machine() -> str:
    """Returns what it was measured on."""
    info = pathlib.Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    model = next((line.split(":")[1].strip() for line in lines if "model name" in line), platform.processor())
    system = f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    return f"{model}, {os.cpu_count()} cores, {system}, load {os.getloadavg()[0]:.1f}"


def main() -> None:
    """Measures, writes, and fails when a promise is broken."""
    found = costs()
    imports = {name: import_ms(name) for name in ("agent_eval.trace", "opentelemetry.sdk.trace.export")}
    with port(False) as down, port(True) as hanging:
        exits = {
            "down": (exit_ms(OURS, down, 9), exit_ms(THEIRS, down, 1)),
            "hanging": (exit_ms(OURS, hanging, 9), exit_ms(THEIRS, hanging, 1)),
        }
    lost = lost_runs()
    size = size_mb()
    broken = []

    def judged(value: float, most: float, what: str) -> str:
        if value > most:
            broken.append(f"{what}: {value:.1f}, at most {most:.1f}")
        return f"{value:.1f}" if value < 1000 else f"{value:.0f}"

    lines = [
        "| server | per event, median µs | p99 µs | a run of 3 model and 3 tool calls, µs | `opentelemetry-sdk`, the same three | share of it, per event | per run |",
        "|---|---:|---:|---:|---|---:|---:|",
    ]
    for scenario, each in found.items():
        ours, theirs = each["ours"], each["theirs"]
        share, of_run = (ours[what] / theirs[what] * 100 for what in ("event_median", "run"))
        lines.append(
            f"| {scenario if scenario != 'spool' else 'none: the spool of this computer'} "
            f"| {judged(ours['event_median'], EVENT_MEDIAN_US, f'{scenario}: event')} "
            f"| {judged(ours['event_p99'], EVENT_P99_US, f'{scenario}: p99')} "
            f"| {judged(ours['run'], RUN_US, f'{scenario}: run')} "
            f"| {theirs['event_median']:.1f}, {theirs['event_p99']:.1f}, {theirs['run']:.1f} "
            f"| {judged(share, SHARE_OF_THEIRS * 100, f'{scenario}: share of an event')} % "
            f"| {judged(of_run, SHARE_OF_THEIRS * 100, f'{scenario}: share of a run')} % |"
        )
    counts = found.get("disk full", {}).get("counts")
    httpx = found["spool"]["ours"]["httpx"]
    lines += [
        "",
        f"- One model call through `httpx` (the transport is a stub): {httpx:.1f} µs more than without.",
        f"- `import agent_eval.trace`: {judged(imports['agent_eval.trace'][0], IMPORT_MS, 'import')} ms, "
        f"{imports['agent_eval.trace'][1]:.1f} ms of the processor's time; `opentelemetry.sdk.trace.export`: "
        f"{imports['opentelemetry.sdk.trace.export'][0]:.1f} and {imports['opentelemetry.sdk.trace.export'][1]:.1f} ms.",
        *(
            f"- The exit with the server {name}: {judged(ours[0], EXIT_MS, f'exit, {name}')} ms later than without an endpoint, "
            f"{ours[1]:.1f} ms later than that of an empty program (most of it Python taking down the modules of `wrapt`); "
            f"`opentelemetry-sdk`: {theirs[0]:.0f} and {theirs[1]:.0f} ms."
            for name, (ours, theirs) in exits.items()
        ),
        f"- {BACK_TO_BACK} runs back to back: {judged(lost[0], 0, 'runs lost')[:-2]} lost, read back from the spool; "
        f"`opentelemetry-sdk` loses {lost[1]} of {BACK_TO_BACK * 7} spans.",
        f"- Installed size with `wrapt`, without the server: {judged(size, SIZE_MB, 'size')} MB.",
    ]
    if counts:
        lines.append(
            f"- On the full disk {counts['runs_dropped']} of {counts['runs_started']} runs were dropped and counted."
        )
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=HERE, check=False
    ).stdout.strip()
    head = [
        "## What recording costs the agent",
        "",
        f"`make bench-sdk`, {datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d}, commit {commit}; {machine()}. "
        f"Medians of {REPEATS} processes of {RUNS} runs each, ours and theirs in turns; an event is the start or the end of a "
        "call. Both record the same, each in processes of its own: in one process, ours takes in their spans.",
        "",
    ]
    if broken:
        lines += ["", *(f"- **Not kept:** {what}." for what in broken)]
    write("\n".join([BEGIN, *head, *lines, END]))
    for what in broken:
        print(f"not kept: {what}", file=sys.stderr)
    sys.exit(1 if broken else 0)


def write(section: str) -> None:
    """Replaces our section of the results."""
    text = RESULTS.read_text() if RESULTS.exists() else "# Measured\n\nEach section says with which command.\n"
    if BEGIN in text:
        before, _, rest = text.partition(BEGIN)
        text = before + section + rest.partition(END)[2]
    else:
        text = f"{text.rstrip()}\n\n{section}\n"
    RESULTS.write_text(text)


if __name__ == "__main__":
    main()
