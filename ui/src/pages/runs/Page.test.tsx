import { fireEvent, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test } from "vitest";
import { fixtures, problem, renderApp } from "../../testing/app.tsx";
import { announce, openStream } from "../../testing/events.ts";

const rows = async () => {
  const table = await screen.findByRole("table", { name: "Runs" });
  return within(table).getAllByRole("row").slice(1);
};

test("a run is a row of what is known about it", async () => {
  renderApp("/runs");
  const failed = (await rows())[1] as HTMLElement;
  expect(within(failed).getByRole("img", { name: "failed" })).toBeTruthy();
  expect(failed.textContent).toContain("Healthcare Assistant");
  expect(failed.textContent).toContain("refill-17");
  expect(failed.textContent).toContain("TimeoutError: pharmacy did not answer");
  expect(failed.textContent).toContain("6.20 s2,300 → 240$0.00815");
});

test("what is not known is a dash with the reason, never zero", async () => {
  renderApp("/runs");
  const unknown = (await rows())[3] as HTMLElement;
  expect(within(unknown).getByRole("img", { name: "unknown" })).toBeTruthy();
  expect(within(unknown).getByTitle("Unknown: token counts were not recorded").textContent).toBe("—");
  expect(within(unknown).getByTitle("input unknown, output unknown").textContent).toBe("—");
  expect(within(unknown).getByTitle(/^No start was recorded; received/).textContent).toBe("—");
});

test("a run that goes on is shown as running", async () => {
  renderApp("/runs");
  expect(within((await rows())[0] as HTMLElement).getByRole("img", { name: "running" })).toBeTruthy();
});

test("the filters of the address are asked for", async () => {
  const { asked } = renderApp("/runs?agent=Healthcare+Assistant&verdict=failed&leaf=tool-error&task=12");
  await rows();
  const address = asked.find((one) => one.startsWith("/api/v1/runs?"));
  expect(address).toBe("/api/v1/runs?agent=Healthcare+Assistant&verdict=failed&task=12&leaf=tool-error&limit=100");
});

test("choosing an outcome puts it into the address", async () => {
  const { router } = renderApp("/runs");
  await rows();
  await userEvent.click(screen.getByRole("radio", { name: "Failed" }));
  await waitFor(() => expect(router.state.location.search).toEqual({ verdict: "failed" }));
});

test("the filter for a task can be removed", async () => {
  const { router } = renderApp("/runs?task=12");
  await userEvent.click(await screen.findByRole("button", { name: "Task 12: remove this filter" }));
  await waitFor(() => expect(router.state.location.search).toEqual({}));
});

test("an outcome that does not exist is not asked for", async () => {
  const { asked } = renderApp("/runs?verdict=nonsense");
  await rows();
  expect(asked.filter((one) => one.includes("nonsense"))).toEqual([]);
});

test("j and k walk the rows, and Enter follows the row's link", async () => {
  renderApp("/runs");
  await rows();
  const focused = () => document.activeElement?.getAttribute("data-row");
  fireEvent.keyDown(document.documentElement, { key: "j" });
  const first = Number(focused());
  fireEvent.keyDown(document.documentElement, { key: "j" });
  expect(Number(focused())).toBe(first + 1);
  fireEvent.keyDown(document.documentElement, { key: "k" });
  expect(Number(focused())).toBe(first);
  expect(document.activeElement?.getAttribute("href")).toMatch(/^\/runs\/[0-9a-f]{32}$/);
});

test("the slash key goes to the filter", async () => {
  renderApp("/runs");
  await rows();
  fireEvent.keyDown(document.documentElement, { key: "/" });
  expect(document.activeElement).toBe(screen.getByRole("combobox", { name: "Agent" }));
});

test("a run that settles appears by itself, at its place", async () => {
  renderApp("/runs");
  await rows();
  openStream();
  const run = { ...fixtures.run().run, trace_id: "f".repeat(32), started_at: "2026-03-02T10:00:00Z", task: "just-now" };
  announce(run);
  await waitFor(async () => expect((await rows())[0]?.textContent).toContain("just-now"));
});

test("a run that does not match the filters does not appear", async () => {
  const mine = { runs: fixtures.runs().runs.slice(0, 1), next: null };
  renderApp("/runs?agent=Healthcare+Assistant", { "/api/v1/runs": mine });
  await rows();
  announce({ ...fixtures.run().run, trace_id: "f".repeat(32), agent: { name: "other" } });
  expect(await rows()).toHaveLength(1);
});

test("the next page is asked for with the cursor of the last", async () => {
  const [run] = fixtures.runs().runs;
  const pageOf = (from: number, count: number) =>
    Array.from({ length: count }, (_, index) => ({ ...run, trace_id: String(from + index).padStart(32, "0") }));
  const { asked } = renderApp("/runs", {
    "/api/v1/runs": (url: URL) =>
      url.searchParams.get("cursor") ? { runs: pageOf(10, 5), next: null } : { runs: pageOf(0, 10), next: "c1" },
  });
  expect(await screen.findByText("15 runs")).toBeTruthy();
  expect(asked).toContain("/api/v1/runs?cursor=c1&limit=100");
});

