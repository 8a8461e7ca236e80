import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test } from "vitest";
import { fixtures, problem, renderApp } from "../../testing/app.tsx";
import { announce, breakStream, openStream } from "../../testing/events.ts";
import { formatChange } from "./CostFigures.tsx";
import { chooseAgent } from "./loader.ts";

const reportAt = "/api/v1/agents/Healthcare%20Assistant/report";
const card = () => screen.findByRole("region", { name: /Healthcare Assistant Performance/ });

test("the card says how reliable the agent is, with interval, n, grade and what is not counted", async () => {
  renderApp("/");
  const region = await card();
  expect(region.textContent).toContain("42.0%31.5–52.5% 95% interval");
  expect(region.textContent).toContain("Fprovisional grade");
  expect(region.textContent).toContain("84 of n = 200 runs succeeded, over 50 tasks");
  expect(region.textContent).toContain("12 runs with unknown outcome not counted");
  expect(region.textContent).toContain("5 failures at the step limit");
});

test("the interval is drawn on the bar where it lies", async () => {
  renderApp("/");
  const bar = within(await card()).getByRole("img", { name: "Reliability: 42.0% (31.5–52.5%, n = 200)" });
  const band = within(bar).getByTestId("interval-band");
  expect(Number.parseFloat(band.style.left)).toBeCloseTo(31.48);
  expect(Number.parseFloat(band.style.width)).toBeCloseTo(21.04);
});

test("pass^k is told with the tasks it is averaged over", async () => {
  renderApp("/");
  const table = (await screen.findByRole("rowheader", { name: "pass^k" })).closest("table");
  const cells = within(table as HTMLElement)
    .getAllByRole("row")
    .map((row) => row.textContent);
  expect(cells).toEqual(["k1234", "pass^k42.0%27.3%22.0%20.0%", "pass@k42.0%56.7%66.0%72.0%", "tasks50505050"]);
});

test("of many k the first few and the largest are shown", async () => {
  const report = fixtures.report();
  report.reliability.pass_hat_k = [1, 2, 3, 4, 5, 6, 7, 8].map((k) => ({ k, value: 1 / k, tasks: 9 }));
  renderApp("/", { [reportAt]: report });
  const table = (await screen.findByRole("rowheader", { name: "pass^k" })).closest("table");
  expect(within(table as HTMLElement).getAllByRole("row")[0]?.textContent).toBe("k12348");
  expect((await card()).textContent).toContain("Every k up to 8 is in the export.");
});

test("a significant trend names its test, its windows and both n", async () => {
  renderApp("/");
  const region = await card();
  expect(region.textContent).toContain("declining53.7% (n = 82) → 36.4% (n = 110), week on week");
  expect(region.textContent).toContain("z test of two proportions, p = 0.012");
});

test("a change that may be chance shows no trend", async () => {
  const report = fixtures.report();
  report.reliability.trend.direction = "no_clear_change";
  renderApp("/", { [reportAt]: report });
  expect((await card()).textContent).not.toMatch(/declining|improving|week on week/);
});

test("the cost is told with its n, what is unpriced and why, and its change", async () => {
  renderApp("/");
  const region = await card();
  expect(region.textContent).toContain("$0.0123 mean, n = 180");
  expect(region.textContent).toContain("32 runs unpriced: no price for model local-llama");
  expect(region.textContent).toContain(
    "+12% on the week before (n = 110, before 70; too few days to tell from chance)",
  );
  expect(region.textContent).toContain("$5.82 a month at 16 runs a day, observed for 7 d");
});

test("an unknown cost is unknown with its reason, not nothing", async () => {
  const report = fixtures.report();
  report.cost = {
    per_run: null,
    priced_runs: 0,
    runs: 200,
    unpriced: [{ why: { reason: "no_usage" }, runs: 200 }],
    weekly_change: null,
    projected_month: null,
  };
  renderApp("/", { [reportAt]: report });
  const region = await card();
  expect(region.textContent).toContain("Cost per rununknown200 runs unpriced: token counts were not recorded");
  expect(region.textContent).not.toContain("$");
});

test("an agent whose outcomes nobody knows has no rate and no grade", async () => {
  const report = fixtures.report();
  const nothing = { successes: 0, n: 0, estimate: null, interval: null };
  Object.assign(report.reliability, {
    runs: 7,
    unknown_outcomes: 7,
    success: nothing,
    success_naive: nothing,
    tool_accuracy: nothing,
    grade: null,
    tasks: { count: 0, repeated: 0 },
    pass_hat_k: [],
    pass_at_k: [],
  });
  renderApp("/", { [reportAt]: report });
  const region = await card();
  expect(region.textContent).toContain("Reliabilityunknown");
  expect(region.textContent).toContain("Nobody has said whether any of its 7 runs succeeded");
  expect(region.textContent).toContain("no run says which task it tries");
  expect(region.textContent).not.toMatch(/0\.0%|grade/);
});

