"""The agent framework, where the traced object itself is proof: its class is one of the framework's.

That a framework is imported, or used somewhere inside, proves nothing here; the server looks at the whole run.
"""

from __future__ import annotations

# By the package a class comes from; the values are the ids of the server's catalogue.
_PACKAGES = {
    "agents": "openai-agents",
    "autogen_agentchat": "autogen",
    "autogen_core": "autogen",
    "crewai": "crewai",
    "google.adk": "google-adk",
    "langchain": "langchain",
    "langchain_core": "langchain",
    "langgraph": "langgraph",
    "llama_index": "llama-index",
    "pydantic_ai": "pydantic-ai",
    "smolagents": "smolagents",
}


def framework_of(agent: object) -> str | None:
    """Returns the id of the framework whose class ``agent`` is an instance of."""
    for kind in type(agent).__mro__:
        for package, framework in _PACKAGES.items():
            if f"{kind.__module__}.".startswith(f"{package}."):
                return framework
    return None
