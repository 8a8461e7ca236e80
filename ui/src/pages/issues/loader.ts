// What the issues page knows: the issues that match the address, page by page.
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { agentsQuery, type IssueFilters, issuesQuery } from "../../api/queries.ts";
import type { IssueDetail } from "../../api/types.ts";

export type IssuesState = {
  issues: IssueDetail[];
  agents: string[];
  /** No run was recorded at all. */
  hasNoAgent: boolean;
  isLoading: boolean;
  error: unknown;
  retry: () => void;
  hasMore: boolean;
  loadMore: () => void;
};

export function useIssues(filters: IssueFilters): IssuesState {
  const list = useInfiniteQuery(issuesQuery(filters));
  const agents = useQuery(agentsQuery());
  const names = agents.data?.agents.map((agent) => agent.name) ?? [];
  return {
    issues: list.data?.pages.flatMap((page) => page.issues) ?? [],
    agents: filters.agent && !names.includes(filters.agent) ? [...names, filters.agent] : names,
    hasNoAgent: agents.data?.agents.length === 0,
    isLoading: list.isPending,
    error: list.data ? undefined : list.error,
    retry: () => void list.refetch(),
    hasMore: list.hasNextPage,
    loadMore: () => void list.fetchNextPage(),
  };
}
