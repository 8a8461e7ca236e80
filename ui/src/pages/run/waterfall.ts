// Where each span's bar lies. With times: on the clock of the run. Without any: one after the other, in order.
import { formatDuration } from "../../format/time.ts";
import type { SpanNode, SpanTree } from "./tree.ts";

export type Scale =
  | { by: "time"; from: number; length: number }
  /** No span has a time. */
  | { by: "sequence"; count: number };

/** `width` is undefined for a moment: the span has no end, or its end lies before its start. */
export type Bar = { left: number; width: number | undefined; isOpen: boolean };

export function scaleOf(tree: SpanTree): Scale {
  let from = Number.POSITIVE_INFINITY;
  let to = Number.NEGATIVE_INFINITY;
  for (const { start, end } of tree.ordered) {
    if (start === undefined) continue;
    from = Math.min(from, start);
    to = Math.max(to, start, end ?? start);
  }
  if (from > to) return { by: "sequence", count: Math.max(1, tree.ordered.length) };
  return { by: "time", from, length: Math.max(to - from, 1e-3) };
}

/** Shares of the width, 0..1; undefined when others have times but this span has none. */
export function barOf(node: SpanNode, scale: Scale): Bar | undefined {
  if (scale.by === "sequence") return { left: node.order / scale.count, width: 1 / scale.count, isOpen: false };
  if (node.start === undefined) return undefined;
  const left = (node.start - scale.from) / scale.length;
  if (node.end === undefined) return { left, width: 1 - left, isOpen: true };
  if (node.end < node.start) return { left, width: undefined, isOpen: false };
  return { left, width: (node.end - node.start) / scale.length, isOpen: false };
}

export type Tick = { at: number; label: string };

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
/** Steps people read at a glance, from a second up; below, 1, 2 and 5 times a power of ten. */
const STEPS = [1, 2, 5, 10, 20, 30]
  .map((n) => n * SECOND)
  .concat([1, 2, 5, 10, 20, 30].map((n) => n * MINUTE))
  .concat([1, 2, 4, 6, 12, 24, 48, 96, 168].map((n) => n * HOUR));

function stepAtLeast(ms: number): number {
  if (ms > SECOND / 2) return STEPS.find((step) => step >= ms) ?? ms;
  const magnitude = 10 ** Math.floor(Math.log10(ms));
  return ([1, 2, 5].find((factor) => factor * magnitude >= ms) ?? 10) * magnitude;
}

/** A few ticks at round times; none at the start, and none so near the end that its label would be cut off. */
export function ticksOf(scale: Scale): Tick[] {
  if (scale.by === "sequence") return [];
  const step = stepAtLeast(scale.length / 4);
  const ticks: Tick[] = [];
  for (let at = step; at <= scale.length * 0.92; at += step) {
    ticks.push({ at: at / scale.length, label: shortDuration(at) });
  }
  return ticks;
}

/** As `formatDuration`, without zeros that say nothing. */
const shortDuration = (ms: number): string =>
  formatDuration(ms)
    .replace(/\.0+ s$/, " s")
    .replace(/ 00 (s|min)$/, "");

export function durationOf(node: SpanNode): number | undefined {
  if (node.start === undefined || node.end === undefined || node.end < node.start) return undefined;
  return node.end - node.start;
}
