// Starts the binary on a free port with a store of its own.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { exportRequest, type RunPlan } from "./traces.ts";

const UI = resolve(import.meta.dirname, "..");
const BINARY = resolve(process.env.ARC_EVAL_BIN ?? join(UI, "../target/debug/arc-eval"));

export type Server = { url: string; post: (plans: RunPlan[]) => Promise<void>; stop: () => Promise<void> };

/** Serves these runs, with `settings` as the server's `arc-eval.toml`. */
export async function startServer(imported: RunPlan[], settings = ""): Promise<Server> {
  if (!existsSync(BINARY)) {
    throw new Error(`${BINARY} does not exist: run \`cargo build -p arc-eval\`, or set ARC_EVAL_BIN`);
  }
  const home = mkdtempSync(join(tmpdir(), "arc-eval-e2e-"));
  const store = `sqlite://${join(home, "runs.db")}`;
  const env = { PATH: process.env.PATH, HOME: home, ARC_EVAL_HOME: home };
  writeFileSync(join(home, "arc-eval.toml"), settings);
  if (imported.length > 0) {
    const file = join(home, "runs.otlp.json");
    writeFileSync(file, JSON.stringify(exportRequest(imported)));
    execFileSync(BINARY, ["import", "--store", store, file], { cwd: home, env, stdio: "pipe" });
  }
  const child = spawn(BINARY, ["serve", "--port", "0", "--store", store], { cwd: home, env, stdio: "pipe" });
  const url = await listeningAt(child);
  await checkPage(url);
  return {
    url,
    post: async (plans) => {
      const response = await fetch(`${url}/v1/traces`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(exportRequest(plans)),
      });
      if (!response.ok) throw new Error(`/v1/traces answered ${response.status}: ${await response.text()}`);
    },
    stop: async () => {
      const ended = new Promise((done) => child.once("exit", done));
      child.kill("SIGTERM");
      await Promise.race([ended, new Promise((done) => setTimeout(done, 5000))]);
      child.kill("SIGKILL");
      rmSync(home, { recursive: true, force: true });
    },
  };
}

function listeningAt(child: ChildProcess): Promise<string> {
  return new Promise((found, failed) => {
    let said = "";
    const listen = (chunk: Buffer) => {
      said += chunk.toString();
      const [url] = /http:\/\/127\.0\.0\.1:\d+/.exec(said) ?? [];
      if (url) found(url);
    };
    child.stdout?.on("data", listen);
    child.stderr?.on("data", listen);
    child.once("exit", (code) => failed(new Error(`serve ended with ${code}: ${said}`)));
    setTimeout(() => failed(new Error(`serve did not say where it listens: ${said}`)), 15_000).unref();
  });
}

/** A test of yesterday's page, or of the placeholder, would prove nothing. */
async function checkPage(url: string) {
  const embedded = await (await fetch(url)).text();
  const built = join(UI, "dist/index.html");
  if (!existsSync(built)) throw new Error("ui/dist is missing: run `npm run build`, then build the binary");
  if (embedded.trim() !== readFileSync(built, "utf8").trim()) {
    throw new Error(`${BINARY} embeds another page than ui/dist: build the page, then the binary`);
  }
}
