import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test } from "vitest";
import { problem, renderApp } from "../../testing/app.tsx";

const at = "/api/v1/capture";
const runs = { started: 3, stored: 1, cut_short: 1, rejected: 0, dropped: 1 };
const counts = { spans_stored: 7, records_written: 9, records_dropped: 0, bytes_dropped: 0, records_damaged: 0 };
const source = {
  source: "2a71b39e3ced7635",
  kind: "process",
  name: "agent.py",
  host: "here",
  pid: 77,
  first_at: "2026-03-02T12:00:00Z",
  last_at: "2026-03-02T12:00:00Z",
  gap_at: "2026-03-02T12:00:00Z",
  is_ended: false,
  runs,
  runs_in_flight: 1,
  has_gap: true,
  counts: { ...counts, rejected: [{ why: "`span_id` is not valid", what: "span", count: 2 }] },
};
const reading = { state: "reading", since: "2026-03-02T12:00:00Z", why: null, processes: 1, bytes: 4096 };
const ledger = {
  recent_gaps: 1,
  total: { runs, runs_in_flight: 1, counts: source.counts },
  spool: reading,
  sources: [source],
};
const none = { ...ledger, recent_gaps: 0, spool: null, sources: [] };

test("every source says what is stored, what is missing and why", async () => {
  renderApp("/capture", { [at]: ledger });
  const row = within(await screen.findByRole("table")).getAllByRole("row")[1];
  expect(row?.textContent).toContain("agent.py pid 771 of 317");
  expect(row?.textContent).toContain("1 run: the disk or the spool was full");
  expect(row?.textContent).toContain("2 spans: `span_id` is not valid");
});

test("a reader that waits says why", async () => {
  const spool = { ...reading, state: "waiting", why: "the disk is full" };
  renderApp("/capture", { [at]: { ...ledger, spool } });
  expect((await screen.findByRole("alert")).textContent).toContain("the disk is full");
});

test("where no source tells how many runs it started, none is counted", async () => {
  const silent = { ...source, runs: null, runs_in_flight: null };
  const total = { ...ledger.total, runs: { ...runs, started: 0 } };
  renderApp("/capture", { [at]: { ...ledger, total, spool: { ...reading, processes: 0 }, sources: [silent] } });
  expect((await screen.findByRole("table")).textContent).toContain("not told");
  expect(document.body.textContent).not.toContain("of 0 started");
  expect(screen.getByText("No program on this machine has left anything to read.")).toBeTruthy();
});

test("without a source the page says what will be there", async () => {
  renderApp("/capture", { [at]: none });
  expect(await screen.findByText("Nothing was captured yet")).toBeTruthy();
});

test("an error can be tried again", async () => {
  let answer: unknown = problem(503, "Temporarily unavailable", "the store is busy");
  renderApp("/capture", { [at]: () => answer });
  const again = await screen.findByRole("button", { name: "Try again" }, { timeout: 5000 });
  answer = ledger;
  await userEvent.click(again);
  expect(await screen.findByRole("table")).toBeTruthy();
});

test("the home page says that something was not captured, and nothing while all is well", async () => {
  const { unmount } = renderApp("/", { [at]: ledger });
  const link = await screen.findByRole("link", { name: "See what is missing and why" });
  expect(link.getAttribute("href")).toBe("/capture");
  unmount();
  const { asked } = renderApp("/", { [at]: none });
  await screen.findByRole("heading", { level: 1 });
  expect(asked.some((path) => path.startsWith(at))).toBe(true);
  expect(screen.queryByRole("link", { name: "See what is missing and why" })).toBeNull();
});
