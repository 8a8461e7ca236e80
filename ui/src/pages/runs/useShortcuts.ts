// j and k walk the rows, Enter opens one (its link has the focus), "/" goes to the first filter.
import { useHotkeys } from "@mantine/hooks";
import type { RefObject } from "react";

export function useShortcuts(table: RefObject<HTMLElement | null>, firstFilter: RefObject<HTMLInputElement | null>) {
  const step = (by: 1 | -1) => {
    const links = [...(table.current?.querySelectorAll<HTMLAnchorElement>("a[data-row]") ?? [])].sort(
      (a, b) => Number(a.dataset.row) - Number(b.dataset.row),
    );
    const at = links.indexOf(document.activeElement as HTMLAnchorElement);
    const next = at < 0 ? links.find((link) => isVisible(link, table.current)) : links[at + by];
    next?.focus({ preventScroll: true });
    next?.closest('[role="row"]')?.scrollIntoView({ block: "nearest" });
  };
  useHotkeys([
    ["j", () => step(1)],
    ["k", () => step(-1)],
    ["/", () => firstFilter.current?.focus()],
  ]);
}

/** The list renders some rows beyond its edges; the first step goes to one that can be seen. */
function isVisible(link: HTMLElement, container: HTMLElement | null): boolean {
  const head = container?.querySelector("[data-head]");
  return link.getBoundingClientRect().bottom >= (head?.getBoundingClientRect().bottom ?? 0);
}
