// How likely a run that goes on is to fail, and how good that was on later runs, in words.
import type { Prefix, Skill } from "../api/types.ts";
import { describeRate, formatCount, formatTokens, plural } from "./rate.ts";
import { formatDuration } from "./time.ts";

/** What a chance is told from. */
export function describeSeen({ steps, errors, repeated, tokens, elapsed_ms }: Prefix): string {
  const parts = [plural(steps, "step")];
  if (errors > 0) parts.push(`${formatCount(errors)} failed`);
  if (repeated > 0) parts.push(`${formatCount(repeated)} repeated`);
  if (tokens != null) parts.push(`${formatTokens(tokens)} tokens`);
  if (elapsed_ms != null) parts.push(formatDuration(elapsed_ms));
  return parts.join(", ");
}

/** How the backtest went; shares with their n and interval. */
export function describeSkill(skill: Skill): string {
  const { low, high, brier_skill: gain } = skill;
  const lead: string[] = [];
  if (skill.lead_ms != null) lead.push(formatDuration(skill.lead_ms));
  if (skill.lead_steps != null) lead.push(plural(Math.round(skill.lead_steps), "step"));
  const before = lead.length > 0 ? `, half of them at least ${lead.join(" or ")} before the end` : "";
  return (
    `learnt from ${plural(skill.learnt_from, "run")}, tried on n = ${formatCount(skill.tried_on)} later ones: ` +
    `warned of ${describeRate(skill.caught)} of those that failed${before}, ` +
    `and of ${describeRate(skill.false_alarms)} of those that succeeded; ` +
    `Brier skill ${gain.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})`
  );
}
