import { screen, waitFor, within } from "@testing-library/react";
import { expect, test } from "vitest";
import type { Judged, Report } from "../../api/types.ts";
import { fixtures, renderApp } from "../../testing/app.tsx";
import { announce, openStream, warn } from "../../testing/events.ts";
import { warned, warnings } from "../../testing/fixtures/warnings.ts";
import { adviceWord } from "./Frameworks.tsx";

const reportAt = "/api/v1/agents/Healthcare%20Assistant/report";
const card = () => screen.findByRole("region", { name: /Healthcare Assistant Performance/ });
const rate = (successes: number, n: number, low: number, high: number) =>
  ({ successes, n, estimate: successes / n, interval: { low, high, method: "wilson" } }) as const;

type Recent = NonNullable<Report["recent"]>;
function withRecent(recent: Partial<Recent>) {
  const report = fixtures.report();
  report.recent = { runs: 212, endings: [], recovered: rate(0, 1, 0, 0.8), ...recent };
  return { [reportAt]: report };
}

const change: NonNullable<Recent["change"]> = {
  direction: "declining",
  n: 200,
  p_value: 0.001,
  since: "2026-02-26T12:00:00Z",
  run: "0af7651916cd43dd8448eb211c80319c",
  before: rate(70, 120, 0.49, 0.67),
  after: rate(14, 80, 0.1, 0.27),
};

test("since which run the success rate is another is told with both rates, their n, and the run", async () => {
  renderApp("/", withRecent({ change }));
  const region = await card();
  expect(region.textContent).toContain("58.3% (49.0–67.0%, n = 120) → 17.5% (10.0–27.0%, n = 80)");
  expect(region.textContent).toContain("change point of the latest n = 200 runs, p = 0.001");
  expect(within(region).getByRole("link", { name: "run 0af76519" }).getAttribute("href")).toBe(`/runs/${change.run}`);
});

test("a change that chance explains, no judge, no silent failure: nothing is said of them", async () => {
  renderApp("/", withRecent({ change: { ...change, direction: "no_clear_change", run: null, after: null } }));
  expect((await card()).textContent).not.toMatch(/since|change point|silent failure|Judge/);
});

const judged: Judged = {
  judged: rate(164, 243, 0.614, 0.731),
  labelled: 80,
  sensitivity: rate(53, 63, 0.732, 0.911),
  specificity: rate(15, 17, 0.657, 0.967),
  rogan_gladen: { state: "refused", why: "the judge may be no better than a coin" },
  prediction_powered: {
    state: "known",
    estimate: 0.781,
    interval: { low: 0.704, high: 0.857, method: "prediction_powered" },
  },
};

test("a judge's rate stands beside the corrected one and how often it is right", async () => {
  renderApp("/", withRecent({ judged }));
  const text = (await card()).textContent;
  expect(text).toContain("Judge67.5% (61.4–73.1%, n = 243) of the runs it judged");
  expect(text).toContain("Corrected78.1% (70.4–85.7%), prediction-powered, n = 80 labelled by people");
  expect(text).toContain("of successes 84.1% (73.2–91.1%, n = 63), of failures 88.2% (65.7–96.7%, n = 17)");
});

test("where a judge cannot be corrected, it says what is missing", async () => {
  const why = "30 runs with both labels are needed, there are 4";
  const refused = { state: "refused", why } as const;
  renderApp("/", withRecent({ judged: { ...judged, prediction_powered: refused, rogan_gladen: refused } }));
  expect((await card()).textContent).toContain(`Correctedunknown: ${why}`);
});

test("silent failures stand beside the rate and lead to their runs", async () => {
  const report = fixtures.report();
  const [issue] = report.issues;
  if (!issue) throw new Error("the fixture has no issue");
  report.issues = [{ ...issue, leaf: "silent-failure", runs: rate(5, 212, 0.01, 0.054) }];
  renderApp("/", { [reportAt]: report });
  const region = await card();
  expect(region.textContent).toContain("5 silent failures");
  expect(region.textContent).toContain("2.4% (1.0–5.4%, n = 212)");
  const link = within(region).getByRole("link", { name: /ended as if all were well/ });
  expect(link.getAttribute("href")).toContain("leaf=silent-failure");
});

