import { readFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type Browser, startBrowser } from "./browser.ts";
import { type Server, startServer } from "./server.ts";
import { chat, type RunPlan, spanId, tool, traceId } from "./traces.ts";

const EVIL = '<img src=x onerror="alert(1)"><script>alert(2)</script> **bold** [link](javascript:alert(3))';
const hour = 3_600_000;
const ago = (ms: number) => new Date(Date.now() - ms);

function visit(id: string, task: string, trial: number, verdict: "succeeded" | "failed", hoursAgo: number): RunPlan {
  return {
    id,
    agent: "Healthcare Assistant",
    version: "1.4.0",
    startedAt: ago(hoursAgo * hour),
    task,
    trial,
    verdict,
    input: `Please help with ${task}`,
    steps: [chat(10, 900, `Please help with ${task}`, "Done.", [1000, 100])],
  };
}

const broken: RunPlan = {
  ...visit("broken", "refill", 1, "failed", 1),
  reason: "the refill was not ordered",
  error: { type: "TimeoutError", message: "pharmacy did not answer" },
  steps: [
    chat(10, 900, EVIL, "I will order it.", [1000, 100]),
    tool(950, 1400, "find_prescription", { patient: "u-44" }, { found: true }),
    tool(1450, 3450, "order_refill", { prescription: "rx-7" }, undefined, {
      type: "TimeoutError",
      message: "pharmacy did not answer",
    }),
  ],
};

const plans: RunPlan[] = [
  visit("a0", "appointment", 0, "succeeded", 5),
  visit("a1", "appointment", 1, "succeeded", 4),
  visit("r0", "refill", 0, "succeeded", 3),
  broken,
  {
    ...visit("odd", "odd", 0, "failed", 2),
    agent: "night-desk",
    version: undefined,
    task: undefined,
    verdict: undefined,
  },
];

let server: Server;
let browser: Browser;

beforeAll(async () => {
  server = await startServer(plans);
  browser = await startBrowser(server.url);
});

afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

// Nothing a page shows may raise an error, open a dialog or reach out.
afterEach(() => {
  expect(browser.offences.splice(0)).toEqual([]);
});

const home = "/?agent=Healthcare+Assistant";
const brokenRun = `/runs/${traceId("broken")}`;

test("the card shows the figures of the imported runs", async () => {
  const page = await browser.open(home);
  const card = page.getByRole("region", { name: "Healthcare Assistant Performance" });
  await card.waitFor();
  const text = await card.innerText();
  expect(text).toContain("75.0%");
  expect(text).toContain("3 of n = 4 runs succeeded, over 2 tasks");
  expect(text).toContain("provisional grade");
  // 1,000 input tokens at $2.50 and 100 output tokens at $10 a million.
  expect(text).toContain("$0.00350");
  expect(text).toContain("n = 4");
  const passes = await card.getByRole("row", { name: /^pass\^k/ }).innerText();
  expect(passes.split(/\s+/)).toEqual(["pass^k", "75.0%", "50.0%"]);
  const accuracy = await card.getByRole("img", { name: /^Tool accuracy: 50\.0% \(.*n = 2\)$/ });
  expect(await accuracy.count()).toBe(1);
});

test("the export is the report as JSON", async () => {
  const page = await browser.open(home);
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("link", { name: "Export" }).click(),
  ]);
  expect(download.suggestedFilename()).toMatch(/^arc-eval-Healthcare-Assistant-\d{4}-\d\d-\d\d\.json$/);
  const report = JSON.parse(readFileSync(await download.path(), "utf8"));
  expect(report.reliability.success).toMatchObject({ successes: 3, n: 4 });
});

test("the card leads to the runs of its agent, and an issue to the runs that have it", async () => {
  const page = await browser.open(home);
  await page.getByRole("link", { name: "View Details" }).click();
  await page.getByText("4 runs").waitFor();
  expect(new URL(page.url()).search).toBe("?agent=Healthcare+Assistant");
  await page.goBack();
  const issue = page.getByRole("row", { name: /tool-error/ });
  expect(await issue.innerText()).toContain("1 of 4");
  await issue.getByRole("link").first().click();
  await page.getByText("1 run", { exact: true }).waitFor();
  expect(new URL(page.url()).searchParams.get("leaf")).toBe("tool-error");
});

