// Issues: what breaks, each failure once, with how often and where.
import { Button, NativeSelect } from "@mantine/core";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import type { IssueDetail, IssueState } from "../../api/types.ts";
import { Card } from "../../components/Card.tsx";
import { DataTable, dataTable } from "../../components/DataTable.tsx";
import { RateCell } from "../../components/RateCell.tsx";
import { SeverityTag } from "../../components/SeverityTag.tsx";
import { Empty, Failure, Loading } from "../../components/States.tsx";
import { useNow } from "../../components/useNow.ts";
import { useTitle } from "../../components/useTitle.ts";
import { formatCount, plural } from "../../format/rate.ts";
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
          className={css.select}
          label="Agent"
          value={agent ?? ""}
          data={[{ value: "", label: "Every agent" }, ...issues.agents]}
          onChange={(event) => change({ agent: event.currentTarget.value || undefined })}
        />
        <NativeSelect
          size="xs"
          className={css.select}
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
        {isFiltered ? (
          <Link to="/issues">Show every issue</Link>
        ) : (
          <>
            <p>No run that settled has a failure that a detector could find. A new one appears here by itself.</p>
            {issues.hasNoAgent && <Link to="/">See how to record the first run</Link>}
          </>
        )}
      </Empty>
    );
  }
  return (
    <>
      <Card title="What breaks" count={`${formatCount(issues.issues.length)}${issues.hasMore ? "+" : ""}`}>
        <DataTable label="Issues">
          <thead>
            <tr>
              <th scope="col">Severity</th>
              <th scope="col" className={css.issue}>
                Issue
              </th>
              <th scope="col">State</th>
              <th scope="col">Share of runs (95% interval)</th>
              <th scope="col" className={dataTable.number} title="Findings of the current UTC day">
                Today
              </th>
              <th scope="col">Last seen</th>
            </tr>
          </thead>
          <tbody>
            {issues.issues.map((detail) => (
              <IssueRow key={detail.issue.id} detail={detail} />
            ))}
          </tbody>
        </DataTable>
      </Card>
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
  const others = shares.length > 1 ? ` and ${plural(shares.length - 1, "more agent")}` : "";
  return (
    <tr>
      <td>
        <SeverityTag severity={issue.severity} />
      </td>
      <th scope="row" className={dataTable.name}>
        <Link to="/issues/$id" params={{ id: issue.id }}>
          {issue.title}
        </Link>
      </th>
      <td className={dataTable.still}>
        <span className={css.state} data-state={issue.state}>
          {issue.state}
        </span>
      </td>
      <td>
        {share ? (
          <RateCell
            rate={share.rate}
            label={`Share of the runs of ${share.agent} with this issue`}
            of={`runs of ${share.agent}${others}`}
          />
        ) : (
          <span className={dataTable.faint}>counted by another issue</span>
        )}
      </td>
      <td className={dataTable.number}>{formatCount(today)}</td>
      <td className={dataTable.still} title={formatTime(issue.last_seen)}>
        {formatAgo(issue.last_seen, now)}
      </td>
    </tr>
  );
}
