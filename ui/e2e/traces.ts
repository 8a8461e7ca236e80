// Runs as an instrumented agent would send them: OTLP/JSON with the attributes of OpenTelemetry's GenAI conventions.
import { createHash } from "node:crypto";

export type Step = {
  name: string;
  operation: "invoke_agent" | "chat" | "execute_tool";
  /** Milliseconds after the start of the run. */
  from: number;
  to: number;
  attributes?: Record<string, string | number>;
  error?: { type: string; message: string };
};

export type RunPlan = {
  id: string;
  agent: string;
  startedAt: Date;
  task?: string;
  trial?: number;
  verdict?: "succeeded" | "failed";
  reason?: string;
  version?: string;
  error?: { type: string; message: string };
  input?: string;
  /** The start record: the root has no end yet. */
  isRunning?: boolean;
  /** Of the records of the root the highest is kept. */
  revision?: number;
  steps: Step[];
};

const hex = (text: string, bytes: number) =>
  createHash("sha256")
    .update(text)
    .digest("hex")
    .slice(0, bytes * 2);
export const traceId = (id: string) => hex(`trace ${id}`, 16);
export const spanId = (id: string, index: number) => hex(`span ${id} ${index}`, 8);

const value = (of: string | number) => (typeof of === "number" ? { intValue: String(of) } : { stringValue: of });
const pairs = (of: Record<string, string | number | undefined>) =>
  Object.entries(of).flatMap(([key, one]) => (one === undefined ? [] : [{ key, value: value(one) }]));
const nanos = (ms: number) => `${Math.round(ms)}000000`;

function statusOf(error: { type: string; message: string } | undefined) {
  return error ? { code: 2, message: error.message } : {};
}

/** One export request with all spans of these runs; the first span is the root. */
export function exportRequest(plans: RunPlan[]) {
  return {
    resourceSpans: plans.map((plan) => {
      const start = plan.startedAt.getTime();
      const length = Math.max(1, ...plan.steps.map((step) => step.to));
      const root: Step = {
        name: `invoke_agent ${plan.agent}`,
        operation: "invoke_agent",
        from: 0,
        to: length,
        error: plan.error,
        attributes: {},
      };
      const rootFacts = {
        "gen_ai.agent.name": plan.agent,
        "gen_ai.agent.version": plan.version,
        "arc_eval.task": plan.task,
        "arc_eval.trial": plan.trial,
        "arc_eval.outcome.verdict": plan.verdict,
        "arc_eval.outcome.source": plan.verdict && "check",
        "arc_eval.outcome.reason": plan.reason,
        "arc_eval.input": plan.input,
        "arc_eval.revision": plan.revision,
      };
      return {
        resource: { attributes: pairs({ "service.name": plan.agent }) },
        scopeSpans: [
          {
            scope: { name: "e2e" },
            spans: [root, ...plan.steps].map((step, index) => ({
              traceId: traceId(plan.id),
              spanId: spanId(plan.id, index),
              ...(index > 0 ? { parentSpanId: spanId(plan.id, 0) } : {}),
              name: step.name,
              kind: 1,
              startTimeUnixNano: nanos(start + step.from),
              ...(index === 0 && plan.isRunning ? {} : { endTimeUnixNano: nanos(start + step.to) }),
              status: statusOf(step.error),
              attributes: pairs({
                "gen_ai.operation.name": step.operation,
                "error.type": step.error?.type,
                ...(index === 0 ? rootFacts : {}),
                ...step.attributes,
              }),
            })),
          },
        ],
      };
    }),
  };
}

const text = (role: string, content: string) => ({ role, parts: [{ type: "text", content }] });

export function chat(
  from: number,
  to: number,
  user: string,
  answer: string,
  tokens: [input: number, output: number],
): Step {
  return {
    name: "chat gpt-4o",
    operation: "chat",
    from,
    to,
    attributes: {
      "gen_ai.provider.name": "openai",
      "gen_ai.request.model": "gpt-4o",
      "gen_ai.response.model": "gpt-4o",
      "gen_ai.usage.input_tokens": tokens[0],
      "gen_ai.usage.output_tokens": tokens[1],
      "gen_ai.input.messages": JSON.stringify([text("system", "You help patients."), text("user", user)]),
      "gen_ai.output.messages": JSON.stringify([{ ...text("assistant", answer), finish_reason: "stop" }]),
    },
  };
}

export function tool(
  from: number,
  to: number,
  name: string,
  args: unknown,
  result?: unknown,
  error?: Step["error"],
): Step {
  return {
    name: `execute_tool ${name}`,
    operation: "execute_tool",
    from,
    to,
    error,
    attributes: {
      "gen_ai.tool.name": name,
      "gen_ai.tool.call.id": `call_${from}`,
      "gen_ai.tool.call.arguments": JSON.stringify(args),
      ...(result === undefined ? {} : { "gen_ai.tool.call.result": JSON.stringify(result) }),
    },
  };
}
