// Scenarios: cases drafted from runs that failed; of one agent what it masters and what to try next.
import { Button, NativeSelect } from "@mantine/core";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import type { Learning, Scenario, Velocity } from "../../api/types.ts";
import { Card } from "../../components/Card.tsx";
import { DataTable, dataTable } from "../../components/DataTable.tsx";
import { RateCell } from "../../components/RateCell.tsx";
import { SeverityTag } from "../../components/SeverityTag.tsx";
import { Empty, Failure, Loading } from "../../components/States.tsx";
import { TextBlock } from "../../components/TextBlock.tsx";
import { useTitle } from "../../components/useTitle.ts";
import { formatCount, plural } from "../../format/rate.ts";
import { shortId } from "../../format/words.ts";
import { useScenarioDecision, useScenarios } from "./loader.ts";
import css from "./Page.module.css";

const route = getRouteApi("/scenarios");

export function ScenariosPage() {
  const { agent } = route.useSearch();
  const navigate = useNavigate();
  const { list, learning, agents, isUnknownAgent } = useScenarios(agent);
  useTitle("Scenarios");
  return (
    <div className={css.page}>
      <h1 className={css.title}>Scenarios</h1>
      <NativeSelect
        className={css.select}
        size="xs"
        label="Agent"
        value={agent ?? ""}
        data={[{ value: "", label: "Every agent" }, ...agents]}
        onChange={(event) => {
          const chosen = event.currentTarget.value || undefined;
          void navigate({ to: "/scenarios", search: (old) => ({ ...old, agent: chosen }), replace: true });
        }}
      />
      {learning.data && <Learnt learning={learning.data} scenarios={list.data?.scenarios ?? []} />}
      {list.data ? (
        isUnknownAgent ? (
          <Empty title={`No agent is called “${agent}”`}>
            <Link to="/scenarios">Show the scenarios of every agent</Link>
          </Empty>
        ) : (
          <Cases scenarios={list.data.scenarios} hasMore={list.data.next != null} />
        )
      ) : list.error ? (
        <Failure what="the scenarios" error={list.error} onRetry={() => void list.refetch()} />
      ) : (
        <Loading what="the scenarios" lines={8} />
      )}
    </div>
  );
}

const NEXT = 5;
/** So much of an input is shown before somebody asks for all of it. */
const SHOWN_CHARS = 300;

const stateWord = { mastered: "mastered", learning: "learning", not_yet: "not yet" } as const;

function Learnt({ learning, scenarios }: { learning: Learning; scenarios: Scenario[] }) {
  const asked = new Map(scenarios.map((scenario) => [scenario.id, scenario.input]));
  return (
    <>
      <Card title={`What ${learning.agent} learnt`}>
        <p>
          {formatCount(learning.mastered)} mastered, {formatCount(learning.learning)} learning,{" "}
          {formatCount(learning.not_yet)} not yet{" "}
          <span className={css.faint}>
            by its version {learning.version ?? "(not told)"}; mastered means that it passes at least 80% of the time,
            with 90% certainty
          </span>
        </p>
        <p>
          {velocityWord(learning.velocity)} <span className={css.faint}>{learning.velocity.how}</span>
        </p>
        {learning.history.versions.length > 0 && (
          <DataTable label="Versions">
            <thead>
              <tr>
                <th scope="col">Version</th>
                <th scope="col">Succeeded (95% interval)</th>
              </tr>
            </thead>
            <tbody>
              {learning.history.versions.map(({ version, success }) => (
                <tr key={version ?? ""}>
                  <th scope="row" className={dataTable.name}>
                    {version ?? "no version"}
                  </th>
                  <td>
                    <RateCell rate={success} label={`Successes of ${version ?? "runs without a version"}`} />
                  </td>
                </tr>
              ))}
            </tbody>
          </DataTable>
        )}
      </Card>
      <Card title="Try next" count={learning.next.length}>
        {learning.next.length === 0 ? (
          <p className={css.faint}>There is no scenario of this agent yet.</p>
        ) : (
          <ol className={css.list}>
            {learning.next.slice(0, NEXT).map((lesson) => (
              <li key={lesson.scenario}>
                <p>
                  <a href={`#scenario-${lesson.scenario}`}>{lesson.title}</a>{" "}
                  <span className={css.tag}>{stateWord[lesson.mastery.state]}</span>
                </p>
                {asked.has(lesson.scenario) && <p className={css.input}>{asked.get(lesson.scenario)}</p>}
                <p className={css.faint}>{lesson.reason}</p>
              </li>
            ))}
          </ol>
        )}
        {learning.next.length > NEXT && (
          <p className={css.faint}>
            The first {NEXT} of {formatCount(learning.next.length)}, by what one more trial tells.
          </p>
        )}
      </Card>
    </>
  );
}

