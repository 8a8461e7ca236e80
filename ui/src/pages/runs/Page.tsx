// Runs: every run, newest first, filtered by what the address says.
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useCallback, useRef } from "react";
import type { RunFilters } from "../../api/queries.ts";
import { Empty, Failure, Loading } from "../../components/States.tsx";
import { useTitle } from "../../components/useTitle.ts";
import { Filters } from "./Filters.tsx";
import { useRuns } from "./loader.ts";
import css from "./Page.module.css";
import { RunTable } from "./RunTable.tsx";
import { SearchBox } from "./SearchBox.tsx";
import { SearchResults } from "./SearchResults.tsx";
import { useShortcuts } from "./useShortcuts.ts";

const route = getRouteApi("/runs");

export function RunsPage() {
  const filters = route.useSearch();
  const navigate = useNavigate();
  const runs = useRuns({ agent: filters.agent, verdict: filters.verdict, task: filters.task, leaf: filters.leaf });
  const firstFilter = useRef<HTMLInputElement>(null);
  const table = useRef<HTMLDivElement>(null);
  useShortcuts(table, firstFilter);
  useTitle("Runs");

  const change = useCallback(
    (next: Partial<RunFilters & { q: string | undefined }>) =>
      void navigate({ to: "/runs", search: (old) => ({ ...old, ...next }), replace: true }),
    [navigate],
  );

  return (
    <div className={css.page}>
      <h1 className="visually-hidden">Runs</h1>
      <SearchBox text={filters.q ?? ""} onSearch={(q) => change({ q })} />
      <Filters
        filters={filters}
        agents={runs.agents}
        leaves={runs.leaves}
        shown={runs.runs.length}
        hasMore={runs.hasMore}
        isUnknown={runs.isLoading || Boolean(runs.error)}
        isSearch={Boolean(filters.q)}
        onChange={change}
        firstFilter={firstFilter}
      />
      {filters.q ? (
        <SearchResults text={filters.q} agent={filters.agent} />
      ) : (
        <Content runs={runs} filters={filters} table={table} />
      )}
    </div>
  );
}

type ContentProps = {
  runs: ReturnType<typeof useRuns>;
  filters: RunFilters;
  table: React.RefObject<HTMLDivElement | null>;
};

function Content({ runs, filters, table }: ContentProps) {
  if (runs.error) return <Failure what="the runs" error={runs.error} onRetry={runs.retry} />;
  if (runs.isLoading) return <Loading what="the runs" lines={12} />;
  if (runs.runs.length > 0) {
    return <RunTable runs={runs.runs} hasMore={runs.hasMore} onEnd={runs.loadMore} containerRef={table} />;
  }
  if (runs.agentExists === false) {
    return (
      <Empty title={`No agent is called “${filters.agent}”`}>
        <Link to="/runs">Show the runs of every agent</Link>
      </Empty>
    );
  }
  const isFiltered = Object.values({ ...filters, project: undefined }).some(Boolean);
  return (
    <Empty title={isFiltered ? "No run matches these filters" : "No runs yet"}>
      {isFiltered ? <Link to="/runs">Show every run</Link> : <Link to="/">See how to record one</Link>}
    </Empty>
  );
}
