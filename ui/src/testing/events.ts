import { act } from "@testing-library/react";
import type { Run, WarnedRun } from "../api/types.ts";

/** An event stream the test speaks on. */
export class FakeEventSource extends EventTarget {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static readonly CLOSED = 2;
  static readonly all: FakeEventSource[] = [];
  readyState = FakeEventSource.CONNECTING;
  onopen: (() => void) | null = null;
  onerror: (() => void) | null = null;
  readonly url: string;

  constructor(url: string) {
    super();
    this.url = url;
    FakeEventSource.all.push(this);
  }

  close() {
    this.readyState = FakeEventSource.CLOSED;
  }
}

const current = () => FakeEventSource.all.at(-1);

export function openStream() {
  act(() => current()?.onopen?.());
}

export function breakStream() {
  act(() => current()?.onerror?.());
}

export function announce(run: Run) {
  const data = JSON.stringify({ seq: 1, project: "default", run });
  act(() => {
    current()?.dispatchEvent(new MessageEvent("run", { data }));
  });
}

export function warn(warned: WarnedRun) {
  act(() => {
    current()?.dispatchEvent(new MessageEvent("warning", { data: JSON.stringify(warned) }));
  });
}
