// Money arrives as whole nano-dollars and is only rounded for the eye.
import type { Cost, Estimated, UnknownCost } from "../api/types.ts";
import { formatCount, plural } from "./rate.ts";

/** Three significant digits below a dollar and never fewer than four decimals; cents from a dollar up. */
export function formatUsd(nanos: number): string {
  const sign = nanos < 0 ? "−" : "";
  const dollars = Math.abs(nanos) / 1e9;
  if (dollars === 0) return "$0";
  if (dollars >= 1) {
    return `${sign}$${dollars.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;
  }
  const leadingZeros = Math.max(0, -Math.floor(Math.log10(dollars)) - 1);
  return `${sign}$${dollars.toFixed(Math.min(9, Math.max(4, leadingZeros + 3)))}`;
}

/** Every digit, as the command line prints it. */
export function formatUsdExact(nanos: number): string {
  const sign = nanos < 0 ? "−" : "";
  const digits = String(Math.abs(nanos)).padStart(10, "0");
  const fraction = digits.slice(-9).replace(/0+$/, "");
  return `${sign}$${digits.slice(0, -9)}${fraction ? `.${fraction}` : ""}`;
}

export function whyUnknown(why: UnknownCost): string {
  switch (why.reason) {
    case "no_llm_calls":
      return "no model calls were recorded";
    case "no_model":
      return "the model's name was not recorded";
    case "no_usage":
      return "token counts were not recorded";
    case "unpriced":
      return `no price for model ${why.model}`;
    case "unclear_usage":
      return "the token counts do not add up";
    case "running":
      return "it, or a model call in it, has not ended";
  }
}

/** What calls without counts would have cost, by the tokens of their text. */
export function describeEstimated({ calls, cost, left_out: leftOut }: Estimated): string {
  const others = leftOut > 0 ? `, ${formatCount(leftOut)} not estimated` : "";
  return `about ${formatUsd(cost)} by the text of ${plural(calls, "call")} without token counts${others}`;
}

/** One cost in words: the amount, or "unknown" with the reason and what is known at least. */
export function describeCost(cost: Cost): { text: string; why?: string } {
  if (cost.state === "known") return { text: formatUsd(cost.total) };
  const atLeast = cost.at_least > 0 ? `; at least ${formatUsd(cost.at_least)}` : "";
  return { text: "unknown", why: `${whyUnknown(cost.why)}${atLeast}` };
}
