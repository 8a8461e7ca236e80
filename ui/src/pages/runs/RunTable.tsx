// The table of runs: only the rows in sight are in the document.
import { Link } from "@tanstack/react-router";
import { useVirtualizer } from "@tanstack/react-virtual";
import { type MouseEvent, type RefObject, useEffect } from "react";
import type { Run } from "../../api/types.ts";
import { RunDuration } from "../../components/RunDuration.tsx";
import { runStatus, StatusDot } from "../../components/StatusDot.tsx";
import { useNow } from "../../components/useNow.ts";
import { describeCost, formatUsdExact } from "../../format/money.ts";
import { formatCount, formatTokens } from "../../format/rate.ts";
import { formatAgo, formatDuration, formatTime, UNKNOWN } from "../../format/time.ts";
import css from "./RunTable.module.css";

const ROW_PX = 34;
const COLUMNS: [name: string, className: string | undefined][] = [
  ["Outcome", css.status],
  ["Agent", undefined],
  ["Task", undefined],
  ["Input", undefined],
  ["Output", css.wide],
  ["Started", css.number],
  ["Duration", css.number],
  ["Tokens", `${css.number} ${css.medium}`],
  ["Cost", css.number],
  ["Models", `${css.wide} ${css.models}`],
  ["Findings", css.number],
];

type Props = { runs: Run[]; hasMore: boolean; onEnd: () => void; containerRef: RefObject<HTMLDivElement | null> };

export function RunTable({ runs, hasMore, onEnd, containerRef }: Props) {
  const now = useNow();
  const rows = useVirtualizer({
    count: runs.length,
    getScrollElement: () => containerRef.current,
    estimateSize: () => ROW_PX,
    getItemKey: (index) => runs[index]?.trace_id ?? index,
    overscan: 12,
  });
  const items = rows.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (hasMore && last >= runs.length - 30) onEnd();
  }, [hasMore, last, runs.length, onEnd]);

  return (
    // A region that scrolls must be reachable by keyboard
    <div ref={containerRef} className={css.scroll} tabIndex={0} role="region" aria-label="Runs">
      <div role="table" aria-label="Runs" aria-rowcount={hasMore ? -1 : runs.length + 1} className={css.table}>
        <div role="rowgroup" className={css.headgroup}>
          <div role="row" aria-rowindex={1} className={css.head} data-head>
            {COLUMNS.map(([name, className]) => (
              <span key={name} role="columnheader" className={className}>
                {name === "Outcome" ? <span className="visually-hidden">{name}</span> : name}
              </span>
            ))}
          </div>
        </div>
        <div role="rowgroup" className={css.body} style={{ height: rows.getTotalSize() }}>
          {items.map((item) => {
            const run = runs[item.index];
            return run && <Row key={item.key} run={run} index={item.index} top={item.start} now={now} />;
          })}
        </div>
      </div>
    </div>
  );
}

function Row({ run, index, top, now }: { run: Run; index: number; top: number; now: number }) {
  const cost = describeCost(run.cost);
  const findings = run.findings.reduce((sum, finding) => sum + finding.count, 0);
  return (
    // The keyboard's way is the link inside, which has the focus
    <div
      role="row"
      tabIndex={-1}
      aria-rowindex={index + 2}
      className={css.row}
      style={{ transform: `translateY(${top}px)` }}
      onClick={openLinkInside}
    >
      <span role="cell" className={css.status}>
        <StatusDot status={runStatus(run)} />
      </span>
      <span role="cell" className={css.text}>
        <Link
          to="/runs/$id"
          params={{ id: run.trace_id }}
          className={css.open}
          data-row={index}
          aria-label={`${run.agent.name}, run ${run.trace_id.slice(0, 8)}`}
        >
          {run.agent.name}
        </Link>
      </span>
      <span role="cell" className={css.text}>
        {run.task == null ? (
          <span className={css.none}>{UNKNOWN}</span>
        ) : (
          <>
            {run.task}
            {run.trial != null && (
              <span className={css.none} title={`trial ${run.trial}`}>
                {" "}
                · {run.trial}
              </span>
            )}
          </>
        )}
      </span>
      <span role="cell" className={`${css.text} ${css.preview}`}>
        {run.input_preview ?? <span className={css.none}>{UNKNOWN}</span>}
      </span>
      <span role="cell" className={`${css.text} ${css.preview} ${css.wide}`} data-error={run.error ? true : undefined}>
        {run.error ?? run.output_preview ?? <span className={css.none}>{UNKNOWN}</span>}
      </span>
      <span role="cell" className={css.number} title={startedTitle(run)}>
        {run.started_at ? formatAgo(run.started_at, now) : <span className={css.none}>{UNKNOWN}</span>}
      </span>
      <span role="cell" className={css.number}>
        {run.is_running ? <RunDuration run={run} /> : <Known text={formatDuration(run.duration_ms)} />}
      </span>
      <span role="cell" className={`${css.number} ${css.medium}`} title={tokensTitle(run)}>
        {run.input_tokens == null && run.output_tokens == null ? (
          <span className={css.none}>{UNKNOWN}</span>
        ) : (
          <>
            {formatTokens(run.input_tokens)} <span className={css.none}>→</span> {formatTokens(run.output_tokens)}
          </>
        )}
      </span>
      <span
        role="cell"
        className={css.number}
        title={run.cost.state === "known" ? formatUsdExact(run.cost.total) : `Unknown: ${cost.why}`}
      >
        {cost.why ? <span className={css.none}>{UNKNOWN}</span> : cost.text}
      </span>
      <span role="cell" className={`${css.text} ${css.wide} ${css.models}`} title={run.models.join(", ")}>
        {run.models.length > 0 ? run.models.join(", ") : <span className={css.none}>{UNKNOWN}</span>}
      </span>
      <span
        role="cell"
        className={css.number}
        title={run.findings.map((finding) => `${finding.leaf} × ${finding.count}`).join("\n")}
      >
        {findings > 0 ? (
          <span className={css.findings}>{formatCount(findings)}</span>
        ) : (
          <span className={css.none}>0</span>
        )}
      </span>
    </div>
  );
}

function openLinkInside(event: MouseEvent<HTMLElement>) {
  const isOnLink = event.target instanceof Element && event.target.closest("a");
  if (!isOnLink) event.currentTarget.querySelector("a")?.click();
}

const Known = ({ text }: { text: string }) => (text === UNKNOWN ? <span className={css.none}>{text}</span> : text);

const startedTitle = (run: Run): string =>
  run.started_at ? formatTime(run.started_at) : `No start was recorded; received ${formatTime(run.received_at)}`;

function tokensTitle(run: Run): string {
  const count = (n: number | null | undefined) => (n == null ? "unknown" : formatCount(n));
  return `input ${count(run.input_tokens)}, output ${count(run.output_tokens)}`;
}
