// What the home page knows: the agents, the chosen one's report, and where its issues can be seen.
import { useQueries, useQuery } from "@tanstack/react-query";
import { agentsQuery, captureQuery, evidenceQuery, reportQuery, warningsQuery } from "../../api/queries.ts";
import type { AgentSummary, Evidence, Report } from "../../api/types.ts";

const PLACES_PER_LEAF = 3;

/** A place in a run that shows an issue. */
export type EvidencePlace = { traceId: string; findingId: string; title: string; evidence: Evidence };

export type HomeState =
  | { state: "loading" }
  | { state: "failed"; error: unknown; retry: () => void }
  | { state: "empty" }
  | { state: "no-such-agent"; agent: string; agents: AgentSummary[] }
  | { state: "ready"; agents: AgentSummary[]; report: Report; places: Map<string, EvidencePlace[]> };

/** The agent that ran last, unless the address names one. */
export function chooseAgent(agents: AgentSummary[], wanted: string | undefined): AgentSummary | undefined {
  if (wanted !== undefined) return agents.find((agent) => agent.name === wanted);
  return agents.reduce<AgentSummary | undefined>(
    (latest, agent) => (!latest || Date.parse(agent.last_run_at) > Date.parse(latest.last_run_at) ? agent : latest),
    undefined,
  );
}

export function useHome(wanted: string | undefined): HomeState {
  const agents = useQuery(agentsQuery());
  // What stands above the card is asked for with it, so that the card does not move when it comes.
  useQuery(captureQuery());
  useQuery(warningsQuery());
  const chosen = agents.data ? chooseAgent(agents.data.agents, wanted) : undefined;
  const report = useQuery({ ...reportQuery(chosen?.name ?? ""), enabled: chosen !== undefined });
  const leaves = (report.data?.recommendations ?? []).flatMap((advice) => advice.leaf ?? []);
  const findings = useQueries({
    queries: [...new Set(leaves)].map((leaf) => evidenceQuery(chosen?.name ?? "", leaf, PLACES_PER_LEAF)),
  });

  const error = agents.error ?? report.error;
  if (error && !report.data) {
    return { state: "failed", error, retry: () => void (agents.error ? agents.refetch() : report.refetch()) };
  }
  if (!agents.data) return { state: "loading" };
  if (agents.data.agents.length === 0 && wanted === undefined) return { state: "empty" };
  if (!chosen) return { state: "no-such-agent", agent: wanted ?? "", agents: agents.data.agents };
  if (!report.data) return { state: "loading" };

  const places = new Map<string, EvidencePlace[]>();
  for (const finding of findings.flatMap((page) => page.data?.findings ?? [])) {
    const evidence = finding.evidence[0];
    if (!evidence) continue;
    const known = places.get(finding.leaf) ?? [];
    known.push({ traceId: finding.trace_id, findingId: finding.id, title: finding.title, evidence });
    places.set(finding.leaf, known);
  }
  return { state: "ready", agents: agents.data.agents, report: report.data, places };
}