test("an agent whose outcome and tasks nobody told is unknown, not zero", async () => {
  const page = await browser.open("/?agent=night-desk");
  const card = page.getByRole("region", { name: "night-desk Performance" });
  await card.waitFor();
  expect(await card.innerText()).toContain("Nobody has said whether its only run succeeded");
});

test("the list filters by outcome and keeps the filter in the address", async () => {
  const page = await browser.open("/runs");
  await page.getByText("5 runs").waitFor();
  await page.getByText("Failed", { exact: true }).click();
  await page.getByText("1 run", { exact: true }).waitFor();
  expect(new URL(page.url()).search).toBe("?verdict=failed");
  await page.reload();
  await page.getByText("1 run", { exact: true }).waitFor();
  expect(await page.getByRole("row", { name: /TimeoutError|pharmacy/ }).count()).toBe(1);
});

test("by keyboard alone: walk the list, open a run, walk its tree", async () => {
  const page = await browser.open("/runs");
  await page.getByText("5 runs").waitFor();
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  await page.keyboard.press("k");
  // Newest first: the first row is the broken run.
  await page.keyboard.press("Enter");
  await page.waitForURL(`**${brokenRun}`);
  const tree = page.getByRole("tree");
  await tree.focus();
  await page.keyboard.press("ArrowDown");
  await page.waitForURL(`**${brokenRun}?span=${spanId("broken", 1)}`);
  await page.keyboard.press("End");
  await page.waitForURL(`**${brokenRun}?span=${spanId("broken", 3)}`);
  await page.goto(`${server.url}/runs`);
  await page.getByText("5 runs").waitFor();
  await page.keyboard.press("/");
  expect(
    await page.getByRole("combobox", { name: "Agent" }).evaluate((input) => input === document.activeElement),
  ).toBe(true);
});

test("a run shows its outcome, its tree, and bars that lie in time", async () => {
  const page = await browser.open(brokenRun);
  const items = page.getByRole("treeitem");
  await items.first().waitFor();
  const names = await items.evaluateAll((all) => all.map((one) => one.getAttribute("aria-label")));
  expect(names.map((name) => name?.replace(/, \d+ findings?$/, ""))).toEqual([
    "agent, invoke_agent Healthcare Assistant, failed, 3.45 s",
    "llm, chat gpt-4o, 890 ms",
    "tool, execute_tool find_prescription, 450 ms",
    "tool, execute_tool order_refill, failed, 2.00 s",
  ]);
  const left = (index: number) =>
    items
      .nth(index)
      .locator("[class*=bar]")
      .evaluate((bar) => bar.getBoundingClientRect().left);
  expect(await left(2)).toBeGreaterThan(await left(1));
  expect(await left(3)).toBeGreaterThan(await left(2));
  const header = await page.locator("main header").first().innerText();
  expect(header).toContain("the refill was not ordered");
  expect(header).toMatch(/1,000 in, 100 out/);
});

test("the banner goes to the first failing span", async () => {
  const page = await browser.open(brokenRun);
  await page.getByRole("button", { name: "Go to the first failing span" }).click();
  await page.waitForURL(`**?span=${spanId("broken", 3)}`);
  await page.getByRole("heading", { level: 2, name: /order_refill/ }).waitFor();
});

test("a finding jumps to its span and marks the words it cites", async () => {
  const page = await browser.open(brokenRun);
  const findings = page.getByRole("region", { name: "Findings", exact: true });
  await findings.getByRole("button", { name: /order_refill failed/ }).click();
  const words = page.locator("mark[data-evidence]").first();
  await words.waitFor();
  expect(await words.innerText()).toContain("pharmacy did not answer");
  expect(new URL(page.url()).searchParams.get("span")).toBe(spanId("broken", 3));
});

