// What was measured of each framework and version, over all agents; nothing while no framework is known.
import { useQuery } from "@tanstack/react-query";
import { frameworksQuery } from "../../api/queries.ts";
import type { FrameworkFigures, FrameworkRef, Frameworks as Measured, Interval } from "../../api/types.ts";
import { Card } from "../../components/Card.tsx";
import { DataTable, dataTable } from "../../components/DataTable.tsx";
import { RateCell } from "../../components/RateCell.tsx";
import { formatCount, plural } from "../../format/rate.ts";
import { formatDuration } from "../../format/time.ts";

const SHOWN = 6;

export function Frameworks() {
  const { data } = useQuery(frameworksQuery());
  if (!data || data.frameworks.length === 0) return null;
  const hidden = data.frameworks.length - SHOWN;
  return (
    <Card title="Frameworks" count="of all agents">
      <DataTable label="Frameworks">
        <thead>
          <tr>
            <th scope="col">Framework</th>
            <th scope="col">Succeeded (95% interval)</th>
            <th scope="col" title="Time of a run in which neither a model nor a tool was at work">
              Overhead, mean
            </th>
            <th scope="col" title="Tool calls of a run that repeat one that failed, with the same arguments">
              Retries, mean
            </th>
            <th scope="col">Time of a run, p50</th>
          </tr>
        </thead>
        <tbody>
          {data.frameworks.slice(0, SHOWN).map((one) => (
            <Row key={nameOf(one.framework)} figures={one} />
          ))}
        </tbody>
      </DataTable>
      {data.advice.map((advice) => (
        <p key={`${advice.what}${nameOf(advice.better)}${nameOf(advice.worse)}`}>{adviceWord(advice)}</p>
      ))}
      <p className={dataTable.faint}>
        Of the latest {plural(data.runs, "run")}
        {data.unknown > 0 && `; of ${formatCount(data.unknown)} the framework is not known`}
        {hidden > 0 && `; ${plural(hidden, "more framework")} with fewer runs`}
      </p>
    </Card>
  );
}

const nameOf = ({ id, version }: FrameworkRef): string => (version ? `${id} ${version}` : id);

function Row({
  figures: { framework, runs, success, overhead_ms: overhead, retries, latency_ms: latency },
}: {
  figures: FrameworkFigures;
}) {
  return (
    <tr>
      <th scope="row" className={dataTable.name}>
        {nameOf(framework)}
        <br />
        <span className={dataTable.faint}>{plural(runs, "run")}</span>
      </th>
      <td>
        <RateCell rate={success} label={`Successes of ${nameOf(framework)}`} />
      </td>
      <td>
        <Figure
          value={overhead && formatDuration(overhead.mean)}
          range={overhead?.interval && durations(overhead.interval)}
          n={overhead?.n}
        />
      </td>
      <td>
        <Figure
          value={retries && retries.mean.toFixed(2)}
          range={
            retries?.interval && `${atLeastNone(retries.interval.low).toFixed(2)}–${retries.interval.high.toFixed(2)}`
          }
          n={retries?.n}
        />
      </td>
      <td>
        <Figure
          value={latency && formatDuration(latency.p50.value)}
          also={latency && `p95 ${formatDuration(latency.p95.value)}`}
          n={latency?.n}
        />
      </td>
    </tr>
  );
}

type FigureProps = {
  also?: string | null | undefined;
  value: string | null | undefined;
  range?: string | null | undefined;
  n: number | undefined;
};

function Figure({ value, range, also, n }: FigureProps) {
  if (value == null || n === undefined) return <span className={dataTable.faint}>unknown: not recorded</span>;
  return (
    <>
      <span className={dataTable.still}>
        {value}
        {range && <span className={dataTable.faint}> ({range})</span>}
      </span>
      <br />
      <span className={dataTable.faint}>
        {also && `${also}, `}n = {formatCount(n)}
      </span>
    </>
  );
}

// Student's t knows no end at zero; what it measures does.
const atLeastNone = (n: number): number => Math.max(0, n);

const durations = ({ low, high }: Interval): string => `${formatDuration(atLeastNone(low))} – ${formatDuration(high)}`;

/** A difference that the runs support, with its interval and what it rests on. */
export function adviceWord(advice: Measured["advice"][number]): string {
  const { low, high } = advice.interval;
  const of = advice.what === "success";
  const points = (share: number) => `${(share * 100).toFixed(1)}`;
  const amount = of
    ? `succeeds ${points(advice.difference)} points more often (${points(low)} to ${points(high)})`
    : `is ${formatDuration(-advice.difference)} faster (${formatDuration(-high)} – ${formatDuration(-low)})`;
  const over =
    advice.shared_tasks > 0
      ? `on ${plural(advice.shared_tasks, "task")} that both tried`
      : `over ${plural(advice.better_runs, "run")} and ${plural(advice.worse_runs, "run")}`;
  return `${nameOf(advice.better)} ${amount} than ${nameOf(advice.worse)}, ${over}.`;
}
