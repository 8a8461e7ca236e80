// Home: how one agent is doing, on one card.
import { Select } from "@mantine/core";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { Empty, Failure, Loading } from "../../components/States.tsx";
import { useTitle } from "../../components/useTitle.ts";
import { plural } from "../../format/rate.ts";
import { CaptureNotice } from "./CaptureNotice.tsx";
import { Fixes } from "./Fixes.tsx";
import { Frameworks } from "./Frameworks.tsx";
import { GettingStarted } from "./GettingStarted.tsx";
import { useHome } from "./loader.ts";
import css from "./Page.module.css";
import { PerformanceCard } from "./PerformanceCard.tsx";
import { Warnings } from "./Warnings.tsx";

const route = getRouteApi("/");

export function HomePage() {
  const { agent } = route.useSearch();
  const home = useHome(agent);
  useTitle(home.state === "ready" ? home.report.agent.name : "");
  switch (home.state) {
    case "loading":
      return <Loading what="the agent's performance" lines={9} />;
    case "failed":
      return <Failure what="the agent's performance" error={home.error} onRetry={home.retry} />;
    case "empty":
      return (
        <>
          <CaptureNotice />
          <GettingStarted />
        </>
      );
    case "no-such-agent":
      return (
        <Empty title={`No agent is called “${home.agent}”`}>
          <p>
            {home.agents.length === 0
              ? "No run has been recorded yet."
              : `${plural(home.agents.length, "agent")} recorded.`}
          </p>
          <Link to="/">Go to the agent that ran last</Link>
        </Empty>
      );
    case "ready":
      return (
        <div className={css.page}>
          {home.agents.length > 1 && (
            <AgentChoice names={home.agents.map((one) => one.name)} value={home.report.agent.name} />
          )}
          <CaptureNotice />
          <Warnings />
          <PerformanceCard report={home.report} />
          <Fixes report={home.report} places={home.places} />
          <Frameworks />
        </div>
      );
  }
}

function AgentChoice({ names, value }: { names: string[]; value: string }) {
  const navigate = useNavigate();
  return (
    <div className={css.choice}>
      <Select
        size="xs"
        label="Agent"
        data={names}
        value={value}
        allowDeselect={false}
        searchable={names.length > 8}
        withScrollArea={false}
        comboboxProps={{ transitionProps: { duration: 0 } }}
        onChange={(agent) => agent && navigate({ to: "/", search: { agent } })}
      />
      <span className={css.count}>{plural(names.length, "agent")}</span>
    </div>
  );
}
