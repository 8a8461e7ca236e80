import { Link } from "@tanstack/react-router";
import type { Issue } from "../../api/types.ts";
import { RateBar } from "../../components/RateBar.tsx";
import { SeverityTag } from "../../components/SeverityTag.tsx";
import { useNow } from "../../components/useNow.ts";
import { formatCount, formatInterval, formatShare, plural } from "../../format/rate.ts";
import { formatAgo, formatTime } from "../../format/time.ts";
import css from "./tables.module.css";

export function IssueTable({ issues, runs, agent }: { issues: Issue[]; runs: number; agent: string }) {
  const now = useNow();
  if (issues.length === 0) {
    return <p className={css.note}>No detector found a failure in {plural(runs, "settled run")}.</p>;
  }
  return (
    <div className={css.scroll}>
      <table className={`${css.table} ${css.issues}`}>
        <thead>
          <tr>
            <th scope="col">Issue</th>
            <th scope="col" className={css.left}>
              Severity
            </th>
            <th scope="col" className={css.left}>
              Share of runs (95% interval)
            </th>
            <th scope="col">Runs</th>
            <th scope="col">Findings</th>
            <th scope="col" className={css.optional}>
              Latest
            </th>
          </tr>
        </thead>
        <tbody>
          {issues.map((issue) => (
            <tr key={issue.leaf}>
              <td className={css.name}>
                <Link to="/runs" search={{ agent, leaf: issue.leaf }}>
                  {issue.title}
                </Link>{" "}
                {issue.title !== issue.leaf && <span className={css.leaf}>{issue.leaf}</span>}
              </td>
              <td className={css.left}>
                <SeverityTag severity={issue.severity} />
              </td>
              <td className={css.left}>
                <span className={css.share}>
                  <RateBar rate={issue.runs} label={`Share of runs with ${issue.title}`} />
                  <span>
                    {formatShare(issue.runs.estimate)}{" "}
                    <span className={css.faint}>({formatInterval(issue.runs.interval)})</span>
                  </span>
                </span>
              </td>
              <td>
                {formatCount(issue.runs.successes)} <span className={css.faint}>of {formatCount(issue.runs.n)}</span>
              </td>
              <td>{formatCount(issue.findings)}</td>
              <td className={css.optional} title={formatTime(issue.last_at)}>
                <Link to="/runs/$id" params={{ id: issue.latest }}>
                  {formatAgo(issue.last_at, now)}
                </Link>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
