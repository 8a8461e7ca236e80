// How cost divides: a line for each part, with a bar for its share of the whole.
import type { CostReport, CostTally } from "../../api/types.ts";
import { formatUsd, formatUsdExact } from "../../format/money.ts";
import { formatCount, formatTokens } from "../../format/rate.ts";
import { formatDuration } from "../../format/time.ts";
import css from "./Page.module.css";

export function DivisionTable({ report }: { report: CostReport }) {
  const whole = report.total.cost ?? 0;
  if (report.lines.length === 0) return <p className={css.note}>No settled run has a part by {report.by}.</p>;
  return (
    // A keyboard can scroll only what it can reach.
    <div className={css.scroll} tabIndex={0} role="region" aria-label={`Cost by ${report.by}`}>
      <table className={css.table}>
        <thead>
          <tr>
            <th scope="col">{report.by[0]?.toUpperCase() + report.by.slice(1)}</th>
            <th scope="col">Cost</th>
            <th scope="col">Share</th>
            <th scope="col">Runs</th>
            <th scope="col">Calls</th>
            <th scope="col">Tokens in</th>
            <th scope="col">cached</th>
            <th scope="col">out</th>
            <th scope="col">Mean time</th>
          </tr>
        </thead>
        <tbody>
          {report.lines.map((line) => (
            <Line key={`${line.name ?? ""}/${line.agent ?? ""}`} line={line} by={report.by} whole={whole} />
          ))}
        </tbody>
      </table>
      {report.is_cut && <p className={css.note}>The dearest lines; there are more.</p>}
    </div>
  );
}

function Line({ line: { name, ...sums }, by, whole }: { line: CostTally; by: string; whole: number }) {
  const cost = sums.cost ?? 0;
  const unpriced = sums.unpriced_calls ?? 0;
  const share = whole > 0 ? cost / whole : undefined;
  const timed = sums.timed ?? 0;
  return (
    <tr>
      <th scope="row" className={css.name} title={name ?? undefined}>
        {name ?? (by === "tool" ? "no tool asked for" : "not named")}
      </th>
      <td title={unpriced > 0 ? `${formatCount(unpriced)} calls without a known cost` : formatUsdExact(cost)}>
        {unpriced > 0 && "≥ "}
        {formatUsd(cost)}
      </td>
      <td>
        {share === undefined ? (
          "unknown"
        ) : (
          <span className={css.share}>
            <span className={css.track} aria-hidden="true">
              <span className={css.fill} style={{ width: `${share * 100}%` }} />
            </span>
            {(share * 100).toFixed(0)}%
          </span>
        )}
      </td>
      <td>{formatCount(sums.runs ?? 0)}</td>
      <td>{formatCount(sums.calls ?? 0)}</td>
      <td>{formatTokens(sums.input_tokens ?? 0)}</td>
      <td>{formatTokens(sums.cached_tokens ?? 0)}</td>
      <td>{formatTokens(sums.output_tokens ?? 0)}</td>
      <td>{timed > 0 ? formatDuration((sums.time_ns ?? 0) / timed / 1e6) : "unknown"}</td>
    </tr>
  );
}
