import { fireEvent, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test } from "vitest";
import type { RunWithSpans, Span } from "../../api/types.ts";
import { fixtures, problem, renderApp } from "../../testing/app.tsx";
import { announce, openStream } from "../../testing/events.ts";

const ID = "0af7651916cd43dd8448eb211c80319c";
const at = `/runs/${ID}`;
const runAt = `/api/v1/runs/${ID}`;

const tree = () => screen.findByRole("tree");
const lines = async () => within(await tree()).getAllByRole("treeitem");
const selected = async () => (await lines()).find((line) => line.getAttribute("aria-selected") === "true");
const changed = (change: (detail: RunWithSpans) => void) => {
  const detail = fixtures.run();
  change(detail);
  return { [runAt]: detail };
};

test("the header says what came of the run, who says so and why", async () => {
  renderApp(at);
  const header = (await screen.findByRole("heading", { level: 1 })).closest("header");
  expect(header?.textContent).toContain(
    "failedsays a check: refill was not ordered (score 0) · 1 other claim · stopped at its step limit",
  );
  expect(header?.textContent).toContain("Tokens2,300 in, 240 out");
  expect(header?.textContent).toContain("Cost$0.00815");
  expect(header?.textContent).toContain("Frameworklanggraph 92%");
  expect(header?.textContent).toContain("Domainunknown");
});

test("what is not known about the run is said to be unknown", async () => {
  renderApp(
    at,
    changed(({ run }) => {
      run.outcome = { verdict: "unknown", source: null, claims: [] };
      run.termination = null;
      run.cost = { state: "unknown", why: { reason: "no_usage" }, at_least: 0 };
      run.duration_ms = null;
      run.input_tokens = null;
      run.output_tokens = null;
    }),
  );
  const header = (await screen.findByRole("heading", { level: 1 })).closest("header");
  expect(header?.textContent).toContain("unknownnobody has said whether it succeeded");
  expect(header?.textContent).toContain("Costunknown: token counts were not recorded");
  expect(header?.textContent).toContain("Duration—Tokensunknown: not every model call says");
});

test("what calls without counts would have cost is said beside the unknown cost", async () => {
  renderApp(
    at,
    changed((detail) => {
      detail.run.cost = { state: "unknown", why: { reason: "no_usage" }, at_least: 0 };
      detail.estimated = { calls: 2, input_tokens: 900, output_tokens: 40, cost: 2_650_000, left_out: 1 };
    }),
  );
  const header = (await screen.findByRole("heading", { level: 1 })).closest("header");
  expect(header?.textContent).toContain(
    "Costunknown: token counts were not recorded; about $0.00265 by the text of 2 calls without token counts, 1 not estimated",
  );
});

test("what the run waited for is told by span, longest first", async () => {
  renderApp(at);
  await userEvent.click(await screen.findByRole("button", { name: "6.20 s: 54.0% model, 38.7% tools, 7.3% neither" }));
  const path = within(screen.getByRole("list", { name: "Critical path" }));
  expect(path.getAllByRole("listitem").map((item) => item.textContent)).toEqual([
    "2.05 sorder_refill 33.1%",
    "1.80 schat gpt-4o 29.0%",
    "1.55 schat gpt-4o 25.0%",
    "450 msHealthcare Assistant 7.3%",
    "350 msfind_prescription 5.6%",
  ]);
  expect(screen.getByText(/^1 streamed call: 420 ms to the first token on average; .* 520 ms after/)).toBeDefined();
  await userEvent.click(path.getByRole("button", { name: "find_prescription" }));
  expect((await selected())?.textContent).toContain("find_prescription");
});

test("a run that goes on says so with the time it has taken, and is shown anew when it ends", async () => {
  const going = fixtures.run();
  going.run.is_running = true;
  going.run.started_at = new Date(Date.now() - 3500).toISOString();
  going.run.duration_ms = null;
  going.findings = [];
  const ended = fixtures.run();
  let answer = going;
  renderApp(at, { [runAt]: () => answer });
  const header = (await screen.findByRole("heading", { level: 1 })).closest("header");
  expect(header?.textContent).toContain("runningwhether it succeeds");
  expect(header?.textContent).toMatch(/Duration[34]\.00 s/);
  openStream();
  answer = ended;
  announce(ended.run);
  await waitFor(() => expect(header?.textContent).toContain("failedsays a check"));
  expect(header?.textContent).toContain("Duration6.20 s");
});

test("the tree shows every span with its level, and its bar beside it", async () => {
  renderApp(at);
  const shown = (await lines()).map((line) => `${line.getAttribute("aria-level")} ${line.getAttribute("aria-label")}`);
  expect(shown).toEqual([
    "1 agent, Healthcare Assistant, failed, 6.20 s, 1 finding",
    "2 llm, chat gpt-4o, 1.80 s",
    "2 tool, find_prescription, 350 ms",
    "2 llm, chat gpt-4o, 1.55 s, 1 finding",
    "2 tool, order_refill, failed, 2.05 s, 1 finding",
    "1 guardrail, dose check",
  ]);
});

