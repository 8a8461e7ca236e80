// Every question the pages ask, under the key that live events invalidate.
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { currentProject, getJson } from "./client.ts";
import type {
  AgentList,
  BudgetList,
  CaptureLedger,
  CostReport,
  FindingList,
  Frameworks,
  IssueDetail,
  IssueList,
  IssueState,
  Learning,
  Report,
  Run,
  RunList,
  RunWithSpans,
  ScenarioList,
  Savings,
  SearchResults,
  Verdict,
  WarningList,
} from "./types.ts";

export type RunFilters = {
  agent?: string | undefined;
  verdict?: Verdict | undefined;
  task?: string | undefined;
  leaf?: string | undefined;
};

export type IssueFilters = { agent?: string | undefined; state?: IssueState | undefined };

export const RUNS_PER_PAGE = 100;

const key = (...parts: unknown[]) => [currentProject() ?? "default", ...parts] as const;

export const keys = {
  agents: () => key("agents"),
  reports: () => key("report"),
  runs: () => key("runs"),
  run: (id: string) => key("run", id),
  findings: () => key("findings"),
  capture: () => key("capture"),
  search: () => key("search"),
  issues: () => key("issues"),
  scenarios: () => key("scenarios"),
  costs: () => key("costs"),
  warnings: () => key("warnings"),
  frameworks: () => key("frameworks"),
};

export const agentsQuery = () =>
  queryOptions({
    queryKey: keys.agents(),
    queryFn: ({ signal }) => getJson<AgentList>("/api/v1/agents", {}, signal),
  });

export const reportPath = (agent: string) => `/api/v1/agents/${encodeURIComponent(agent)}/report`;

export const reportQuery = (agent: string) =>
  queryOptions({
    queryKey: [...keys.reports(), agent],
    queryFn: ({ signal }) => getJson<Report>(reportPath(agent), {}, signal),
  });

export const runsQuery = (filters: RunFilters) =>
  infiniteQueryOptions({
    queryKey: [...keys.runs(), filters] as const,
    queryFn: ({ pageParam, signal }) =>
      getJson<RunList>("/api/v1/runs", { ...filters, cursor: pageParam, limit: RUNS_PER_PAGE }, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next ?? undefined,
  });

export const runQuery = (id: string) =>
  queryOptions({
    queryKey: keys.run(id),
    queryFn: ({ signal }) => getJson<RunWithSpans>(`/api/v1/runs/${encodeURIComponent(id)}`, {}, signal),
  });

export const labelsPath = (id: string) => `/api/v1/runs/${encodeURIComponent(id)}/labels`;

export const searchQuery = (text: string, agent: string | undefined) =>
  infiniteQueryOptions({
    queryKey: [...keys.search(), text, agent] as const,
    queryFn: ({ pageParam, signal }) =>
      getJson<SearchResults>("/api/v1/search", { q: text, agent, cursor: pageParam }, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next ?? undefined,
  });

export const evidenceQuery = (agent: string, leaf: string, limit: number) =>
  queryOptions({
    queryKey: [...keys.findings(), agent, leaf, limit],
    queryFn: ({ signal }) => getJson<FindingList>("/api/v1/findings", { agent, leaf, limit }, signal),
  });

export const costsQuery = (by: string, agent: string) =>
  queryOptions({
    queryKey: [...keys.costs(), "division", by, agent],
    queryFn: ({ signal }) => getJson<CostReport>("/api/v1/costs", { by, agent, limit: 100 }, signal),
  });

export const savingsQuery = (agent: string) =>
  queryOptions({
    queryKey: [...keys.costs(), "savings", agent],
    queryFn: ({ signal }) => getJson<Savings>(`/api/v1/agents/${encodeURIComponent(agent)}/savings`, {}, signal),
    // It reads up to 200 runs: not with every run that settles.
    staleTime: 60_000,
  });

export const budgetsQuery = () =>
  queryOptions({
    queryKey: [...keys.costs(), "budgets"],
    queryFn: ({ signal }) => getJson<BudgetList>("/api/v1/budgets", {}, signal),
  });

export const captureQuery = () =>
  queryOptions({
    queryKey: keys.capture(),
    queryFn: ({ signal }) => getJson<CaptureLedger>("/api/v1/capture", {}, signal),
  });

export const warningsQuery = () =>
  queryOptions({
    queryKey: keys.warnings(),
    queryFn: ({ signal }) => getJson<WarningList>("/api/v1/warnings", {}, signal),
  });

export const frameworksQuery = () =>
  queryOptions({
    queryKey: keys.frameworks(),
    queryFn: ({ signal }) => getJson<Frameworks>("/api/v1/frameworks", {}, signal),
    // It reads up to two thousand runs: not with every run that settles.
    staleTime: 60_000,
  });

export const issuesQuery = (filters: IssueFilters) =>
  infiniteQueryOptions({
    queryKey: [...keys.issues(), filters] as const,
    queryFn: ({ pageParam, signal }) => getJson<IssueList>("/api/v1/issues", { ...filters, cursor: pageParam }, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next ?? undefined,
  });

export const issuePath = (id: string) => `/api/v1/issues/${encodeURIComponent(id)}`;

export const issueQuery = (id: string) =>
  queryOptions({
    queryKey: [...keys.issues(), "one", id],
    queryFn: ({ signal }) => getJson<IssueDetail>(issuePath(id), {}, signal),
  });

export const scenariosQuery = (agent: string | undefined) =>
  queryOptions({
    queryKey: [...keys.scenarios(), agent],
    queryFn: ({ signal }) => getJson<ScenarioList>("/api/v1/scenarios", { agent, limit: 200 }, signal),
  });

export const scenarioPath = (id: string) => `/api/v1/scenarios/${encodeURIComponent(id)}`;

export const learningQuery = (agent: string) =>
  queryOptions({
    queryKey: [...keys.scenarios(), "learning", agent],
    queryFn: ({ signal }) => getJson<Learning>(`/api/v1/agents/${encodeURIComponent(agent)}/learning`, {}, signal),
  });

/** The time runs are listed by. */
export const runTime = (run: Run): string => run.started_at ?? run.received_at;
