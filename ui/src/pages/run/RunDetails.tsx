// What was found, checked and said about the run, and what it waited for: a line of headings of which one is open.
import { type ReactNode, useState } from "react";
import type { Finding, Run, RunTiming } from "../../api/types.ts";
import { Chevron } from "../../components/icons.tsx";
import { plural } from "../../format/rate.ts";
import { CheckList, summariseChecks } from "./CheckList.tsx";
import { ClaimList } from "./ClaimList.tsx";
import { FindingList } from "./FindingList.tsx";
import css from "./RunDetails.module.css";
import { summariseTiming } from "./timing.ts";
import { TimingList } from "./TimingList.tsx";
import type { SpanTree } from "./tree.ts";

type Props = {
  run: Run;
  findings: Finding[];
  timing: RunTiming;
  tree: SpanTree;
  current: string | undefined;
  onSelect: (span: string, finding?: string) => void;
};

type Part = { name: string; heading: string; body: ReactNode };

export function RunDetails({ run, findings, timing, tree, current, onSelect }: Props) {
  const checks = run.checks ?? [];
  const claims = run.outcome.claims;
  const parts: Part[] = [];
  if (findings.length > 0) {
    parts.push({
      name: "Findings",
      heading: plural(findings.length, "finding"),
      body: <FindingList findings={findings} tree={tree} current={current} onSelect={onSelect} />,
    });
  }
  if (checks.length > 0) {
    parts.push({
      name: "Checks",
      heading: summariseChecks(checks),
      body: <CheckList checks={checks} findings={findings} tree={tree} onSelect={onSelect} />,
    });
  }
  if (!run.is_running) {
    parts.push({
      name: "Outcome",
      heading: claims.length === 0 ? "Label this run" : `${plural(claims.length, "claim")} of its outcome`,
      body: <ClaimList id={run.trace_id} claims={claims} tree={tree} onSelect={onSelect} />,
    });
  }
  const took = summariseTiming(timing);
  if (took && !run.is_running) {
    parts.push({
      name: "Time",
      heading: took,
      body: <TimingList timing={timing} tree={tree} onSelect={onSelect} />,
    });
  }
  // What went wrong is open until somebody chooses.
  const hasTrouble = findings.length > 0 || checks.some((check) => check.state === "failed");
  const [chosen, setChosen] = useState<string | null>();
  const open = chosen === undefined ? (hasTrouble ? parts[0]?.name : undefined) : chosen;
  const shown = parts.find((part) => part.name === open);
  if (parts.length === 0) return null;
  return (
    <div className={css.details}>
      <div className={css.heads}>
        {parts.map(({ name, heading }) => (
          <button
            key={name}
            type="button"
            className={css.head}
            aria-expanded={name === shown?.name}
            onClick={() => setChosen(name === shown?.name ? null : name)}
          >
            <span className={css.chevron} data-open={name === shown?.name || undefined}>
              <Chevron />
            </span>
            {heading}
          </button>
        ))}
      </div>
      {shown && (
        // A region that scrolls must be reachable by keyboard
        <section className={css.body} aria-label={shown.name} tabIndex={0}>
          {shown.body}
        </section>
      )}
    </div>
  );
}
