// Times and durations. Unknown is "—"; the caller says why where it knows.

export const UNKNOWN = "—";

/** Milliseconds since the epoch with the fraction that `Date` would cut off. */
export function parseTime(text: string | null | undefined): number | undefined {
  if (!text) return undefined;
  const fraction = /\.(\d+)/.exec(text);
  const whole = Date.parse(fraction ? text.replace(fraction[0], "") : text);
  if (Number.isNaN(whole)) return undefined;
  return fraction ? whole + Number(`0.${fraction[1]}`) * 1000 : whole;
}

export function formatDuration(ms: number | null | undefined): string {
  if (ms == null || Number.isNaN(ms)) return UNKNOWN;
  if (ms === 0) return "0 ms";
  if (ms < 1) return `${ms.toPrecision(2)} ms`;
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 59_995) return `${(ms / 1000).toFixed(ms < 9_995 ? 2 : 1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${pad(seconds % 60)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60 * 48) return `${Math.floor(minutes / 60)} h ${pad(minutes % 60)} min`;
  return `${Math.round(minutes / 60 / 24)} d`;
}

const pad = (n: number) => String(n).padStart(2, "0");

/** Local date and time to the second. */
export function formatTime(text: string | null | undefined): string {
  const ms = parseTime(text);
  if (ms === undefined) return UNKNOWN;
  const at = new Date(ms);
  const date = `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}`;
  return `${date} ${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
}

/** "12 s ago" within a day, else the date and the minute. */
export function formatAgo(text: string | null | undefined, now: number): string {
  const ms = parseTime(text);
  if (ms === undefined) return UNKNOWN;
  const seconds = Math.round((now - ms) / 1000);
  if (seconds < -5 || seconds >= 86_400) return formatTime(text).slice(0, 16);
  if (seconds < 5) return "just now";
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  return `${Math.floor(seconds / 3600)} h ago`;
}
