// What came of the run and what it took; where it failed, the way to the span where that began.
import { Button } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import type { Detection, Estimated, Run } from "../../api/types.ts";
import { Fact, Facts } from "../../components/Facts.tsx";
import { Warning } from "../../components/icons.tsx";
import { RunDuration } from "../../components/RunDuration.tsx";
import { runStatus, StatusDot, statusWord } from "../../components/StatusDot.tsx";
import { describeCost, describeEstimated, formatUsdExact } from "../../format/money.ts";
import { formatCount, formatShare, plural } from "../../format/rate.ts";
import { formatTime } from "../../format/time.ts";
import { detectionWord, fieldWord, shortId, sourceWord, terminationWord } from "../../format/words.ts";
import { describeSeen, describeSkill } from "../../format/warning.ts";
import { DeleteRun } from "./DeleteRun.tsx";
import { errorText } from "./errorText.ts";
import { useWarnings } from "./loader.ts";
import css from "./RunHeader.module.css";
import { firstFailing, type SpanTree } from "./tree.ts";

type Props = { run: Run; tree: SpanTree; estimated: Estimated | undefined; onSelect: (span: string) => void };

export function RunHeader({ run, tree, estimated, onSelect }: Props) {
  const failing = firstFailing(tree);
  const status = runStatus(run);
  return (
    <header className={css.header}>
      <div className={css.line}>
        <nav aria-label="Path" className={css.path}>
          <Link to="/runs">Runs</Link>
          <span aria-hidden="true">/</span>
          <Link to="/runs" search={{ agent: run.agent.name }}>
            {run.agent.name}
          </Link>
          <span aria-hidden="true">/</span>
        </nav>
        <h1 className={css.title} title={run.trace_id}>
          run {shortId(run.trace_id)}
        </h1>
        <p className={css.outcome} data-status={status}>
          <StatusDot status={status} silent /> <strong>{statusWord(status)}</strong>
          <span className={css.why}>{outcomeReason(run)}</span>
        </p>
        <DeleteRun id={run.trace_id} />
      </div>
      {run.is_running && <Warned run={run} />}
      <RunFacts run={run} estimated={estimated} />
      {(run.error || failing) && (
        <div className={css.banner} role="note" aria-label="Error">
          <Warning />
          <p className={css.error} title={run.error ?? undefined}>
            {run.error ?? (failing && errorText(failing.span))}
          </p>
          {failing && (
            <Button size="compact-xs" variant="default" onClick={() => onSelect(failing.span.span_id)}>
              Go to the first failing span
            </Button>
          )}
        </div>
      )}
    </header>
  );
}

/** How likely it is to fail, where earlier runs tell that; else why not. */
function Warned({ run }: { run: Run }) {
  const warnings = useWarnings(run);
  const said = warnings?.warnings.find((one) => one.run === run.trace_id)?.warning;
  const backtest = warnings?.agents.find((one) => one.agent === run.agent.name)?.backtest;
  if (!backtest) return null;
  if (backtest.state === "silent") return <p className={css.unknown}>Chance of failure unknown: {backtest.why}</p>;
  if (!said) return null;
  return (
    <p className={css.warned} data-warned={said.is_warned || undefined}>
      <strong>{said.is_warned ? "Likely to fail" : "May fail"}</strong>: {formatShare(said.chance)}, from{" "}
      {describeSeen(said.seen)} <span className={css.why}>({describeSkill(backtest)})</span>
    </p>
  );
}

const REASON_CHARS = 160;

/** Who says so and why. */
export function outcomeReason(run: Run): string {
  const parts: string[] = [];
  if (run.is_running) return "whether it succeeds, what it costs and what breaks is told when it ends";
  const [claim] = run.outcome.claims;
  if (run.outcome.verdict === "unknown" || !claim) {
    parts.push("nobody has said whether it succeeded");
  } else {
    // The banner shows an error in full; here its first line is enough.
    const [line = ""] = (claim.reason ?? "").trim().split("\n");
    const reason = line && claim.reason !== run.error ? `: ${line.slice(0, REASON_CHARS)}` : "";
    const score = claim.score == null ? "" : ` (score ${claim.score})`;
    parts.push(`says ${sourceWord[claim.source] ?? claim.source}${reason}${score}`);
    const others = run.outcome.claims.length - 1;
    if (others > 0) parts.push(plural(others, "other claim"));
  }
  if (run.termination && run.termination !== "completed") parts.push(terminationWord(run.termination));
  return parts.join(" · ");
}

function RunFacts({ run, estimated }: Pick<Props, "run" | "estimated">) {
  const cost = describeCost(run.cost);
  return (
    <Facts>
      <Fact
        name="Started"
        value={run.started_at ? formatTime(run.started_at) : undefined}
        hint={`${run.started_at ? "" : "no times were recorded; "}received ${formatTime(run.received_at)}`}
      />
      <Fact
        name="Duration"
        value={run.duration_ms == null && !run.is_running ? undefined : <RunDuration run={run} />}
      />
      <Fact
        name="Tokens"
        value={
          tokens(run) ?? (
            <span className={css.unknown}>
              unknown: {run.llm_calls > 0 ? "not every model call says" : "no model call"}
            </span>
          )
        }
      />
      <Fact
        name="Cost"
        value={
          cost.why ? (
            <span className={css.unknown}>
              unknown: {cost.why}
              {estimated && estimated.calls > 0 && `; ${describeEstimated(estimated)}`}
            </span>
          ) : (
            cost.text
          )
        }
        hint={run.cost.state === "known" ? costHint(run) : undefined}
      />
      <Fact name="Models" value={run.models.length > 0 ? run.models.join(", ") : undefined} />
      <Fact
        name="Steps"
        value={`${plural(run.span_count, "span")}, ${formatCount(run.llm_calls)} model, ${formatCount(run.tool_calls)} tool`}
        hint={toolHint(run)}
      />
      {run.agent.version && <Fact name="Version" value={run.agent.version} />}
      <Fact name="Framework" value={<Detected detection={run.framework} />} />
      <Fact name="Domain" value={<Detected detection={run.domain} />} />
      {run.task != null && (
        <Fact
          name="Task"
          value={
            <Link to="/runs" search={{ agent: run.agent.name, task: run.task }}>
              {run.task}
              {run.trial == null ? "" : `, trial ${run.trial}`}
            </Link>
          }
        />
      )}
      {run.session && <Fact name="Session" value={run.session} />}
      {run.user && <Fact name="User" value={run.user} />}
    </Facts>
  );
}

function Detected({ detection }: { detection: Detection }) {
  const evidence = detection.evidence.map((one) => `${fieldWord(one.field)}: ${one.excerpt}`).join("\n");
  return (
    <span className={detection.id ? undefined : css.unknown} title={evidence || "nothing in the trace says"}>
      {detectionWord(detection)}
    </span>
  );
}

function costHint(run: Run): string {
  if (run.cost.state !== "known") return "";
  const lines = run.cost.lines.map(
    (line) => `${line.price_row} ${line.class}: ${formatCount(line.tokens)} tokens, ${formatUsdExact(line.amount)}`,
  );
  return [formatUsdExact(run.cost.total), ...lines].join("\n");
}

function tokens(run: Run): string | undefined {
  if (run.input_tokens == null && run.output_tokens == null) return undefined;
  const count = (n: number | null | undefined) => (n == null ? "unknown" : formatCount(n));
  return `${count(run.input_tokens)} in, ${count(run.output_tokens)} out`;
}

const toolHint = (run: Run): string =>
  `${formatCount(run.tool_calls_correct)} of ${formatCount(run.tool_calls_judged)} judged tool calls were correct`;
