"""A small assistant for a clinic, built on the `openai` package; the line that matters is the one with `ArcTracer`.

Run it against any server that speaks OpenAI's interface:

    OPENAI_BASE_URL=… OPENAI_API_KEY=… python examples/healthcare_assistant.py
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from agent_eval.trace import ArcTracer
from openai import OpenAI

MAX_STEPS = 6
TRIALS = 5

MEDICATIONS = {104: ["warfarin", "bisoprolol"], 221: ["paracetamol"], 310: ["furosemide"]}
APPOINTMENTS = {104: [{"date": "2026-12-14", "time": "09:30", "with": "cardiology"}]}
VACCINATIONS: dict[int, list[dict[str, str]]] = {104: [{"against": "tetanus", "on": "2022-03-01"}], 221: []}
RECORDS = {310: "Admitted with pneumonia, treated with amoxicillin for 7 days, discharged without fever."}
LABS = {310: {"potassium": {"value": 4.1, "unit": "mmol/l", "range": [3.5, 5.1]}}}


def medications(patient: int) -> Any:
    """Lists the medications of a patient."""
    return MEDICATIONS[patient]


def check_interaction(first: str, second: str) -> Any:
    """Looks up how two drugs interact."""
    severe = {first, second} == {"warfarin", "ibuprofen"}
    return {"severity": "major", "effect": "bleeding"} if severe else {"severity": "none known"}


def appointments(patient: int) -> Any:
    """Lists the coming appointments of a patient."""
    return APPOINTMENTS.get(patient, [])


def dose(drug: str, weight_kg: float) -> Any:
    """Computes a child's daily dose from the guideline."""
    if not isinstance(weight_kg, (int, float)):
        raise ValueError("weight_kg has to be a number")
    return {"drug": drug, "mg_per_day": 50 * weight_kg}


def vaccinations(patient: int) -> Any:
    """Lists the vaccinations of a patient."""
    return VACCINATIONS[patient]


def record(patient: int) -> Any:
    """Reads a patient's record."""
    return RECORDS[patient]


def lab_result(patient: int, test: str) -> Any:
    """Reads a lab result of a patient."""
    return LABS[patient][test]


TOOLS = {
    tool.__name__: tool
    for tool in (medications, check_interaction, appointments, dose, vaccinations, record, lab_result)
}
TYPES = {"int": "integer", "float": "number", "str": "string"}


def definition(tool: Callable[..., Any]) -> Any:
    """Describes a tool to the model."""
    arguments = {name: {"type": TYPES[kind]} for name, kind in tool.__annotations__.items() if name != "return"}
    schema = {"type": "object", "properties": arguments, "required": list(arguments), "additionalProperties": False}
    return {
        "type": "function",
        "function": {"name": tool.__name__, "description": tool.__doc__, "parameters": schema},
    }


class HealthcareAssistant:
    """Answers questions of a clinic's staff about patients."""

    name = "Healthcare Assistant"

    def __init__(self, client: OpenAI) -> None:
        self.client = client

    def run(self, question: str) -> str:
        """Answers a question, with as many tool calls as it takes."""
        system = "You help the staff of a clinic. Look things up before you answer; never guess about a patient."
        messages: list[Any] = [{"role": "system", "content": system}, {"role": "user", "content": question}]
        for _ in range(MAX_STEPS):
            answer = self.client.chat.completions.create(
                model="gpt-4o", messages=messages, tools=[definition(tool) for tool in TOOLS.values()], max_tokens=300
            )
            message = answer.choices[0].message
            if not message.tool_calls:
                return message.content or ""
            messages.append(message.model_dump(exclude_none=True))
            for call in message.tool_calls:
                messages.append({"role": "tool", "tool_call_id": call.id, "content": self.carry_out(call.function)})
        return ""

    def carry_out(self, function: Any) -> str:
        """Carries out a tool call; what the model can put right it is told."""
        try:
            return json.dumps(TOOLS[function.name](**json.loads(function.arguments)))
        except (TypeError, ValueError) as error:
            return f"Error: {error}"


# What is asked, and what a right answer says.
TASKS = {
    "interaction": ("May patient 104 take ibuprofen?", r"\bno\b.*bleeding"),
    "appointment": ("When is the next appointment of patient 104?", r"14 december"),
    "dose": ("How much amoxicillin a day for patient 221, who weighs 18 kg?", r"900 mg"),
    "vaccination": ("Is patient 221 vaccinated against tetanus?", r"no record"),
    "summary": ("Summarise the stay of patient 310.", r"pneumonia.*discharged"),
    "lab": ("Is the potassium of patient 310 in range?", r"\byes\b.*4\.1"),
}


def main() -> None:
    """Asks every question several times and checks the answers."""
    tracer = ArcTracer("healthcare", agent="Healthcare Assistant", version="2.1")
    with OpenAI() as client:
        assistant = tracer.trace_agent(HealthcareAssistant(client))
        for task, (question, expected) in TASKS.items():
            for trial in range(TRIALS):
                try:
                    with tracer.run(task=task, trial=trial, step_limit=MAX_STEPS):
                        answer = assistant.run(question)
                        right = re.search(expected, answer, re.IGNORECASE | re.DOTALL) is not None
                        tracer.record_outcome(right, source="check", reason=None if right else f"expected {expected}")
                except Exception as error:
                    print(f"{task} {trial}: {type(error).__name__}: {error}")
                else:
                    print(f"{task} {trial}: {'right' if right else 'wrong'}: {answer}")
    tracer.shutdown()


if __name__ == "__main__":
    main()