test("trace text is inert: markup in a message stays letters", async () => {
  const page = await browser.open(`${brokenRun}?span=${spanId("broken", 1)}`);
  const sent = page.getByRole("list", { name: "Messages sent" });
  await sent.waitFor();
  expect(await sent.innerText()).toContain(EVIL);
  expect(await sent.locator("img, script, a, strong").count()).toBe(0);
  expect(await page.locator("img").count()).toBe(0);
});

test("a run that is sent while the page is open appears without a reload within two seconds", async () => {
  const page = await browser.open("/runs?agent=newcomer");
  await page.getByText("No agent is called “newcomer”").waitFor();
  await page.getByText("Live", { exact: true }).waitFor();
  await page.evaluate(() => {
    document.title = "not reloaded";
  });
  const sentAt = Date.now();
  await server.post([
    {
      id: "live",
      agent: "newcomer",
      startedAt: ago(1000),
      input: "hello",
      steps: [chat(10, 500, "hello", "hi", [10, 2])],
    },
  ]);
  await page.getByRole("link", { name: /newcomer, run/ }).waitFor({ timeout: 2000 });
  expect(Date.now() - sentAt).toBeLessThan(2000);
  expect(await page.title()).toBe("not reloaded");
});

test("the open card follows the runs that arrive", async () => {
  const page = await browser.open("/?agent=newcomer");
  const card = page.getByRole("region", { name: "newcomer Performance" });
  await card.getByText(/whether its only run succeeded/).waitFor();
  await page.getByText("Live", { exact: true }).waitFor();
  await server.post([
    {
      id: "live2",
      agent: "newcomer",
      startedAt: ago(500),
      verdict: "succeeded",
      steps: [chat(10, 400, "again", "yes", [10, 2])],
    },
  ]);
  await card.getByText(/1 of n = 1 runs succeeded/).waitFor({ timeout: 3000 });
});

test("a run shows within two seconds of its start, as running, and what came of it when it ended", async () => {
  const page = await browser.open("/runs?agent=slowpoke");
  await page.getByText("Live", { exact: true }).waitFor();
  const run: RunPlan = { id: "slow", agent: "slowpoke", startedAt: ago(0), steps: [] };
  const sentAt = Date.now();
  await server.post([{ ...run, isRunning: true, revision: 0 }]);
  const row = page.getByRole("row", { name: /slowpoke/ });
  await row.getByRole("img", { name: "running" }).waitFor({ timeout: 2000 });
  expect(Date.now() - sentAt).toBeLessThan(2000);
  await row.getByText(/^[1-9]\.00 s$/).waitFor({ timeout: 3000 });

  const home = await browser.open("/?agent=slowpoke");
  await home.getByText("Its first run has not ended").waitFor();
  const open = await browser.open(`/runs/${traceId("slow")}`);
  const header = open.locator("main header").first();
  await header.getByText("running", { exact: true }).waitFor();
  await open.getByText("Live", { exact: true }).waitFor();
  const steps = [chat(10, 400, "slowly", "yes", [10, 2])];
  await server.post([{ ...run, revision: 1, verdict: "succeeded", steps }]);
  await header.getByText("succeeded", { exact: true }).waitFor({ timeout: 2000 });
  expect(await open.getByRole("treeitem").count()).toBe(2);
  const card = await browser.open("/?agent=slowpoke");
  await card.getByText(/1 of n = 1 runs succeeded/).waitFor();
});

test("agents, runs and pages that do not exist are said to be missing", async () => {
  const nobody = await browser.open("/?agent=nobody");
  await nobody.getByRole("heading", { name: "No agent is called “nobody”" }).waitFor();
  const noRun = await browser.open(`/runs/${"0".repeat(31)}1`);
  await noRun.getByRole("heading", { name: "There is no such run" }).waitFor();
  const noPage = await browser.open("/nowhere");
  await noPage.getByRole("heading", { name: "There is no page at this address" }).waitFor();
});

test("a project without runs says how to make one", async () => {
  const page = await browser.open("/?project=empty");
  await page.getByRole("heading", { name: "No runs yet" }).waitFor();
});
