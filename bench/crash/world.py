"""What the agents of the crash matrix live in: a data directory of their own, a model server that follows a script, and
the real server."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
PATIENCE = 60.0

SCRIPT = """
[[reply]]
match = { contains = "wait" }
error = "timeout"
hang_ms = 3600000

[[reply]]
match = { contains = "stream" }
text = "one two three four five six seven eight"
chunk_delay_ms = 5

[[reply]]
text = "planned"
usage = { input = 100, output = 5 }
"""


def binary(name: str, variable: str) -> str:
    """Returns one of our programs."""
    path = os.environ.get(variable) or str(REPOSITORY / "target" / "debug" / name)
    if not os.access(path, os.X_OK):
        raise SystemExit(f"{path} is missing: run `make test-binaries`, or set {variable}")
    return path


def within(seconds: float, ask: Callable[[], Any], what: str) -> Any:
    """Returns the first answer that says something."""
    deadline = time.monotonic() + seconds
    while True:
        answer = ask()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.05)


class World:
    """One data directory, one model server, and a server that can be stopped, killed and started again."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        script = folder / "script.toml"
        script.write_text(SCRIPT)
        self._models = subprocess.Popen(
            [binary("scripted-llm", "SCRIPTED_LLM"), "--script", str(script)], stdout=subprocess.PIPE, text=True
        )
        assert self._models.stdout is not None
        self.models = self._models.stdout.readline().split()[-1]
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.server: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts the server and returns once it answers."""
        with (self.folder / "serve.log").open("a") as log:
            self.server = subprocess.Popen(
                [binary("arc-eval", "ARC_EVAL_BIN"), "serve", "--port", str(self.port)],
                stdout=log,
                stderr=log,
                env=self.environment(),
            )
        within(PATIENCE, lambda: self.get("/api/v1/health"), "the server answers")

    def kill(self) -> None:
        """Kills the server, as the end of memory would."""
        assert self.server is not None
        self.server.kill()
        self.server.wait()

    def signal(self, number: int) -> None:
        """Stops the server or lets it go on."""
        assert self.server is not None
        self.server.send_signal(number)

    def close(self) -> None:
        """Ends both servers."""
        if self.server is not None:
            with contextlib.suppress(ProcessLookupError):
                self.server.send_signal(signal.SIGCONT)
            self.kill()
        self._models.kill()
        self._models.wait()
        assert self._models.stdout is not None
        self._models.stdout.close()

    def environment(self, endpoint: bool = False) -> dict[str, str]:
        """Returns what our programs and the agents find."""
        clean = {key: value for key, value in os.environ.items() if not key.startswith("ARC_EVAL_")}
        clean |= {
            "ARC_EVAL_HOME": str(self.home),
            "OPENAI_BASE_URL": f"{self.models}/v1",
            "OPENAI_API_KEY": "none",
            "PYTHONDONTWRITEBYTECODE": "1",
            # Other servers may run on this machine.
            "ARC_EVAL_OTLP_GRPC_PORT": "off",
            "ARC_EVAL_OTLP_HTTP_PORT": "off",
        }
        return clean | ({"ARC_EVAL_ENDPOINT": self.address} if endpoint else {})

    def agent(self, row: str, tag: str, endpoint: bool = False) -> subprocess.Popen[bytes]:
        """Starts an agent."""
        command = [sys.executable, str(HERE / "agents.py"), row, tag]
        environment = self.environment(endpoint)
        if row.startswith("run-"):
            launcher = binary("arc-eval", "ARC_EVAL_BIN")
            # The session is how the run is found again.
            command = [launcher, "run", "--agent", row, "--session", tag, "--", *command]
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
        )

    def get(self, path: str) -> Any:
        """Asks the server; nothing when it does not answer."""
        return answer_of(self.address + path)

    def asked(self, text: str) -> bool:
        """Returns whether the model server was asked this."""
        answer = answer_of(f"{self.models}/requests")
        return text in json.dumps(answer)

    def runs(self) -> list[dict[str, Any]]:
        """Returns every run the server lists."""
        runs, cursor = [], ""
        while True:
            page = self.get(f"/api/v1/runs?limit=500{cursor}")
            if page is None:
                return []
            runs += page["runs"]
            if page["next"] is None:
                return runs
            cursor = f"&cursor={page['next']}"

    def ledger(self) -> dict[str, int]:
        """Returns what the server says became of the runs."""
        total = self.get("/api/v1/capture")["total"]
        return {**total["runs"], "in_flight": total["runs_in_flight"]}


def answer_of(url: str) -> Any:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return json.load(response)
    except OSError:
        return None


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


@contextlib.contextmanager
def world() -> Iterator[World]:
    """Makes a world that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="arc-eval-crash-") as folder:
        made = World(pathlib.Path(folder))
        try:
            yield made
        finally:
            made.close()


@contextlib.contextmanager
def small_disk(folder: pathlib.Path, size: str) -> Iterator[bool]:
    """A file system of its own; says whether there can be one (it takes the right to mount)."""
    folder.mkdir(parents=True, exist_ok=True)
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", str(folder)], capture_output=True, check=False
    )
    try:
        yield made.returncode == 0
    finally:
        if made.returncode == 0:
            subprocess.run(["umount", "-l", str(folder)], check=False)
