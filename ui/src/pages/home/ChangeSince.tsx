import { Link } from "@tanstack/react-router";
import type { ChangePoint } from "../../api/types.ts";
import { ArrowDown, ArrowUp } from "../../components/icons.tsx";
import { describeRate, formatCount } from "../../format/rate.ts";
import { formatTime } from "../../format/time.ts";
import { shortId } from "../../format/words.ts";
import css from "./Trend.module.css";

/** Since which run the success rate is another; nothing where chance explains the difference. */
export function ChangeSince({ change }: { change: ChangePoint | null | undefined }) {
  if (!change?.run || !change.after) return null;
  if (change.direction !== "improving" && change.direction !== "declining") return null;
  const { run, since, before, after, n, p_value: p } = change;
  const isBetter = change.direction === "improving";
  return (
    <p className={css.trend} data-direction={change.direction}>
      <span className={css.word}>
        {isBetter ? <ArrowUp /> : <ArrowDown />} {isBetter ? "better" : "worse"} since
      </span>
      <span>
        <Link to="/runs/$id" params={{ id: run }}>
          run {shortId(run)}
        </Link>
        {since && ` at ${formatTime(since).slice(0, 16)}`}
      </span>
      <span className={css.basis}>
        {describeRate(before)} → {describeRate(after)}
      </span>
      <span className={css.basis}>
        change point of the latest n = {formatCount(n)} runs
        {p == null ? "" : `, p ${p < 0.001 ? "< 0.001" : `= ${p.toFixed(3)}`}`}
      </span>
    </p>
  );
}
