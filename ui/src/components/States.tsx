// What a page shows when it has nothing yet, nothing at all, or an error.
import { Button, Skeleton } from "@mantine/core";
import type { ReactNode } from "react";
import { ApiProblem } from "../api/client.ts";
import css from "./States.module.css";

export function Loading({ what, lines = 6 }: { what: string; lines?: number }) {
  return (
    <div className={css.loading} role="status" aria-label={`Loading ${what}`}>
      {Array.from({ length: lines }, (_, line) => (
        // The lines are alike and never change places
        <Skeleton key={line} className={css.bone} data-short={line % 3 === 2 || undefined} />
      ))}
    </div>
  );
}

export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className={css.state}>
      <h2 className={css.title}>{title}</h2>
      {children}
    </div>
  );
}

export function Failure({ what, error, onRetry }: { what: string; error: unknown; onRetry?: () => void }) {
  const problem = error instanceof ApiProblem ? error : undefined;
  return (
    <div className={css.state} role="alert">
      <h2 className={css.title}>Cannot show {what}</h2>
      <p className={css.text}>
        {problem?.message ?? (error instanceof Error ? error.message : "Something unexpected happened")}
      </p>
      {problem?.detail && <p className={css.text}>{problem.detail}</p>}
      {onRetry && (
        <Button size="xs" variant="default" onClick={onRetry}>
          Try again
        </Button>
      )}
    </div>
  );
}
