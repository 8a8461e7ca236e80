import type { Run, Verdict } from "../api/types.ts";
import { verdictWord } from "../format/words.ts";
import css from "./StatusDot.module.css";

export type RunStatus = Verdict | "running";

export const runStatus = (run: Run): RunStatus => (run.is_running ? "running" : run.outcome.verdict);

export const statusWord = (status: RunStatus): string => (status === "running" ? "running" : verdictWord[status]);

/** A mark that tells by its shape as well as its colour. With `silent`, the words beside it name the status. */
export function StatusDot({ status, silent = false }: { status: RunStatus; silent?: boolean }) {
  const word = statusWord(status);
  return (
    <svg
      className={css.dot}
      data-status={status}
      viewBox="0 0 16 16"
      role="img"
      aria-label={silent ? undefined : word}
      aria-hidden={silent || undefined}
    >
      {silent ? null : <title>{word}</title>}
      {status === "succeeded" && (
        <>
          <circle cx="8" cy="8" r="7" className={css.disc} />
          <path d="m4.8 8.3 2.2 2.2 4.2-4.8" className={css.sign} />
        </>
      )}
      {status === "failed" && (
        <>
          <circle cx="8" cy="8" r="7" className={css.disc} />
          <path d="m5.5 5.5 5 5m0-5-5 5" className={css.sign} />
        </>
      )}
      {status === "unknown" && <circle cx="8" cy="8" r="5.8" className={css.ring} strokeDasharray="2.6 2.47" />}
      {status === "running" && (
        <>
          <circle cx="8" cy="8" r="6" className={css.ring} />
          <circle cx="8" cy="8" r="3" className={css.pulse} />
        </>
      )}
    </svg>
  );
}
