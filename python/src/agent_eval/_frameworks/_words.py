"""What an agent was asked and what it answered, in the objects that frameworks hand in and out.

Such an object holds much besides: messages of all turns, usage, state. The answer is what people look for in a run, so
of objects known here only that is kept; of a stream, the items that hold it. Anything else is kept as it is.

To teach a framework's objects, add a line to :data:`ANSWERS`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

NOTHING: Any = object()


def _autogen_result(result: Any) -> Any:
    messages = result.messages
    return messages[-1].to_text() if messages else NOTHING


def _adk_event(event: Any) -> Any:
    return _text_of(event.content) if event.content is not None and event.is_final_response() else NOTHING


def _text_of(content: Any) -> Any:
    texts = [part.text for part in content.parts or [] if part.text and not getattr(part, "thought", None)]
    return "".join(texts) if texts else NOTHING


def _final_output(result: Any) -> Any:
    return result.final_output


def _agent_output(event: Any) -> Any:
    return event.response.content or ""


def _raw(result: Any) -> Any:
    return result.raw


def _result(event: Any) -> Any:
    return answer(event.result)


def _message(message: Any) -> Any:
    content = message.content
    if isinstance(content, str):
        return content
    return "".join(part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str))


def _output(holder: Any) -> Any:
    return holder.output


def _result_output(event: Any) -> Any:
    return event.result.output


# By a class's package and name: what of its objects is the answer.
ANSWERS: dict[tuple[str, str], Callable[[Any], Any]] = {
    ("agents", "RunResultBase"): _final_output,
    ("autogen_agentchat", "TaskResult"): _autogen_result,
    ("crewai", "CrewOutput"): _raw,
    ("crewai", "LiteAgentOutput"): _raw,
    ("google.adk", "Event"): _adk_event,
    ("google.genai", "Content"): _text_of,
    ("langchain_core", "AIMessage"): _message,
    ("llama_index", "AgentOutput"): _agent_output,
    ("pydantic_ai", "AgentRunResult"): _output,
    ("pydantic_ai", "AgentRunResultEvent"): _result_output,
    ("smolagents", "FinalAnswerStep"): _output,
    ("smolagents", "RunResult"): _output,
    ("workflows", "StopEvent"): _result,
}
_PACKAGES = frozenset(package for package, _ in ANSWERS)


def answer(value: Any) -> Any:
    """Returns what of a value is the answer: the value itself if its class is not known here."""
    found = _known(value)
    said = found(value) if found is not None else NOTHING
    return value if said is NOTHING else said


def piece(item: Any) -> Any:
    """Returns what of a stream's item belongs to the answer; :data:`NOTHING` for a framework's other items."""
    if isinstance(item, tuple) and len(item) == 2 and _package(type(item[0])) == "langchain_core":
        item = item[0]  # a token of a graph, with where it is from
    found = _known(item)
    if found is not None:
        return found(item)
    return NOTHING if _package(type(item)) is not None else item


def asked(given: Any) -> Any:
    """Returns what was asked, of the arguments of a call."""
    if isinstance(given, dict) and "new_message" in given and _known(given["new_message"]) is not None:
        return answer(given["new_message"])
    return given


def _known(value: Any) -> Callable[[Any], Any] | None:
    for kind in type(value).__mro__[:-1]:
        package = _package(kind)
        if package is not None and (package, kind.__name__) in ANSWERS:
            return ANSWERS[package, kind.__name__]
    return None


def _package(kind: type) -> str | None:
    """Returns the package of a framework that a class is from."""
    first, _, rest = kind.__module__.partition(".")
    for name in (first, f"{first}.{rest.partition('.')[0]}"):
        if name in _PACKAGES:
            return name
    return None