test("the keyboard walks, folds and unfolds the tree, and the address follows", async () => {
  const { router } = renderApp(at);
  const press = async (key: string) => fireEvent.keyDown(await tree(), { key });
  await press("ArrowDown");
  await waitFor(() => expect(router.state.location.search).toEqual({ span: "00f067aa0ba90202" }));
  await press("ArrowLeft");
  await waitFor(async () => expect((await selected())?.getAttribute("aria-label")).toContain("agent"));
  await press("ArrowLeft");
  await waitFor(async () => expect(await lines()).toHaveLength(2));
  await press("ArrowRight");
  await waitFor(async () => expect(await lines()).toHaveLength(6));
  await press("End");
  await waitFor(async () => expect((await selected())?.getAttribute("aria-label")).toContain("dose check"));
  await press("e");
  await waitFor(async () => expect((await selected())?.getAttribute("aria-label")).toContain("failed"));
});

test("the banner leads to the span where the failure began", async () => {
  const { router } = renderApp(at);
  const banner = await screen.findByRole("note", { name: "Error" });
  expect(banner.textContent).toContain("TimeoutError: pharmacy did not answer within 2 s");
  await userEvent.click(within(banner).getByRole("button"));
  await waitFor(() => expect(router.state.location.search).toEqual({ span: "00f067aa0ba90205" }));
});

test("a finding leads to its span and marks the words it cites", async () => {
  renderApp(at);
  const findings = await screen.findByRole("region", { name: "Findings" });
  await userEvent.click(within(findings).getByRole("button", { name: /order_refill failed/ }));
  const result = await screen.findByRole("region", { name: "Result" });
  expect(result.querySelector("mark")?.textContent).toBe("pharmacy did not answer within 2 s");
  expect(result.hasAttribute("data-cited")).toBe(true);
});

test("evidence in another span is one click away and marked there too", async () => {
  renderApp(`${at}?span=00f067aa0ba90205&finding=f-tool-error`);
  await userEvent.click(await screen.findByRole("button", { name: "in another span" }));
  await waitFor(async () => expect((await selected())?.getAttribute("aria-label")).toContain("chat gpt-4o, 1.55 s"));
  expect(document.querySelector("mark")?.textContent).toBe('{\n  "prescription": "rx-7"\n}');
});

test("a finding that follows from another says from which", async () => {
  renderApp(at);
  const findings = await screen.findByRole("region", { name: "Findings" });
  const [worst, second] = within(findings).getAllByRole("listitem");
  expect(worst?.textContent).toContain("criticalstopped after 4 of 4 stepsstep-limit-hitfollows from tool-error");
  expect(second?.textContent).toContain("root");
});

test("a model call shows its conversation, its tool calls and folded reasoning", async () => {
  renderApp(`${at}?span=00f067aa0ba90202`);
  const answered = await screen.findByRole("list", { name: "Messages answered" });
  expect(within(answered).getByText("find_prescription")).toBeTruthy();
  expect(within(answered).getByText("Reasoning").closest("details")?.open).toBe(false);
  expect(screen.getByRole("list", { name: "Messages sent" }).textContent).toContain("systemYou help patients.");
});

test("trace text is text: markup in it stays letters", async () => {
  renderApp(`${at}?span=00f067aa0ba90204`);
  const sent = await screen.findByRole("list", { name: "Messages sent" });
  expect(sent.textContent).toContain("<img src=x onerror=alert(1)> **bold** [link](javascript:alert(1))");
  expect(sent.querySelector("img, a, strong")).toBeNull();
});

test("attributes and events are shown as they were recorded", async () => {
  renderApp(`${at}?span=00f067aa0ba90205`);
  await userEvent.click(await screen.findByRole("tab", { name: "Events (1)" }));
  expect(screen.getByRole("region", { name: /^exception/ }).textContent).toContain("exception.typeTimeoutError");
  await userEvent.click(screen.getByRole("tab", { name: "Attributes" }));
  expect(screen.getByRole("region", { name: "Identity" }).textContent).toContain("00f067aa0ba90205");
});

test("a run without times is shown in order", async () => {
  renderApp(
    at,
    changed(({ spans }) => {
      for (const span of spans) {
        span.start = undefined;
        span.end = undefined;
      }
    }),
  );
  await tree();
  expect(screen.getByText("no times recorded: shown in order")).toBeTruthy();
  expect((await lines()).map((line) => /#\d/.exec(line.textContent ?? "")?.[0])).toEqual([
    "#1",
    "#2",
    "#3",
    "#4",
    "#5",
    "#6",
  ]);
});

