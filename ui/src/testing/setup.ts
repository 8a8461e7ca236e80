// What jsdom lacks: a layout, media queries, resize observers, an event stream.
import { cleanup, configure } from "@testing-library/react";
import { afterEach, vi } from "vitest";
import { FakeEventSource } from "./events.ts";

// A busy machine is slow, not wrong.
configure({ asyncUtilTimeout: 5000 });

afterEach(() => {
  cleanup();
  FakeEventSource.all.length = 0;
});

class FakeResizeObserver {
  observe() {}
  unobserve() {}
  disconnect() {}
}

/** Some tests run without a document. */
if (typeof window !== "undefined") layOut();

function layOut() {
  Object.assign(window, {
    ResizeObserver: FakeResizeObserver,
    EventSource: FakeEventSource,
    scrollTo: () => {},
    matchMedia: (media: string) => ({
      media,
      matches: false,
      addEventListener: () => {},
      removeEventListener: () => {},
      addListener: () => {},
      removeListener: () => {},
    }),
  });

  // The virtual lists show as many rows as fit into this.
  Object.defineProperty(HTMLElement.prototype, "clientHeight", { configurable: true, get: () => 600 });
  Object.defineProperty(HTMLElement.prototype, "clientWidth", { configurable: true, get: () => 1000 });
  HTMLElement.prototype.scrollIntoView = vi.fn();
  Element.prototype.scrollTo = () => {};
}
