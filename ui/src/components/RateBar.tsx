// The bar of a share: how far it reaches, and the band in which the true share lies.
import type { Rate } from "../api/types.ts";
import { describeRate } from "../format/rate.ts";
import css from "./RateBar.module.css";

/** Where grades begin, so that one sees how many of them the band touches. */
const GRADE_TICKS: [at: number, letter: string][] = [
  [0.6, "D"],
  [0.7, "C"],
  [0.8, "B"],
  [0.9, "A"],
];

const percent = (share: number) => `${Math.min(100, Math.max(0, share * 100))}%`;

export function RateBar({ rate, label, grades = false }: { rate: Rate; label: string; grades?: boolean }) {
  const { estimate, interval } = rate;
  return (
    <div className={css.figure} data-grades={grades || undefined}>
      <div className={css.track} role="img" aria-label={`${label}: ${describeRate(rate)}`}>
        {estimate != null && <div className={css.fill} style={{ width: percent(estimate) }} />}
        {interval && (
          <div
            className={css.band}
            data-testid="interval-band"
            style={{ left: percent(interval.low), width: percent(interval.high - interval.low) }}
          />
        )}
        {estimate != null && <div className={css.needle} style={{ left: percent(estimate) }} />}
      </div>
      {grades && (
        <div className={css.scale} aria-hidden="true">
          <span className={css.end}>0%</span>
          {GRADE_TICKS.map(([at, letter]) => (
            <span key={letter} className={css.tick} style={{ left: percent(at) }}>
              {letter}
            </span>
          ))}
          <span className={css.end}>100%</span>
        </div>
      )}
    </div>
  );
}
