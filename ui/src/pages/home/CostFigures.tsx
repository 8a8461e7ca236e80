import type { Report } from "../../api/types.ts";
import { formatUsd, formatUsdExact, whyUnknown } from "../../format/money.ts";
import { formatCount, plural } from "../../format/rate.ts";
import css from "./PerformanceCard.module.css";

/** What a run costs on average, over the runs that could be priced; the others are named with their reason. */
export function CostFigures({ cost }: { cost: Report["cost"] }) {
  return (
    <>
      {cost.per_run == null ? (
        <p className={css.number}>unknown</p>
      ) : (
        <p className={css.number} title={`${formatUsdExact(cost.per_run)} on average`}>
          {formatUsd(cost.per_run)} <span className={css.faint}>mean, n = {formatCount(cost.priced_runs)}</span>
        </p>
      )}
      {cost.unpriced.map(({ why, runs }) => (
        <p key={whyUnknown(why)} className={css.note}>
          {plural(runs, "run")} unpriced: {whyUnknown(why)}
        </p>
      ))}
      {cost.weekly_change && (
        <p className={css.note}>
          {formatChange(cost.weekly_change.ratio)} on the week before (n = {formatCount(cost.weekly_change.recent_runs)}
          , before {formatCount(cost.weekly_change.before_runs)}; {significance(cost.weekly_change.is_significant)})
        </p>
      )}
      {cost.projected_month && (
        <p className={css.note}>
          {formatUsd(cost.projected_month.amount)}
          {cost.projected_month.at_least != null && cost.projected_month.at_most != null && (
            <>
              {" "}
              ({formatUsd(cost.projected_month.at_least)} – {formatUsd(cost.projected_month.at_most)})
            </>
          )}{" "}
          a month at {formatPace(cost.projected_month.runs_per_day)}{" "}
          {cost.projected_month.runs_per_day === 1 ? "run" : "runs"} a day, observed for{" "}
          {formatPace(cost.projected_month.days_observed)} d
        </p>
      )}
    </>
  );
}

const significance = (isSignificant: boolean | null | undefined): string => {
  if (isSignificant == null) return "too few days to tell from chance";
  return isSignificant ? "more than days differ by chance" : "days differ as much by chance";
};

/** The ratio is recent / before − 1. */
export function formatChange(ratio: number): string {
  const percent = Math.abs(ratio * 100);
  if (percent < 0.05) return "unchanged";
  return `${ratio > 0 ? "+" : "−"}${percent.toFixed(percent < 10 ? 1 : 0)}%`;
}

const formatPace = (n: number): string => n.toLocaleString("en-US", { maximumFractionDigits: n < 10 ? 1 : 0 });
