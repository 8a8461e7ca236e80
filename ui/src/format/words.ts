// Names the API gives to things, as people write them.
import type { Detection, Field, OutcomeSource, Severity, Verdict } from "../api/types.ts";

export const verdictWord: Record<Verdict, string> = { succeeded: "succeeded", failed: "failed", unknown: "unknown" };

export const sourceWord: Record<OutcomeSource, string> = {
  human: "a person",
  check: "a check",
  host_declared: "the host program",
  process_death: "how the process ended",
  judge: "a model that judged it",
  detector: "a failure detector",
};

const terminations: Record<string, string> = {
  completed: "completed",
  step_limit: "stopped at its step limit",
  timeout: "timed out",
  exception: "ended by an exception",
  cancelled: "cancelled by its host",
  killed: "process killed",
  oom: "process killed: out of memory",
  exited: "process exited before the end",
};

export const terminationWord = (termination: string): string => terminations[termination] ?? termination;

export const severities: Severity[] = ["critical", "high", "medium", "low"];

const fields: Record<string, string> = {
  name: "name",
  status: "status",
  input: "input",
  output: "output",
  tool_arguments: "tool arguments",
  tool_result: "tool result",
  tools_offered: "tools offered",
  finish_reason: "finish reason",
  termination: "how it ended",
  scope: "instrumentation scope",
  exception: "exception",
};

export const fieldWord = (field: Field): string =>
  typeof field === "string" ? (fields[field] ?? field) : `attribute ${field.attribute}`;

export function detectionWord(detection: Detection): string {
  if (!detection.id) return "unknown";
  const name = detection.version ? `${detection.id} ${detection.version}` : detection.id;
  // What a run declares needs no share of the evidence.
  if (detection.confidence == null || (detection.version && detection.confidence === 1)) return name;
  return `${name} ${Math.round(detection.confidence * 100)}%`;
}

export const shortId = (id: string): string => id.slice(0, 8);