/** A direction is named only where the interval shows one. */
export function velocityWord({ pace, change, low, high, per }: Velocity): string {
  if (change == null || low == null || high == null) return "Whether it gets better is not known yet.";
  const points = (share: number) => `${share < 0 ? "−" : "+"}${Math.abs(share * 100).toFixed(1)}`;
  const figures = `${points(change)} points per ${per} (${points(low)} to ${points(high)})`;
  const word = {
    improving: "Improving",
    declining: "Declining",
    no_clear_change: "No clear change",
    not_enough_data: "",
  };
  return `${word[pace]}: ${figures}`;
}

function Cases({ scenarios, hasMore }: { scenarios: Scenario[]; hasMore: boolean }) {
  const decision = useScenarioDecision();
  if (scenarios.length === 0) {
    return (
      <Empty title="No scenarios yet">
        <p>One is drafted from the first run of each new issue, where the run&apos;s input was recorded.</p>
        <Link to="/issues">See the issues</Link>
      </Empty>
    );
  }
  return (
    <Card title="Cases" count={`${formatCount(scenarios.length)}${hasMore ? "+, the latest" : ""}`}>
      {decision.error && <Failure what="that decision" error={decision.error} />}
      {scenarios.map((scenario) => (
        <Case
          key={scenario.id}
          scenario={scenario}
          onAccept={() => decision.mutate({ id: scenario.id, state: "verified" })}
          onRetire={() => decision.mutate({ id: scenario.id, state: "retired" })}
        />
      ))}
    </Card>
  );
}

type CaseProps = { scenario: Scenario; onAccept: () => void; onRetire: () => void };

function Case({ scenario, onAccept, onRetire }: CaseProps) {
  const passed = scenario.trials.reduce((sum, trials) => sum + trials.passed, 0);
  const tried = scenario.trials.reduce((sum, trials) => sum + trials.passed + trials.failed, 0);
  return (
    <article id={`scenario-${scenario.id}`} className={css.case} aria-label={scenario.title}>
      <div className={css.what}>
        <p className={css.head}>
          <SeverityTag severity={scenario.severity} />
          <Link to="/issues/$id" params={{ id: scenario.issue }}>
            {scenario.title}
          </Link>
          <span className={css.tag} data-state={scenario.state}>
            {scenario.state}
          </span>
        </p>
        <Asked text={scenario.input} />
        <p className={css.faint}>
          {scenario.agent}; passed {formatCount(passed)} of {plural(tried, "trial")};{" "}
          {scenario.tool_results.length > 0
            ? `${plural(scenario.tool_results.length, "tool result")} given again`
            : "no tool result to give again"}
          {scenario.is_cut && ", cut to what is kept"}; from run{" "}
          <Link to="/runs/$id" params={{ id: scenario.provenance.trace_id }}>
            {shortId(scenario.provenance.trace_id)}
          </Link>
        </p>
      </div>
      {scenario.state !== "retired" && (
        <div className={css.deeds}>
          {scenario.state === "draft" && (
            <Button size="compact-xs" variant="default" onClick={onAccept}>
              Accept
            </Button>
          )}
          <Button size="compact-xs" variant="default" onClick={onRetire}>
            Retire
          </Button>
        </div>
      )}
    </article>
  );
}

function Asked({ text }: { text: string }) {
  if (text.length <= SHOWN_CHARS) return <TextBlock text={text} />;
  return (
    <details className={css.asked}>
      <summary>{text.slice(0, SHOWN_CHARS)}…</summary>
      <TextBlock text={text} />
    </details>
  );
}
