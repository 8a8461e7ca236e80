// Asks the server. Errors arrive as problem+json; whatever arrives instead is told apart here, once.

export class ApiProblem extends Error {
  readonly status: number;
  readonly detail: string | undefined;

  constructor(status: number, title: string, detail?: string) {
    super(title);
    this.name = "ApiProblem";
    this.status = status;
    this.detail = detail;
  }

  get isMissing(): boolean {
    return this.status === 404;
  }
}

export type Params = Record<string, string | number | null | undefined>;

/** The project the page looks at, from its own address; the server knows the default. */
export function currentProject(): string | undefined {
  return new URLSearchParams(window.location.search).get("project") ?? undefined;
}

export function apiUrl(path: string, params: Params = {}): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries({ ...params, project: currentProject() })) {
    if (value != null && value !== "") query.set(name, String(value));
  }
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

/** Deletes what is at a path. */
export async function deleteAt(path: string): Promise<void> {
  await ask(path, {}, { method: "DELETE" });
}

export function getJson<T>(path: string, params?: Params, signal?: AbortSignal): Promise<T> {
  return askJson<T>(path, params, { signal: signal ?? null });
}

/** Asks the server to change something. */
export function sendJson<T>(method: "PATCH" | "POST", path: string, body: unknown): Promise<T> {
  const init = { method, headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  return askJson<T>(path, {}, init);
}

async function askJson<T>(path: string, params: Params | undefined, init: RequestInit): Promise<T> {
  const { response, body } = await ask(path, params, init);
  if (body === undefined) throw new ApiProblem(response.status, "The server's answer is not JSON");
  return body as T;
}

/** Returns an answer that is no error, with its body where that is JSON. */
async function ask(path: string, params: Params | undefined, init: RequestInit) {
  let response: Response;
  try {
    response = await fetch(apiUrl(path, params), { ...init, headers: { accept: "application/json", ...init.headers } });
  } catch (cause) {
    if (init.signal?.aborted) throw cause;
    throw new ApiProblem(0, "The server does not answer", "Is `arc-eval serve` running?");
  }
  const isJson = /[/+]json\b/.test(response.headers.get("content-type") ?? "");
  const body: unknown = isJson ? await response.json().catch(() => undefined) : undefined;
  if (!response.ok) {
    const problem = (body ?? {}) as { title?: unknown; detail?: unknown };
    const title = typeof problem.title === "string" ? problem.title : `The server answered ${response.status}`;
    throw new ApiProblem(response.status, title, typeof problem.detail === "string" ? problem.detail : undefined);
  }
  return { response, body };
}
