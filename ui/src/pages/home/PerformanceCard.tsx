// The card: reliability, cost and issues of one agent, each figure with what it rests on.
import { Button } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { apiUrl } from "../../api/client.ts";
import { reportPath } from "../../api/queries.ts";
import type { Report } from "../../api/types.ts";
import { Download } from "../../components/icons.tsx";
import { RateBar } from "../../components/RateBar.tsx";
import { useNow } from "../../components/useNow.ts";
import { formatCount, formatInterval, formatShare, methodName, plural } from "../../format/rate.ts";
import { formatAgo, formatTime } from "../../format/time.ts";
import { ChangeSince } from "./ChangeSince.tsx";
import { CostFigures } from "./CostFigures.tsx";
import { IssueTable } from "./IssueTable.tsx";
import { JudgedRate } from "./JudgedRate.tsx";
import { PassTable } from "./PassTable.tsx";
import css from "./PerformanceCard.module.css";
import { SilentFailures } from "./SilentFailures.tsx";
import { Trend } from "./Trend.tsx";

export function PerformanceCard({ report }: { report: Report }) {
  const { agent, reliability } = report;
  return (
    <section className={css.card} aria-labelledby="card-title">
      <header className={css.head}>
        <h1 id="card-title" className={css.title}>
          <span className={css.rule} aria-hidden="true">
            ━━━
          </span>
          <span>
            <span className={css.agent}>{agent.name}</span> Performance
          </span>
          <span className={css.rule} aria-hidden="true">
            ━━━
          </span>
        </h1>
        <Facts report={report} />
      </header>

      <Reliability report={report} />

      <div className={css.columns}>
        <Block title="All of k tries pass (pass^k)">
          <PassTable reliability={reliability} />
        </Block>
        <Block title="Tool accuracy">
          <ToolAccuracy report={report} />
        </Block>
        <Block title="Cost per run">
          <CostFigures cost={report.cost} />
        </Block>
      </div>

      <Block title={report.issues.length === 0 ? "Issues found" : `Issues found (${report.issues.length})`}>
        <IssueTable issues={report.issues} runs={reliability.runs} agent={agent.name} />
      </Block>

      <footer className={css.actions}>
        <Button
          size="sm"
          className={css.primary}
          renderRoot={(props) => <Link to="/runs" search={{ agent: agent.name }} {...props} />}
        >
          View Details
        </Button>
        <Button size="sm" variant="default" component="a" href="#fixes">
          Get Fixes
        </Button>
        <Button
          size="sm"
          variant="default"
          component="a"
          href={apiUrl(reportPath(agent.name))}
          download={exportName(report)}
          leftSection={<Download />}
        >
          Export
        </Button>
      </footer>
    </section>
  );
}

export const exportName = (report: Report): string => {
  const name = report.agent.name.replace(/[^\p{L}\p{N}._-]+/gu, "-").replace(/^-+|-+$/g, "") || "agent";
  return `arc-eval-${name}-${report.generated_at.slice(0, 10)}.json`;
};

const Block = ({ title, children }: { title: string; children: ReactNode }) => (
  <section className={css.block}>
    <h2 className={css.label}>{title}</h2>
    {children}
  </section>
);

function Facts({ report }: { report: Report }) {
  const { agent } = report;
  const now = useNow();
  return (
    <ul className={css.facts} aria-label="About the agent">
      {agent.version && <li>version {agent.version}</li>}
      <li>domain {agent.domain ?? "unknown"}</li>
      <li>framework {agent.framework ?? "unknown"}</li>
      <li title={formatTime(report.generated_at)}>computed {formatAgo(report.generated_at, now)}</li>
    </ul>
  );
}

function Reliability({ report }: { report: Report }) {
  const { reliability } = report;
  const { success } = reliability;
  return (
    <section className={css.reliability} aria-label="Reliability">
      <div className={css.headline}>
        <div>
          <h2 className={css.label}>Reliability</h2>
          <p className={css.figure}>
            {success.estimate == null ? (
              <span className={css.display}>unknown</span>
            ) : (
              <>
                <span className={css.display}>{formatShare(success.estimate)}</span>
                {success.interval && (
                  <span className={css.interval} title={`95% interval: ${methodName(success.interval.method)}`}>
                    {formatInterval(success.interval)} <span className={css.faint}>95% interval</span>
                  </span>
                )}
              </>
            )}
          </p>
        </div>
        <div className={css.verdicts}>
          {reliability.grade && (
            <p className={css.grade}>
              <span className={css.letter}>{reliability.grade.letter}</span>
              <span className={css.faint}>{reliability.grade.provisional ? "provisional grade" : "grade"}</span>
            </p>
          )}
        </div>
      </div>
      <RateBar rate={success} label="Reliability" grades />
      <p className={css.basis}>{basis(report)}</p>
      <Trend trend={reliability.trend} />
      <ChangeSince change={report.recent?.change} />
      <SilentFailures report={report} />
      <JudgedRate judged={report.recent?.judged} />
    </section>
  );
}

/** What the reliability rests on, in words. */
export function basis({ reliability }: Report): string {
  const { success, tasks, unknown_outcomes: unknown } = reliability;
  if (reliability.runs === 0) return "Its first run has not ended: nothing is known yet";
  const parts = [];
  if (success.n === 0) {
    const which = reliability.runs === 1 ? "its only run" : `any of its ${formatCount(reliability.runs)} runs`;
    parts.push(`Nobody has said whether ${which} succeeded`);
  } else {
    parts.push(
      `${formatCount(success.successes)} of n = ${formatCount(success.n)} runs succeeded${tasks.count > 0 ? `, over ${plural(tasks.count, "task")}` : ""}`,
    );
    if (success.interval) parts.push(`interval: ${methodName(success.interval.method)}`);
    if (unknown > 0) parts.push(`${plural(unknown, "run")} with unknown outcome not counted`);
  }
  if (reliability.step_limit_failures > 0)
    parts.push(`${plural(reliability.step_limit_failures, "failure")} at the step limit`);
  if (reliability.timeout_failures > 0) parts.push(`${plural(reliability.timeout_failures, "timeout")}`);
  return `${parts.join(" · ")}`;
}

function ToolAccuracy({ report }: { report: Report }) {
  const rate = report.reliability.tool_accuracy;
  if (rate.n === 0 || rate.estimate == null) {
    return (
      <>
        <p className={css.number}>unknown</p>
        <p className={css.note}>no tool call's result says whether it was right</p>
      </>
    );
  }
  return (
    <>
      <p className={css.number}>{formatShare(rate.estimate)}</p>
      <RateBar rate={rate} label="Tool accuracy" />
      <p className={css.note}>
        {formatInterval(rate.interval)} · {formatCount(rate.successes)} of n = {formatCount(rate.n)} calls
      </p>
    </>
  );
}
