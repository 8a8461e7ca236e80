// Keeps the page current: one event stream for the whole page, which changes or invalidates what is cached.
import type { InfiniteData, QueryClient } from "@tanstack/react-query";
import { useSyncExternalStore } from "react";
import { parseTime } from "../format/time.ts";
import { apiUrl } from "./client.ts";
import { keys, type RunFilters, runTime } from "./queries.ts";
import type { Run, RunEvent, RunList, WarnedRun, WarningList } from "./types.ts";

export type LiveState = "connecting" | "live" | "paused" | "lost";

let state: LiveState = "connecting";
const listeners = new Set<() => void>();

function setState(next: LiveState) {
  state = next;
  for (const listener of listeners) listener();
}

export function useLiveState(): LiveState {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => state,
  );
}

const RETRY_MS = 2000;
/** Figures are recomputed at most this often while runs arrive. */
const REFRESH_MS = 400;
/** As many runs are kept for answers that were asked for before they settled. */
const RECENT = 100;

/** Opens the stream; returns what closes it. */
export function connectLive(client: QueryClient): () => void {
  let source: EventSource | undefined;
  let retry: ReturnType<typeof setTimeout> | undefined;
  let refresh: ReturnType<typeof setTimeout> | undefined;
  let wasOpen = false;
  const recent = new Map<string, Run>();

  const refreshFigures = () => {
    // A trailing timer that is not pushed back: a steady stream of runs refreshes at a steady pace.
    refresh ??= setTimeout(() => {
      refresh = undefined;
      for (const queryKey of [keys.agents(), keys.reports(), keys.findings(), keys.issues(), keys.scenarios()]) {
        void client.invalidateQueries({ queryKey });
      }
    }, REFRESH_MS);
  };

  const open = () => {
    source = new EventSource(apiUrl("/api/v1/events"));
    source.onopen = () => {
      setState("live");
      // What happened while nobody listened is asked for again. At the first opening the pages have only just asked: lists
      // and failures are asked for again, but a long run is not loaded twice.
      if (wasOpen) void client.invalidateQueries();
      else {
        const lists = [keys.agents(), keys.reports(), keys.runs()];
        for (const queryKey of lists) void client.invalidateQueries({ queryKey });
        void client.invalidateQueries({ predicate: (query) => query.state.status === "error" });
      }
      wasOpen = true;
    };
    source.addEventListener("run", (event) => {
      const change = readChange((event as MessageEvent<string>).data);
      if (!change) return;
      recent.delete(change.run.trace_id);
      recent.set(change.run.trace_id, change.run);
      for (const id of [...recent.keys()].slice(0, -RECENT)) recent.delete(id);
      putRun(client, change.run);
      if (!change.run.is_running)
        putWarnings(client, (known) => known.filter((one) => one.run !== change.run.trace_id));
      void client.invalidateQueries({ queryKey: keys.run(change.run.trace_id) });
      refreshFigures();
    });
    source.addEventListener("issue", refreshFigures);
    source.addEventListener("warning", (event) => {
      const warned = readJson<WarnedRun>((event as MessageEvent<string>).data);
      if (!warned?.run || !warned.warning) return;
      const list = client.getQueryData<WarningList>(keys.warnings());
      // How good warnings are is told with the list only.
      if (!list?.agents.some((one) => one.agent === warned.agent)) {
        void client.invalidateQueries({ queryKey: keys.warnings() });
      }
      putWarnings(client, (known) => [warned, ...known.filter((one) => one.run !== warned.run)]);
    });
    source.onerror = () => {
      setState("lost");
      if (source?.readyState === EventSource.CLOSED) {
        clearTimeout(retry);
        retry = setTimeout(open, RETRY_MS);
      }
    };
  };

  // An answer that was on its way when a run settled does not have it yet: what settled lately is put in again.
  const stopWatching = client.getQueryCache().subscribe(({ type, query, ...event }) => {
    const isAnswer = type === "updated" && "action" in event && event.action.type === "success" && !event.action.manual;
    if (isAnswer && query.queryKey[1] === keys.runs()[1]) for (const run of recent.values()) putRun(client, run);
  });

  const close = () => {
    clearTimeout(retry);
    source?.close();
    source = undefined;
  };

  // A browser allows six connections to one host: tabs nobody sees must not hold them all.
  const onVisibility = () => {
    if (document.hidden) {
      close();
      setState("paused");
    } else if (!source) {
      open();
    }
  };
  document.addEventListener("visibilitychange", onVisibility);
  open();
  return () => {
    document.removeEventListener("visibilitychange", onVisibility);
    clearTimeout(refresh);
    stopWatching();
    close();
  };
}

function readChange(data: string): RunEvent | undefined {
  const change = readJson<RunEvent>(data);
  return change?.run?.trace_id ? change : undefined;
}

function readJson<T>(data: string): T | undefined {
  try {
    return JSON.parse(data) as T;
  } catch {
    return undefined;
  }
}

function putWarnings(client: QueryClient, change: (known: WarnedRun[]) => WarnedRun[]) {
  client.setQueryData<WarningList>(keys.warnings(), (list) => list && { ...list, warnings: change(list.warnings) });
}

/** Puts a run into every cached list it belongs to, and takes it out of those it no longer belongs to. */
export function putRun(client: QueryClient, run: Run) {
  const lists = client.getQueriesData<InfiniteData<RunList>>({ queryKey: keys.runs() });
  for (const [queryKey, data] of lists) {
    const filters = (queryKey[2] ?? {}) as RunFilters;
    if (data) client.setQueryData(queryKey, { ...data, pages: placeRun(data.pages, run, matches(run, filters)) });
  }
}

export function matches(run: Run, filters: RunFilters): boolean {
  return (
    (!filters.agent || run.agent.name === filters.agent) &&
    (!filters.verdict || run.outcome.verdict === filters.verdict) &&
    (!filters.task || run.task === filters.task) &&
    (!filters.leaf || run.findings.some((finding) => finding.leaf === filters.leaf))
  );
}

/** Newest first; a run older than everything loaded waits for its page. */
export function placeRun(pages: RunList[], run: Run, belongs: boolean): RunList[] {
  const rest = pages.map((page) => ({ ...page, runs: page.runs.filter((other) => other.trace_id !== run.trace_id) }));
  if (!belongs) return rest;
  const at = parseTime(runTime(run)) ?? 0;
  for (const page of rest) {
    const index = page.runs.findIndex((other) => (parseTime(runTime(other)) ?? 0) <= at);
    if (index >= 0) {
      page.runs.splice(index, 0, run);
      return rest;
    }
  }
  const last = rest.at(-1);
  if (last && !last.next) last.runs.push(run);
  return rest;
}
