"""Runs before a Python program that `arc-eval run` started, and traces it. Never fails, never stays in its way."""

import os
import sys


def _as_without_us():
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [folder for folder in sys.path if os.path.abspath(folder) != here]
    for name in filter(None, os.environ.pop("ARC_EVAL_RUN_SET", "").split(",")):
        os.environ.pop(name, None)
    # The module of this name that would have run without us.
    own = sys.modules.pop(__name__, None)
    try:
        import sitecustomize  # noqa: F401
    except ImportError:
        if own is not None:
            sys.modules[__name__] = own


def _trace():
    packages = os.environ.get("ARC_EVAL_RUN_PACKAGES")
    try:
        from agent_eval import _program
    except ImportError:
        if not packages:
            raise
        sys.path.append(packages)
        from agent_eval import _program
    _program.begin()


try:
    _as_without_us()
    if os.environ.get("ARC_EVAL_RUN"):
        _trace()
except Exception as error:  # noqa: BLE001 - the program has to run, traced or not
    print(
        f"arc-eval: what happens inside {sys.executable} is not recorded: {error}; pip install arc-eval there",
        file=sys.stderr,
    )
