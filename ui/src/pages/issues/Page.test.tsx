import { cleanup, screen, within } from "@testing-library/react";
import { expect, test } from "vitest";
import { problem, renderApp } from "../../testing/app.tsx";
import { detail } from "../../testing/fixtures/issues.ts";

const at = "/api/v1/issues";
const agents = { "/api/v1/agents": { agents: [] } };

test("each failure is a row with its state, its share with the interval, and how often today", async () => {
  renderApp("/issues", { ...agents, [at]: { issues: [detail], next: null } });
  const row = within(await screen.findByRole("table")).getAllByRole("row")[1];
  expect(row?.textContent).toContain("Tool call failed in book_seat: no answer after <*> ms");
  expect(row?.textContent).toContain("open");
  expect(row?.textContent).toMatch(/28\.6% \(21\.7.*36\.[56]/);
  expect(within(row as HTMLElement).getByText("3")).toBeTruthy();
});

test("without an issue the page says so, and offers every issue where it is filtered", async () => {
  renderApp("/issues", { ...agents, [at]: { issues: [], next: null } });
  expect(await screen.findByText("No issues")).toBeTruthy();
  cleanup();
  renderApp("/issues?state=fixed", { ...agents, [at]: { issues: [], next: null } });
  expect(await screen.findByRole("link", { name: "Show every issue" })).toBeTruthy();
});

test("an error is told", async () => {
  renderApp("/issues", { ...agents, [at]: () => problem(503, "Temporarily unavailable", "the store is busy") });
  expect((await screen.findByRole("alert", {}, { timeout: 5000 })).textContent).toContain("the store is busy");
});

test("a share stands with its counts and whose runs it is of", async () => {
  renderApp("/issues", { ...agents, [at]: { issues: [detail], next: null } });
  const row = within(await screen.findByRole("table")).getAllByRole("row")[1];
  expect(row?.textContent).toContain("40 of n = 140 runs of booker");
});

test("before the first run the way to record one is shown", async () => {
  renderApp("/issues", { ...agents, [at]: { issues: [], next: null } });
  expect(await screen.findByRole("link", { name: "See how to record the first run" })).toBeTruthy();
});
