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
    "workflows": "llama-index",
}


# The packages whose version is the framework's, where they are not called as it is.
_DISTRIBUTIONS = {
    "autogen": ("autogen-agentchat", "autogen-core"),
    "langchain": ("langchain", "langchain-core"),
    "llama-index": ("llama-index-core",),
    "pydantic-ai": ("pydantic-ai", "pydantic-ai-slim"),
}


def framework_of(agent: object) -> str | None:
    """Returns the id of the framework whose class ``agent`` is an instance of."""
    if _made_by_create_agent(agent):
        return "langchain"
    for kind in type(agent).__mro__:
        for package, framework in _PACKAGES.items():
            if f"{kind.__module__}.".startswith(f"{package}."):
                return framework
    return None


def version_of_framework(framework: str | None) -> str | None:
    """Returns the installed version of a framework by its id; ``None`` when it cannot be told."""
    if framework not in _PACKAGES.values():
        return None
    return version_of(*_DISTRIBUTIONS.get(str(framework), (str(framework),)))


_versions: dict[tuple[str, ...], str | None] = {}


def version_of(*packages: str) -> str | None:
    """Returns the version of the first of some packages that is installed."""
    if packages not in _versions:
        _versions[packages] = _version_of(packages)
    return _versions[packages]


def _version_of(packages: tuple[str, ...]) -> str | None:
    import importlib.metadata  # late: it is slow to import

    for package in packages:
        try:
            return importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return None


def _made_by_create_agent(agent: object) -> bool:
    """Returns whether a graph is an agent of LangChain's, which compiles it with LangGraph."""
    if not type(agent).__module__.startswith("langgraph."):
        return False
    config = getattr(agent, "config", None)
    metadata = config.get("metadata") if isinstance(config, dict) else None
    return isinstance(metadata, dict) and str(metadata.get("ls_integration", "")).startswith("langchain")
