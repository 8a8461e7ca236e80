// What the scenarios page knows: the cases, and for one agent what it learnt and what to try next.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { sendJson } from "../../api/client.ts";
import { agentsQuery, keys, learningQuery, scenarioPath, scenariosQuery } from "../../api/queries.ts";
import type { Scenario } from "../../api/types.ts";

export function useScenarios(agent: string | undefined) {
  const list = useQuery(scenariosQuery(agent));
  const agents = useQuery(agentsQuery());
  const learning = useQuery({ ...learningQuery(agent ?? ""), enabled: agent !== undefined });
  const names = agents.data?.agents.map((one) => one.name) ?? [];
  const isKnown = agent === undefined || names.includes(agent);
  return {
    list,
    learning,
    agents: isKnown ? names : [...names, agent],
    isUnknownAgent: agents.data !== undefined && !isKnown && list.data?.scenarios.length === 0,
  };
}

export function useScenarioDecision() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ id, state }: { id: string; state: "verified" | "retired" }) =>
      sendJson<Scenario>("PATCH", scenarioPath(id), { state }),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.scenarios() }),
  });
}
