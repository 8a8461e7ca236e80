import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test } from "vitest";
import { problem, renderApp } from "../../testing/app.tsx";

const at = "/api/v1/costs";
const ofSavings = "/api/v1/agents/Healthcare%20Assistant/savings";
const sums = { runs: 4, calls: 9, cost: 12_500_000, input_tokens: 5000, output_tokens: 120, time_ns: 4e9, timed: 4 };
const figures = {
  per_run: 3_125_000,
  per_success: 6_250_000,
  failed_cost: null,
  run_ns: 1e9,
  model_time: 0.75,
  tool_time: 0.2,
  other_time: 0.05,
};
const costs = {
  by: "model",
  agent: "Healthcare Assistant",
  since: null,
  total: sums,
  figures,
  lines: [
    { name: "openai/gpt-4o", agent: null, ...sums, cost: 10_000_000 },
    { name: "mystery", agent: null, ...sums, cost: 2_500_000, unpriced_calls: 2 },
  ],
  is_cut: false,
};
const days = {
  ...costs,
  by: "day",
  lines: [
    { name: "2026-03-02", agent: null, ...sums, cost: 2_000_000 },
    { name: "2026-03-01", agent: null, ...sums },
  ],
};
const savings = {
  runs: 4,
  calls: 9,
  unpriced_calls: 0,
  unseen_calls: 0,
  cost: 12_500_000,
  savings: [
    {
      kind: "duplicate-calls",
      title: "2 calls repeated an earlier call",
      fix: "Keep the answer of the first call.",
      assumes: ["nothing outside of the prompt changed"],
      basis: "counted",
      calls: 2,
      runs: 1,
      tokens: 2200,
      amount: 5_500_000,
      unpriced_calls: 0,
      per_month: null,
      time_ns: null,
      evidence: [
        {
          trace_id: "0af7651916cd43dd8448eb211c80319c",
          span_id: "b7ad6b7169203331",
          shows: "asks what was asked before",
        },
      ],
    },
  ],
  switches: [],
};
const answer = (url: URL) => (url.searchParams.get("by") === "day" ? days : costs);
const answers = { [at]: answer, [ofSavings]: savings, "/api/v1/budgets": { budgets: [] } };

test("cost divides into lines with their share, and what is not known is a lower bound", async () => {
  renderApp("/cost", answers);
  const table = await screen.findByRole("region", { name: "Cost by model" });
  const rows = within(table).getAllByRole("row");
  expect(rows[1]?.textContent).toContain("openai/gpt-4o$0.010080%");
  expect(rows[2]?.textContent).toContain("mystery≥ $0.0025020%");
});

test("a figure that is not known says so", async () => {
  renderApp("/cost", answers);
  const known = await screen.findByRole("region", { name: "Figures" });
  expect(known.textContent).toContain("Runs that failedunknown");
  expect(known.textContent).toContain("Time to the first tokenunknown");
  expect(known.textContent).toContain("… waiting for a model75%");
});

test("days are in the order of time, each in words", async () => {
  renderApp("/cost", answers);
  const items = within(await screen.findByRole("list", { name: "Cost by day" })).getAllByRole("listitem");
  expect(items.map((item) => item.textContent)).toEqual([
    "2026-03-01: $0.0125 for 4 runs",
    "2026-03-02: $0.00200 for 4 runs",
  ]);
});

test("a saving says what to do, what it assumes, and cites its spans", async () => {
  renderApp("/cost", answers);
  const found = await screen.findByText("Keep the answer of the first call.");
  const item = within(found.closest("li") as HTMLElement);
  expect(item.getByText(/nothing outside of the prompt/)).toBeTruthy();
  expect(item.getByRole("link", { hidden: true }).getAttribute("href")).toContain("span=b7ad6b7169203331");
});

test("a budget that is used up is an alert, with what is not known beside it", async () => {
  const budget = {
    name: "all",
    per: "day",
    limit: 10_000_000,
    spent: 12_500_000,
    unpriced_calls: 2,
    share: 1.25,
    from: "2026-03-02T00:00:00Z",
    until: "2026-03-03T00:00:00Z",
    level: "exceeded",
  };
  renderApp("/cost", { ...answers, "/api/v1/budgets": { budgets: [budget] } });
  const alert = (await screen.findByRole("alert")).textContent;
  expect(alert).toContain("Budget all, used up: ≥ $0.0125 of $0.0100 a day (≥ 125%)");
  expect(alert).toContain("2 calls without a known cost");
});

test("without a run the page says what will be there", async () => {
  renderApp("/cost", { ...answers, "/api/v1/agents": { agents: [] } });
  expect(await screen.findByText("No run was recorded yet")).toBeTruthy();
});

test("an error can be tried again", async () => {
  let now: unknown = problem(503, "Temporarily unavailable", "the store is busy");
  renderApp("/cost", { ...answers, [at]: (url: URL) => (url.searchParams.get("by") === "day" ? days : now) });
  const again = await screen.findByRole("button", { name: "Try again" }, { timeout: 5000 });
  now = costs;
  await userEvent.click(again);
  expect(await screen.findByRole("region", { name: "Cost by model" })).toBeTruthy();
});

test("what no call reported is unknown, not zero", async () => {
  const blank = { runs: 4, calls: 9, cost: 0, unpriced_calls: 9, uncounted_calls: 9 };
  const none = { ...costs, total: blank, figures: {}, lines: [{ name: null, agent: null, ...blank }] };
  const unsaved = { ...savings, cost: 0, unpriced_calls: 9, savings: [] };
  renderApp("/cost", { ...answers, [at]: none, [ofSavings]: unsaved });
  const region = await screen.findByRole("region", { name: "Cost by model" });
  expect(within(region).getAllByRole("row")[1]?.textContent).toBe(
    `not named${"unknown".repeat(2)}49${"unknown".repeat(4)}`,
  );
  expect((await screen.findByText(/Computed from the latest/)).textContent).toContain("cost an unknown amount");
});
