// Debian's Chromium with a fresh profile, and a watch on everything a page must not do.
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BrowserContext, chromium, type Page } from "playwright-core";

const CHROMIUM = process.env.ARC_EVAL_CHROMIUM ?? "/usr/bin/chromium";
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export type Browser = {
  open: (path: string) => Promise<Page>;
  /** Errors, dialogs, and requests to anywhere but the server. */
  offences: string[];
  close: () => Promise<void>;
};

export async function startBrowser(origin: string): Promise<Browser> {
  if (!existsSync(CHROMIUM)) throw new Error(`${CHROMIUM} does not exist: install chromium, or set ARC_EVAL_CHROMIUM`);
  const profile = mkdtempSync(join(tmpdir(), "arc-eval-chromium-"));
  const context: BrowserContext = await chromium.launchPersistentContext(profile, {
    executablePath: CHROMIUM,
    headless: true,
    args: FLAGS,
    viewport: { width: 1280, height: 860 },
    acceptDownloads: true,
  });
  context.setDefaultTimeout(10_000);
  const offences: string[] = [];
  return {
    offences,
    open: async (path) => {
      for (const old of context.pages()) if (old.url() !== "about:blank") await old.close();
      const page = await context.newPage();
      page.on("console", (message) => {
        // A missing run is a 404, which the browser reports as an error of its own.
        if (message.type() === "error" && !/status of 40[04]/.test(message.text())) offences.push(message.text());
      });
      page.on("pageerror", (error) => offences.push(error.message));
      page.on("dialog", (dialog) => {
        offences.push(`dialog: ${dialog.message()}`);
        void dialog.dismiss();
      });
      page.on("request", (request) => {
        if (!request.url().startsWith(origin)) offences.push(`request to ${request.url()}`);
      });
      await page.goto(origin + path);
      return page;
    },
    close: async () => {
      await context.close();
      rmSync(profile, { recursive: true, force: true });
    },
  };
}
