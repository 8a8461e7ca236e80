// What is missing of a source, and why, in words.
import type { CaptureSource } from "../../api/types.ts";
import { plural } from "../../format/rate.ts";

const units: Record<string, string> = { span: "span", request: "request" };

export function missing({ runs, counts, is_ended, runs_in_flight }: CaptureSource): string[] {
  const parts: string[] = [];
  if (runs && runs.dropped > 0) parts.push(`${plural(runs.dropped, "run")}: the disk or the spool was full`);
  if (is_ended && runs_in_flight) parts.push(`${plural(runs_in_flight, "run")}: began and never arrived`);
  if (counts.records_dropped) parts.push(`${plural(counts.records_dropped, "record")}: the disk or the spool was full`);
  if (counts.records_damaged) parts.push(`at least ${plural(counts.records_damaged, "record")}: damaged on the disk`);
  for (const { why, what, count } of counts.rejected ?? []) parts.push(`${plural(count, units[what] ?? what)}: ${why}`);
  return parts;
}
