// What a run waited for, in words and by span.
import type { RunTiming } from "../../api/types.ts";
import { formatShare } from "../../format/rate.ts";
import { formatDuration } from "../../format/time.ts";

export type Waited = { span: string; ns: number; share: number };

/** Spans shown; the rest is summed up. */
const MOST_SPANS = 12;

/** The spans the run waited for, longest first; a span that is on the path more than once is one. */
export function waitedFor(timing: RunTiming): { spans: Waited[]; rest: number } {
  const bySpan = new Map<string, number>();
  for (const step of timing.critical_path) {
    bySpan.set(step.span_id, (bySpan.get(step.span_id) ?? 0) + step.own_ns);
  }
  const all = [...bySpan].map(([span, ns]) => ({ span, ns, share: shareOf(ns, timing) }));
  const longest = all.filter((one) => one.ns > 0).toSorted((a, b) => b.ns - a.ns);
  const spans = longest.slice(0, MOST_SPANS);
  return { spans, rest: longest.length - spans.length };
}

/** "6.20 s: 54.0% model, 38.7% tools, 7.3% neither". */
export function summariseTiming(timing: RunTiming): string | undefined {
  if (!timing.time_ns) return undefined;
  const parts: [number, string][] = [
    [timing.model_ns, "model"],
    [timing.tool_ns, "tools"],
    [timing.other_ns, "neither"],
  ];
  const shares = parts.filter(([ns]) => ns > 0).map(([ns, name]) => `${formatShare(shareOf(ns, timing))} ${name}`);
  return `${formatDuration(timing.time_ns / 1e6)}: ${shares.join(", ")}`;
}

const shareOf = (ns: number, { time_ns }: RunTiming) => (time_ns ? ns / time_ns : 0);
