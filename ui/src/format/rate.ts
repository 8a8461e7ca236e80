// Shares never appear without their n; these are the words for them.
import type { Interval, Rate } from "../api/types.ts";
import { UNKNOWN } from "./time.ts";

/** One decimal; what is not quite nothing or not quite all never reads as 0% or 100%. */
export function formatShare(share: number | null | undefined): string {
  if (share == null || Number.isNaN(share)) return UNKNOWN;
  if (share > 0 && share < 0.0005) return "<0.1%";
  if (share < 1 && share >= 0.9995) return ">99.9%";
  return `${(share * 100).toFixed(1)}%`;
}

export function formatInterval(interval: Interval | null | undefined): string {
  if (!interval) return "interval unknown";
  return `${formatShare(interval.low).replace("%", "")}–${formatShare(interval.high)}`;
}

const methods: Record<Interval["method"], string> = {
  wilson: "Wilson, independent runs",
  task_clustered_t: "Student's t over task means",
  jeffreys: "Jeffreys",
  newcombe: "Newcombe",
  cluster_bootstrap: "bootstrap over tasks",
  welch_t: "Welch's t",
  student_t: "Student's t",
  order_statistics: "order statistics",
  rogan_gladen: "Rogan–Gladen",
  prediction_powered: "prediction-powered",
};

export const methodName = (method: Interval["method"]): string => methods[method] ?? method;

export function describeRate(rate: Rate): string {
  if (rate.n === 0 || rate.estimate == null) return "unknown (n = 0)";
  return `${formatShare(rate.estimate)} (${formatInterval(rate.interval)}, n = ${formatCount(rate.n)})`;
}

export const formatCount = (n: number): string => n.toLocaleString("en-US");

/** Counts in a table: exact up to 9,999. */
export function formatTokens(n: number | null | undefined): string {
  if (n == null) return UNKNOWN;
  if (n < 10_000) return formatCount(n);
  if (n < 999_500) return `${(n / 1000).toFixed(n < 99_950 ? 1 : 0)}k`;
  return `${(n / 1e6).toFixed(n < 99_500_000 ? 1 : 0)}M`;
}

export const plural = (n: number, one: string, many = `${one}s`): string => `${formatCount(n)} ${n === 1 ? one : many}`;
