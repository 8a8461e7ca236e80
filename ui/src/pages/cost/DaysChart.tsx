// Cost day by day: a bar for each UTC day with runs, hatched where a part of it is not known.
import type { CostReport } from "../../api/types.ts";
import { formatUsd } from "../../format/money.ts";
import { plural } from "../../format/rate.ts";
import css from "./Page.module.css";

/** Days that fit side by side. */
const SHOWN = 45;

export function DaysChart({ days: { lines } }: { days: CostReport }) {
  const days = lines
    .filter((line) => line.name != null)
    .sort((a, b) => ((a.name ?? "") < (b.name ?? "") ? -1 : 1))
    .slice(-SHOWN);
  const most = Math.max(...days.map((day) => day.cost ?? 0));
  if (days.length < 2 || most === 0) return null;
  return (
    <section aria-label="Cost by day">
      <h2 className={css.heading}>By day, UTC</h2>
      <ol className={css.days}>
        {days.map(({ name, ...sums }) => {
          const unpriced = sums.unpriced_calls ?? 0;
          const words = `${name}: ${unpriced > 0 ? "≥ " : ""}${formatUsd(sums.cost ?? 0)} for ${plural(sums.runs ?? 0, "run")}`;
          return (
            <li key={name} className={css.day} title={words}>
              <span
                className={css.dayBar}
                data-part={unpriced > 0 || undefined}
                style={{ height: `${((sums.cost ?? 0) / most) * 100}%` }}
              />
              <span className={css.hidden}>{words}</span>
            </li>
          );
        })}
      </ol>
      <p className={css.range}>
        <span>{days[0]?.name}</span>
        <span>{days.at(-1)?.name}</span>
      </p>
    </section>
  );
}
