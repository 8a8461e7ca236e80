// What the declared checks came to in this run, with the places that show it.
import type { CheckResult, Evidence, Finding } from "../../api/types.ts";
import { StatusDot } from "../../components/StatusDot.tsx";
import { formatCount, plural } from "../../format/rate.ts";
import { fieldWord } from "../../format/words.ts";
import css from "./rows.module.css";
import type { SpanTree } from "./tree.ts";

type Props = {
  checks: CheckResult[];
  findings: Finding[];
  tree: SpanTree;
  onSelect: (span: string, finding?: string) => void;
};

const marks = { passed: "succeeded", failed: "failed", unknown: "unknown" } as const;

export function summariseChecks(checks: CheckResult[]): string {
  const count = (state: CheckResult["state"]) => checks.filter((check) => check.state === state).length;
  const [failed, unknown] = [count("failed"), count("unknown")];
  const parts: string[] = [];
  if (failed > 0) parts.push(`${formatCount(failed)} failed`);
  if (unknown > 0) parts.push(`${formatCount(unknown)} unknown`);
  return `${plural(checks.length, "check")}: ${parts.length > 0 ? parts.join(", ") : "passed"}`;
}

export function CheckList({ checks, findings, tree, onSelect }: Props) {
  return (
    <ul className={css.list}>
      {checks.map((check) => (
        <li key={check.check} className={css.row}>
          <span className={css.state}>
            <StatusDot status={marks[check.state]} silent />
            {check.state}
          </span>
          <div className={css.what}>
            <p>
              <span className={css.name}>{check.check}</span> <span className={css.faint}>{check.kind}</span>
            </p>
            {"why" in check && <p className={css.why}>{check.why}</p>}
            {"evidence" in check && (
              <ul aria-label={`Evidence of ${check.check}`}>
                {check.evidence.map((one, index) => (
                  // Recorded evidence never changes places
                  <li key={index} className={css.place}>
                    <button
                      type="button"
                      className={css.jump}
                      onClick={() => onSelect(one.span_id, citing(findings, one)?.id)}
                    >
                      {tree.byId.get(one.span_id)?.span.name || one.span_id}
                    </button>{" "}
                    <span className={css.faint}>{fieldWord(one.field)}:</span>{" "}
                    <q className={css.excerpt}>{one.excerpt}</q>
                  </li>
                ))}
              </ul>
            )}
          </div>
        </li>
      ))}
    </ul>
  );
}

/** The finding that a failed check is, so that the words it cites are marked in the span. */
function citing(findings: Finding[], { span_id, excerpt }: Evidence): Finding | undefined {
  return findings.find(({ evidence }) => evidence.some((one) => one.span_id === span_id && one.excerpt === excerpt));
}
