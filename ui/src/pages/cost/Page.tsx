// Cost: what runs cost, how it divides, where it goes, and what could be saved.
import { Select } from "@mantine/core";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { BudgetState, CostReport } from "../../api/types.ts";
import { Card } from "../../components/Card.tsx";
import { Empty, Failure, Loading } from "../../components/States.tsx";
import { useTitle } from "../../components/useTitle.ts";
import { formatUsd, formatUsdExact } from "../../format/money.ts";
import { plural } from "../../format/rate.ts";
import { formatDuration, formatTime } from "../../format/time.ts";
import { CostFigures } from "../home/CostFigures.tsx";
import { DaysChart } from "./DaysChart.tsx";
import { DivisionTable } from "./DivisionTable.tsx";
import { DIVISIONS, type Division, useCost } from "./loader.ts";
import css from "./Page.module.css";
import { SavingsList } from "./SavingsList.tsx";

const route = getRouteApi("/cost");

export function CostPage() {
  const { agent, by = "model" } = route.useSearch();
  const cost = useCost(agent, by);
  useTitle("Cost");
  switch (cost.state) {
    case "loading":
      return <Loading what="what runs cost" lines={9} />;
    case "failed":
      return <Failure what="what runs cost" error={cost.error} onRetry={cost.retry} />;
    case "empty":
      return (
        <Empty title="No run was recorded yet">
          <p>What runs cost, how it divides and what could be saved is shown here once there are some.</p>
          <Link to="/">How to record the first one</Link>
        </Empty>
      );
    case "no-such-agent":
      return (
        <Empty title={`No agent is called “${cost.agent}”`}>
          <Link to="/cost">Go to the agent that ran last</Link>
        </Empty>
      );
    case "ready":
      return (
        <div className={css.page}>
          <h1 className={css.title}>Cost</h1>
          <div className={css.choices}>
            <Choice label="Agent" name="agent" options={cost.agents.map((one) => one.name)} value={cost.agent} />
            <Choice label="By" name="by" options={[...DIVISIONS]} value={by} />
          </div>
          {cost.budgets.map((budget) => (
            <BudgetLine key={budget.name} budget={budget} />
          ))}
          <div className={css.cards}>
            <Card title="A run costs">
              {cost.report ? <CostFigures cost={cost.report.cost} /> : <Loading what="what a run costs" lines={2} />}
            </Card>
            <Ratios report={cost.division} />
          </div>
          {cost.days && <DaysChart days={cost.days} />}
          <DivisionTable report={cost.division} />
          <SavingsList savings={cost.savings} />
        </div>
      );
  }
}

function Choice({ label, name, options, value }: { label: string; name: string; options: string[]; value: string }) {
  const navigate = useNavigate();
  return (
    <Select
      size="xs"
      label={label}
      data={options}
      value={value}
      allowDeselect={false}
      searchable={options.length > 9}
      withScrollArea={false}
      comboboxProps={{ transitionProps: { duration: 0 } }}
      onChange={(chosen) =>
        chosen && navigate({ to: "/cost", search: (known) => ({ ...known, [name]: chosen as Division }) })
      }
    />
  );
}

const levels: Record<BudgetState["level"], string> = {
  within: "within",
  unclear: "not known",
  warned: "nearly used up",
  exceeded: "used up",
};

function BudgetLine({ budget }: { budget: BudgetState }) {
  const atLeast = budget.unpriced_calls > 0 ? "≥ " : "";
  const isNews = budget.level === "warned" || budget.level === "exceeded";
  return (
    <p className={css.budget} data-level={budget.level} role={isNews ? "alert" : undefined}>
      Budget {budget.name}, {levels[budget.level]}: {atLeast}
      {formatUsd(budget.spent)} of {formatUsd(budget.limit)} a {budget.per} ({atLeast}
      {(budget.share * 100).toFixed(0)}%) since {formatTime(budget.from)}
      {budget.unpriced_calls > 0 && `; ${plural(budget.unpriced_calls, "call")} without a known cost`}
    </p>
  );
}

/** What follows from the sums; what is not known says so. */
function Ratios({ report: { figures, total } }: { report: CostReport }) {
  const money = (nanos: number | null | undefined) =>
    nanos == null ? "unknown" : <span title={formatUsdExact(nanos)}>{formatUsd(nanos)}</span>;
  const time = (nanos: number | null | undefined) => (nanos == null ? "unknown" : formatDuration(nanos / 1e6));
  const share = (part: number | null | undefined) => (part == null ? "unknown" : `${(part * 100).toFixed(0)}%`);
  const unpriced = total.unpriced_calls ?? 0;
  const isUnpriced = unpriced > 0 && unpriced >= (total.calls ?? 0);
  const amount = money(total.cost ?? 0);
  const all = isUnpriced ? "unknown" : unpriced > 0 ? <>≥ {amount}</> : amount;
  const rows: [string, ReactNode][] = [
    ["All of it", all],
    ["Per run that succeeded", money(figures.per_success)],
    ["Runs that failed", money(figures.failed_cost)],
    ["Calls that repeated another", money(figures.repeated_cost)],
    ["Time of a run", time(figures.run_ns)],
    ["… waiting for a model", share(figures.model_time)],
    ["… waiting for tools", share(figures.tool_time)],
    ["… neither of both", share(figures.other_time)],
    ["Time to the first token", time(figures.first_token_ns)],
  ];
  return (
    <Card title="Figures" count={`of ${plural(total.runs ?? 0, "run")}`}>
      <dl className={css.pairs}>
        {rows.map(([name, value]) => (
          <div key={name} className={css.pair}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {unpriced > 0 && (
        <p className={css.note}>
          {plural(unpriced, "call")} without a known cost: amounts marked ≥ are lower bounds, what needs the whole is
          unknown.
        </p>
      )}
      {figures.reported_explained && <p className={css.note}>{figures.reported_explained}</p>}
    </Card>
  );
}
