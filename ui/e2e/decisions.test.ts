// What people decide and declare: checks, labels; and that every page fits into a narrow window.
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type Browser, startBrowser } from "./browser.ts";
import { type Server, startServer } from "./server.ts";
import { chat, type RunPlan, spanId, tool, traceId } from "./traces.ts";

const EVIL = '<img src=x onerror="alert(1)"><script>alert(2)</script>';
const settings = `
[[check]]
id = "no-large-refund"
kind = "forbidden"
tool = "refund"
where = [{ at = "/cents", above = 10000 }]

[[check]]
id = "parcel-is-found"
kind = "arguments"
tool = "find_parcel"
where = [{ at = "/parcel", matches = "^P-" }]
`;

const told: RunPlan = {
  id: "told",
  agent: "refunds",
  version: "a-version-with-a-name-that-is-much-longer-than-any-column-has-room-for-1.4.0",
  startedAt: new Date(Date.now() - 60_000),
  task: "refund",
  trial: 0,
  input: "Where is my parcel?",
  steps: [
    chat(10, 900, "Where is my parcel?", "I refund it.", [1000, 100]),
    tool(950, 1400, "refund", { cents: 99_900, reason: EVIL }, { ok: true }),
  ],
};

let server: Server;
let browser: Browser;

beforeAll(async () => {
  const plans = [0, 1, 2].map((trial) => ({ ...told, id: `more${trial}`, trial: trial + 1 }));
  server = await startServer([told, ...plans], settings);
  browser = await startBrowser(server.url);
});

afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

afterEach(() => {
  expect(browser.offences.splice(0)).toEqual([]);
});

const run = `/runs/${traceId("told")}`;

test("a check that failed says why, and its evidence leads to the span; what the run does not show is unknown", async () => {
  const page = await browser.open(run);
  await page.getByRole("button", { name: "2 checks: 1 failed, 1 unknown" }).click();
  const checks = page.getByRole("region", { name: "Checks" });
  const text = await checks.innerText();
  expect(text).toContain("no-large-refund");
  expect(text).toContain("unknown");
  expect(await checks.locator("img, script").count()).toBe(0);
  await checks.getByRole("button", { name: /refund/ }).click();
  await page.waitForURL(`**?span=${spanId("told", 2)}*`);
  await page.getByRole("heading", { level: 2, name: /refund/ }).waitFor();
});

test("a person's word outranks the check, with its note, without a reload", async () => {
  const page = await browser.open(run);
  const header = page.locator("main header").first();
  await header.getByText("failed", { exact: true }).waitFor();
  await page.getByText("Live", { exact: true }).waitFor();
  await page.getByRole("button", { name: "1 claim of its outcome" }).click();
  await page.getByLabel("Your word, which outranks the others").fill(`it was agreed ${EVIL}`);
  await page.getByRole("button", { name: "It succeeded" }).click();
  await header.getByText("succeeded", { exact: true }).waitFor({ timeout: 5000 });
  expect(await header.innerText()).toContain("says a person: it was agreed <img");
  const claims = page.getByRole("list", { name: "Claims" }).getByRole("listitem");
  expect(await claims.first().innerText()).toContain("says a person");
  expect(await claims.last().innerText()).toContain("says a check");
});

test("every page fits into a narrow window", async () => {
  const issues = (await (await fetch(`${server.url}/api/v1/issues`)).json()) as { issues: { issue: { id: string } }[] };
  const pages = ["/", "/runs", run, "/issues", "/scenarios?agent=refunds", "/cost", "/capture"];
  const [first] = issues.issues;
  if (first) pages.push(`/issues/${first.issue.id}`);
  expect(pages.length).toBe(8);
  for (const path of pages) {
    const page = await browser.open(path);
    await page.setViewportSize({ width: 800, height: 900 });
    await page.locator("main h1").first().waitFor({ state: "attached" });
    await page.getByText("Live", { exact: true }).waitFor();
    const beyond = await page.locator("main").evaluate((main) => main.scrollWidth - main.clientWidth);
    expect(beyond, path).toBe(0);
  }
});
