import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test } from "vitest";
import type { CheckResult, RunWithSpans } from "../../api/types.ts";
import { fixtures, problem, renderApp } from "../../testing/app.tsx";
import { openStream, warn } from "../../testing/events.ts";
import { warned, warnings } from "../../testing/fixtures/warnings.ts";
import { summariseChecks } from "./CheckList.tsx";

const ID = "0af7651916cd43dd8448eb211c80319c";
const at = `/runs/${ID}`;
const runAt = `/api/v1/runs/${ID}`;
const labelsAt = `${runAt}/labels`;
const changed = (change: (detail: RunWithSpans) => void) => {
  const detail = fixtures.run();
  change(detail);
  return { [runAt]: detail };
};

const evidence = [
  { span_id: "00f067aa0ba90205", field: "tool_arguments", excerpt: '{"cents": "<b>999</b>"}' } as const,
];
const checks: CheckResult[] = [
  { check: "looks-first", kind: "tools", state: "passed" },
  {
    check: "no-large-refund",
    kind: "forbidden",
    state: "failed",
    why: "`refund` was called with <i>999</i>",
    evidence,
  },
  { check: "is-refunded", kind: "state", state: "unknown", why: "`refund` was not called" },
];
const withChecks = changed(({ run }) => {
  run.checks = checks;
});

test("checks say what they came to and why, as text", async () => {
  renderApp(at, withChecks);
  await userEvent.click(await screen.findByRole("button", { name: "3 checks: 1 failed, 1 unknown" }));
  const rows = within(screen.getByRole("region", { name: "Checks" })).getAllByRole("listitem");
  const texts = rows.map((row) => row.textContent);
  expect(texts[0]).toBe("passedlooks-first tools");
  expect(texts[1]).toContain("failedno-large-refund forbidden`refund` was called with <i>999</i>");
  expect(texts[1]).toContain('tool arguments: {"cents": "<b>999</b>"}');
  expect(texts[3]).toBe("unknownis-refunded state`refund` was not called");
});

test("the evidence of a check leads to its span", async () => {
  const { router } = renderApp(at, withChecks);
  await userEvent.click(await screen.findByRole("button", { name: /^3 checks/ }));
  const places = screen.getByRole("list", { name: "Evidence of no-large-refund" });
  await userEvent.click(within(places).getByRole("button"));
  expect(router.state.location.search).toMatchObject({ span: "00f067aa0ba90205" });
});

test("a run without declared checks says nothing of checks", async () => {
  renderApp(at);
  await screen.findByRole("button", { name: "2 findings" });
  expect(screen.queryByRole("button", { name: /check/ })).toBeNull();
  expect(summariseChecks([checks[0] as CheckResult])).toBe("1 check: passed");
});

test("claims say who said what, the one that counts first", async () => {
  renderApp(at);
  await userEvent.click(await screen.findByRole("button", { name: "2 claims of its outcome" }));
  const claims = within(screen.getByRole("list", { name: "Claims" })).getAllByRole("listitem");
  expect(claims.map((claim) => claim.textContent)).toEqual([
    "failedsays a check (score 0) · countsrefill was not ordered",
    "failedsays a failure detectorstep limit",
  ]);
});

test("a person's word is sent with its note, and the run is asked for anew", async () => {
  const { asked, sent } = renderApp(at, {
    [labelsAt]: { run: ID, verdict: "succeeded", source: "human" },
  });
  await userEvent.click(await screen.findByRole("button", { name: /claims of its outcome/ }));
  await userEvent.type(screen.getByLabelText("Your word, which outranks the others"), " right parcel ");
  const before = asked.filter((path) => path === runAt).length;
  await userEvent.click(screen.getByRole("button", { name: "It succeeded" }));
  expect(await screen.findByText(/^Stored as succeeded/)).toBeTruthy();
  expect(sent).toEqual([{ method: "POST", path: labelsAt, body: { verdict: "succeeded", note: "right parcel" } }]);
  expect(asked.filter((path) => path === runAt).length).toBe(before + 1);
});

test("a label that could not be stored says why", async () => {
  const none = changed(({ run }) => {
    run.outcome = { verdict: "unknown", source: null, claims: [] };
  });
  renderApp(at, { ...none, [labelsAt]: problem(503, "Temporarily unavailable", "the store is busy") });
  await userEvent.click(await screen.findByRole("button", { name: "Label this run" }));
  await userEvent.click(screen.getByRole("button", { name: "It failed" }));
  expect((await screen.findByRole("alert")).textContent).toBe("It was not stored: the store is busy");
});

const going = changed((detail) => {
  detail.run.is_running = true;
  detail.findings = [];
});

test("a run that goes on says how likely it is to fail, and how good that was", async () => {
  let list = warnings();
  renderApp(at, { ...going, "/api/v1/warnings": () => list });
  const header = (await screen.findByRole("heading", { level: 1 })).closest("header");
  openStream();
  expect(header?.textContent).not.toContain("Likely to fail");
  list = warnings(warned);
  warn(warned);
  expect((await screen.findByText("Likely to fail")).closest("p")?.textContent).toMatch(
    /^Likely to fail: 94\.2%, from 8 steps, 4 failed.*\(learnt from 168 runs, tried on n = 72/,
  );
});

test("where warnings are not better than the failure rate alone, it says why there are none", async () => {
  const silent = [{ agent: warned.agent, backtest: { state: "silent", why: "60 runs are needed, there are 12" } }];
  renderApp(at, { ...going, "/api/v1/warnings": { warnings: [], agents: silent } });
  expect(await screen.findByText("Chance of failure unknown: 60 runs are needed, there are 12")).toBeTruthy();
});