test("only the rows in sight are in the document", async () => {
  const [run] = fixtures.runs().runs;
  const many = Array.from({ length: 500 }, (_, index) => ({ ...run, trace_id: String(index).padStart(32, "0") }));
  renderApp("/runs", { "/api/v1/runs": { runs: many, next: null } });
  expect(await screen.findByText("500 runs")).toBeTruthy();
  expect((await rows()).length).toBeLessThan(60);
});

test("no runs, no matching runs and an unknown agent are told apart", async () => {
  const none = { runs: [], next: null };
  const first = renderApp("/runs", { "/api/v1/runs": none });
  expect(await screen.findByText("No runs yet")).toBeTruthy();
  first.unmount();
  const second = renderApp("/runs?verdict=failed", { "/api/v1/runs": none });
  expect(await screen.findByText("No run matches these filters")).toBeTruthy();
  second.unmount();
  renderApp("/runs?agent=nobody", { "/api/v1/runs": none });
  expect(await screen.findByText("No agent is called “nobody”")).toBeTruthy();
});

test("an error of the server is told", async () => {
  renderApp("/runs", { "/api/v1/runs": problem(400, "Invalid request", "unknown cursor") });
  expect((await screen.findByRole("alert")).textContent).toContain("Invalid requestunknown cursor");
});

test("an answer that is not JSON is told as such", async () => {
  renderApp("/runs", { "/api/v1/runs": undefined });
  expect(await screen.findByRole("alert")).toBeTruthy();
});

test("while runs are on their way the page says so", async () => {
  renderApp("/runs", { "/api/v1/runs": () => new Promise(() => {}) });
  expect(await screen.findByRole("status", { name: "Loading the runs" })).toBeTruthy();
});

const hit = {
  trace_id: "0af7651916cd43dd8448eb211c80319c",
  span_id: "00f067aa0ba902b7",
  agent: "Healthcare Assistant",
  at: "2026-03-02T10:00:00Z",
  field: "user",
  pieces: [
    { text: "please ", is_match: false },
    { text: "Refill", is_match: true },
    { text: " <b>it</b>", is_match: false },
  ],
};

test("what was said is searched for, and a place leads to its span", async () => {
  const { asked, router } = renderApp("/runs", { "/api/v1/search": { hits: [hit], next: null } });
  await userEvent.type(await screen.findByRole("searchbox", { name: "Words that were said" }), "refill{Enter}");
  const list = await screen.findByRole("list", { name: "What was found" });
  expect(list.textContent).toContain("please Refill <b>it</b>");
  expect(list.querySelector("mark")?.textContent).toBe("Refill");
  expect(within(list).getByRole("link").getAttribute("href")).toBe(`/runs/${hit.trace_id}?span=${hit.span_id}`);
  expect(asked).toContain("/api/v1/search?q=refill");
  await userEvent.click(screen.getByRole("button", { name: "Show the list again" }));
  await waitFor(() => expect(router.state.location.search).toEqual({}));
  expect((await rows()).length).toBeGreaterThan(0);
});

test("a search that finds nothing, fails or is under way says so", async () => {
  const first = renderApp("/runs?q=nothing", { "/api/v1/search": { hits: [], next: null } });
  expect(await screen.findByText("No span contains all of these words")).toBeTruthy();
  first.unmount();
  const answer = problem(400, "The request is invalid", "searching is switched off here");
  const second = renderApp("/runs?q=it", { "/api/v1/search": answer });
  expect((await screen.findByRole("alert")).textContent).toContain("switched off");
  second.unmount();
  renderApp("/runs?q=it", { "/api/v1/search": () => new Promise(() => {}) });
  expect(await screen.findByRole("status", { name: "Loading what was found" })).toBeTruthy();
});

test("more places are asked for with the cursor of the last page", async () => {
  const { asked } = renderApp("/runs?q=refill&agent=shop", {
    "/api/v1/search": (url: URL) =>
      url.searchParams.get("cursor")
        ? { hits: [{ ...hit, span_id: "00f067aa0ba902b8" }], next: null }
        : { hits: [hit], next: "c1" },
  });
  await userEvent.click(await screen.findByRole("button", { name: "Show more" }));
  await waitFor(() => expect(screen.getAllByText("please")).toHaveLength(2));
  expect(asked).toContain("/api/v1/search?q=refill&agent=shop&cursor=c1");
});

test("a search shows only the filter that it knows, and no count of another list", async () => {
  const { unmount } = renderApp("/runs?q=refill", { "/api/v1/search": { hits: [], next: null } });
  await screen.findByText("No span contains all of these words");
  expect(screen.queryByRole("radio", { name: "Failed" })).toBeNull();
  expect(screen.queryByText(/\d runs?$/)).toBeNull();
  unmount();
  renderApp("/runs", { "/api/v1/runs": problem(503, "Temporarily unavailable", "the store is busy") });
  await screen.findByRole("alert", {}, { timeout: 5000 });
  expect(screen.queryByText(/\d runs?$/)).toBeNull();
});
