// An issue: what happens, where, how often, in which versions, and what was decided.
import { Button, TextInput } from "@mantine/core";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useState } from "react";
import { ApiProblem } from "../../api/client.ts";
import type { IssueDetail, IssueOccurrence } from "../../api/types.ts";
import { Card } from "../../components/Card.tsx";
import { Fact, Facts } from "../../components/Facts.tsx";
import { RateCell } from "../../components/RateCell.tsx";
import { SeverityTag } from "../../components/SeverityTag.tsx";
import { Empty, Failure, Loading } from "../../components/States.tsx";
import { TextBlock } from "../../components/TextBlock.tsx";
import { useNow } from "../../components/useNow.ts";
import { useTitle } from "../../components/useTitle.ts";
import { formatCount, plural } from "../../format/rate.ts";
import { formatAgo, formatTime } from "../../format/time.ts";
import { fieldWord, shortId } from "../../format/words.ts";
import { useDecision, useIssue } from "./loader.ts";
import css from "./Page.module.css";

const route = getRouteApi("/issues/$id");

export function IssuePage() {
  const { id } = route.useParams();
  const issue = useIssue(id);
  useTitle(issue.data?.issue.title ?? "Issue");
  if (issue.data) return <Detail key={id} detail={issue.data} />;
  if (issue.error instanceof ApiProblem && issue.error.isMissing) {
    return (
      <Empty title={`There is no issue ${id}`}>
        <Link to="/issues">Show every issue</Link>
      </Empty>
    );
  }
  if (issue.error) return <Failure what="this issue" error={issue.error} onRetry={() => void issue.refetch()} />;
  return <Loading what="this issue" lines={8} />;
}

function Detail({ detail }: { detail: IssueDetail }) {
  const { issue, today, shares, scenario } = detail;
  const now = useNow();
  const versions = issue.agents.flatMap((agent) => agent.versions);
  return (
    <div className={css.page}>
      <header className={css.header}>
        <nav aria-label="Path" className={css.faint}>
          <Link to="/issues">Issues</Link> <span aria-hidden="true">/</span> {issue.id}
        </nav>
        <h1 className={css.title}>{issue.title}</h1>
        <p className={css.tags}>
          <SeverityTag severity={issue.severity} />
          <span className={css.state} data-state={issue.state}>
            {issue.state}
          </span>
        </p>
      </header>
      {issue.merged_into && (
        <p>
          It is the same as{" "}
          <Link to="/issues/$id" params={{ id: issue.merged_into }}>
            issue {issue.merged_into}
          </Link>
          , which counts for both.
        </p>
      )}
      <Card title="How often and where">
        {shares.map((share) => (
          <div key={share.agent} className={css.share}>
            <RateCell
              rate={share.rate}
              label={`Share of the runs of ${share.agent} with this issue`}
              of={`runs of ${share.agent}`}
            />
            <Link to="/runs" search={{ agent: share.agent, leaf: issue.leaf }}>
              Runs of {share.agent} with {issue.leaf}
            </Link>
          </div>
        ))}
        <Facts>
          <Fact name="Today" value={plural(today, "time")} hint="Findings of the current UTC day" />
          <Fact name="In all" value={`${plural(issue.findings, "time")} in ${plural(issue.runs, "run")}`} />
          <Fact
            name="First seen"
            value={issue.first_seen && formatAgo(issue.first_seen, now)}
            hint={formatTime(issue.first_seen)}
          />
          <Fact
            name="Last seen"
            value={issue.last_seen && formatAgo(issue.last_seen, now)}
            hint={formatTime(issue.last_seen)}
          />
          <Fact name="Kind" value={issue.leaf} />
          <Fact name="Place" value={issue.place || undefined} />
          <Fact name="Framework" value={issue.framework ?? undefined} />
          <Fact
            name="Versions (runs)"
            value={
              versions.length > 0
                ? versions.map((one) => `${one.version ?? "no version"} (${formatCount(one.runs)})`).join(", ")
                : undefined
            }
          />
        </Facts>
      </Card>
      {!issue.merged_into && <Decide detail={detail} />}
      <Card title="Latest runs" count={issue.latest.length}>
        {issue.latest.map((one) => (
          <Occurrence key={one.trace_id} one={one} now={now} />
        ))}
      </Card>
      <Card title="Scenario">
        {scenario ? (
          <p>
            <Link to="/scenarios" search={{ agent: scenario.agent }} hash={`scenario-${scenario.id}`}>
              {scenario.id}
            </Link>{" "}
            <span className={css.faint}>
              {scenario.state}, drafted from run{" "}
              <Link to="/runs/$id" params={{ id: scenario.provenance.trace_id }}>
                {shortId(scenario.provenance.trace_id)}
              </Link>
            </span>
          </p>
        ) : (
          <p className={css.faint}>{issue.no_scenario ?? "None was drafted."}</p>
        )}
      </Card>
    </div>
  );
}

