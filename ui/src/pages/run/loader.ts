// What the run page knows: the run with its spans as a tree, and its findings, worst first.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useMemo } from "react";
import { ApiProblem, sendJson } from "../../api/client.ts";
import { keys, labelsPath, runQuery, warningsQuery } from "../../api/queries.ts";
import type { Estimated, Finding, GiveLabel, LabelGiven, Run, RunTiming, WarningList } from "../../api/types.ts";
import { severities } from "../../format/words.ts";
import { buildTree, type SpanTree } from "./tree.ts";

export type LoadedRun = {
  run: Run;
  tree: SpanTree;
  findings: Finding[];
  timing: RunTiming;
  estimated: Estimated | undefined;
};

export type RunState =
  | { state: "loading" }
  | { state: "missing" }
  | { state: "failed"; error: unknown; retry: () => void }
  | { state: "ready"; loaded: LoadedRun };

export function useRun(id: string): RunState {
  const { data, error, refetch } = useQuery(runQuery(id));
  const loaded = useMemo(
    () =>
      data && {
        run: data.run,
        tree: buildTree(data.spans),
        findings: bySeverity(data.findings),
        timing: data.timing,
        estimated: data.estimated ?? undefined,
      },
    [data],
  );
  if (loaded) return { state: "ready", loaded };
  // An id the server cannot read names no run either.
  if (error instanceof ApiProblem && (error.isMissing || error.status === 400)) return { state: "missing" };
  if (error) return { state: "failed", error, retry: () => void refetch() };
  return { state: "loading" };
}

/** Gives the run a person's label. The stream says when it was analysed anew. */
export function useLabel(id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (label: GiveLabel) => sendJson<LabelGiven>("POST", labelsPath(id), label),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.run(id) }),
  });
}

/** How likely a run that goes on is to fail; of one that ended nothing is asked. */
export function useWarnings(run: Run): WarningList | undefined {
  return useQuery({ ...warningsQuery(), enabled: run.is_running }).data;
}

function bySeverity(findings: Finding[]): Finding[] {
  return findings.toSorted((a, b) => severities.indexOf(a.severity) - severities.indexOf(b.severity));
}
