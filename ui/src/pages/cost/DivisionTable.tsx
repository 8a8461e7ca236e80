// How cost divides: a line for each part, with a bar for its share of the whole.
import type { CostReport, CostTally } from "../../api/types.ts";
import { Card } from "../../components/Card.tsx";
import { DataTable, dataTable } from "../../components/DataTable.tsx";
import { formatUsd, formatUsdExact } from "../../format/money.ts";
import { formatCount, formatTokens } from "../../format/rate.ts";
import { formatDuration } from "../../format/time.ts";
import css from "./Page.module.css";

export function DivisionTable({ report }: { report: CostReport }) {
  const whole = report.total.cost ?? 0;
  return (
    <Card title={`By ${report.by}`} count={report.lines.length > 0 ? report.lines.length : undefined}>
      {report.lines.length === 0 ? (
        <p className={css.note}>No settled run has a part by {report.by}.</p>
      ) : (
        <DataTable label={`Cost by ${report.by}`}>
          <thead>
            <tr>
              <th scope="col">{report.by[0]?.toUpperCase() + report.by.slice(1)}</th>
              {["Cost", "Share", "Runs", "Calls", "Tokens in", "cached", "out", timeOf(report.by)].map((name) => (
                <th key={name} scope="col" className={dataTable.number}>
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {report.lines.map((line) => (
              <Line key={`${line.name ?? ""}/${line.agent ?? ""}`} line={line} by={report.by} whole={whole} />
            ))}
          </tbody>
        </DataTable>
      )}
      {report.is_cut && <p className={css.note}>The dearest lines; there are more.</p>}
    </Card>
  );
}

const ofCalls = ["model", "tool", "step"];
const timeOf = (by: string) => (ofCalls.includes(by) ? "Time per call" : "Time per run");

type LineProps = { line: CostTally; by: string; whole: number };

function Line({ line: { name, agent, ...sums }, by, whole }: LineProps) {
  const cost = sums.cost ?? 0;
  const calls = sums.calls ?? 0;
  const unpriced = sums.unpriced_calls ?? 0;
  const uncounted = sums.uncounted_calls ?? 0;
  const isUnpriced = calls > 0 && unpriced >= calls;
  const share = whole > 0 && !isUnpriced ? cost / whole : undefined;
  const timed = sums.timed ?? 0;
  const counts = [sums.input_tokens, sums.cached_tokens, sums.output_tokens];
  return (
    <tr>
      <th scope="row" className={dataTable.name} title={name ?? undefined}>
        {lineName(name, by)}
        {agent && <span className={dataTable.faint}> {agent}</span>}
      </th>
      <td
        className={dataTable.number}
        title={unpriced > 0 ? `${formatCount(unpriced)} calls without a known cost` : formatUsdExact(cost)}
      >
        {isUnpriced ? (
          "unknown"
        ) : (
          <>
            {unpriced > 0 && "≥ "}
            {formatUsd(cost)}
          </>
        )}
      </td>
      <td className={dataTable.number}>
        {share === undefined ? (
          "unknown"
        ) : (
          <span className={css.share}>
            <span className={css.track} aria-hidden="true">
              <span className={css.fill} style={{ width: `${share * 100}%` }} />
            </span>
            <span className={css.percent}>{(share * 100).toFixed(0)}%</span>
          </span>
        )}
      </td>
      <td className={dataTable.number}>{formatCount(sums.runs ?? 0)}</td>
      <td className={dataTable.number}>{formatCount(calls)}</td>
      {counts.map((count, index) => (
        // Always the same three
        <td
          key={index}
          className={dataTable.number}
          title={uncounted > 0 ? `${formatCount(uncounted)} calls did not report their tokens` : undefined}
        >
          {calls > 0 && uncounted >= calls ? "unknown" : `${uncounted > 0 ? "≥ " : ""}${formatTokens(count ?? 0)}`}
        </td>
      ))}
      <td className={dataTable.number}>{timed > 0 ? formatDuration((sums.time_ns ?? 0) / timed / 1e6) : "unknown"}</td>
    </tr>
  );
}

function lineName(name: string | null | undefined, by: string): string {
  if (name == null) return by === "tool" ? "no tool asked for" : "not named";
  return by === "day" ? name.slice(0, "2026-01-01".length) : name;
}