test("issues are listed with severity and the share of runs with its n, and lead to their runs", async () => {
  renderApp("/");
  const rows = within(await card())
    .getAllByRole("row")
    .map((row) => row.textContent ?? "");
  expect(rows.find((row) => row.startsWith("Tool error"))).toContain("high27.4% (21.8–33.7%)58 of 21267");
  const link = screen.getByRole("link", { name: "Tool error" });
  expect(link.getAttribute("href")).toBe("/runs?agent=Healthcare+Assistant&leaf=tool-error");
});

test("fixes cite the spans that show the issue", async () => {
  renderApp("/");
  const link = await screen.findByRole("link", { name: /order_refill failed/ });
  expect(link.getAttribute("href")).toBe(
    "/runs/0af7651916cd43dd8448eb211c80319c?span=00f067aa0ba90205&finding=f-tool-error",
  );
  expect(screen.getByRole("region", { name: "Fixes" }).textContent).toContain("32 of 212 runs are unpriced.");
});

test("details, fixes and the export are one click away", async () => {
  renderApp("/");
  await card();
  expect(screen.getByRole("link", { name: "View Details" }).getAttribute("href")).toBe(
    "/runs?agent=Healthcare+Assistant",
  );
  expect(screen.getByRole("link", { name: "Get Fixes" }).getAttribute("href")).toBe("#fixes");
  const download = screen.getByRole("link", { name: "Export" });
  expect(download.getAttribute("href")).toBe(reportAt);
  expect(download.getAttribute("download")).toBe("arc-eval-Healthcare-Assistant-2026-03-02.json");
});

test("a run that settles refreshes the figures without a reload", async () => {
  let runs = 200;
  renderApp("/", {
    [reportAt]: () => {
      const report = fixtures.report();
      report.reliability.success.n = runs;
      return report;
    },
  });
  await card();
  openStream();
  runs = 201;
  announce(fixtures.run().run);
  await waitFor(async () => expect((await card()).textContent).toContain("n = 201 runs"));
});

test("the page says when it is not live", async () => {
  renderApp("/");
  await card();
  openStream();
  expect(screen.getByText("Live")).toBeTruthy();
  breakStream();
  expect(screen.getByText("Reconnecting")).toBeTruthy();
});

test("another agent can be chosen and is in the address", async () => {
  const { router } = renderApp("/", { "/api/v1/agents/airline-desk/report": fixtures.report() });
  await card();
  await userEvent.click(screen.getByRole("combobox", { name: "Agent" }));
  await userEvent.click(await screen.findByRole("option", { name: "airline-desk", hidden: true }));
  await waitFor(() => expect(router.state.location.search).toEqual({ agent: "airline-desk" }));
});

test("without an agent in the address the one that ran last is shown", () => {
  const { agents } = fixtures.agents();
  expect(chooseAgent(agents.toReversed(), undefined)?.name).toBe("Healthcare Assistant");
  expect(chooseAgent(agents, "airline-desk")?.name).toBe("airline-desk");
  expect(chooseAgent(agents, "nobody")).toBeUndefined();
});

test("an agent nobody knows is said to be unknown", async () => {
  renderApp("/?agent=nobody");
  expect(await screen.findByText("No agent is called “nobody”")).toBeTruthy();
});

test("before the first run the page says how to make one", async () => {
  renderApp("/", { "/api/v1/agents": { agents: [] } });
  expect(await screen.findByRole("heading", { name: "No runs yet" })).toBeTruthy();
  expect(screen.getByText(/ArcTracer\("finance"\)\.trace_agent\(agent\)/)).toBeTruthy();
  expect(screen.getByText("arc-eval import FILE")).toBeTruthy();
  expect(screen.getByText(/\/v1\/traces/)).toBeTruthy();
  expect(screen.getAllByRole("button", { name: /^Copy:/ })).toHaveLength(3);
});

test("an error of the server is told, and can be tried again", async () => {
  let isBroken = true;
  renderApp("/", {
    [reportAt]: () =>
      isBroken ? problem(503, "The store is busy", "the database does not answer") : fixtures.report(),
  });
  const alert = await screen.findByRole("alert");
  expect(alert.textContent).toContain("The store is busy");
  expect(alert.textContent).toContain("the database does not answer");
  isBroken = false;
  await userEvent.click(screen.getByRole("button", { name: "Try again" }));
  expect(await card()).toBeTruthy();
});

test("while the report is on its way the page says so", async () => {
  renderApp("/", { [reportAt]: () => new Promise(() => {}) });
  expect(await screen.findByRole("status", { name: "Loading the agent's performance" })).toBeTruthy();
});

test("the project in the address is asked about and kept in links", async () => {
  window.history.replaceState(null, "", "/?project=team-a");
  const { asked } = renderApp("/?project=team-a");
  await card();
  window.history.replaceState(null, "", "/");
  expect(asked.every((address) => address.includes("project=team-a"))).toBe(true);
  expect(screen.getByRole("link", { name: "Runs" }).getAttribute("href")).toBe("/runs?project=team-a");
});

test.each([
  [0.124, "+12%"],
  [-0.031, "−3.1%"],
  [0, "unchanged"],
])("a ratio of %s reads as %s", (ratio, text) => {
  expect(formatChange(ratio)).toBe(text);
});
