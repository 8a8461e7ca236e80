// What the cost page knows: how cost divides, how it went day by day, what could be saved, and the budgets.
import { useQuery } from "@tanstack/react-query";
import { agentsQuery, budgetsQuery, costsQuery, reportQuery, savingsQuery } from "../../api/queries.ts";
import type { AgentSummary, BudgetState, CostReport, Report, Savings } from "../../api/types.ts";
import { chooseAgent } from "../home/loader.ts";

/** By what cost can be divided, in the order of the choice. */
export const DIVISIONS = ["model", "tool", "step", "agent", "version", "outcome", "day", "user", "session"] as const;
export type Division = (typeof DIVISIONS)[number];

export type CostState =
  | { state: "loading" }
  | { state: "failed"; error: unknown; retry: () => void }
  | { state: "empty" }
  | { state: "no-such-agent"; agent: string }
  | {
      state: "ready";
      agents: AgentSummary[];
      agent: string;
      division: CostReport;
      days: CostReport | undefined;
      report: Report | undefined;
      savings: Savings | "loading" | "failed";
      budgets: BudgetState[];
    };

export function useCost(wanted: string | undefined, by: Division): CostState {
  const agents = useQuery(agentsQuery());
  const chosen = agents.data ? chooseAgent(agents.data.agents, wanted) : undefined;
  const enabled = chosen !== undefined;
  const agent = chosen?.name ?? "";
  const division = useQuery({ ...costsQuery(by, agent), enabled });
  const days = useQuery({ ...costsQuery("day", agent), enabled });
  const report = useQuery({ ...reportQuery(agent), enabled });
  const savings = useQuery({ ...savingsQuery(agent), enabled });
  const budgets = useQuery(budgetsQuery());

  const error = agents.error ?? division.error;
  if (error && !division.data) {
    return { state: "failed", error, retry: () => void (agents.error ? agents.refetch() : division.refetch()) };
  }
  if (!agents.data) return { state: "loading" };
  if (agents.data.agents.length === 0 && wanted === undefined) return { state: "empty" };
  if (!chosen) return { state: "no-such-agent", agent: wanted ?? "" };
  if (!division.data) return { state: "loading" };
  return {
    state: "ready",
    agents: agents.data.agents,
    agent,
    division: division.data,
    days: days.data,
    report: report.data,
    savings: savings.data ?? (savings.error ? "failed" : "loading"),
    budgets: budgets.data?.budgets ?? [],
  };
}
