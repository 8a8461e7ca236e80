"""A small agent for private investors, built on the `anthropic` package, with streamed answers.

Run it against any server that speaks Anthropic's interface:

    ANTHROPIC_BASE_URL=… ANTHROPIC_API_KEY=… python examples/finance_agent.py
"""

from __future__ import annotations

import json
import re
from typing import Any

from agent_eval.trace import ArcTracer
from anthropic import Anthropic

MAX_STEPS = 5
TRIALS = 4

tracer = ArcTracer("finance", agent="Finance Agent", version="1.0")

TOOLS: list[Any] = [
    {
        "name": "holdings",
        "description": "Lists what is in the portfolio, with values in US dollars.",
        "input_schema": {"type": "object", "properties": {}},
    },
    {
        "name": "exchange_rate",
        "description": "Returns how much of a currency one US dollar buys.",
        "input_schema": {"type": "object", "properties": {"currency": {"type": "string"}}, "required": ["currency"]},
    },
    {
        "name": "stock_price",
        "description": "Returns the last closing price of a ticker.",
        "input_schema": {
            "type": "object",
            "properties": {"ticker": {"type": "string"}, "year": {"type": "integer"}},
            "required": ["ticker"],
        },
    },
]

PRICES = {"ACME": 42.5}


class MaxStepsExceededError(Exception):
    """The agent used up its steps."""


def carry_out(name: str, arguments: dict[str, Any]) -> str:
    """Carries out a tool call."""
    if name == "holdings":
        return json.dumps({"bonds": 4000, "stocks": 8000})
    if name == "exchange_rate":
        return json.dumps({"currency": arguments["currency"], "rate": 0.92})
    if name == "stock_price":
        ticker = arguments["ticker"]
        return (
            json.dumps({"price": PRICES[ticker]}) if ticker in PRICES else json.dumps({"note": f"no data on {ticker}"})
        )
    raise LookupError(f"there is no tool {name}")


@tracer.trace_agent
def finance_agent(client: Anthropic, question: str) -> str:
    """Answers a question about the portfolio."""
    messages: list[Any] = [{"role": "user", "content": question}]
    for _ in range(MAX_STEPS):
        with client.messages.stream(
            model="claude-haiku-4-5",
            max_tokens=400,
            system="You advise a private investor. You can look things up; you cannot trade.",
            messages=messages,
            tools=TOOLS,
        ) as stream:
            answer = stream.get_final_message()
        calls = [block for block in answer.content if block.type == "tool_use"]
        if not calls:
            return "".join(block.text for block in answer.content if block.type == "text")
        messages.append(
            {"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in answer.content]}
        )
        messages.append({"role": "user", "content": [result_of(call) for call in calls]})
    raise MaxStepsExceededError(f"no answer after {MAX_STEPS} steps")


def result_of(call: Any) -> dict[str, Any]:
    """Returns the result of a tool call, or its error, as the model is told it."""
    try:
        return {"type": "tool_result", "tool_use_id": call.id, "content": carry_out(call.name, call.input)}
    except Exception as error:
        return {"type": "tool_result", "tool_use_id": call.id, "content": str(error), "is_error": True}


# What is asked, and what a right answer says; where nothing can be checked, the outcome stays unknown.
TASKS = {
    "value": ("What is my portfolio worth in euros?", r"11,040"),
    "price": ("What did ACME close at?", r"42\.5"),
    "order": ("Sell half of my bonds.", r"cannot"),
    "history": ("How did GLOBEX do in 2026?", r"no data"),
    "opinion": ("Is this a good moment to invest?", None),
}


def main() -> None:
    """Asks every question several times and checks the answers it can."""
    with Anthropic() as client:
        for task, (question, expected) in TASKS.items():
            for trial in range(TRIALS):
                try:
                    with tracer.run(task=task, trial=trial, step_limit=MAX_STEPS):
                        answer = finance_agent(client, question)
                        if expected is not None:
                            tracer.record_outcome(re.search(expected, answer) is not None, source="check")
                except Exception as error:
                    print(f"{task} {trial}: {type(error).__name__}: {error}")
                else:
                    print(f"{task} {trial}: {answer}")
    tracer.shutdown()


if __name__ == "__main__":
    main()
