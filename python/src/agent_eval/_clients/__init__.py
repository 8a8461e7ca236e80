"""The seams at which model calls are seen: one file per HTTP library, one function ``patch`` in each.

The client packages of the providers stand on these libraries, so that none of them is patched itself: ``requests`` and
``botocore`` send with ``urllib3``. Nothing is imported for it: a library is patched when the host imports it. Outside a
run a patched function only looks at a context variable.

To add a library, write such a file and add it to :data:`LIBRARIES`.
"""

from __future__ import annotations

import atexit
import functools
import os
import sys
from collections.abc import Callable
from types import ModuleType

import wrapt

from .._guard import attempt
from .._model_call import end_open_calls, forget_open_calls
from . import _aiohttp, _httpx, _urllib3

LIBRARIES: dict[str, Callable[[ModuleType], None]] = {
    "aiohttp": _aiohttp.patch,
    "httpx": _httpx.patch,
    "httpx2": _httpx.patch,
    "urllib3": _urllib3.patch,
}
_installed = False


def install() -> None:
    """Patches the libraries that are imported, and the others when they will be."""
    global _installed
    if _installed:
        return
    _installed = True
    atexit.register(end_open_calls)  # runs before the transport's, which was registered earlier
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=forget_open_calls)
    for name, patch in LIBRARIES.items():
        module = sys.modules.get(name)
        if module is not None:
            attempt(patch, module)
        else:
            wrapt.register_post_import_hook(functools.partial(attempt, patch), name)
