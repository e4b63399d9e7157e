import { expect, test } from "vitest";
import { placeOf, tabs } from "./route.ts";
import { shell } from "./shell.ts";

test("the page's frame needs no script: it leads to every view, and has nothing inline", () => {
  const links = [...shell().matchAll(/<a href="([^"]*)">([^<]*)<\/a>/g)];
  expect(links.map(([, path = "", name]) => [name, placeOf(path)])).toEqual(tabs);
  expect(shell()).not.toMatch(/<script|<style| style=| on\w+=/);
});
