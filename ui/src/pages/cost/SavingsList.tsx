// What could be saved on the latest runs: each with its amount, what to do, what it assumes, and spans that show it.
import { Link } from "@tanstack/react-router";
import type { ModelSwitch, Saving, Savings } from "../../api/types.ts";
import { Card } from "../../components/Card.tsx";
import { DataTable, dataTable } from "../../components/DataTable.tsx";
import { describeEstimated, formatUsd } from "../../format/money.ts";
import { formatTokens, plural } from "../../format/rate.ts";
import { formatDuration } from "../../format/time.ts";
import css from "./Page.module.css";

const SWITCHES = 5;

export function SavingsList({ savings }: { savings: Savings | "loading" | "failed" }) {
  return (
    <Card title="What could be saved">
      {savings === "loading" && <p className={css.note}>Reading the latest runs …</p>}
      {savings === "failed" && <p className={css.note}>The latest runs could not be read.</p>}
      {typeof savings === "object" && <Found savings={savings} />}
    </Card>
  );
}

function Found({ savings }: { savings: Savings }) {
  const estimated = savings.estimated ? ` (${describeEstimated(savings.estimated)})` : "";
  const unpriced =
    savings.unpriced_calls > 0 ? `; ${plural(savings.unpriced_calls, "call")} without a known cost${estimated}` : "";
  const isUnpriced = savings.unpriced_calls > 0 && savings.unpriced_calls >= savings.calls;
  const cost = isUnpriced ? "an unknown amount" : formatUsd(savings.cost);
  return (
    <>
      <p className={css.note}>
        Computed from the latest {plural(savings.runs, "run")} with {plural(savings.calls, "call")}, which cost {cost}
        {unpriced}. Savings overlap: they do not add up.
      </p>
      {savings.savings.length === 0 && <p>Nothing was found that could be saved on these runs.</p>}
      <ul className={css.savings}>
        {savings.savings.map((saving) => (
          <One key={saving.kind} saving={saving} />
        ))}
      </ul>
      {savings.switches.length > 0 && <Switches switches={savings.switches.slice(0, SWITCHES)} />}
    </>
  );
}

function One({ saving }: { saving: Saving }) {
  const amount = saving.amount == null ? "an unknown amount" : formatUsd(saving.amount);
  const also: string[] = [];
  if (saving.per_month != null && saving.per_month > 0)
    also.push(`${formatUsd(saving.per_month)} a month at this pace`);
  if (saving.amount !== 0 && saving.time_ns != null) also.push(`${formatDuration(saving.time_ns / 1e6)} of waiting`);
  const atLeast = saving.amount != null && saving.unpriced_calls > 0 ? "≥ " : "";
  return (
    <li className={css.saving}>
      <p className={css.amount}>
        {saving.amount === 0 && saving.time_ns != null ? formatDuration(saving.time_ns / 1e6) : atLeast + amount}
      </p>
      <div className={css.what}>
        <p>{saving.title}</p>
        {also.length > 0 && <p className={css.note}>{also.join(" · ")}</p>}
        <p>{saving.fix}</p>
        <details>
          <summary>
            {saving.kind}: {plural(saving.calls, "call")} in {plural(saving.runs, "run")}, {formatTokens(saving.tokens)}{" "}
            tokens, {saving.basis}
          </summary>
          <ul className={css.plain}>
            {saving.assumes.map((assumption) => (
              <li key={assumption}>Assumes: {assumption}</li>
            ))}
            {saving.evidence.map((cited) => (
              <li key={cited.span_id}>
                <Link to="/runs/$id" params={{ id: cited.trace_id }} search={{ span: cited.span_id }}>
                  span {cited.span_id.slice(0, 8)}
                </Link>{" "}
                {cited.shows}
              </li>
            ))}
          </ul>
        </details>
      </div>
    </li>
  );
}

function Switches({ switches }: { switches: ModelSwitch[] }) {
  return (
    <>
      <DataTable label="Other models">
        <thead>
          <tr>
            <th scope="col">Other model (estimated)</th>
            <th scope="col" className={dataTable.number}>
              Change
            </th>
            <th scope="col" className={dataTable.number}>
              These calls
            </th>
            <th scope="col" className={dataTable.number}>
              A month
            </th>
          </tr>
        </thead>
        <tbody>
          {switches.map((one) => (
            <tr key={`${one.from}/${one.to}`}>
              <th scope="row" className={dataTable.name} title={one.assumes.join("; ")}>
                {one.from} → {one.to}
              </th>
              <td className={dataTable.number}>
                {one.change < 0 ? "−" : "+"}
                {Math.abs(one.change * 100).toFixed(0)}%
              </td>
              <td className={dataTable.number}>
                {formatUsd(one.before)} → {formatUsd(one.after)}
              </td>
              <td className={dataTable.number}>
                {one.month_before != null && one.month_after != null
                  ? `${formatUsd(one.month_before)} → ${formatUsd(one.month_after)}`
                  : "unknown"}
              </td>
            </tr>
          ))}
        </tbody>
      </DataTable>
      <p className={css.note}>
        The same tokens at other prices. Whether the model does the work as well, only trying it tells: arc-eval replay.
      </p>
    </>
  );
}
