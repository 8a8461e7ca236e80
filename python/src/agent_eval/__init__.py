"""Records what an AI agent does at run time. Start with :mod:`agent_eval.trace`.

Importing this package starts no thread, opens no socket and imports no LLM client.
"""

__version__ = "0.1.0"