test("of thirty thousand spans only the lines in sight are in the document", async () => {
  const [span] = fixtures.run().spans as [Span];
  const spans = Array.from({ length: 30_000 }, (_, index) => ({
    ...span,
    span_id: String(index).padStart(16, "0"),
    parent_id: index > 0 ? String(Math.floor((index - 1) / 3)).padStart(16, "0") : undefined,
    sequence: index,
  }));
  renderApp(
    at,
    changed((detail) => {
      detail.spans = spans;
      detail.findings = [];
    }),
  );
  expect((await tree()).getAttribute("aria-label")).toBe("Spans of the run, 30,000 spans");
  expect((await lines()).length).toBeLessThan(100);
});

test("a long text is cut until somebody asks for all of it", async () => {
  const long = `${"x".repeat(9_000)}end`;
  renderApp(
    at,
    changed(({ spans }) => {
      const [root] = spans;
      if (root) root.input = { text: long };
    }),
  );
  const input = await screen.findByRole("region", { name: "Input" });
  expect(input.textContent).not.toContain("end");
  await userEvent.click(within(input).getByRole("button", { name: "Show all 9,003 characters" }));
  expect(input.textContent).toContain("end");
});

test("a long conversation shows its beginning and its end first", async () => {
  renderApp(
    `${at}?span=00f067aa0ba90202`,
    changed(({ spans }) => {
      const call = spans[1];
      if (call) {
        call.messages_in = Array.from({ length: 40 }, (_, index) => ({
          role: "user",
          parts: [{ type: "text", text: `message ${index}` }],
        }));
      }
    }),
  );
  const sent = await screen.findByRole("list", { name: "Messages sent" });
  expect(sent.textContent).toContain("message 39");
  expect(sent.textContent).not.toContain("message 20");
  await userEvent.click(within(sent).getByRole("button", { name: "Show 30 messages between" }));
  expect(sent.textContent).toContain("message 20");
});

test("a span that is not in the run is said to be missing", async () => {
  renderApp(`${at}?span=ffffffffffffffff`);
  expect(await screen.findByText(/This run has no span ffffffffffffffff/)).toBeTruthy();
  expect((await selected())?.getAttribute("aria-label")).toContain("Healthcare Assistant");
});

test("a run that settles anew is shown anew", async () => {
  let name = "before";
  renderApp(at, {
    [runAt]: () => {
      const detail = fixtures.run();
      const [root] = detail.spans;
      if (root) root.name = name;
      return detail;
    },
  });
  expect((await lines())[0]?.textContent).toContain("before");
  openStream();
  name = "after";
  announce(fixtures.run().run);
  await waitFor(async () => expect((await lines())[0]?.textContent).toContain("after"));
});

test("a run that does not exist and an id that is none are said to be missing", async () => {
  const first = renderApp(at, { [runAt]: problem(404, "Not found", "no settled run") });
  expect(await screen.findByRole("heading", { name: "There is no such run" })).toBeTruthy();
  first.unmount();
  renderApp("/runs/xyz", { "/api/v1/runs/xyz": problem(400, "Invalid request", "`xyz` is not the id of a run") });
  expect(await screen.findByRole("heading", { name: "There is no such run" })).toBeTruthy();
});

test("an error of the server is told", async () => {
  renderApp(at, { [runAt]: problem(503, "The store is busy", "try again") });
  expect((await screen.findByRole("alert")).textContent).toContain("The store is busy");
});

test("while the run is on its way the page says so", async () => {
  renderApp(at, { [runAt]: () => new Promise(() => {}) });
  expect(await screen.findByRole("status", { name: "Loading the run" })).toBeTruthy();
});

test("a run is deleted once somebody has said so twice", async () => {
  const { asked, router } = renderApp(at);
  await userEvent.click(await screen.findByRole("button", { name: "Delete…" }));
  expect(document.activeElement).toBe(screen.getByRole("button", { name: "Keep it" }));
  await userEvent.click(screen.getByRole("button", { name: "Keep it" }));
  expect(asked.filter((one) => one === runAt)).toHaveLength(1);
  await userEvent.click(screen.getByRole("button", { name: "Delete…" }));
  await userEvent.click(screen.getByRole("button", { name: "Delete for good" }));
  await waitFor(() => expect(router.state.location.pathname).toBe("/runs"));
});

test("a run that cannot be deleted says why and stays", async () => {
  let isFull = false;
  const full = problem(503, "Temporarily unavailable", "the disk is full");
  const { router } = renderApp(at, { [runAt]: () => (isFull ? full : fixtures.run()) });
  await userEvent.click(await screen.findByRole("button", { name: "Delete…" }));
  isFull = true;
  await userEvent.click(screen.getByRole("button", { name: "Delete for good" }));
  expect((await screen.findByRole("alert")).textContent).toContain("It was not deleted: the disk is full");
  expect(router.state.location.pathname).toBe(at);
});