const warningsAt = "/api/v1/warnings";
const likely = () => screen.findByRole("region", { name: "Running, likely to fail" });

test("runs that are likely to fail are told with the backtest, and leave when they end", async () => {
  renderApp("/", { [warningsAt]: warnings(warned) });
  const region = await likely();
  expect(region.textContent).toContain("94.2%Healthcare Assistant, run 0af76519 8 steps, 4 failed, 2 repeated");
  expect(region.textContent).toContain("Backtest of Healthcare Assistant: learnt from 168 runs");
  openStream();
  announce({ ...fixtures.run().run, is_running: false });
  await waitFor(() => expect(screen.queryByText("Running, likely to fail")).toBeNull());
});

test("a warning of the stream appears; a chance below the threshold is no warning", async () => {
  let list = warnings();
  renderApp("/", { [warningsAt]: () => list });
  await card();
  openStream();
  warn({ ...warned, warning: { ...warned.warning, is_warned: false } });
  expect(screen.queryByText("Running, likely to fail")).toBeNull();
  list = warnings(warned);
  warn(warned);
  expect((await likely()).textContent).toContain("94.2%");
});

const student = (low: number, high: number) => ({ low, high, method: "student_t" }) as const;
const frameworks = {
  runs: 287,
  unknown: 224,
  frameworks: [
    {
      framework: { id: "langgraph", version: "1.0.4" },
      runs: 57,
      success: rate(40, 50, 0.67, 0.89),
      overhead_ms: { mean: 1070, n: 57, interval: student(-20, 1290) },
      retries: { mean: 0.5, n: 56, interval: student(0.28, 0.71) },
      latency_ms: { n: 57, p50: { value: 4870 }, p95: { value: 11_800 }, p99: { value: 13_000 } },
      failures: [],
    },
    { framework: { id: "agno" }, runs: 1, success: { successes: 0, n: 0 }, failures: [] },
  ],
  advice: [],
};

test("frameworks are told by version with n and interval, and what is unknown as unknown", async () => {
  renderApp("/", { "/api/v1/frameworks": frameworks });
  await screen.findByText("langgraph 1.0.4");
  const [first, second] = screen.getAllByRole("rowheader", { name: /langgraph|agno/ }).map((one) => one.closest("tr"));
  expect(first?.textContent).toContain("langgraph 1.0.457 runs80.0% (67.0–89.0%)40 of n = 50 runs");
  expect(first?.textContent).toContain("1.07 s (0 ms – 1.29 s)n = 570.50 (0.28–0.71)n = 564.87 sp95 11.8 s, n = 57");
  expect(second?.textContent).toBe(`agno1 rununknown: n = 0${"unknown: not recorded".repeat(3)}`);
  expect(document.body.textContent).toContain("Of the latest 287 runs; of 224 the framework is not known");
});

test("advice says by how much, with its interval and what it rests on", () => {
  const refs = { better: { id: "a", version: "1" }, worse: { id: "b" }, better_runs: 90, worse_runs: 80 };
  const interval = (low: number, high: number) => ({ low, high, method: "newcombe" }) as const;
  expect(
    adviceWord({ ...refs, what: "success", difference: 0.12, interval: interval(0.04, 0.2), shared_tasks: 9 }),
  ).toBe("a 1 succeeds 12.0 points more often (4.0 to 20.0) than b, on 9 tasks that both tried.");
  expect(
    adviceWord({ ...refs, what: "duration", difference: -2000, interval: interval(-3000, -500), shared_tasks: 0 }),
  ).toBe("a 1 is 2.00 s faster (500 ms – 3.00 s) than b, over 90 runs and 80 runs.");
});

test("without a framework or a warning there is no section for them", async () => {
  renderApp("/");
  await card();
  expect(screen.queryByText("Frameworks")).toBeNull();
  expect(screen.queryByText("Running, likely to fail")).toBeNull();
});
