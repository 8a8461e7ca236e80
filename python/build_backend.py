"""The build backend of this package: maturin's, with the program `arc-eval` in the wheel.

A wheel made from a checkout of the whole repository brings the server along, as a script of the wheel. Without Rust
sources beside this package, or with ``ARC_EVAL_NO_BINARY=1``, it is the library alone. Editable installs are the
library alone, too: who develops has the program in `target/`.
"""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
from typing import Any

import maturin
from maturin import *  # noqa: F403 - the other hooks are maturin's

HERE = pathlib.Path(__file__).resolve().parent
PROGRAM = "arc-eval.exe" if os.name == "nt" else "arc-eval"


def build_wheel(
    wheel_directory: str, config_settings: dict[str, Any] | None = None, metadata_directory: str | None = None
) -> str:
    """Builds the wheel, with the program if it can be built."""
    name = str(maturin.build_wheel(wheel_directory, config_settings, metadata_directory))
    program = _program()
    if program is not None:
        name = _with_script(pathlib.Path(wheel_directory) / name, program)
    return name


def _program() -> pathlib.Path | None:
    """Builds the program and returns where it is."""
    workspace = HERE.parent
    if os.environ.get("ARC_EVAL_NO_BINARY", "") not in ("", "0") or not (workspace / "crates" / "arc-eval").is_dir():
        return None
    command = ["cargo", "build", "--release", "--package", "arc-eval", "--message-format=json-render-diagnostics"]
    built = subprocess.run(command, cwd=workspace, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603
    found = re.findall(r'"executable":"((?:[^"\\]|\\.)*)"', built.stdout)
    programs = [pathlib.Path(path.replace("\\\\", "\\")) for path in found if path.endswith(PROGRAM)]
    if not programs:
        raise SystemExit("cargo built no program `arc-eval`; set ARC_EVAL_NO_BINARY=1 to go without")
    return programs[-1]


def _with_script(wheel: pathlib.Path, program: pathlib.Path) -> str:
    """Puts the program among the scripts of a wheel; `wheel` keeps the list of its files right."""
    with tempfile.TemporaryDirectory() as folder:
        _wheel("unpack", "--dest", folder, str(wheel))
        (unpacked,) = pathlib.Path(folder).iterdir()
        scripts = unpacked / f"{unpacked.name}.data" / "scripts"
        scripts.mkdir(parents=True)
        shutil.copy2(program, scripts / PROGRAM)
        (scripts / PROGRAM).chmod(0o755)
        # Line tables for backtraces are most of its size.
        strip = shutil.which("strip")
        if strip is not None:
            subprocess.run([strip, str(scripts / PROGRAM)], check=False)  # noqa: S603
        wheel.unlink()
        _wheel("pack", "--dest-dir", str(wheel.parent), str(unpacked))
    return wheel.name


def _wheel(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "wheel", *arguments], check=True, stdout=subprocess.DEVNULL)  # noqa: S603
