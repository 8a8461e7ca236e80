// A share in a table: the bar with its band, the figure with its interval, and what it is of.
import type { Rate } from "../api/types.ts";
import { formatCount, formatInterval, formatShare } from "../format/rate.ts";
import { RateBar } from "./RateBar.tsx";
import css from "./RateCell.module.css";

type Props = { rate: Rate; label: string; of?: string };

export function RateCell({ rate, label, of = "runs" }: Props) {
  if (rate.n === 0 || rate.estimate == null) return <span className={css.faint}>unknown: n = 0</span>;
  return (
    <span className={css.cell}>
      <RateBar rate={rate} label={label} />
      <span className={css.words}>
        <span className={css.figure}>
          {formatShare(rate.estimate)} <span className={css.faint}>({formatInterval(rate.interval)})</span>
        </span>
        <span className={css.of}>
          {formatCount(rate.successes)} of n = {formatCount(rate.n)} {of}
        </span>
      </span>
    </span>
  );
}
