import type { Run } from "../api/types.ts";
import { formatDuration, parseTime } from "../format/time.ts";
import { useNow } from "./useNow.ts";

/** How long a run took; while it runs, how long it has been running, told anew every second. */
export function RunDuration({ run }: { run: Run }) {
  return run.is_running ? <SoFar run={run} /> : formatDuration(run.duration_ms);
}

function SoFar({ run }: { run: Run }) {
  const text = formatDuration(durationSoFar(run, useNow(1000)));
  return <span title="so far">{text}</span>;
}

/** Whole seconds since the start. The clock of the agent's machine may be ahead of this one's. */
export function durationSoFar(run: Run, now: number): number | undefined {
  const start = parseTime(run.started_at);
  return start === undefined ? undefined : Math.max(0, Math.floor((now - start) / 1000)) * 1000;
}
