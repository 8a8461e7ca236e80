// The frame of every page: where one can go, and whether the page is live.
import { Link, Outlet, useRouterState } from "@tanstack/react-router";
import { type LiveState, useLiveState } from "../api/live.ts";
import { Mark } from "./icons.tsx";
import css from "./Shell.module.css";

const liveWords: Record<LiveState, [word: string, explanation: string]> = {
  connecting: ["Connecting", "Opening the stream of new runs"],
  live: ["Live", "New runs appear by themselves"],
  paused: ["Paused", "Resumes when this tab is visible"],
  lost: ["Reconnecting", "The stream of new runs broke; what is shown may be out of date"],
};

export function Shell() {
  const live = useLiveState();
  const [word, explanation] = liveWords[live];
  const isFullHeight = useRouterState({ select: (state) => state.location.pathname.startsWith("/runs") });
  return (
    <div className={css.shell}>
      <a className={css.skip} href="#main">
        Skip to the content
      </a>
      <header className={css.header}>
        <Link to="/" className={css.brand}>
          <span className={css.mark}>
            <Mark />
          </span>
          arc-eval
        </Link>
        <nav aria-label="Pages" className={css.nav}>
          <Link to="/" activeOptions={{ exact: true, includeSearch: false }} className={css.link}>
            Home
          </Link>
          <Link to="/runs" activeOptions={{ includeSearch: false }} className={css.link}>
            Runs
          </Link>
          <Link to="/issues" activeOptions={{ includeSearch: false }} className={css.link}>
            Issues
          </Link>
          <Link to="/scenarios" activeOptions={{ includeSearch: false }} className={css.link}>
            Scenarios
          </Link>
          <Link to="/cost" activeOptions={{ includeSearch: false }} className={css.link}>
            Cost
          </Link>
          <Link to="/capture" activeOptions={{ includeSearch: false }} className={css.link}>
            Capture
          </Link>
        </nav>
        <span className={css.live} data-live={live} title={explanation} role="status">
          <span className={css.lamp} aria-hidden="true" />
          {word}
        </span>
      </header>
      <main id="main" className={css.main} data-full={isFullHeight || undefined} tabIndex={-1}>
        <Outlet />
      </main>
    </div>
  );
}
