// Runs that go on and are likely to fail, and how good that was on later runs; nothing while there is none.
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { warningsQuery } from "../../api/queries.ts";
import { Card } from "../../components/Card.tsx";
import { formatCount, formatShare, plural } from "../../format/rate.ts";
import { describeSeen, describeSkill } from "../../format/warning.ts";
import { shortId } from "../../format/words.ts";
import css from "./Warnings.module.css";

const SHOWN = 5;

export function Warnings() {
  const { data } = useQuery(warningsQuery());
  const warned = (data?.warnings ?? [])
    .filter((one) => one.warning.is_warned)
    .sort((a, b) => b.warning.chance - a.warning.chance);
  const shown = warned.slice(0, SHOWN);
  if (!data || shown.length === 0) return null;
  const agents = data.agents.filter((one) => shown.some((run) => run.agent === one.agent));
  return (
    <Card title="Running, likely to fail" count={formatCount(warned.length)}>
      <ul className={css.list}>
        {shown.map(({ run, agent, warning }) => (
          <li key={run} className={css.run}>
            <strong className={css.chance}>{formatShare(warning.chance)}</strong>
            <span className={css.what}>
              <Link to="/runs/$id" params={{ id: run }}>
                {agent}, run {shortId(run)}
              </Link>{" "}
              <span className={css.faint}>{describeSeen(warning.seen)}</span>
            </span>
          </li>
        ))}
      </ul>
      {warned.length > SHOWN && <p className={css.faint}>and {plural(warned.length - SHOWN, "more run")}</p>}
      {agents.map(
        ({ agent, backtest }) =>
          backtest.state === "better" && (
            <p key={agent} className={css.faint}>
              Backtest of {agent}: {describeSkill(backtest)}
            </p>
          ),
      )}
    </Card>
  );
}
