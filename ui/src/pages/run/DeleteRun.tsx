// Deletes the run that is shown, once somebody has said so twice.
import { Button } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { ApiProblem, deleteAt } from "../../api/client.ts";
import { keys } from "../../api/queries.ts";
import css from "./DeleteRun.module.css";

export function DeleteRun({ id }: { id: string }) {
  const [isAsking, setAsking] = useState(false);
  const client = useQueryClient();
  const navigate = useNavigate();
  const deletion = useMutation({
    mutationFn: () => deleteAt(`/api/v1/runs/${encodeURIComponent(id)}`),
    onSuccess: async () => {
      await navigate({ to: "/runs" });
      client.removeQueries({ queryKey: keys.run(id) });
      // Listings and figures lack it from now on.
      await client.invalidateQueries();
    },
  });
  if (!isAsking) {
    return (
      <Button size="compact-xs" variant="default" className={css.first} onClick={() => setAsking(true)}>
        Delete…
      </Button>
    );
  }
  const problem = deletion.error instanceof ApiProblem ? deletion.error : undefined;
  return (
    <div className={css.question} role="group" aria-label="Delete this run">
      {deletion.error ? (
        <p role="alert">It was not deleted: {problem?.detail ?? deletion.error.message}</p>
      ) : (
        <p>Delete this run, its spans and its findings for good?</p>
      )}
      <Button size="compact-xs" color="red" loading={deletion.isPending} onClick={() => deletion.mutate()}>
        Delete for good
      </Button>
      <Button size="compact-xs" variant="default" autoFocus onClick={() => setAsking(false)}>
        Keep it
      </Button>
    </div>
  );
}
