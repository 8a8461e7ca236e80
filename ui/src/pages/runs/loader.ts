// What the runs page knows: the runs that match the address's filters, page by page, and what can be filtered by.
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { agentsQuery, type RunFilters, reportQuery, runsQuery } from "../../api/queries.ts";
import type { Run } from "../../api/types.ts";

export type RunsState = {
  runs: Run[];
  isLoading: boolean;
  error: unknown;
  retry: () => void;
  hasMore: boolean;
  isLoadingMore: boolean;
  loadMore: () => void;
  agents: string[];
  /** Undefined until the agents are known. */
  agentExists: boolean | undefined;
  leaves: string[];
};

export function useRuns(filters: RunFilters): RunsState {
  const list = useInfiniteQuery(runsQuery(filters));
  const agents = useQuery(agentsQuery());
  const report = useQuery({ ...reportQuery(filters.agent ?? ""), enabled: filters.agent !== undefined });

  const runs = useMemo(() => unique(list.data?.pages.flatMap((page) => page.runs) ?? []), [list.data]);
  const leaves = useMemo(() => {
    const seen = new Set(runs.flatMap((run) => run.findings.map((finding) => finding.leaf)));
    for (const issue of report.data?.issues ?? []) seen.add(issue.leaf);
    if (filters.leaf) seen.add(filters.leaf);
    return [...seen].sort();
  }, [runs, report.data, filters.leaf]);

  const names = agents.data?.agents.map((agent) => agent.name) ?? [];
  const agentExists = agents.data && filters.agent !== undefined ? names.includes(filters.agent) : undefined;
  return {
    runs,
    isLoading: list.isPending,
    error: list.data ? undefined : list.error,
    retry: () => void list.refetch(),
    hasMore: list.hasNextPage,
    isLoadingMore: list.isFetchingNextPage,
    loadMore: () => {
      if (list.hasNextPage && !list.isFetchingNextPage) void list.fetchNextPage();
    },
    agents: filters.agent && !names.includes(filters.agent) ? [...names, filters.agent] : names,
    agentExists,
    leaves,
  };
}

/** A run that settled anew between two pages is in both; the first is the newer. */
function unique(runs: Run[]): Run[] {
  const seen = new Set<string>();
  return runs.filter((run) => {
    if (seen.has(run.trace_id)) return false;
    seen.add(run.trace_id);
    return true;
  });
}
