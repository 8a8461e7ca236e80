"""The agent frameworks' own hooks: one file per framework, one function ``install`` in each.

A hook records what only the framework knows: agents, tasks and nodes as spans, and tool calls with the provider's call
id. Model calls are not recorded here but where they are sent (:mod:`agent_eval._clients`), as parts of the place a hook
set. Nothing is imported for it: a hook is installed when the host imports the framework, and adds to what the host
registered there, replacing nothing.

To add a framework, write such a file over :mod:`agent_eval._frameworks._nodes` and add one line to :data:`FRAMEWORKS`.
"""

from __future__ import annotations

import functools
import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

import wrapt

from .._guard import attempt

if TYPE_CHECKING:
    from .._steps import Recorder

# By the module whose import installs the hook: the file here. The module is the one that holds what the hook needs, so
# that installing imports nothing of the framework that the host does not import itself.
FRAMEWORKS: dict[str, str] = {
    "agents.run": "_openai_agents",
    "agents.tracing": "_openai_agents",
    "autogen_agentchat.agents": "_autogen",
    "autogen_agentchat.teams": "_autogen",
    "autogen_core.tools": "_autogen",
    "autogen_ext.tools.mcp": "_autogen",
    "crewai.events.event_bus": "_crewai",
    "google.adk.plugins.plugin_manager": "_google_adk",
    "langchain_core.tracers.context": "_langchain",
    "llama_index_instrumentation": "_llama_index",
    "mcp.client.session": "_mcp",
    "opentelemetry.sdk.trace": "_opentelemetry",
    "pydantic_ai.toolsets": "_pydantic_ai",
    "smolagents.agents": "_smolagents",
}
# By the package of their class: the file that knows what runs objects which are not called themselves.
ADOPTERS: dict[str, str] = {
    "agents": "_openai_agents",
}
# By package and name of a class: the file that knows when what it stands for is over.
STARTED: dict[tuple[str, str], str] = {
    ("workflows", "WorkflowHandler"): "_llama_index",
}
_installed = False


def install() -> None:
    """Installs the hooks of the frameworks that are imported, and of the others when they will be."""
    global _installed
    if _installed:
        return
    _installed = True
    for name, file in FRAMEWORKS.items():
        module = sys.modules.get(name)
        if module is not None:
            attempt(_install, file, module)
        else:
            wrapt.register_post_import_hook(functools.partial(attempt, _install, file), name)


def adopt(agent: object, recorder: Recorder, name: str) -> bool:
    """Returns whether the runs of an object are recorded where its framework makes them, and it stays itself."""
    kind = agent if isinstance(agent, type) else type(agent)
    file = ADOPTERS.get(kind.__module__.partition(".")[0])
    if file is None:
        return False
    return bool(importlib.import_module(f"{__name__}.{file}").adopt(agent, recorder, name))


def end_of(result: object) -> Any:
    """Returns the future of what a call has started and handed out; ``None`` for anything else."""
    for kind in type(result).__mro__:
        file = STARTED.get((kind.__module__.partition(".")[0], kind.__name__))
        if file is not None:
            return importlib.import_module(f"{__name__}.{file}").end_of(result)
    return None


def _install(file: str, module: ModuleType) -> None:
    importlib.import_module(f"{__name__}.{file}").install(module)
