// Renders the whole page at an address, with a server that answers from a table.
import { createMemoryHistory } from "@tanstack/react-router";
import { render } from "@testing-library/react";
import { vi } from "vitest";
import { App, createQueryClient } from "../App.tsx";
import type { AgentList, Report, RunList, RunWithSpans } from "../api/types.ts";
import { createAppRouter } from "../router.tsx";
import agents from "./fixtures/agents.json";
import report from "./fixtures/report.json";
import run from "./fixtures/run.json";
import runs from "./fixtures/runs.json";

// The type of a JSON file says less than the API promises; the generated types say what it promises.
export const fixtures = {
  agents: () => structuredClone(agents) as AgentList,
  report: () => structuredClone(report) as unknown as Report,
  run: () => structuredClone(run) as unknown as RunWithSpans,
  runs: () => structuredClone(runs) as unknown as RunList,
};

type Answer = unknown | ((url: URL) => unknown);
export type Answers = Record<string, Answer>;

/** An answer that is an error as the server writes it. */
export const problem = (status: number, title: string, detail: string) => ({
  type: "about:blank",
  title,
  status,
  detail,
});

const isProblem = (body: unknown): body is ReturnType<typeof problem> =>
  typeof body === "object" && body !== null && "type" in body && "status" in body;

export const FIXTURE_ANSWERS: Answers = {
  "/api/v1/agents": fixtures.agents,
  "/api/v1/agents/Healthcare%20Assistant/report": fixtures.report,
  "/api/v1/runs": fixtures.runs,
  "/api/v1/runs/0af7651916cd43dd8448eb211c80319c": fixtures.run,
  "/api/v1/capture": { recent_gaps: 0, total: {}, spool: null, sources: [] },
  "/api/v1/warnings": { warnings: [], agents: [] },
  "/api/v1/frameworks": { runs: 0, unknown: 0, frameworks: [], advice: [] },
  "/api/v1/findings": (url: URL) => ({
    findings: fixtures.run().findings.filter((finding) => finding.leaf === url.searchParams.get("leaf")),
    next: null,
  }),
};

/** Shows the page; returns every address that was asked for, and what was sent to be changed. */
export function renderApp(address: string, answers: Answers = {}) {
  const asked: string[] = [];
  const sent: { method: string; path: string; body: unknown }[] = [];
  const table: Answers = { ...FIXTURE_ANSWERS, ...answers };
  vi.stubGlobal("fetch", async (address: string, init?: RequestInit) => {
    const url = new URL(address, "http://localhost");
    asked.push(url.pathname + url.search);
    if (init?.method)
      sent.push({ method: init.method, path: url.pathname, body: JSON.parse(String(init.body ?? "null")) });
    const answer = table[url.pathname] ?? problem(404, "Not found", `nothing at ${url.pathname}`);
    const body: unknown = typeof answer === "function" ? await answer(url) : answer;
    const status = isProblem(body) ? body.status : 200;
    const type = isProblem(body) ? "application/problem+json" : "application/json";
    return new Response(JSON.stringify(body), { status, headers: { "content-type": type } });
  });
  const router = createAppRouter(createMemoryHistory({ initialEntries: [address] }));
  const view = render(<App client={createQueryClient()} router={router} />);
  return { ...view, router, asked, sent };
}
