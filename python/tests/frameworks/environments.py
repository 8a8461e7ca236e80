"""Builds a virtual environment per framework, in `.venv-frameworks/<name>`; also the way to lock newer releases.

    environments.py [NAME…]            build what is missing or out of date
    environments.py --relock [NAME…]   lock `requirements/<name>.txt` to the current releases of `<name>.in`

An environment is rebuilt when its requirements change. The package under test is not installed but on the path, so that
an environment never holds an old version of it. Uses `uv`, which it installs where it is missing.
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parents[2]
SOURCE = REPOSITORY / "python" / "src"
ENVIRONMENTS = pathlib.Path(os.environ.get("ARC_EVAL_FRAMEWORKS") or REPOSITORY / ".venv-frameworks")
# What the package under test needs itself.
OWN = ["wrapt>=1.16,<3"]


def names() -> list[str]:
    """Returns the frameworks there are requirements for."""
    return sorted(file.stem for file in (HERE / "requirements").glob("*.txt"))


def interpreter(name: str) -> pathlib.Path:
    """Returns the Python of a framework's environment."""
    return ENVIRONMENTS / name / "bin" / "python"


def is_current(name: str) -> bool:
    """Returns whether an environment is there and as required."""
    stamp = ENVIRONMENTS / name / "requirements.stamp"
    return interpreter(name).exists() and stamp.exists() and stamp.read_text() == _wanted(name)


def build(name: str) -> None:
    """Builds an environment unless it is current. Others that build it at the same time wait."""
    with _alone(name):
        if is_current(name):
            return
        started = time.monotonic()
        folder = ENVIRONMENTS / name
        shutil.rmtree(folder, ignore_errors=True)
        _run(_uv(), "venv", "--quiet", "--python", sys.executable, str(folder))
        requirements = HERE / "requirements" / f"{name}.txt"
        where = ["--quiet", "--python", str(interpreter(name))]
        _run(_uv(), "pip", "install", *where, "--requirement", str(requirements), *OWN)
        (site,) = folder.glob("lib/python*/site-packages")
        (site / "arc_eval_under_test.pth").write_text(f"{SOURCE}\n")
        (folder / "requirements.stamp").write_text(_wanted(name))
        print(f"built {folder} in {time.monotonic() - started:.0f} s", flush=True)


def relock(name: str) -> None:
    """Locks the current releases."""
    wanted = HERE / "requirements" / f"{name}.in"
    command = [_uv(), "pip", "compile", "--quiet", "--no-header", "--no-annotate", "--universal"]
    command += ["--python-version", "3.10", str(wanted)]
    locked = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    today = datetime.datetime.now(tz=datetime.timezone.utc).date()
    (HERE / "requirements" / f"{name}.txt").write_text(f"# Current on {today}.\n{locked}")


def _wanted(name: str) -> str:
    text = (HERE / "requirements" / f"{name}.txt").read_text()
    return hashlib.sha256(f"{text}{OWN}{SOURCE}{sys.version}".encode()).hexdigest()


@contextlib.contextmanager
def _alone(name: str) -> Iterator[None]:
    ENVIRONMENTS.mkdir(exist_ok=True)
    with (ENVIRONMENTS / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _uv() -> str:
    found = shutil.which("uv")
    if found is not None:
        return found
    folder = ENVIRONMENTS / "uv"
    if not (folder / "bin" / "uv").exists():
        with _alone("uv"):
            if not (folder / "bin" / "uv").exists():
                _run(sys.executable, "-m", "venv", str(folder))
                _run(str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", "uv")
    return str(folder / "bin" / "uv")


def _run(*command: str) -> None:
    subprocess.run(command, check=True)


def main() -> None:
    """Builds or locks what the arguments name, else everything."""
    arguments = sys.argv[1:]
    if "--relock" in arguments:
        wanted = [name for name in arguments if name != "--relock"]
        for name in wanted or sorted(file.stem for file in (HERE / "requirements").glob("*.in")):
            relock(name)
        return
    for name in arguments or names():
        build(name)


if __name__ == "__main__":
    main()
