// An issue: what happens, where, how often, in which versions, and what was decided.
import { Button, TextInput } from "@mantine/core";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useState } from "react";
import { ApiProblem } from "../../api/client.ts";
import type { IssueDetail, IssueOccurrence } from "../../api/types.ts";
import { Fact, Facts } from "../../components/Facts.tsx";
import { RateBar } from "../../components/RateBar.tsx";
import { Section } from "../../components/Section.tsx";
import { SeverityTag } from "../../components/SeverityTag.tsx";
import { Empty, Failure, Loading } from "../../components/States.tsx";
import { TextBlock } from "../../components/TextBlock.tsx";
import { useNow } from "../../components/useNow.ts";
import { useTitle } from "../../components/useTitle.ts";
import { describeRate, formatCount, plural } from "../../format/rate.ts";
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
        <h1 className={css.title}>{issue.title}</h1>
        <p className={css.tags}>
          <SeverityTag severity={issue.severity} />
          <span className={css.state} data-state={issue.state}>
            {issue.state}
          </span>
          <span className={css.faint}>{issue.id}</span>
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
          name="Versions"
          value={
            versions.length > 0
              ? versions.map((one) => `${one.version ?? "no version"} (${formatCount(one.runs)})`).join(", ")
              : undefined
          }
        />
      </Facts>
      {shares.map((share) => (
        <div key={share.agent} className={css.share}>
          <span>
            Of the runs of{" "}
            <Link to="/runs" search={{ agent: share.agent, leaf: issue.leaf }}>
              {share.agent}
            </Link>
            : {describeRate(share.rate)}
          </span>
          <RateBar rate={share.rate} label={`Share of the runs of ${share.agent} with this issue`} />
        </div>
      ))}
      {!issue.merged_into && <Decide detail={detail} />}
      <Section title="Latest runs" count={issue.latest.length}>
        {issue.latest.map((one) => (
          <Occurrence key={one.trace_id} one={one} now={now} />
        ))}
      </Section>
      <Section title="Scenario">
        {scenario ? (
          <p>
            <Link to="/scenarios" search={{ agent: scenario.agent }}>
              {scenario.id}
            </Link>{" "}
            ({scenario.state}), drafted from run {shortId(scenario.provenance.trace_id)}
          </p>
        ) : (
          <p className={css.faint}>{issue.no_scenario ?? "None was drafted."}</p>
        )}
      </Section>
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
      {one.step.evidence.map((evidence) => (
        <div key={`${evidence.span_id}-${JSON.stringify(evidence.field)}`}>
          <span className={css.faint}>
            {fieldWord(evidence.field)} of span {shortId(evidence.span_id)}
          </span>
          <TextBlock text={evidence.excerpt} />
        </div>
      ))}
      {one.effects.length > 0 && (
        <ol className={css.effects} aria-label="What followed">
          {one.effects.map((effect) => (
            <li key={effect.finding}>
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
    <Section title="Decide">
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
              label="Fixed in version (may be empty)"
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
    </Section>
  );
}