function Occurrence({ one, now }: { one: IssueOccurrence; now: number }) {
  return (
    <article className={css.occurrence}>
      <p>
        <Link to="/runs/$id" params={{ id: one.trace_id }} search={{ span: one.step.span_id }}>
          {one.step.name}
        </Link>{" "}
        <span className={css.faint}>
          in run {shortId(one.trace_id)}
          {one.version && `, version ${one.version}`}, <time title={formatTime(one.at)}>{formatAgo(one.at, now)}</time>
        </span>
      </p>
      {one.step.evidence.map((evidence, index) => (
        // Recorded evidence never changes places
        <div key={index} className={css.evidence}>
          <span className={css.faint} title={`span ${evidence.span_id}`}>
            {fieldWord(evidence.field)}
          </span>
          <TextBlock text={evidence.excerpt} mono />
        </div>
      ))}
      {one.effects.length > 0 && (
        <ol className={css.effects} aria-label="What followed">
          {one.effects.map((effect) => (
            <li key={effect.finding} className={css.faint}>
              then {effect.leaf}: {effect.title}
            </li>
          ))}
        </ol>
      )}
    </article>
  );
}

function Decide({ detail: { issue } }: { detail: IssueDetail }) {
  const decision = useDecision(issue.id);
  const [version, setVersion] = useState("");
  const [into, setInto] = useState("");
  const parts = issue.members.filter((member) => member.strand !== issue.id);
  return (
    <Card title="Decide">
      {issue.fix && (
        <p className={css.faint}>
          Marked as fixed{issue.fix.version && ` in version ${issue.fix.version}`} at {formatTime(issue.fix.at)}
          {issue.regressed_at && `; seen again at ${formatTime(issue.regressed_at)}`}
        </p>
      )}
      <div className={css.deeds}>
        {issue.state === "fixed" ? (
          <Button size="xs" variant="default" onClick={() => decision.mutate({ state: "open" })}>
            Reopen
          </Button>
        ) : (
          <>
            <TextInput
              size="xs"
              label="Fixed in version"
              placeholder="any version"
              value={version}
              onChange={(event) => setVersion(event.currentTarget.value)}
            />
            <Button
              size="xs"
              variant="default"
              loading={decision.isPending}
              onClick={() => decision.mutate(version ? { state: "fixed", version } : { state: "fixed" })}
            >
              Mark as fixed
            </Button>
          </>
        )}
        <TextInput
          size="xs"
          label="Same as issue"
          placeholder="its id"
          value={into}
          onChange={(event) => setInto(event.currentTarget.value.trim())}
        />
        <Button size="xs" variant="default" disabled={!into} onClick={() => decision.mutate({ merge_into: into })}>
          Merge
        </Button>
      </div>
      {parts.length > 0 && (
        <ul className={css.effects} aria-label="Parts">
          {parts.map((part) => (
            <li key={part.strand}>
              {part.fingerprint.template || part.fingerprint.place || part.strand}{" "}
              <Button size="compact-xs" variant="default" onClick={() => decision.mutate({ split: part.strand })}>
                Split off
              </Button>
            </li>
          ))}
        </ul>
      )}
      {decision.error && <Failure what="that decision" error={decision.error} />}
    </Card>
  );
}
