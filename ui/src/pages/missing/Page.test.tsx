import { screen } from "@testing-library/react";
import { expect, test } from "vitest";
import { renderApp } from "../../testing/app.tsx";

test("an address without a page says so and leads home", async () => {
  renderApp("/nowhere");
  expect(await screen.findByRole("heading", { name: "There is no page at this address" })).toBeTruthy();
  expect(screen.getByRole("link", { name: "Go home" }).getAttribute("href")).toBe("/");
});
