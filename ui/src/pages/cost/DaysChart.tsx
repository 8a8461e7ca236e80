// Cost day by day: a bar for each UTC day with runs, hatched where a part of it is not known.
import type { CostReport } from "../../api/types.ts";
import { Card } from "../../components/Card.tsx";
import { formatUsd } from "../../format/money.ts";
import { plural } from "../../format/rate.ts";
import css from "./Page.module.css";

/** The date in a time of the API. */
const DATE = 10;
/** Days that fit side by side. */
const SHOWN = 45;

export function DaysChart({ days: { lines } }: { days: CostReport }) {
  const days = lines
    .filter((line) => line.name != null)
    .sort((a, b) => ((a.name ?? "") < (b.name ?? "") ? -1 : 1))
    .slice(-SHOWN);
  const most = Math.max(...days.map((day) => day.cost ?? 0));
  if (days.length < 2 || most === 0) return null;
  const first = days[0]?.name?.slice(0, DATE);
  const last = days.at(-1)?.name?.slice(0, DATE);
  return (
    <Card title="By day, UTC">
      <div className={css.chart} style={{ maxWidth: `calc(${days.length + 2} * var(--space-6))` }}>
        <p className={css.scale}>
          <span>{formatUsd(most)}</span>
          <span>$0</span>
        </p>
        <ol className={css.days} aria-label="Cost by day">
          {days.map(({ name, ...sums }) => {
            const unpriced = sums.unpriced_calls ?? 0;
            const words = `${name?.slice(0, DATE)}: ${unpriced > 0 ? "≥ " : ""}${formatUsd(sums.cost ?? 0)} for ${plural(sums.runs ?? 0, "run")}`;
            return (
              <li key={name} className={css.day} title={words}>
                <span
                  className={css.dayBar}
                  data-part={unpriced > 0 || undefined}
                  style={{ height: `${((sums.cost ?? 0) / most) * 100}%` }}
                />
                <span className="visually-hidden">{words}</span>
              </li>
            );
          })}
        </ol>
        <p className={css.range}>
          <span>{first}</span>
          <span>{last}</span>
        </p>
      </div>
      <p className={css.note}>
        {plural(days.length, "day")} with runs
        {days.some((day) => day.unpriced_calls) && "; hatched: a part is not known"}
      </p>
    </Card>
  );
}
