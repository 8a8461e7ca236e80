// What the page of an issue knows, and what it can decide.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { sendJson } from "../../api/client.ts";
import { issuePath, issueQuery, keys } from "../../api/queries.ts";
import type { DecideIssue, IssueDetail } from "../../api/types.ts";

export function useIssue(id: string) {
  return useQuery(issueQuery(id));
}

export function useDecision(id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (deed: DecideIssue) => sendJson<IssueDetail>("PATCH", issuePath(id), deed),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.issues() }),
  });
}
