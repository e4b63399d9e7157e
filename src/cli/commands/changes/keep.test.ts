import { expect, test } from "vitest";
import { aRelease } from "../../../domain/testing.ts";
import type { Client } from "../../api.ts";
import { createStyle } from "../../output/style.ts";
import { cli } from "../../test-kit.ts";
import { historyLines } from "../services/history.ts";

test.each([
  ["41", { keep: true }, true, "Release 41 of shop is kept, with its image"],
  ["41 --undo", { keep: false }, true, "Release 41 of shop is no longer kept"],
  ["41", { keep: true }, false, "is already kept"],
])("release keep %s", async (line, asked, changed, words) => {
  const keepRelease: Client["keepRelease"] = async (given) => {
    expect(given).toMatchObject({ service: "shop", release: 41, reason: "why", ...asked });
    return { changed };
  };
  const argv = ["release", "keep", ...line.split(" "), "-s", "shop", "--reason", "why"];
  const { code, stdout } = await cli(argv, { client: { keepRelease } });
  expect([code, stdout]).toEqual([0, expect.stringContaining(words)]);
});

test("the history says who keeps a release, and why", () => {
  const keep = { atMs: 1, by: "ada", reason: "before the migration" };
  const history = { releases: [{ release: aRelease(1), state: "kept" as const, keep }], rollouts: [] };
  expect(historyLines(history, createStyle(false)).join("\n")).toContain(
    "kept, for good by ada: before the migration",
  );
});
