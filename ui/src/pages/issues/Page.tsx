// Issues: what breaks, each failure once, with how often and where.
import { Button, NativeSelect } from "@mantine/core";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import type { IssueDetail, IssueState } from "../../api/types.ts";
import { RateBar } from "../../components/RateBar.tsx";
import { SeverityTag } from "../../components/SeverityTag.tsx";
import { Empty, Failure, Loading } from "../../components/States.tsx";
import { useNow } from "../../components/useNow.ts";
import { useTitle } from "../../components/useTitle.ts";
import { formatCount, formatInterval, formatShare, plural } from "../../format/rate.ts";
import { formatAgo, formatTime } from "../../format/time.ts";
import { useIssues } from "./loader.ts";
import css from "./Page.module.css";

const route = getRouteApi("/issues");
const STATES: IssueState[] = ["open", "regressed", "fixed", "merged"];

export function IssuesPage() {
  const { agent, state } = route.useSearch();
  const navigate = useNavigate();
  const issues = useIssues({ agent, state });
  useTitle("Issues");
  const change = (next: { agent?: string | undefined; state?: IssueState | undefined }) =>
    void navigate({ to: "/issues", search: (old) => ({ ...old, ...next }), replace: true });
  return (
    <div className={css.page}>
      <h1 className={css.title}>Issues</h1>
      <div className={css.filters}>
        <NativeSelect
          size="xs"
          label="Agent"
          value={agent ?? ""}
          data={[{ value: "", label: "Every agent" }, ...issues.agents]}
          onChange={(event) => change({ agent: event.currentTarget.value || undefined })}
        />
        <NativeSelect
          size="xs"
          label="State"
          value={state ?? ""}
          data={[{ value: "", label: "Open, regressed and fixed" }, ...STATES]}
          onChange={(event) => change({ state: (event.currentTarget.value || undefined) as IssueState | undefined })}
        />
      </div>
      <Content issues={issues} isFiltered={agent !== undefined || state !== undefined} />
    </div>
  );
}

function Content({ issues, isFiltered }: { issues: ReturnType<typeof useIssues>; isFiltered: boolean }) {
  if (issues.error) return <Failure what="the issues" error={issues.error} onRetry={issues.retry} />;
  if (issues.isLoading) return <Loading what="the issues" lines={8} />;
  if (issues.issues.length === 0) {
    return (
      <Empty title={isFiltered ? "No issue matches these filters" : "No issues"}>
        <p>
          {isFiltered ? (
            <Link to="/issues">Show every issue</Link>
          ) : (
            "No run that settled has a failure that a detector could find. A new one appears here by itself."
          )}
        </p>
      </Empty>
    );
  }
  return (
    <>
      {/* A keyboard can scroll only what it can reach. */}
      <div className={css.scroll} tabIndex={0} role="region" aria-label="Issues">
        <table className={css.table}>
          <thead>
            <tr>
              <th scope="col">Issue</th>
              <th scope="col">State</th>
              <th scope="col">Share of runs (95% interval)</th>
              <th scope="col">Today</th>
              <th scope="col">Runs</th>
              <th scope="col">Last seen</th>
            </tr>
          </thead>
          <tbody>
            {issues.issues.map((detail) => (
              <IssueRow key={detail.issue.id} detail={detail} />
            ))}
          </tbody>
        </table>
      </div>
      {issues.hasMore && (
        <Button size="xs" variant="default" onClick={issues.loadMore}>
          Show more
        </Button>
      )}
    </>
  );
}

function IssueRow({ detail: { issue, today, shares } }: { detail: IssueDetail }) {
  const now = useNow();
  const [share] = shares;
  return (
    <tr>
      <th scope="row" className={css.name}>
        <SeverityTag severity={issue.severity} />{" "}
        <Link to="/issues/$id" params={{ id: issue.id }}>
          {issue.title}
        </Link>
      </th>
      <td>
        <span className={css.state} data-state={issue.state}>
          {issue.state}
        </span>
      </td>
      <td>
        {share ? (
          <span className={css.share}>
            <RateBar rate={share.rate} label={`Share of the runs of ${share.agent} with this issue`} />
            <span>
              {formatShare(share.rate.estimate)}{" "}
              <span className={css.faint}>({formatInterval(share.rate.interval)})</span>
              <span className={css.faint}>
                {" "}
                {share.agent}
                {shares.length > 1 && ` and ${plural(shares.length - 1, "more agent")}`}
              </span>
            </span>
          </span>
        ) : (
          <span className={css.faint}>counted by another issue</span>
        )}
      </td>
      <td>{formatCount(today)}</td>
      <td>{formatCount(issue.runs)}</td>
      <td title={formatTime(issue.last_seen)}>{formatAgo(issue.last_seen, now)}</td>
    </tr>
  );
}
