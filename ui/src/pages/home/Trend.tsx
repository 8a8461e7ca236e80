import type { Report } from "../../api/types.ts";
import { ArrowDown, ArrowUp } from "../../components/icons.tsx";
import { formatCount, formatShare } from "../../format/rate.ts";
import css from "./Trend.module.css";

const tests: Record<string, string> = {
  fisher_exact: "Fisher's exact test",
  pooled_z: "z test of two proportions",
};

/** An arrow only where a test says that the change is more than chance; otherwise nothing. */
export function Trend({ trend }: { trend: Report["reliability"]["trend"] }) {
  if (trend.direction !== "improving" && trend.direction !== "declining") return null;
  const { recent, before, p_value: p } = trend;
  const test = trend.test ? (tests[trend.test] ?? trend.test) : "test";
  return (
    <p className={css.trend} data-direction={trend.direction}>
      <span className={css.word}>
        {trend.direction === "improving" ? <ArrowUp /> : <ArrowDown />} {trend.direction}
      </span>
      <span className={css.basis}>
        {formatShare(before.estimate)} (n = {formatCount(before.n)}) → {formatShare(recent.estimate)} (n ={" "}
        {formatCount(recent.n)}), week on week
      </span>
      <span className={css.basis}>
        {test}
        {p == null ? "" : `, p ${p < 0.001 ? "< 0.001" : `= ${p.toFixed(3)}`}`}
      </span>
    </p>
  );
}
