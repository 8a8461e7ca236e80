import { screen, within } from "@testing-library/react";
import { expect, test } from "vitest";
import { renderApp } from "../../testing/app.tsx";
import { rate, scenario } from "../../testing/fixtures/issues.ts";
import { velocityWord } from "./Page.tsx";

const at = "/api/v1/scenarios";
const agents = { "/api/v1/agents": { agents: [] } };
const velocity = {
  pace: "no_clear_change",
  change: 0.05,
  low: -0.1,
  high: 0.2,
  per: "version",
  how: "from 1 to 2",
} as const;

const learning = {
  agent: "booker",
  version: "2",
  history: {
    versions: [
      { version: "2", first_at: "2026-03-02T12:00:00Z", last_at: "2026-03-02T12:00:00Z", runs: 140, success: rate },
    ],
    weeks: [],
  },
  runs: 140,
  velocity,
  mastered: 0,
  learning: 1,
  not_yet: 0,
  next: [
    {
      scenario: scenario.id,
      title: scenario.title,
      severity: "medium",
      mastery: { state: "learning", passed: 1, n: 1, mean: 0.75, low: 0.2, high: 1, probability: 0.5 },
      information: 0.2,
      worth: 0.4,
      reason: "this version passed 1 of 1: that does not tell yet",
    },
  ],
};

test("cases are shown with their input as text and what trials said", async () => {
  renderApp("/scenarios", { ...agents, [at]: { scenarios: [scenario], next: null } });
  expect(await screen.findByText("Book <i>seat</i> 4A.")).toBeTruthy();
  expect(document.body.textContent).toContain("passed 0 of 40");
  expect(screen.getByRole("button", { name: "Accept" })).toBeTruthy();
});

test("of an agent it is told what it masters, and what to try next and why", async () => {
  const answers = {
    ...agents,
    [at]: { scenarios: [scenario], next: null },
    "/api/v1/agents/booker/learning": learning,
  };
  renderApp("/scenarios?agent=booker", answers);
  expect(await screen.findByText("this version passed 1 of 1: that does not tell yet")).toBeTruthy();
  expect(screen.getByText("No clear change: +5.0 points per version (−10.0 to +20.0)")).toBeTruthy();
});

test("what is not known is not given a direction", () => {
  const unknown = { ...velocity, pace: "not_enough_data", change: null, low: null, high: null } as const;
  expect(velocityWord(unknown)).toBe("Whether it gets better is not known yet.");
});

test("without scenarios the page says where they come from", async () => {
  renderApp("/scenarios", { ...agents, [at]: { scenarios: [], next: null } });
  expect(await screen.findByText("No scenarios yet")).toBeTruthy();
});

test("what to try next says what is asked, and leads to its case", async () => {
  const answers = {
    ...agents,
    [at]: { scenarios: [scenario], next: null },
    "/api/v1/agents/booker/learning": learning,
  };
  renderApp("/scenarios?agent=booker", answers);
  const next = await screen.findByRole("region", { name: "Try next" });
  const link = within(next).getByRole("link", { name: scenario.title });
  expect(document.querySelector(link.getAttribute("href") ?? "")?.textContent).toContain(scenario.input);
  expect(next.textContent).toContain(scenario.input);
});

test("an agent that is not there is told", async () => {
  renderApp("/scenarios?agent=nobody", { ...agents, [at]: { scenarios: [], next: null } });
  expect(await screen.findByText("No agent is called “nobody”")).toBeTruthy();
});

test("a long input is folded", async () => {
  const long = { ...scenario, input: "word ".repeat(200) };
  renderApp("/scenarios", { ...agents, [at]: { scenarios: [long], next: null } });
  const article = await screen.findByRole("article");
  expect(article.querySelector("details")?.open).toBe(false);
});
