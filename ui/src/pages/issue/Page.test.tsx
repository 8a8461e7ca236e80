import { screen } from "@testing-library/react";
import { expect, test } from "vitest";
import { problem, renderApp } from "../../testing/app.tsx";
import { detail, issue, scenario } from "../../testing/fixtures/issues.ts";

const at = `/api/v1/issues/${issue.id}`;

test("an issue is shown with the step, its evidence as text, what followed, and its scenario", async () => {
  renderApp(`/issues/${issue.id}`, { [at]: { ...detail, scenario } });
  expect((await screen.findByRole("heading", { level: 1 })).textContent).toContain("book_seat");
  expect(screen.getByRole("link", { name: "book_seat" }).getAttribute("href")).toContain("span=0000000000000002");
  expect(document.body.textContent).toContain("<b>no answer</b> after 740 ms");
  expect(screen.getByLabelText("What followed").textContent).toContain("then unhandled-exception: the run ended");
  expect(screen.getByRole("link", { name: scenario.id })).toBeTruthy();
  expect(screen.getByRole("button", { name: "Mark as fixed" })).toBeTruthy();
});

test("an issue that is not there is told", async () => {
  renderApp(`/issues/${issue.id}`, { [at]: () => problem(404, "Not found", "no issue") });
  expect(await screen.findByText(`There is no issue ${issue.id}`)).toBeTruthy();
});
