// Capture: what was started, what is stored, and what is missing and why.
import type { CaptureLedger, CaptureSource } from "../../api/types.ts";
import { Card } from "../../components/Card.tsx";
import { DataTable, dataTable } from "../../components/DataTable.tsx";
import { Empty, Failure, Loading } from "../../components/States.tsx";
import { useNow } from "../../components/useNow.ts";
import { useTitle } from "../../components/useTitle.ts";
import { formatCount, plural } from "../../format/rate.ts";
import { formatAgo, formatTime } from "../../format/time.ts";
import { useCapture } from "./loader.ts";
import { missing } from "./missing.ts";
import css from "./Page.module.css";

export function CapturePage() {
  useTitle("Capture");
  const capture = useCapture();
  switch (capture.state) {
    case "loading":
      return <Loading what="what was captured" />;
    case "failed":
      return <Failure what="what was captured" error={capture.error} onRetry={capture.retry} />;
    case "ready":
      return (
        <div className={css.page}>
          <h1 className={css.title}>Capture</h1>
          <ReaderState ledger={capture.ledger} />
          {capture.ledger.sources.length === 0 ? (
            <Empty title="Nothing was captured yet">
              <p>Programs that write runs, and exporters that send them, are listed here with what became of it.</p>
            </Empty>
          ) : (
            <Sources ledger={capture.ledger} />
          )}
        </div>
      );
  }
}

function ReaderState({ ledger: { spool } }: { ledger: CaptureLedger }) {
  if (!spool) return <p className={css.note}>This server does not read a spool; it takes in what is sent to it.</p>;
  if (spool.state === "waiting") {
    return (
      <p className={css.warning} role="alert">
        What agents on this machine write waits in the spool since {formatTime(spool.since)}; nothing of it is lost.{" "}
        {spool.why}
      </p>
    );
  }
  return (
    <p className={css.note}>
      {spool.processes === 0
        ? "No program on this machine has left anything to read."
        : `Reading what ${plural(spool.processes, "program")} on this machine left to read.`}
    </p>
  );
}

function Sources({ ledger: { total, sources } }: { ledger: CaptureLedger }) {
  const now = useNow();
  return (
    <>
      {total.runs.started > 0 && (
        <p>
          {formatCount(total.runs.stored)} of {plural(total.runs.started, "started run")} stored,{" "}
          {formatCount(total.runs_in_flight)} under way, {formatCount(total.runs.rejected)} rejected,{" "}
          {formatCount(total.runs.dropped)} dropped
          {total.runs.unsampled ? `; ${formatCount(total.runs.unsampled)} more left out on purpose` : null}
        </p>
      )}
      <Card title="Sources" count={formatCount(sources.length)}>
        <DataTable label="Sources">
          <thead>
            <tr>
              <th scope="col">Source</th>
              <th scope="col">Runs stored</th>
              <th scope="col">Under way</th>
              <th scope="col" className={dataTable.number}>
                Spans
              </th>
              <th scope="col">Missing</th>
              <th scope="col">Latest</th>
            </tr>
          </thead>
          <tbody>
            {sources.map((source) => (
              <SourceRow key={source.source} source={source} now={now} />
            ))}
          </tbody>
        </DataTable>
      </Card>
    </>
  );
}

function SourceRow({ source, now }: { source: CaptureSource; now: number }) {
  const gaps = missing(source);
  return (
    <tr>
      <th scope="row" className={dataTable.name} title={source.source}>
        {source.name || source.source}
        {source.pid != null && <span className={css.faint}> pid {source.pid}</span>}
      </th>
      <td>{source.runs ? `${formatCount(source.runs.stored)} of ${formatCount(source.runs.started)}` : "not told"}</td>
      <td>{source.runs_in_flight == null ? "not told" : formatCount(source.runs_in_flight)}</td>
      <td className={dataTable.number}>{formatCount(source.counts.spans_stored ?? 0)}</td>
      <td>
        {gaps.length === 0 ? (
          "nothing"
        ) : (
          <ul className={css.gaps} data-gap={source.has_gap || undefined}>
            {gaps.map((gap) => (
              <li key={gap}>{gap}</li>
            ))}
          </ul>
        )}
      </td>
      <td className={dataTable.still} title={formatTime(source.last_at)}>
        {formatAgo(source.last_at, now)}
      </td>
    </tr>
  );
}
