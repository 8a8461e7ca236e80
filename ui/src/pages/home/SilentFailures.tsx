import { Link } from "@tanstack/react-router";
import type { Report } from "../../api/types.ts";
import { Warning } from "../../components/icons.tsx";
import { describeRate, plural } from "../../format/rate.ts";
import css from "./Trend.module.css";

const LEAF = "silent-failure";

/** Runs that ended as if all were well, and were not: the ones nobody looks at. */
export function SilentFailures({ report }: { report: Report }) {
  const issue = report.issues.find((one) => one.leaf === LEAF);
  if (!issue) return null;
  return (
    <p className={css.trend} data-direction="declining">
      <span className={css.word}>
        <Warning /> {plural(issue.runs.successes, "silent failure")}
      </span>
      <span>
        <Link to="/runs" search={{ agent: report.agent.name, leaf: LEAF }}>
          runs that ended as if all were well
        </Link>
      </span>
      <span className={css.basis}>{describeRate(issue.runs)}</span>
    </p>
  );
}
