import { expect, test } from "vitest";
import { findRecipe } from "./recipe.ts";
import { recipes } from "./recipes.ts";

test("a star stands for a version and nothing else", () => {
  const list = [{ packages: ["python3.*"], why: "" }];
  expect(findRecipe(list, "python3.11")).toBe(list[0]);
  expect(findRecipe(list, "python3.11-minimal")).toBeUndefined();
  expect(findRecipe(list, "python3.")).toBeUndefined();
});

test("every name has one recipe, and every recipe says why", () => {
  const names = recipes.flatMap(({ packages }) => packages);
  expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
  expect(recipes.filter(({ why }) => !/^[A-Z].*\.$/.test(why))).toEqual([]);
});

test("paths are written as entries' paths are", () => {
  const paths = recipes.flatMap(({ paths = [] }) => paths.map(({ path }) => path));
  expect(paths.filter((path) => /^\/|\/$|^(bin|sbin|lib)\/|\/\//.test(path))).toEqual([]);
});
