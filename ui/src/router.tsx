// The pages and what their addresses hold. A page is one line here and one folder in pages/.
import {
  createRootRoute,
  createRoute,
  createRouter,
  type RouterHistory,
  retainSearchParams,
} from "@tanstack/react-router";
import type { IssueState, Verdict } from "./api/types.ts";
import { Shell } from "./components/Shell.tsx";
import { CapturePage } from "./pages/capture/Page.tsx";
import { DIVISIONS, type Division } from "./pages/cost/loader.ts";
import { CostPage } from "./pages/cost/Page.tsx";
import { HomePage } from "./pages/home/Page.tsx";
import { IssuePage } from "./pages/issue/Page.tsx";
import { IssuesPage } from "./pages/issues/Page.tsx";
import { MissingPage } from "./pages/missing/Page.tsx";
import { RunPage } from "./pages/run/Page.tsx";
import { RunsPage } from "./pages/runs/Page.tsx";
import { ScenariosPage } from "./pages/scenarios/Page.tsx";

type Raw = Record<string, unknown>;
const text = (raw: Raw, name: string) => {
  const value = raw[name];
  return typeof value === "string" && value !== "" ? value : undefined;
};
const verdict = (raw: Raw): Verdict | undefined => {
  const value = raw.verdict;
  return value === "succeeded" || value === "failed" || value === "unknown" ? value : undefined;
};

const issueState = (raw: Raw): IssueState | undefined => {
  const value = raw.state;
  const known: IssueState[] = ["open", "fixed", "regressed", "merged"];
  return known.find((state) => state === value);
};

const rootRoute = createRootRoute({
  component: Shell,
  notFoundComponent: MissingPage,
  validateSearch: (raw: Raw): { project?: string } => ({ project: text(raw, "project") }),
  search: { middlewares: [retainSearchParams(["project"])] },
});

const homeRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/",
  validateSearch: (raw: Raw): { agent?: string } => ({ agent: text(raw, "agent") }),
  component: HomePage,
});

const runsRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/runs",
  validateSearch: (raw: Raw): { q?: string; agent?: string; verdict?: Verdict; task?: string; leaf?: string } => ({
    q: text(raw, "q"),
    agent: text(raw, "agent"),
    verdict: verdict(raw),
    task: text(raw, "task"),
    leaf: text(raw, "leaf"),
  }),
  component: RunsPage,
});

const runRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/runs/$id",
  validateSearch: (raw: Raw): { span?: string; finding?: string } => ({
    span: text(raw, "span"),
    finding: text(raw, "finding"),
  }),
  component: RunPage,
});

const division = (raw: Raw): Division | undefined => DIVISIONS.find((known) => known === raw.by);

const costRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/cost",
  validateSearch: (raw: Raw): { agent?: string; by?: Division } => ({ agent: text(raw, "agent"), by: division(raw) }),
  component: CostPage,
});

const captureRoute = createRoute({ getParentRoute: () => rootRoute, path: "/capture", component: CapturePage });

const issuesRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/issues",
  validateSearch: (raw: Raw): { agent?: string; state?: IssueState } => ({
    agent: text(raw, "agent"),
    state: issueState(raw),
  }),
  component: IssuesPage,
});

const issueRoute = createRoute({ getParentRoute: () => rootRoute, path: "/issues/$id", component: IssuePage });

const scenariosRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/scenarios",
  validateSearch: (raw: Raw): { agent?: string } => ({ agent: text(raw, "agent") }),
  component: ScenariosPage,
});

const routeTree = rootRoute.addChildren([
  homeRoute,
  runsRoute,
  runRoute,
  captureRoute,
  issuesRoute,
  issueRoute,
  scenariosRoute,
  costRoute,
]);

/** Addresses hold plain text: `?task=12` is the text "12", not a number. */
export function parseSearch(search: string): Raw {
  return Object.fromEntries(new URLSearchParams(search));
}

export function stringifySearch(search: Raw): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(search)) {
    if (typeof value === "string" && value !== "") query.set(name, value);
  }
  const text = query.toString();
  return text ? `?${text}` : "";
}

export function createAppRouter(history?: RouterHistory) {
  return createRouter({ routeTree, parseSearch, stringifySearch, ...(history ? { history } : {}) });
}

declare module "@tanstack/react-router" {
  interface Register {
    router: ReturnType<typeof createAppRouter>;
  }
}
