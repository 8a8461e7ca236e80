// What the run page knows: the run with its spans as a tree, and its findings, worst first.
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { ApiProblem } from "../../api/client.ts";
import { runQuery } from "../../api/queries.ts";
import type { Finding, Run } from "../../api/types.ts";
import { severities } from "../../format/words.ts";
import { buildTree, type SpanTree } from "./tree.ts";

export type LoadedRun = { run: Run; tree: SpanTree; findings: Finding[] };

export type RunState =
  | { state: "loading" }
  | { state: "missing" }
  | { state: "failed"; error: unknown; retry: () => void }
  | { state: "ready"; loaded: LoadedRun };

export function useRun(id: string): RunState {
  const { data, error, refetch } = useQuery(runQuery(id));
  const loaded = useMemo(
    () => data && { run: data.run, tree: buildTree(data.spans), findings: bySeverity(data.findings) },
    [data],
  );
  if (loaded) return { state: "ready", loaded };
  // An id the server cannot read names no run either.
  if (error instanceof ApiProblem && (error.isMissing || error.status === 400)) return { state: "missing" };
  if (error) return { state: "failed", error, retry: () => void refetch() };
  return { state: "loading" };
}

function bySeverity(findings: Finding[]): Finding[] {
  return findings.toSorted((a, b) => severities.indexOf(a.severity) - severities.indexOf(b.severity));
}
